//! A climb: which step comes next, and its measurement.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tenfold_analysis::knee::Goal;
use tenfold_analysis::ladder::{LadderReport, Outage, Skipped, Step};
use tenfold_gate::ServiceCommand;
use tenfold_lab::LabBox;
use tenfold_lab::stage::{STAGES, Stage};
use tenfold_loadgen::Interrupt;
use tenfold_run_dir::manifest::BoxInfo;
use tenfold_scenarios::{Rate, Scenario};

use super::prices;
use super::road::{Configuration, Next, Road};
use super::steps_file::{self, FileStep};
use crate::arguments::groups::search::SearchArguments;
use crate::arguments::ladder::LadderArguments;
use crate::exit::{ChildFailed, TARGET_FAILED, UsageError};
use crate::output::print;
use crate::service::{Service, Subject};
use crate::trials::experiments::{DIAGNOSIS, experiment, write_diagnosis};
use crate::trials::outages::{OutageTimes, victims};
use crate::trials::{Trials, with_trials_of};
use crate::{library, stages};

/// Most steps within a stage after its first.
const WITHIN_STAGE: usize = 2;

/// Share of the highest sustained rate that is sent while a box is killed: the other boxes should be able to take it.
const OUTAGE_LOAD: f64 = 0.5;

/// A step to take.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    pub(crate) name: String,
    pub(crate) change: String,
    pub(crate) start: Start,
    /// Details of a step of the reference service. `None` for a step of a file.
    pub(super) next: Option<Next>,
    pub(super) copies: Option<u32>,
    pub(super) price_month: Option<f64>,
    pub(super) compared_with: Option<usize>,
}

/// Start of a step.
#[derive(Debug, Clone)]
pub(crate) enum Start {
    Stage(Configuration),
    Command(ServiceCommand),
}

/// A ladder and its flags.
pub(crate) struct Climb<'a> {
    pub(super) arguments: &'a LadderArguments,
    pub(crate) scenario: Scenario,
    pub(super) source: Source,
    pub(super) skipped: Vec<Skipped>,
}

/// Source of the steps.
pub(super) enum Source {
    Road(Road),
    File(Vec<FileStep>),
}

impl<'a> Climb<'a> {
    /// Reads and checks everything before anything is started.
    pub(crate) fn of(arguments: &'a LadderArguments) -> anyhow::Result<Self> {
        let mut scenario = library::find(&arguments.scenario)?;
        if !arguments.rules.is_empty() {
            scenario = scenario.with_rules(&arguments.rules)?;
        }
        prices::read(arguments.prices.as_deref())?;
        if !arguments.sizes().is_sorted_by(|one, other| one < other) {
            return Err(UsageError(
                "--boxes must name growing sizes, such as 0.2,0.4,0.8".to_owned(),
            )
            .into());
        }
        let mut skipped = Vec::new();
        let source = match &arguments.steps {
            Some(path) => Source::File(steps_file::read(path)?),
            None => Source::Road(Road {
                stages: wanted(&arguments.stages, &mut skipped)?,
                sizes: arguments.sizes().to_vec(),
                within_stage: match arguments.quick {
                    true => 0,
                    false => WITHIN_STAGE,
                },
                cores: std::thread::available_parallelism().map_or(1.0, |cores| cores.get() as f64),
            }),
        };
        Ok(Self {
            arguments,
            scenario,
            source,
            skipped,
        })
    }

    /// Returns the step after those of the report. `None` at the end.
    pub(crate) fn next(&self, report: &LadderReport) -> Option<Planned> {
        match &self.source {
            Source::Road(road) => {
                let is_taken = |stage: &Stage| {
                    let mut steps = report.steps.iter();
                    steps.any(|step| step.stage.as_deref() == Some(stage.name))
                };
                let is_skipped = |stage: &Stage| {
                    let mut skipped = report.skipped.iter();
                    skipped.any(|own| own.name == stage.name)
                };
                let is_kept = |stage: &&&'static Stage| is_taken(stage) || !is_skipped(stage);
                let road = Road {
                    stages: road.stages.iter().filter(is_kept).copied().collect(),
                    ..road.clone()
                };
                let next = road.next(&report.steps)?;
                // A component that went missing between two steps of a stage.
                if report
                    .skipped
                    .iter()
                    .any(|own| own.name == next.configuration.stage)
                {
                    return None;
                }
                Some(Planned {
                    name: next.name.clone(),
                    change: next.change.clone(),
                    start: Start::Stage(next.configuration.clone()),
                    copies: None,
                    price_month: None,
                    compared_with: next.compared_with,
                    next: Some(next),
                })
            }
            Source::File(steps) => {
                let step = steps.get(report.steps.len())?;
                Some(Planned {
                    name: step.name.clone(),
                    change: step.change.clone(),
                    start: Start::Command(step.command.clone()),
                    next: None,
                    copies: step.copies,
                    price_month: step.price_month,
                    compared_with: report.steps.len().checked_sub(1),
                })
            }
        }
    }

    /// Takes a step. `None` if the user interrupted it.
    pub(crate) fn take(
        &self,
        planned: &Planned,
        report: &LadderReport,
        path: &Path,
        interrupt: &Interrupt,
    ) -> anyhow::Result<Option<Step>> {
        let directory = free_directory(path, report.steps.len() + 1, &planned.name);
        let search = self.search(planned, report, path.join(&directory))?;
        let subject = Subject::of(&search.service)?;
        let start = |scenario: &Scenario, own: &Path| match &planned.start {
            Start::Stage(_) => {
                subject.start(&search.service, scenario, "tenfold ladder", interrupt)
            }
            Start::Command(command) => Service::by_command(
                &search.service,
                command,
                &own.join("service.log"),
                interrupt,
            ),
        };
        let repeated_by = match &planned.start {
            Start::Stage(_) => None,
            Start::Command(_) => Some(self.command()),
        };
        let names = ("profile", DIAGNOSIS);
        let (taken, _) = with_trials_of(&search, names, repeated_by, interrupt, start, |trials| {
            self.measure(planned, trials, &directory)
        })?;
        Ok(taken)
    }

    /// Searches, diagnoses, and kills boxes.
    fn measure(
        &self,
        planned: &Planned,
        trials: &mut Trials<'_>,
        directory: &Path,
    ) -> anyhow::Result<Option<Step>> {
        let lab = trials.service().lab.as_ref();
        if let Some(reason) = lab.and_then(tenfold_lab::Lab::unconfined_because) {
            return Err(ChildFailed {
                code: TARGET_FAILED,
                message: format!("could not confine the boxes, so none has a size: {reason}"),
            }
            .into());
        }
        let boxes: Vec<BoxInfo> = lab
            .map(|lab| lab.boxes().iter().map(box_info).collect())
            .unwrap_or_default();
        let victims = match (lab, self.arguments.no_outages) {
            // Once for each stage: more boxes of it change little.
            (Some(lab), false)
                if planned
                    .next
                    .as_ref()
                    .is_some_and(|next| next.is_first_of_stage) =>
            {
                victims(lab)
            }
            _ => Vec::new(),
        };
        let (goal, duration) = self.goal();
        let own = &*trials;
        let found = own.service().answering(|| {
            own.warm_up(self.warm_up())?;
            experiment(own, own.search(goal)?, duration, None)
        })?;
        if found.interrupted {
            return Ok(None);
        }
        write_diagnosis(&found, trials.path())?;
        let mut outages: Vec<Outage> = Vec::new();
        if let Some(sustained) = found.search.answer.sustained {
            let victims = match self.arguments.quick {
                // A zone if there is one.
                true => victims.into_iter().next_back().into_iter().collect(),
                false => victims,
            };
            let rate = (OUTAGE_LOAD * sustained).max(1.0);
            for killed in victims {
                if trials.is_interrupted() {
                    break;
                }
                let name = format!("without-{killed}");
                let outage = trials.outage(&killed, (rate, &name), self.outage_times());
                // Knee and diagnosis are kept.
                let mut outage = match outage {
                    Ok(outage) => outage,
                    Err(error) => {
                        print::note(&format!("note: no load while {killed} was gone: {error:#}"));
                        break;
                    }
                };
                outage.directory = directory.join(outage.directory);
                let is_back = outage.error.is_none();
                outages.push(outage);
                // The next one would show the loss of both.
                if !is_back || !trials.settle(sustained) {
                    print::note(&format!(
                        "note: the service did not recover from the loss of {killed}"
                    ));
                    break;
                }
            }
        }
        let answer = &found.search.answer;
        Ok(Some(Step {
            name: planned.name.clone(),
            change: planned.change.clone(),
            reason: planned.next.as_ref().and_then(|next| next.reason.clone()),
            directory: directory.to_owned(),
            compared_with: planned.compared_with,
            prediction: planned
                .next
                .as_ref()
                .and_then(|next| next.prediction.clone()),
            stage: match &planned.start {
                Start::Stage(configuration) => Some(configuration.stage.to_owned()),
                Start::Command(_) => None,
            },
            boxes,
            copies: planned.copies,
            price_month: planned.price_month,
            ready_s: trials.ready_after().as_secs_f64(),
            sustained: answer.sustained,
            failed: answer.failed,
            end: answer.end,
            bottleneck: found.diagnosis.bottlenecks.first().cloned(),
            outages,
        }))
    }

    /// Returns what the search of a step is to reach, and the length of each experiment after it.
    fn goal(&self) -> (Goal, Duration) {
        let goal = Goal::quick();
        match self.arguments.quick {
            true => (
                Goal {
                    budget: Duration::from_secs(23),
                    ..goal
                },
                Duration::from_secs(4),
            ),
            false => (
                Goal {
                    budget: Duration::from_secs(60),
                    ..goal
                },
                Duration::from_secs(10),
            ),
        }
    }

    /// Returns the time for which a step is warmed up before its search.
    fn warm_up(&self) -> Duration {
        Duration::from_secs(match self.arguments.quick {
            true => 2,
            false => 8,
        })
    }

    fn outage_times(&self) -> OutageTimes {
        let [before, gone, after] = match self.arguments.quick {
            true => [2, 3, 5],
            false => [3, 5, 12],
        };
        OutageTimes {
            before: Duration::from_secs(before),
            gone: Duration::from_secs(gone),
            after: Duration::from_secs(after),
        }
    }

    /// Returns the flags with which `tenfold profile` measures a step.
    fn search(
        &self,
        planned: &Planned,
        report: &LadderReport,
        out: PathBuf,
    ) -> anyhow::Result<SearchArguments> {
        let arguments = self.arguments;
        let mut search = SearchArguments::of(
            &arguments.scenario,
            arguments.connections.clone(),
            &arguments.data_set,
        );
        search.rules = arguments.rules.clone();
        search.max = arguments.max;
        search.out = Some(out);
        let mut first = self.scenario.mean_rate();
        if let Start::Stage(configuration) = &planned.start {
            let stage = &mut search.service.stage;
            stage.name = Some(configuration.stage.to_owned());
            stage.boxes = configuration.boxes();
            stage.counts = configuration.counts();
            stage.tuned = configuration.tuned;
            first *= stage.boxes.first().map_or(1.0, |own| own.cpu);
        }
        // A search that begins near the knee is shorter.
        let before = planned
            .compared_with
            .and_then(|index| report.steps.get(index));
        if let Some(sustained) = before.and_then(|step| step.sustained) {
            let prediction = planned
                .next
                .as_ref()
                .and_then(|next| next.prediction.as_ref());
            first = sustained * prediction.map_or(1.0, |own| own.factor[0]);
        }
        search.load.set_rate(Rate::new(first.max(1.0)));
        Ok(search)
    }
}

fn box_info(own: &LabBox) -> BoxInfo {
    let allowance = own.allowance();
    BoxInfo {
        name: own.name().to_owned(),
        cpu: allowance.map(|allowance| allowance.cpu),
        memory_bytes: allowance.map(|allowance| allowance.memory_bytes),
    }
}

/// Returns the stages to climb. Those that this binary lacks are skipped, unless they were asked for.
fn wanted(names: &[String], skipped: &mut Vec<Skipped>) -> anyhow::Result<Vec<&'static Stage>> {
    let mut wanted: Vec<&'static Stage> = Vec::new();
    if !names.is_empty() {
        for name in names {
            let stage = stages::find(name)?;
            if wanted.iter().any(|own| own.name == stage.name) {
                return Err(UsageError(format!("--stages names `{}` twice", stage.name)).into());
            }
            wanted.push(stage);
        }
        return Ok(wanted);
    }
    // The capacity of a stage that follows the load is what its policy allows: it is climbed only if it was asked for.
    for stage in STAGES.iter().filter(|stage| !stage.scales) {
        match stages::find(stage.name) {
            Ok(stage) => wanted.push(stage),
            Err(error) => skipped.push(Skipped {
                name: stage.name.to_owned(),
                because: error.to_string(),
            }),
        }
    }
    Ok(wanted)
}

/// Returns the name of a new directory for a step: `02-separated-tuned`, or with a number if an earlier attempt is there.
fn free_directory(path: &Path, number: usize, name: &str) -> PathBuf {
    let mut slug = String::new();
    for c in name.chars().take(60) {
        match c.is_ascii_alphanumeric() || c == '.' {
            true => slug.push(c.to_ascii_lowercase()),
            false if !slug.ends_with('-') => slug.push('-'),
            false => {}
        }
    }
    let plain = format!("{number:02}-{}", slug.trim_matches(['-', '.']));
    let mut free = PathBuf::from(&plain);
    let mut attempt = 2;
    while path.join(&free).exists() {
        free = format!("{plain}-{attempt}").into();
        attempt += 1;
    }
    free
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_directories_are_plain_and_free() {
        let place = tempfile::tempdir().unwrap();
        let name = |name| free_directory(place.path(), 2, name);
        assert_eq!(
            name("separated, sql x2, tuned"),
            Path::new("02-separated-sql-x2-tuned")
        );
        assert_eq!(name("../../etc/passwd"), Path::new("02-etc-passwd"));
        assert_eq!(name("Ж"), Path::new("02-"));
        std::fs::create_dir(place.path().join("02-one")).unwrap();
        assert_eq!(name("one"), Path::new("02-one-2"));
    }

    #[test]
    fn rejects_stages_that_cannot_be_climbed() {
        let wanted = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            wanted(&names, &mut Vec::new())
        };
        assert_eq!(wanted(&["single-box"]).unwrap().len(), 1);
        for (names, expected) in [
            (vec!["single-box", "single-box"], "twice"),
            (vec!["no-box"], "no stage"),
        ] {
            let error = wanted(&names).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}

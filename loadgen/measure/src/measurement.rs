//! The course of a run, from its manifest to its last file.

use std::cell::RefCell;
use std::sync::mpsc::{self, Sender};
use std::time::{Instant, SystemTime};

use tenfold_lab::Lab;
use tenfold_loadgen::{
    Feed, Interrupt, Journeys, KnownSessions, Progress, Recording, Start, Target,
};
use tenfold_probe::profile::Heap;
use tenfold_probe::{
    AdminListener, ComponentUrl, HostSampler, MetricSelector, Metrics, MetricsSampler,
};
use tenfold_run_dir::counts::ServerCounter;
use tenfold_run_dir::{HeapProfile, HostTimeline, Manifest, RunDir, TargetMetrics};
use tenfold_scenarios::{Scenario, Share};

use crate::generators::{self, FleetRun, Generators};
use crate::incidents;
use crate::manifest::{self, Invocation};
use crate::profile_window::Window;
use crate::profiled_processes::ProfiledProcesses;
use crate::profiling::{Profiling, Sources};
use crate::scaling;
use crate::stage_use::{self, CountedBoxes, StageDescription};
use crate::watched::{Findings, Watched};
use crate::{Endpoint, MeasureError};

/// Counter of a service's requests, checked against the generator's own count.
const COUNTER: &str = "http_server_requests_total";

/// One run: traffic, target, and captures.
pub struct Measurement<'a> {
    /// Traffic to send. Paired if there is a candidate.
    pub scenario: Scenario,
    /// Service under test. In a paired run, the baseline.
    pub endpoint: Endpoint,
    /// Generators that share the load. `None` for one generator, in this process.
    pub generators: Option<Generators>,
    /// Journeys in Rust that the scenario names.
    pub journeys: Journeys,
    /// The second build of a paired run.
    pub candidate: Option<Target>,
    /// Sessions of earlier runs of the scenario, which are logged in if none are known.
    pub sessions: KnownSessions,
    /// Captures during the run.
    pub probe: Probe,
    /// Process of the service on this machine that is profiled with its children. `None` for the boxes of the lab, or else
    /// those that listen on the target's address.
    pub profiled_pid: Option<u32>,
    /// Metrics of the target to record besides the sums of all of its metrics.
    pub metrics: Vec<MetricSelector>,
    /// Databases, caches, web servers and balancers behind the service to watch, besides those of the lab.
    pub components: Vec<ComponentUrl>,
    /// Lab that runs the service. `None` for a service that runs already.
    pub lab: Option<&'a Lab>,
    /// Stage that runs the service, if `lab` is `None` because its boxes are killed meanwhile. Its use is not recorded.
    pub stage: Option<StageDescription>,
    /// Command and overrides that started the run.
    pub invocation: Invocation,
    /// Becomes `true` when the run is to end early.
    pub interrupt: Interrupt,
    /// Publishes latencies and sampled requests during the run. `None` without a reader.
    pub feed: Option<Feed>,
    /// Follows the run.
    pub observer: &'a mut dyn Observer,
}

/// Captures from the target during a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Probe {
    /// Nothing.
    Off,
    /// Host counters, the target's own metrics and request counter, and a profile.
    Full,
    /// As [`Probe::Full`], without the profile.
    NoProfile,
}

/// Follows a run. Every method does nothing by default.
pub trait Observer {
    /// Called once, with the instant at which the clock of the run reads zero.
    fn on_start(&mut self, _start: Instant) {}

    /// Called once a second.
    fn on_progress(&mut self, _progress: &Progress) {}

    /// Called for each generator of several that ends before the run, with a sentence about it.
    fn on_generator_lost(&mut self, _sentence: &str) {}

    /// Called once no more load is sent, before the last files are written. `recording` is `None` if the load failed.
    fn on_end(&mut self, _recording: Option<&Recording>) {}

    /// Called after [`Observer::on_end`] if the functions of the profile take more than 3 s to name.
    fn on_naming(&mut self) {}
}

/// A measured run, whose files are all written.
#[derive(Debug)]
pub struct Measured {
    /// Counts and time line of the generator.
    pub recording: Recording,
    /// Gaps of the profile, each in a sentence with its reason and the setting that closes it. Empty if it is complete, or was not requested.
    pub profile_notes: Vec<String>,
    /// Gaps of the figures of components, each in a sentence.
    pub component_notes: Vec<String>,
}

impl Measurement<'_> {
    /// Runs the scenario and writes every file of the run into `run_dir`.
    ///
    /// Blocks for as long as the scenario lasts. The caller decides whether load may be sent to the
    /// endpoint.
    ///
    /// # Errors
    /// Fails if the load can't be sent, or a file can't be written. `run_dir` is removed if nothing was
    /// recorded until then; otherwise it holds the last checkpoint and can be reported.
    pub fn record(self, run_dir: &RunDir) -> Result<Measured, MeasureError> {
        self.check_generators()?;
        let generators = self.generators.as_ref().map_or(0, |own| own.count);
        self.record_into(run_dir)
            .inspect_err(|_| discard_unrecorded(run_dir, generators))
    }

    /// Checks that nothing of the run needs to be in one process.
    fn check_generators(&self) -> Result<(), MeasureError> {
        let what = match (
            &self.candidate,
            self.scenario.journeys.iter().any(|own| own.in_code),
        ) {
            _ if self.generators.is_none() => return Ok(()),
            (Some(_), _) => "two builds are compared, request by request",
            (None, true) => "the scenario has a journey in code, which is not in another process",
            (None, false) => return Ok(()),
        };
        Err(MeasureError::OneGenerator { what })
    }

    fn record_into(self, run_dir: &RunDir) -> Result<Measured, MeasureError> {
        let manifest = self.manifest();
        run_dir.write_manifest(&manifest)?;
        let lab = self.lab;
        let interrupt = self.interrupt.clone();
        let before = lab.map(|lab| (SystemTime::now(), lab.status()));
        let (loaded, counted) = self.load_beside_boxes(run_dir);
        if let (Some((looked, before)), Some(lab)) = (before, lab)
            && run_dir.is_recorded()
        {
            stage_use::write(run_dir, manifest, (&before, &lab.status()), &counted)?;
            let started = loaded.as_ref().ok().and_then(|loaded| loaded.started);
            let started = started.unwrap_or(looked);
            scaling::write(run_dir, &before, &lab.scaling_log(), (looked, started))?;
            incidents::write(run_dir, &before, &lab.incident_log(), started)?;
        }
        let Loaded {
            started: _,
            recording,
            host,
            metrics,
            watched,
            heap,
            profiling,
            observer,
        } = loaded?;
        if let Some(heap) = &heap {
            run_dir.write_heap(heap)?;
        }
        if let Some(host) = &host {
            run_dir.write_host(host)?;
        }
        if !metrics.series.is_empty() {
            run_dir.write_metrics(&metrics)?;
        }
        watched.write(run_dir)?;
        let profile_notes = match profiling {
            Some(profiling) => profiling.write(run_dir, &interrupt, || observer.on_naming())?,
            None => Vec::new(),
        };
        Ok(Measured {
            recording,
            profile_notes,
            component_notes: watched.notes,
        })
    }

    fn manifest(&self) -> Manifest {
        let target = self.endpoint.target.to_string();
        let mut manifest = manifest::describe(&self.scenario, target, &self.invocation);
        manifest.shared_host = self.endpoint.is_local();
        manifest.generators = self.generators.as_ref().map_or(1, |own| own.count);
        let stage = self.lab.map(StageDescription::of);
        if let Some(stage) = stage.or_else(|| self.stage.clone()) {
            stage.write_to(&mut manifest);
        }
        manifest
    }

    /// Sends the load, and reads the boxes of the lab when the counted phases begin and end. A thread of its own does that, so that the
    /// generator does not wait for it.
    fn load_beside_boxes<'a>(
        self,
        run_dir: &RunDir,
    ) -> (Result<Loaded<'a>, MeasureError>, CountedBoxes)
    where
        Self: 'a,
    {
        let (start, started) = mpsc::channel();
        let Some(lab) = self.lab else {
            return (self.load(run_dir, start), CountedBoxes::default());
        };
        let scenario = self.scenario.clone();
        std::thread::scope(|scope| {
            let (end, ended) = mpsc::channel();
            let boxes = scope.spawn(move || CountedBoxes::read(lab, &scenario, &started, &ended));
            let loaded = self.load(run_dir, start);
            drop::<Sender<()>>(end);
            let counted = boxes
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            (loaded, counted)
        })
    }

    /// Sends the load, and writes counts and time line. Sends the start of the run to `starts`.
    fn load<'a>(self, run_dir: &RunDir, starts: Sender<Instant>) -> Result<Loaded<'a>, MeasureError>
    where
        Self: 'a,
    {
        let sources = Sources {
            processes: ProfiledProcesses::of(self.profiled_pid, self.lab, &self.endpoint),
            admin: self.endpoint.admin.clone(),
        };
        let Endpoint { target, admin, pid } = self.endpoint;
        let admin = admin.as_ref().filter(|_| self.probe != Probe::Off);
        let window = match self.probe {
            Probe::Full => Window::of(&self.scenario),
            Probe::Off | Probe::NoProfile => None,
        };
        let sampled = tenfold_probe::Target::of(pid, admin);
        let sampled = match sampled {
            tenfold_probe::Target::Unknown if self.probe != Probe::Off => {
                match sources.processes.measurable() {
                    none if none.is_empty() => tenfold_probe::Target::Unknown,
                    found => tenfold_probe::Target::Trees(found),
                }
            }
            known => known,
        };
        let observer = RefCell::new(self.observer);
        // Gated rounds are not disturbed.
        let watched =
            (self.probe != Probe::Off).then(|| Watched::start(self.lab, &self.components));
        let profiled = admin.filter(|_| self.probe == Probe::Full);
        let mut heap_before = None;
        let mut requests_before = None;
        let mut started = None;
        let mut sampler = None;
        let chosen = self.metrics;
        let mut metrics = None;
        let mut profiling = None;
        let on_ready = Box::new(|| {
            requests_before = admin.and_then(request_count);
            heap_before = profiled.and_then(|admin| Heap::capture(admin).ok());
        });
        let on_start = Box::new(|start: Instant| {
            started = SystemTime::now().checked_sub(start.elapsed());
            // Without a lab, nobody waits for it.
            let _ = starts.send(start);
            if self.probe != Probe::Off {
                let boxes = self.lab.map(Lab::boxes).unwrap_or_default().iter();
                let boxes = boxes.filter_map(|own| Some((own.name().to_owned(), own.pid()?)));
                let boxes = boxes.collect();
                sampler = Some(HostSampler::start_with_boxes(sampled, boxes, start));
            }
            metrics = admin.map(|admin| MetricsSampler::start(admin.clone(), chosen, start));
            profiling = window.and_then(|window| Profiling::start(window, sources, start));
            observer.borrow_mut().on_start(start);
        });
        let on_progress =
            Box::new(|progress: &Progress| observer.borrow_mut().on_progress(progress));
        let recording = match self.generators {
            None => {
                let options = tenfold_loadgen::Options {
                    scenario: self.scenario,
                    share: Share::WHOLE,
                    target,
                    candidate: self.candidate,
                    sessions: self.sessions,
                    run_dir,
                    interrupt: self.interrupt,
                    feed: self.feed,
                    on_ready,
                    start: Start::Soon,
                    on_start,
                    on_progress,
                };
                tenfold_loadgen::run_with(options, self.journeys).map_err(MeasureError::from)
            }
            Some(several) => {
                let fleet = FleetRun {
                    scenario: self.scenario,
                    overrides: self.invocation.overrides,
                    target,
                    run_dir,
                    interrupt: self.interrupt,
                    feed: self.feed,
                    on_ready,
                    on_start,
                    on_progress,
                    on_loss: Box::new(|loss| observer.borrow_mut().on_generator_lost(loss)),
                };
                generators::run(fleet, several)
            }
        };
        let observer = observer.into_inner();
        observer.on_end(recording.as_ref().ok());
        let watched = watched.map(|own| own.stop(self.lab)).unwrap_or_default();
        if let Some(profiling) = &mut profiling {
            profiling.stop();
        }
        let host = sampler.map(HostSampler::stop);
        let metrics = metrics.map(MetricsSampler::stop).unwrap_or_default();
        let heap = heap_before.and_then(|before| {
            let after = profiled.and_then(|admin| Heap::capture(admin).ok())?;
            after.since(&before)
        });
        let mut recording = recording?;
        recording.counts.server_counter =
            requests_before
                .zip(admin.and_then(request_count))
                .map(|(before, after)| ServerCounter {
                    name: COUNTER.to_owned(),
                    before,
                    after,
                });
        run_dir.write_counts(&recording.counts)?;
        run_dir.write_timeline(&recording.timeline)?;
        Ok(Loaded {
            started,
            recording,
            host,
            metrics,
            watched,
            heap,
            profiling,
            observer,
        })
    }
}

/// Results that are available once no more load is sent.
struct Loaded<'a> {
    /// Time at which the clock of the run read zero.
    started: Option<SystemTime>,
    recording: Recording,
    host: Option<HostTimeline>,
    metrics: TargetMetrics,
    watched: Findings,
    heap: Option<HeapProfile>,
    profiling: Option<Profiling>,
    observer: &'a mut dyn Observer,
}

/// Returns the target's count of the requests that reached it. `None` if it does not count them.
fn request_count(admin: &AdminListener) -> Option<u64> {
    Metrics::scrape(&admin.join("/metrics"))
        .ok()?
        .counter_sum(COUNTER)
}

/// Removes the directory of a run that recorded nothing. Files that can't be removed stay.
fn discard_unrecorded(run_dir: &RunDir, generators: u32) {
    if run_dir.is_recorded() {
        return;
    }
    let shares = (1..=generators).map(|number| run_dir.generator(number));
    for part in shares {
        discard(&part);
    }
    let _ = std::fs::remove_dir(run_dir.file("generators"));
    discard(run_dir);
}

/// Removes a directory with the files that are written before anything is recorded.
fn discard(run_dir: &RunDir) {
    for name in ["manifest.json", "intervals.hlog", "generator.log"] {
        let _ = std::fs::remove_file(run_dir.file(name));
    }
    let _ = std::fs::remove_dir(run_dir.path());
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    struct Ignore;

    impl Observer for Ignore {}

    #[test]
    fn removes_directory_of_run_without_requests() {
        let text = r#"
            version = 1
            name = "unreachable"
            phases = [{ name = "a", kind = "constant", rate = "10/s", duration = "1s" }]
            requests = [{ name = "read", kind = "read", weight = 1, path = "/" }]
        "#;
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("run");
        let run_dir = RunDir::create(&directory).unwrap();
        let (_interrupt, interrupted) = tokio::sync::watch::channel(false);
        let measurement = Measurement {
            scenario: Scenario::parse(text, Path::new("unreachable.toml")).unwrap(),
            endpoint: Endpoint {
                target: "http://127.0.0.1:1".parse().unwrap(),
                admin: None,
                pid: None,
            },
            generators: None,
            journeys: Journeys::default(),
            candidate: None,
            sessions: KnownSessions::default(),
            probe: Probe::Full,
            profiled_pid: None,
            metrics: Vec::new(),
            components: Vec::new(),
            lab: None,
            stage: None,
            invocation: Invocation::default(),
            interrupt: interrupted,
            feed: None,
            observer: &mut Ignore,
        };
        let error = measurement.record(&run_dir).unwrap_err();
        assert!(
            matches!(
                error,
                MeasureError::Load(tenfold_loadgen::LoadError::Unreachable { .. })
            ),
            "{error}"
        );
        assert!(!directory.exists());
    }
}

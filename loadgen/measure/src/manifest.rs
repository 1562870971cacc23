//! `manifest.json`: scenario, machine, tool and invocation.

use std::collections::BTreeMap;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tenfold_run_dir::Manifest;
use tenfold_run_dir::manifest::{
    FileInfo, KeyShare, KeySpaceInfo, PhaseInfo, RequestInfo, StepInfo, Tool, VERSION,
};
use tenfold_scenarios::{KeySpace, Model, Overrides, Phase, Request, Scenario, Shape};
use tenfold_secret::masked_scenario;

/// Points within a phase at which a popularity that changes over time is evaluated.
const POINTS: u32 = 64;

/// Command and overrides that started a run.
#[derive(Debug, Clone, Default)]
pub struct Invocation {
    /// Changes made to the scenario as it was read from its file.
    pub overrides: Overrides,
    /// Command that repeats the run, apart from the overrides and the seed, which are added to it.
    /// Empty if no single command does. Contains no secrets.
    pub command: Vec<String>,
}

impl Invocation {
    /// Returns the complete command that repeats the run of `scenario`.
    fn complete_command(&self, scenario: &Scenario) -> Vec<String> {
        let mut command = self.command.clone();
        if command.is_empty() {
            return command;
        }
        let repeated = Overrides {
            seed: Some(scenario.seed),
            ..self.overrides
        };
        for (name, value) in named(&repeated) {
            command.extend([format!("--{name}"), value]);
        }
        command
    }
}

/// Returns the version of this program, with its revision if that is known.
pub fn tool() -> String {
    let Tool {
        version,
        git_revision,
        ..
    } = this_tool();
    match git_revision {
        Some(revision) => format!("{version} ({revision})"),
        None => version,
    }
}

fn this_tool() -> Tool {
    Tool {
        version: env!("CARGO_PKG_VERSION").to_owned(),
        git_revision: option_env!("TENFOLD_GIT_REVISION").map(str::to_owned),
        build: if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        }
        .to_owned(),
    }
}

/// Describes a run of `scenario` that is about to start. The stage and its boxes are left empty.
pub(crate) fn describe(scenario: &Scenario, target: String, invocation: &Invocation) -> Manifest {
    Manifest {
        version: VERSION,
        tool: this_tool(),
        scenario: scenario.name.clone(),
        scenario_text: masked_scenario(&scenario.text),
        seed: scenario.seed,
        model: match scenario.load.model {
            Model::Open => "open",
            Model::Closed => "closed",
        }
        .to_owned(),
        overrides: named(&invocation.overrides)
            .map(|(name, value)| (name.to_owned(), value))
            .collect::<BTreeMap<_, _>>(),
        command: invocation.complete_command(scenario),
        started_at: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        target,
        stage: None,
        users: scenario.load.users,
        phases: scenario.phases.iter().map(phase_info).collect(),
        requests: scenario
            .requests
            .iter()
            .map(|request| RequestInfo {
                name: request.name.clone(),
                kind: request.kind.to_string(),
                method: request.method.to_string(),
                key_space: request.key_space,
            })
            .collect(),
        key_spaces: scenario
            .key_spaces
            .iter()
            .map(|space| key_space_info(space, &scenario.phases))
            .collect(),
        rules: scenario
            .rules
            .iter()
            .map(|rule| rule.text.clone())
            .collect(),
        host: tenfold_probe::host::describe(),
        shared_host: None,
        boxes: Vec::new(),
        unconfined_because: None,
        service_boxes: Vec::new(),
        generators: 1,
        merged_from: Vec::new(),
        files: files(scenario),
    }
}

/// Describes the files that requests send, each once.
fn files(scenario: &Scenario) -> Vec<FileInfo> {
    let mut files: Vec<FileInfo> = Vec::new();
    for file in scenario.requests.iter().flat_map(Request::files) {
        let path = file.file.display().to_string();
        if files.iter().any(|known| known.file == path) {
            continue;
        }
        let bytes = file.bytes();
        let digest = Sha256::digest(&bytes);
        files.push(FileInfo {
            file: path,
            bytes: bytes.len() as u64,
            sha256: digest.iter().map(|byte| format!("{byte:02x}")).collect(),
        });
    }
    files
}

/// Names the overrides that are set as the command line does, in its order.
fn named(overrides: &Overrides) -> impl Iterator<Item = (&'static str, String)> + use<> {
    [
        ("rate", overrides.rate.map(|rate| rate.to_string())),
        ("duration", overrides.duration.map(flag_value)),
        ("users", overrides.users.map(|users| users.to_string())),
        ("seed", overrides.seed.map(|seed| seed.to_string())),
    ]
    .into_iter()
    .filter_map(|(name, value)| Some((name, value?)))
}

/// Formats a duration as a value of a flag.
fn flag_value(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}us", duration.as_micros())
    }
}

fn phase_info(phase: &Phase) -> PhaseInfo {
    PhaseInfo {
        name: phase.name.clone(),
        kind: phase.shape.kind().to_owned(),
        start_ns: nanoseconds(phase.start),
        duration_ns: nanoseconds(phase.duration),
        warm_up: phase.warm_up,
        steps: steps(phase),
    }
}

/// Returns the steps of a phase of that kind.
fn steps(phase: &Phase) -> Vec<StepInfo> {
    let Shape::Steps(steps) = &phase.shape else {
        return Vec::new();
    };
    let count = steps.rates.len() as f64;
    let start = |index: usize| {
        let before = phase.duration.mul_f64(index as f64 / count);
        nanoseconds(phase.start.saturating_add(before))
    };
    let rates = steps.rates.iter().enumerate();
    rates
        .map(|(index, rate)| StepInfo {
            start_ns: start(index),
            duration_ns: start(index + 1).saturating_sub(start(index)),
            rate_per_s: rate.per_second(),
        })
        .collect()
}

fn key_space_info(space: &KeySpace, phases: &[Phase]) -> KeySpaceInfo {
    let tops = std::iter::successors(Some(1_u64), |top| top.checked_mul(10))
        .take_while(|top| *top < space.count)
        .chain([space.count]);
    KeySpaceInfo {
        name: space.name.clone(),
        count: space.count,
        popularity: space.popularity.to_string(),
        theory: tops
            .filter_map(|top| mean_share(space, phases, top).map(|share| KeyShare { top, share }))
            .collect(),
    }
}

/// Returns the theoretical share of the `top` most popular keys: the mean over the counted phases, weighted
/// by their arrivals. `None` if theory has no answer.
fn mean_share(space: &KeySpace, phases: &[Phase], top: u64) -> Option<f64> {
    let mut weighted = 0.0;
    let mut weights = 0.0;
    for phase in phases.iter().filter(|phase| !phase.warm_up) {
        let weight = phase.expected_arrivals().max(f64::MIN_POSITIVE);
        for point in 0..POINTS {
            let at = phase.start + phase.duration * (2 * point + 1) / (2 * POINTS);
            weighted += weight * space.share_of_top(top, at)?;
            weights += weight;
        }
    }
    (weights > 0.0).then(|| weighted / weights)
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn scenario(overrides: &Overrides) -> Scenario {
        let text = r#"
            version = 1
            name = "described"
            phases = [{ name = "a", kind = "constant", rate = "10/s", duration = "1s" }]
            requests = [{ name = "read", kind = "read", weight = 1, path = "/" }]
        "#;
        let scenario = Scenario::parse(text, Path::new("described.toml")).unwrap();
        scenario.with(overrides).unwrap()
    }

    #[test]
    fn command_repeats_overrides_and_effective_seed() {
        let overrides = Overrides {
            duration: Some(Duration::from_millis(1_500)),
            users: Some(7),
            ..Overrides::default()
        };
        let scenario = scenario(&overrides);
        let invocation = Invocation {
            overrides,
            command: ["tenfold", "run", "described"].map(str::to_owned).to_vec(),
        };
        let manifest = describe(&scenario, "http://localhost".to_owned(), &invocation);
        let expected = format!(
            "tenfold run described --duration 1500000us --users 7 --seed {}",
            scenario.seed
        );
        assert_eq!(manifest.command.join(" "), expected);
        let expected = [("duration", "1500000us"), ("users", "7")];
        let expected = expected.map(|(name, value)| (name.to_owned(), value.to_owned()));
        assert_eq!(manifest.overrides, BTreeMap::from(expected));
    }

    #[test]
    fn files_have_digests() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a.bin"), "hello").unwrap();
        let text = "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
                    rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"write\"\n\
                    path = \"/\"\nmultipart = [{ name = \"a\", file = \"a.bin\" }, { name = \"b\", file = \"a.bin\" }]";
        let scenario = Scenario::parse(text, &folder.path().join("x.toml")).unwrap();
        let manifest = describe(
            &scenario,
            "http://localhost".to_owned(),
            &Invocation::default(),
        );
        let [file] = manifest.files.as_slice() else {
            panic!("{:?}", manifest.files)
        };
        assert_eq!((file.file.as_str(), file.bytes), ("a.bin", 5));
        // As `sha256sum` prints it.
        assert!(
            file.sha256.starts_with("2cf24dba5fb0a30e"),
            "{}",
            file.sha256
        );
    }

    #[test]
    fn steps_are_contiguous() {
        let text = r#"
            version = 1
            name = "climb"
            phases = [
                { name = "warm", kind = "constant", rate = "10/s", duration = "1s", warm_up = true },
                { name = "climb", kind = "steps", rates = ["10/s", "20/s", "40/s"], duration = "10s" },
            ]
            requests = [{ name = "read", kind = "read", weight = 1, path = "/" }]
        "#;
        let scenario = Scenario::parse(text, Path::new("climb.toml")).unwrap();
        let phases: Vec<PhaseInfo> = scenario.phases.iter().map(phase_info).collect();
        assert!(phases[0].steps.is_empty());
        let steps = &phases[1].steps;
        let rates: Vec<f64> = steps.iter().map(|step| step.rate_per_s).collect();
        assert_eq!(rates, [10.0, 20.0, 40.0]);
        assert_eq!(steps[0].start_ns, phases[1].start_ns);
        assert!(
            steps
                .windows(2)
                .all(|two| two[0].end_ns() == two[1].start_ns)
        );
        assert_eq!(steps[2].end_ns(), phases[1].end_ns());
    }

    #[test]
    fn command_stays_empty_without_one() {
        let overrides = Overrides::default();
        let manifest = describe(
            &scenario(&overrides),
            "http://localhost".to_owned(),
            &Invocation::default(),
        );
        assert!(manifest.command.is_empty() && manifest.overrides.is_empty());
    }
}

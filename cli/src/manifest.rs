//! The manifest of a run: what the command line, the scenario and the machine say of it.

use std::collections::BTreeMap;
use std::time::Duration;

use tenfold_run_dir::Manifest;
use tenfold_run_dir::manifest::{
    BoxInfo, KeyShare, KeySpaceInfo, PhaseInfo, RequestInfo, Tool, VERSION,
};
use tenfold_scenarios::{KeySpace, Model, Phase, Scenario};
use tenfold_secret::masked_scenario;

use crate::cli::RunArguments;
use crate::host_guard::Cleared;

/// What a run is sent to.
pub(crate) struct Destination {
    /// The target, and where its metrics and profiles are.
    pub(crate) cleared: Cleared,
    /// The stage of the reference service.
    pub(crate) stage: Option<String>,
    /// The boxes of the stage.
    pub(crate) boxes: Vec<BoxInfo>,
    /// Why they are not confined, where they were to be.
    pub(crate) unconfined_because: Option<String>,
    /// Whether it is on this machine; none where that can't be told.
    pub(crate) shared_host: Option<bool>,
    /// Its process, where it is a child.
    pub(crate) pid: Option<u32>,
}

/// Describes a run that is about to begin.
pub(crate) fn describe(
    arguments: &RunArguments,
    scenario: &Scenario,
    destination: &Destination,
) -> Manifest {
    Manifest {
        overrides: overrides(arguments),
        command: command(arguments, scenario),
        stage: destination.stage.clone(),
        boxes: destination.boxes.clone(),
        unconfined_because: destination.unconfined_because.clone(),
        shared_host: destination.shared_host,
        ..of(scenario, destination.cleared.target().to_string())
    }
}

/// Describes the run of a gate's epoch, which no command of its own runs again.
pub(crate) fn describe_gate(scenario: &Scenario, target: &str) -> Manifest {
    of(scenario, target.to_owned())
}

/// The version of this program, with its revision where that is known.
pub(crate) fn tool() -> String {
    let version = env!("CARGO_PKG_VERSION");
    match option_env!("TENFOLD_GIT_REVISION") {
        Some(revision) => format!("{version} ({revision})"),
        None => version.to_owned(),
    }
}

/// What the scenario and the machine say of a run.
fn of(scenario: &Scenario, target: String) -> Manifest {
    Manifest {
        version: VERSION,
        tool: Tool {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            git_revision: option_env!("TENFOLD_GIT_REVISION").map(str::to_owned),
            build: if cfg!(debug_assertions) {
                "debug"
            } else {
                "release"
            }
            .to_owned(),
        },
        scenario: scenario.name.clone(),
        scenario_text: masked_scenario(&scenario.text),
        seed: scenario.seed,
        model: match scenario.load.model {
            Model::Open => "open",
            Model::Closed => "closed",
        }
        .to_owned(),
        overrides: BTreeMap::new(),
        command: Vec::new(),
        started_at: jiff::Timestamp::now()
            .strftime("%Y-%m-%dT%H:%M:%SZ")
            .to_string(),
        target,
        stage: None,
        users: scenario.load.users,
        phases: scenario
            .phases
            .iter()
            .map(|phase| PhaseInfo {
                name: phase.name.clone(),
                kind: phase.shape.kind().to_owned(),
                start_ns: nanoseconds(phase.start),
                duration_ns: nanoseconds(phase.duration),
                warm_up: phase.warm_up,
            })
            .collect(),
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
            .map(|space| key_space(space, &scenario.phases))
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
        merged_from: Vec::new(),
    }
}

/// Moments of a phase at which a popularity that changes over time is looked at.
const MOMENTS: u32 = 64;

fn key_space(space: &KeySpace, phases: &[Phase]) -> KeySpaceInfo {
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

/// The share of the most popular keys in theory, as its mean over the counted phases, each with the
/// weight of its arrivals.
fn mean_share(space: &KeySpace, phases: &[Phase], top: u64) -> Option<f64> {
    let mut weighted = 0.0;
    let mut weights = 0.0;
    for phase in phases.iter().filter(|phase| !phase.warm_up) {
        let weight = phase.expected_arrivals().max(f64::MIN_POSITIVE);
        for moment in 0..MOMENTS {
            let at = phase.start + phase.duration * (2 * moment + 1) / (2 * MOMENTS);
            weighted += weight * space.share_of_top(top, at)?;
            weights += weight;
        }
    }
    (weights > 0.0).then(|| weighted / weights)
}

fn overrides(arguments: &RunArguments) -> BTreeMap<String, String> {
    let mut overrides = BTreeMap::new();
    let mut note = |flag: &str, value: Option<String>| {
        if let Some(value) = value {
            overrides.insert(flag.to_owned(), value);
        }
    };
    note("rate", arguments.rate.map(|rate| rate.to_string()));
    note("duration", arguments.duration.map(written));
    note("users", arguments.users.map(|users| users.to_string()));
    note("seed", arguments.seed.map(|seed| seed.to_string()));
    overrides
}

/// The command that runs it again: the seed is the one in force, and no password is kept.
fn command(arguments: &RunArguments, scenario: &Scenario) -> Vec<String> {
    let mut command = vec![
        "tenfold".to_owned(),
        "run".to_owned(),
        arguments.scenario.clone(),
    ];
    let mut flag = |name: &str, value: Option<String>| {
        if let Some(value) = value {
            command.push(name.to_owned());
            // A flag without a value stands alone.
            command.extend(Some(value).filter(|value| !value.is_empty()));
        }
    };
    flag("--target", arguments.target.clone());
    for (name, value) in arguments.connecting.written() {
        flag(name, Some(value));
    }
    flag("--admin", arguments.admin.clone());
    flag("--stage", arguments.stage.clone());
    for own in &arguments.boxes {
        flag("--box", Some(own.to_string()));
    }
    flag("--rate", arguments.rate.map(|rate| rate.to_string()));
    flag("--duration", arguments.duration.map(written));
    flag("--users", arguments.users.map(|users| users.to_string()));
    flag("--seed", Some(scenario.seed.to_string()));
    command
}

/// A duration as the command line takes it.
fn written(duration: Duration) -> String {
    if duration.subsec_nanos() == 0 {
        format!("{}s", duration.as_secs())
    } else {
        format!("{}us", duration.as_micros())
    }
}

/// A duration in nanoseconds.
pub(crate) fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

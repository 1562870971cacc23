//! Comparison of several runs.

mod differences;
mod effect;
mod profiles;
mod run_intervals;
mod scenario_fields;

use serde::Serialize;
use tenfold_run_dir::{Metric, Run};

use crate::charts::PercentileCurve;
use crate::comparison::differences::Side;
use crate::format;
use crate::latency::counted_latencies::CountedLatencies;
use crate::summarise::summarise;
use crate::summary::Summary;

pub use effect::{Direction, Effect, EffectUnit, RunEffects};
pub use profiles::{FunctionChange, ProfileComparison, WaitChange};

/// Several runs side by side: their figures, and the differences in their figures and conditions.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Comparison {
    /// Name of each run: the last component of its directory.
    pub names: Vec<String>,
    /// Summary of each run.
    pub summaries: Vec<Summary>,
    /// Conditions that differ between the runs. With many of them, the figures are not comparable.
    pub differences: Vec<Difference>,
    /// Differences of each run from the first: one entry less than there are runs.
    pub effects: Vec<RunEffects>,
    /// Differences between the profiles of two runs. `None` unless both have one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub profiles: Option<ProfileComparison>,
    /// Response time by percentile of each run.
    #[serde(skip)]
    pub curves: Vec<PercentileCurve>,
}

/// A condition that differs between the runs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The condition.
    pub what: String,
    /// Value of each run.
    pub values: Vec<String>,
    /// True if the runs answer different questions; false if the difference may explain their figures.
    pub different_question: bool,
}

/// Compares runs.
pub fn compare(runs: &[Run]) -> Comparison {
    let name = |run: &Run| {
        run.path.file_name().map_or_else(
            || run.manifest.scenario.clone(),
            |name| name.to_string_lossy().into_owned(),
        )
    };
    let names: Vec<String> = runs.iter().map(name).collect();
    let summaries: Vec<Summary> = runs.iter().map(summarise).collect();
    let sides = runs.iter().zip(&summaries).zip(&names);
    let sides: Vec<Side<'_>> = sides
        .map(|((run, summary), name)| Side { run, summary, name })
        .collect();
    let effects = match sides.split_first() {
        Some((first, others)) => others
            .iter()
            .map(|other| differences::differences(*first, *other))
            .collect(),
        None => Vec::new(),
    };
    let curve = |run: &Run| {
        let histogram = CountedLatencies::of(run).histogram(Metric::Response, |_| true);
        PercentileCurve::of(&histogram)
    };
    let profiles = match sides.as_slice() {
        [one, other] => ProfileComparison::of([(one.run, one.summary), (other.run, other.summary)]),
        _ => None,
    };
    Comparison {
        profiles,
        differences: conditions(runs),
        curves: runs.iter().map(curve).collect(),
        effects,
        summaries,
        names,
    }
}

/// Name of a condition, whether it makes a different question, and its value for a run.
type Condition = (&'static str, bool, fn(&Run) -> String);

fn conditions(runs: &[Run]) -> Vec<Difference> {
    let conditions: [Condition; 16] = [
        ("scenario", true, |run| run.manifest.scenario.clone()),
        ("command-line changes", true, |run| {
            let changes = run.manifest.overrides.iter();
            changes
                .map(|(flag, value)| format!("{flag} {value}"))
                .collect::<Vec<_>>()
                .join(", ")
        }),
        ("seed", true, |run| run.manifest.seed.to_string()),
        ("model", true, |run| run.manifest.model.clone()),
        ("maximum users", true, |run| run.manifest.users.to_string()),
        ("rules", true, |run| run.manifest.rules.join("; ")),
        ("counted phases", true, |run| {
            let counted = run.manifest.phases.iter().filter(|phase| !phase.warm_up);
            format!(
                "{:.1} s",
                counted.map(|phase| phase.duration_ns).sum::<u64>() as f64 / 1e9
            )
        }),
        ("interrupted", true, |run| {
            run.counts
                .interrupted
                .clone()
                .unwrap_or_else(|| "no".to_owned())
        }),
        ("target", false, |run| run.manifest.target.clone()),
        ("stage", false, |run| {
            run.manifest.stage.clone().unwrap_or_else(|| "–".to_owned())
        }),
        ("limits of the boxes", false, limits),
        ("resource limits refused", false, |run| {
            let reason = run.manifest.unconfined_because.clone();
            reason.unwrap_or_else(|| "no".to_owned())
        }),
        ("protocol", false, |run| {
            let connections = run.counts.connections.as_ref();
            connections.map_or_else(|| "–".to_owned(), |own| own.protocol.clone())
        }),
        ("tenfold", false, |run| {
            let tool = &run.manifest.tool;
            let revision = tool.git_revision.as_deref().unwrap_or("no revision");
            format!("{} {revision} {}", tool.version, tool.build)
        }),
        ("machine", false, |run| {
            let host = &run.manifest.host;
            format!(
                "{} x {}, {}, {}, {} open files",
                host.cores,
                host.cpu,
                format::bytes(host.memory_bytes),
                host.kernel,
                format::count(host.open_files)
            )
        }),
        (
            "generator and service on one machine",
            false,
            |run| match run.manifest.shared_host {
                Some(true) => "yes".to_owned(),
                Some(false) => "no".to_owned(),
                None => "unknown".to_owned(),
            },
        ),
    ];
    let texts: Vec<&str> = runs
        .iter()
        .map(|run| run.manifest.scenario_text.as_str())
        .collect();
    let conditions = conditions
        .into_iter()
        .map(|(what, different_question, of)| Difference {
            what: what.to_owned(),
            values: runs.iter().map(of).collect(),
            different_question,
        })
        .filter(|difference| difference.values.windows(2).any(|pair| pair[0] != pair[1]));
    conditions
        .chain(scenario_fields::differences(&texts))
        .collect()
}

/// Formats the limits on CPU and memory of the boxes of a stage.
fn limits(run: &Run) -> String {
    let boxes = run.manifest.boxes.iter().map(|own| {
        let cpu = own
            .cpu
            .map_or_else(|| "no CPU limit".to_owned(), |cpu| format!("{cpu} CPU"));
        let memory = own.memory_bytes.map(format::bytes);
        let memory = memory.unwrap_or_else(|| "no memory limit".to_owned());
        format!("{} {cpu}, {memory}", own.name)
    });
    match boxes.collect::<Vec<_>>().join("; ") {
        none if none.is_empty() => "–".to_owned(),
        limits => limits,
    }
}

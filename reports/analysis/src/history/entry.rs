//! A line of a history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::{Effect, GateOutcome, MetricResult};
use crate::summary::Summary;
use crate::summary::verdict::MeasurementVerdict;

/// The version of the shape of a line.
pub const HISTORY_VERSION: u32 = 1;

/// What a line is of.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A gate: the values are the candidate's.
    #[default]
    Gate,
    /// A run.
    Run,
}

/// A line of a history: what was measured of a revision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Version of this shape.
    pub version: u32,
    /// When it began, RFC 3339.
    pub at: String,
    /// What it is of.
    #[serde(default)]
    pub kind: EntryKind,
    /// The scenario's name.
    pub scenario: String,
    /// The machine; figures of different ones make different series.
    #[serde(default)]
    pub machine: String,
    /// What people call the build.
    #[serde(default)]
    pub label: String,
    /// The revision it was built from, where that is known.
    #[serde(default)]
    pub revision: Option<String>,
    /// The verdict in a word.
    #[serde(default)]
    pub verdict: String,
    /// What was measured, by the name of the metric; empty where the measurement is worth nothing.
    #[serde(default)]
    pub metrics: BTreeMap<String, HistoryMetric>,
}

/// A metric of which less is better, as a history keeps it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryMetric {
    /// The unit of its values.
    #[serde(default)]
    pub unit: String,
    /// The value: of a gate, the candidate's median over the rounds.
    pub value: f64,
    /// The baseline's median over the same rounds.
    #[serde(default)]
    pub baseline: Option<f64>,
    /// The effect with its interval, as a ratio less one.
    #[serde(default)]
    pub effect: Option<Effect>,
    /// Number of rounds behind it, or of samples of a run.
    #[serde(default)]
    pub count: u64,
}

impl HistoryEntry {
    /// Makes an entry of a gate. Where its times are not of the same work, or nothing was judged, it has
    /// no metrics.
    pub fn of_gate(outcome: &GateOutcome) -> Self {
        let build = &outcome.builds.candidate;
        let measured = outcome.decision.as_ref();
        let measured = measured.filter(|_| outcome.verdict.has_figures());
        let metrics = measured.map_or(&[][..], |decision| &decision.metrics);
        Self {
            version: HISTORY_VERSION,
            at: outcome.started_at.clone(),
            kind: EntryKind::Gate,
            scenario: outcome.scenario.clone(),
            machine: outcome.machine.clone(),
            label: build.label.clone(),
            revision: build.revision.clone(),
            verdict: outcome.verdict.name().to_owned(),
            metrics: metrics.iter().filter_map(of_metric).collect(),
        }
    }

    /// Makes an entry of a run. An invalid measurement has no metrics.
    pub fn of_run(summary: &Summary, machine: &str, label: &str, revision: Option<&str>) -> Self {
        let verdict = summary.verdict.measurement;
        let mut metrics = BTreeMap::new();
        if verdict != MeasurementVerdict::Invalid {
            let response = &summary.latency_ns.response;
            let mut keep = |name: &str, value: Option<f64>, unit: &str, count: u64| {
                if let Some(value) = value.filter(|value| value.is_finite()) {
                    let unit = unit.to_owned();
                    let metric = HistoryMetric {
                        unit,
                        value,
                        count,
                        ..HistoryMetric::default()
                    };
                    metrics.insert(name.to_owned(), metric);
                }
            };
            for (name, ns) in [
                ("response_p50", response.p50),
                ("response_p90", response.p90),
                ("response_p99", response.p99),
            ] {
                keep(name, ns.map(|ns| ns as f64), "ns", response.count);
            }
            let usage = summary.target_usage.as_ref();
            let cpu_us = usage.and_then(|usage| usage.cpu_us_per_request);
            keep("cpu_per_request", cpu_us, "µs", response.count);
        }
        Self {
            version: HISTORY_VERSION,
            at: summary.started_at.clone(),
            kind: EntryKind::Run,
            scenario: summary.scenario.clone(),
            machine: machine.to_owned(),
            label: label.to_owned(),
            revision: revision.map(str::to_owned),
            verdict: match verdict {
                MeasurementVerdict::Valid => "valid",
                MeasurementVerdict::Suspect => "suspect",
                MeasurementVerdict::Invalid => "invalid",
            }
            .to_owned(),
            metrics,
        }
    }

    /// Returns the entry as one line, its end included.
    ///
    /// # Errors
    /// Never while memory lasts.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        // JSON escapes every line break within its strings.
        serde_json::to_string(self).map(|line| line + "\n")
    }
}

fn of_metric(result: &MetricResult) -> Option<(String, HistoryMetric)> {
    let medians = result.medians?;
    let finite = medians.candidate.is_finite() && medians.baseline.is_finite();
    let metric = HistoryMetric {
        unit: result.metric.unit.clone(),
        value: medians.candidate,
        baseline: Some(medians.baseline),
        effect: result.effect,
        count: result.effect.map_or(0, |effect| effect.count as u64),
    };
    finite.then(|| (result.metric.name.clone(), metric))
}

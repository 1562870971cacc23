//! One entry of a history.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::gate::{Effect, GateOutcome, MetricResult};
use crate::summary::Summary;
use crate::summary::verdict::MeasurementVerdict;

/// Version of the entry format.
pub const HISTORY_VERSION: u32 = 1;

/// Kind of a history entry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EntryKind {
    /// A gate; the values are those of the candidate.
    #[default]
    Gate,
    /// A run.
    Run,
}

/// One entry of a history: the figures of one revision.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryEntry {
    /// Version of this format.
    pub version: u32,
    /// Start of the gate or run, RFC 3339.
    pub at: String,
    /// Kind of the entry.
    #[serde(default)]
    pub kind: EntryKind,
    /// Name of the scenario.
    pub scenario: String,
    /// The machine. Figures of different machines are separate series.
    #[serde(default)]
    pub machine: String,
    /// Label of the build.
    #[serde(default)]
    pub label: String,
    /// Revision of the build, if known.
    #[serde(default)]
    pub revision: Option<String>,
    /// Verdict, in one word.
    #[serde(default)]
    pub verdict: String,
    /// Figures by metric name; empty for an invalid measurement.
    #[serde(default)]
    pub metrics: BTreeMap<String, HistoryMetric>,
}

/// Figures of one metric, of which less is better.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryMetric {
    /// Unit of the values.
    #[serde(default)]
    pub unit: String,
    /// The value; for a gate, the candidate's median over the rounds.
    pub value: f64,
    /// The baseline's median over the same rounds.
    #[serde(default)]
    pub baseline: Option<f64>,
    /// Effect with its interval, as a ratio minus one.
    #[serde(default)]
    pub effect: Option<Effect>,
    /// Number of rounds of a gate, or of samples of a run.
    #[serde(default)]
    pub count: u64,
}

impl HistoryEntry {
    /// Makes the entry of a gate. It has no metrics if the builds did different work or nothing was judged.
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

    /// Makes the entry of a run. An invalid measurement has no metrics.
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

    /// Formats the entry as one line, including the line break.
    ///
    /// # Errors
    /// If the entry cannot be serialised to JSON.
    pub fn line(&self) -> Result<String, serde_json::Error> {
        // JSON escapes line breaks in strings.
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

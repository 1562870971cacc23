//! One step of the search: one rate, sent to a stage.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tenfold_analysis::format;

use super::box_use::BoxUse;
use super::stage_lab::StageLab;

/// The result of one rate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Step {
    /// Planned requests per second.
    pub(crate) rate_per_s: u32,
    /// True if every objective was met.
    pub(crate) holds: bool,
    /// Verdict of the measurement: `valid`, `suspect` or `invalid`.
    pub(crate) measurement: String,
    /// Successful requests per second.
    pub(crate) achieved_per_s: f64,
    /// Median response time, in milliseconds. `None` with too few requests.
    pub(crate) p50_ms: Option<f64>,
    /// 99th percentile of response time, in milliseconds. `None` with too few requests.
    pub(crate) p99_ms: Option<f64>,
    /// Share of requests that failed or were dropped.
    pub(crate) failed: f64,
    /// Usage of the boxes, including the warm-up.
    pub(crate) boxes: Vec<BoxUse>,
}

impl Step {
    /// Sends a rate for a time, and reads the usage of the boxes.
    pub(crate) fn take(
        lab: &mut StageLab<'_>,
        scenario: &Path,
        rate: u32,
        duration: Duration,
    ) -> anyhow::Result<Self> {
        let before = lab.boxes()?;
        let summary = lab.send(scenario, rate, duration)?;
        let after = lab.boxes()?;
        let figure = |pointer: &str| {
            summary
                .pointer(pointer)
                .and_then(Value::as_f64)
                .with_context(|| format!("the summary has no {pointer}"))
        };
        let milliseconds = |pointer: &str| {
            let ns = summary.pointer(pointer).and_then(Value::as_f64);
            ns.map(|ns| ns / 1e6)
        };
        let text = |pointer: &str| summary.pointer(pointer).and_then(Value::as_str);
        let planned = figure("/arrivals/planned")?.max(1.0);
        let completed = figure("/arrivals/completed")?;
        // The usage of the boxes includes the warm-up, so its requests count too.
        let all = completed + figure("/warm_up/completed").unwrap_or(0.0);
        Ok(Self {
            rate_per_s: rate,
            holds: text("/verdict/slo") == Some("met")
                && text("/verdict/measurement") != Some("invalid"),
            measurement: text("/verdict/measurement").unwrap_or_default().to_owned(),
            achieved_per_s: figure("/rate_per_s/achieved")?,
            p50_ms: milliseconds("/latency_ns/response/p50"),
            p99_ms: milliseconds("/latency_ns/response/p99"),
            failed: (figure("/arrivals/failed")? + figure("/arrivals/dropped")?) / planned,
            boxes: BoxUse::between(&before, &after, all),
        })
    }

    /// Returns a summary for people.
    pub(crate) fn describe(&self) -> String {
        format!(
            "{}/s {}: p50 {}, p99 {}, {} failed",
            self.rate_per_s,
            if self.holds {
                "sustained"
            } else {
                "not sustained"
            },
            milliseconds(self.p50_ms),
            milliseconds(self.p99_ms),
            format::percent(self.failed),
        )
    }

    #[cfg(test)]
    pub(crate) fn sample(rate_per_s: u32, holds: bool) -> Self {
        Self {
            rate_per_s,
            holds,
            measurement: "valid".to_owned(),
            achieved_per_s: f64::from(rate_per_s),
            p50_ms: Some(4.0),
            p99_ms: Some(if holds { 60.0 } else { 900.0 }),
            failed: 0.0,
            boxes: vec![BoxUse {
                name: "web".to_owned(),
                role: "web".to_owned(),
                cpu_us_a_request: 800.0,
                used: 0.19,
                held_back: 0.4,
                memory_bytes: 100 << 20,
            }],
        }
    }
}

/// Formats a time in milliseconds.
pub(crate) fn milliseconds(time: Option<f64>) -> String {
    time.map_or_else(
        || "–".to_owned(),
        |time| format!("{} ms", format::significant(time)),
    )
}

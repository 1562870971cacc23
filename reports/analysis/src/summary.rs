//! `summary.json`: what a run came to. Its shape is a public contract.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::counts::{CheckCounts, JourneyCounts, RequestCounts};
use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::sample::Sample;
use tenfold_run_dir::{Connections, Metric, Run};

use crate::arrivals::{Arrivals, named_statuses};
use crate::findings::{Finding, findings, next_step};
use crate::generator::Generator;
use crate::hot_keys::{HotKeys, hot_keys};
use crate::identities::{Identity, identities};
use crate::latency::{Latencies, Latency};
use crate::merged::Merged;
use crate::rules::{RuleResult, judge_rules};
use crate::usage::{HostUsage, TargetUsage};
use crate::verdict::{Verdict, judge};
use crate::window::Window;

/// The version of the summary's shape.
pub const SUMMARY_VERSION: u32 = 1;

/// What a run came to.
///
/// Figures are of the counted phases, not of warm-up, unless a field says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of this shape.
    pub version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// The seed in force.
    pub seed: u64,
    /// The stage of the reference service; none for another service.
    pub stage: Option<String>,
    /// The address that was sent to.
    pub target: String,
    /// `open` or `closed`.
    pub model: String,
    /// When the run began, RFC 3339 in UTC.
    pub started_at: String,
    /// The runs that it was merged from; empty for a run of one generator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<Part>,
    /// How long the counted phases lasted, in seconds.
    pub counted_s: f64,
    /// How far the figures can be trusted, and whether the objectives are met.
    pub verdict: Verdict,
    /// What became of the arrivals.
    pub arrivals: Arrivals,
    /// What became of the arrivals of warm-up, which nothing else here counts.
    pub warm_up: Arrivals,
    /// Offered and achieved rate.
    pub rate_per_s: Rates,
    /// Latencies of all requests.
    pub latency_ns: Latencies,
    /// Failures by class.
    pub failures: BTreeMap<String, u64>,
    /// The reads among the requests.
    pub reads: Group,
    /// The writes among the requests.
    pub writes: Group,
    /// The requests, in the scenario's order.
    pub requests: Vec<RequestSummary>,
    /// The objectives, in the scenario's order.
    pub rules: Vec<RuleResult>,
    /// What sending took.
    pub generator: Generator,
    /// How the target was talked to, warm-up included; none in a run of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Connections>,
    /// What the target's process took; none where it did not tell.
    pub target_usage: Option<TargetUsage>,
    /// What the machine of the generator was under; none where the system did not tell.
    pub host_usage: Option<HostUsage>,
    /// How much of the load went to the most popular keys, by key space.
    pub hot_keys: Vec<HotKeys>,
    /// What must hold in every run, and whether it does.
    pub identities: Vec<Identity>,
    /// What stands out, the most important first.
    pub findings: Vec<Finding>,
    /// What to do next, in a sentence or two.
    pub next: String,
    /// What became of journeys, warm-up included; none where requests come one by one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<JourneyCounts>,
    /// What came back where requests failed, a few of each kind, secrets masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
}

/// Offered and achieved rate.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Rates {
    /// Arrivals planned per second.
    pub offered: f64,
    /// Answers as expected per second, by the time at which they were complete: what came after the
    /// last counted phase does not count.
    pub achieved: f64,
    /// Achieved of offered; none where nothing was offered.
    pub share: Option<f64>,
}

impl Rates {
    fn new(planned: u64, completed: f64, seconds: f64) -> Self {
        let per_second = |count: f64| if seconds > 0.0 { count / seconds } else { 0.0 };
        Self {
            offered: per_second(planned as f64),
            achieved: per_second(completed),
            share: (planned > 0).then(|| completed / planned as f64),
        }
    }
}

/// The reads, or the writes.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Group {
    /// What became of the arrivals.
    pub arrivals: Arrivals,
    /// Offered and achieved rate.
    pub rate_per_s: Rates,
    /// Their latencies.
    pub latency_ns: Latencies,
}

/// One request of the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RequestSummary {
    /// Its name.
    pub name: String,
    /// `read` or `write`.
    pub kind: String,
    /// Its HTTP method.
    pub method: String,
    /// What became of the arrivals.
    pub arrivals: Arrivals,
    /// Its latencies.
    pub latency_ns: Latencies,
    /// Answers by status.
    pub statuses: BTreeMap<String, u64>,
    /// Failures by class.
    pub failures: BTreeMap<String, u64>,
    /// Bytes of response bodies.
    pub body_bytes: u64,
    /// What came of its checks, by name; none where it has none.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub checks: BTreeMap<String, CheckCounts>,
}

/// Sums up a run.
pub fn summarise(run: &Run) -> Summary {
    let window = Window::of(run);
    let merged = Merged::of(run);
    let by_request = counts_by_request(run, true);
    let all = total(&by_request, |_| true);
    let arrivals = Arrivals::from(&all);
    let group = |kind: &str| {
        let is_kind = |request: usize| {
            run.manifest
                .requests
                .get(request)
                .is_some_and(|request| request.kind == kind)
        };
        let arrivals = Arrivals::from(&total(&by_request, is_kind));
        let [reads, writes] = answered_in_time(run, &window);
        let completed = if kind == "read" { reads } else { writes };
        Group {
            rate_per_s: Rates::new(arrivals.planned, completed, window.seconds()),
            arrivals,
            latency_ns: latencies(&merged, is_kind),
        }
    };
    let requests = run
        .manifest
        .requests
        .iter()
        .enumerate()
        .map(|(index, request)| {
            let counts = by_request.get(index).cloned().unwrap_or_default();
            RequestSummary {
                name: request.name.clone(),
                kind: request.kind.clone(),
                method: request.method.clone(),
                arrivals: Arrivals::from(&counts),
                latency_ns: latencies(&merged, |other| other == index),
                statuses: named_statuses(&counts.statuses),
                failures: counts.failures,
                body_bytes: counts.body_bytes,
                checks: counts.checks,
            }
        });
    let completed = answered_in_time(run, &window).iter().sum();
    let target_usage = TargetUsage::of(run, &window);
    let mut summary = Summary {
        version: SUMMARY_VERSION,
        scenario: run.manifest.scenario.clone(),
        seed: run.manifest.seed,
        stage: run.manifest.stage.clone(),
        target: run.manifest.target.clone(),
        model: run.manifest.model.clone(),
        started_at: run.manifest.started_at.clone(),
        merged_from: run.manifest.merged_from.clone(),
        counted_s: window.seconds(),
        verdict: Verdict::default(),
        rate_per_s: Rates::new(arrivals.planned, completed, window.seconds()),
        arrivals,
        warm_up: Arrivals::from(&total(&counts_by_request(run, false), |_| true)),
        latency_ns: latencies(&merged, |_| true),
        failures: all.failures,
        reads: group("read"),
        writes: group("write"),
        requests: requests.collect(),
        rules: Vec::new(),
        generator: Generator::of(run, &merged, &window),
        connections: run.counts.connections.clone(),
        host_usage: HostUsage::of(run, &window, target_usage.as_ref()),
        target_usage,
        hot_keys: hot_keys(run),
        identities: identities(run),
        findings: Vec::new(),
        next: String::new(),
        journeys: run.counts.journeys.clone(),
        samples: run.samples.clone(),
    };
    summary.rules = judge_rules(run, &merged, &summary);
    summary.verdict = judge(run, &merged, &summary);
    summary.findings = findings(run, &merged, &window, &summary);
    summary.next = next_step(&summary);
    summary
}

/// Returns the reads and the writes that were answered while the counted phases lasted.
///
/// A run that did not count them has only the rows of its time line, of which one that a phase ends
/// in is taken in proportion.
fn answered_in_time(run: &Run, window: &Window) -> [f64; 2] {
    match run.counts.in_time {
        Some(in_time) => [in_time.reads as f64, in_time.writes as f64],
        None => [
            window.sum(run, |row| row.reads),
            window.sum(run, |row| row.writes),
        ],
    }
}

/// Sums each request's counts over the phases that count, or over warm-up.
fn counts_by_request(run: &Run, counted: bool) -> Vec<RequestCounts> {
    let mut sums = vec![RequestCounts::default(); run.manifest.requests.len()];
    for (phase, requests) in run.counts.phases.iter().enumerate() {
        if run.is_counted(phase) == counted {
            for (sum, counts) in sums.iter_mut().zip(requests) {
                sum.add(counts);
            }
        }
    }
    sums
}

fn total(by_request: &[RequestCounts], keep: impl Fn(usize) -> bool) -> RequestCounts {
    let mut sum = RequestCounts::default();
    for (_, counts) in by_request
        .iter()
        .enumerate()
        .filter(|(index, _)| keep(*index))
    {
        sum.add(counts);
    }
    sum
}

fn latencies(merged: &Merged, keep: impl Fn(usize) -> bool) -> Latencies {
    let of = |metric| Latency::of(&merged.histogram(metric, &keep));
    Latencies {
        response: of(Metric::Response),
        service: of(Metric::Service),
        first_byte: of(Metric::FirstByte),
        lag: of(Metric::Lag),
        blocked: of(Metric::Blocked),
        response_without_lag: of(Metric::Unlagged),
    }
}

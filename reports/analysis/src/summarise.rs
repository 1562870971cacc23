//! Summarises a run: figures, objectives, verdict and findings.

mod parts;

use std::collections::BTreeMap;

use tenfold_run_dir::counts::{ArrivalCounts, RequestCounts, blamed_on};
use tenfold_run_dir::durations::Durations;
use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::{Blame, DurationSummary, Metric, Run};
use tenfold_scenarios::status_text;

use crate::faults::faults;
use crate::findings::{findings, next_step};
use crate::latency::counted_latencies::CountedLatencies;
use crate::latency::percentiles::{Latencies, Latency};
use crate::scaling::scaling;
use crate::summary::agents::AgentsSummary;
use crate::summary::failed_by::FailedBy;
use crate::summary::generator::Generator;
use crate::summary::hot_keys::hot_keys;
use crate::summary::identities::identities;
use crate::summary::objective_gaps::ObjectiveGaps;
use crate::summary::phase::phases;
use crate::summary::rates::Rates;
use crate::summary::request::{EventStreams, Group, RequestSummary};
use crate::summary::server_time::server_times;
use crate::summary::too_few_users::too_few_users;
use crate::summary::usage::{HostUsage, TargetUsage};
use crate::summary::verdict::Verdict;
use crate::summary::window::Window;
use crate::summary::{SUMMARY_VERSION, Summary};
use crate::verdict::{judge, judge_rules, objective_gaps};

pub(crate) use parts::part;
use parts::parts;

/// Summarises a run.
pub fn summarise(run: &Run) -> Summary {
    let (mut summary, counted, window) = figures(run, parts(run));
    summary.too_few_users = too_few_users(run, &summary);
    summary.rules = judge_rules(run, &counted, &summary);
    summary.objective_gaps = objective_gaps(run, &counted, &summary);
    summary.verdict = judge(run, &counted, &summary);
    summary.findings = findings(run, &counted, &window, &summary);
    summary.next = next_step(&summary);
    summary
}

/// Returns the figures of a run with these parts, before anything is judged.
fn figures(run: &Run, merged_from: Vec<Part>) -> (Summary, CountedLatencies<'_>, Window) {
    let window = Window::of(run);
    let counted = CountedLatencies::of(run);
    let by_request = counts_by_request(run, true);
    let all = total(&by_request, |_| true);
    let arrivals = ArrivalCounts::from(&all);
    let group = |kind: &str| {
        let is_kind = |request: usize| {
            run.manifest
                .requests
                .get(request)
                .is_some_and(|request| request.kind == kind)
        };
        let counts = total(&by_request, is_kind);
        let arrivals = ArrivalCounts::from(&counts);
        let [reads, writes] = answered_in_time(run, &window);
        let completed = if kind == "read" { reads } else { writes };
        Group {
            rate_per_s: Rates::new(
                arrivals.planned,
                reached(&counts),
                completed,
                window.seconds(),
            ),
            arrivals,
            latency_ns: latencies(&counted, is_kind),
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
                arrivals: ArrivalCounts::from(&counts),
                latency_ns: latencies(&counted, |other| other == index),
                statuses: named_statuses(&counts.statuses),
                failures: counts.failures,
                body_bytes: counts.body_bytes,
                checks: counts.checks,
                events: (!counts.events.is_empty()).then(|| EventStreams {
                    first_event_ns: of_request(&counted, Metric::FirstEvent, index),
                    event_gap_ns: of_request(&counted, Metric::EventGap, index),
                    round_trip_ns: of_request(&counted, Metric::RoundTrip, index),
                    by_name: counts.events,
                }),
                travel: counts.travel,
                exchanges_ns: exchange_summaries(run, index),
            }
        });
    let completed = answered_in_time(run, &window).iter().sum();
    let target_usage = TargetUsage::of(run, &window);
    let summary = Summary {
        version: SUMMARY_VERSION,
        scenario: run.manifest.scenario.clone(),
        seed: run.manifest.seed,
        stage: run.manifest.stage.clone(),
        target: run.manifest.target.clone(),
        model: run.manifest.model.clone(),
        started_at: run.manifest.started_at.clone(),
        generators: run.manifest.generators,
        agents: AgentsSummary::of(&run.agents),
        ended_early: run.counts.interrupted.clone(),
        counted_s: window.seconds(),
        verdict: Verdict::default(),
        rate_per_s: Rates::new(arrivals.planned, reached(&all), completed, window.seconds()),
        arrivals,
        warm_up: ArrivalCounts::from(&total(&counts_by_request(run, false), |_| true)),
        latency_ns: latencies(&counted, |_| true),
        failed_by: FailedBy::of(&all.failures),
        failures: all.failures,
        too_few_users: None,
        reads: group("read"),
        writes: group("write"),
        requests: requests.collect(),
        phases: phases(run),
        rules: Vec::new(),
        objective_gaps: ObjectiveGaps::default(),
        generator: Generator::of(run, &counted, &window, &merged_from),
        merged_from,
        connections: run.counts.connections.clone(),
        host_usage: HostUsage::of(run, &window, target_usage.as_ref()),
        target_usage,
        hot_keys: hot_keys(run),
        identities: identities(run),
        findings: Vec::new(),
        next: String::new(),
        journeys: run.counts.journeys.clone(),
        samples: run.samples.clone(),
        traces: run.counts.traces.clone(),
        server_time: server_times(run),
        scaling: scaling(run),
        incidents: run.incidents.clone(),
        faults: faults(run),
    };
    (summary, counted, window)
}

/// Returns the numbers of reads and writes that completed during the counted phases.
///
/// A run of an older version did not count them. They are then summed over the rows of its time line; a
/// row in which a phase ends counts in proportion.
fn answered_in_time(run: &Run, window: &Window) -> [f64; 2] {
    match run.counts.in_time {
        Some(in_time) => [in_time.reads as f64, in_time.writes as f64],
        None => [
            window.sum(run, |row| row.reads),
            window.sum(run, |row| row.writes),
        ],
    }
}

/// Returns the number of requests that were sent, without those that the generator failed to send.
fn reached(counts: &RequestCounts) -> u64 {
    let own = blamed_on(Blame::Generator, &counts.failures);
    counts.sent.saturating_sub(own)
}

/// Summarises the exchanges of the redirected requests of one kind.
fn exchange_summaries(run: &Run, request: usize) -> Vec<DurationSummary> {
    let hops = run.counts.hops.iter().find(|hops| hops.request == request);
    hops.map_or_else(Vec::new, |hops| {
        hops.exchanges.iter().map(Durations::summary).collect()
    })
}

/// Converts statuses to strings, the key type of JSON objects; those of gRPC with their names.
fn named_statuses(statuses: &BTreeMap<u16, u64>) -> BTreeMap<String, u64> {
    statuses
        .iter()
        .map(|(status, count)| (status_text(*status), *count))
        .collect()
}

/// Sums the counts of each request over the counted phases, or over warm-up.
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

fn of_request(counted: &CountedLatencies, metric: Metric, request: usize) -> Latency {
    Latency::of(&counted.histogram(metric, |other| other == request))
}

fn latencies(counted: &CountedLatencies, keep: impl Fn(usize) -> bool) -> Latencies {
    let of = |metric| Latency::of(&counted.histogram(metric, &keep));
    Latencies {
        response: of(Metric::Response),
        service: of(Metric::Service),
        first_byte: of(Metric::FirstByte),
        lag: of(Metric::Lag),
        blocked: of(Metric::Blocked),
        response_without_lag: of(Metric::Unlagged),
    }
}

//! The JSON that k6 writes with `--summary-export`, for dashboards that read it.
//!
//! Differences from k6:
//!
//! - `http_req_duration` is the response time from the intended time. The time from sending is
//!   `http_req_service`.
//! - `http_req_waiting` begins when a user starts to send. It includes opening a connection, if none is open.
//! - `http_req_sending` is absent: one call passes a request to the kernel, so the time of its last byte is
//!   unknown.
//! - `http_req_blocked`, `http_req_connecting`, `http_req_tls_handshaking`, `data_sent` and `data_received`
//!   cover the whole run, including the warm-up; all others cover the counted phases. In the first three, a
//!   request with an open connection counts as 0, as in k6. Data is counted above TLS.
//! - `iterations` are journeys. Without journeys, each request is an iteration.
//! - Checks with the same name count as one check, even in different requests.
//! - A percentile with too few samples is `null`. Metrics that the run did not measure are absent.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use md5::{Digest, Md5};
use serde_json::{Map, Value, json};
use tenfold_analysis::{Latency, RuleResult, Summary, exchange_times};
use tenfold_run_dir::Run;
use tenfold_run_dir::counts::CheckCounts;

use crate::export::{Format, Rendered, json};
use crate::run::formats::{RunResults, RunSubject};

pub(super) const FORMAT: Format<RunSubject> = Format {
    name: "k6",
    default_file: "k6-summary.json",
    render,
};

/// Metrics of the whole run, including the warm-up.
const WHOLE_RUN: [&str; 5] = [
    "http_req_blocked",
    "http_req_connecting",
    "http_req_tls_handshaking",
    "data_sent",
    "data_received",
];

/// Renders a run. Times are milliseconds.
///
/// Each objective is a threshold of its metric. As in k6, `true` means that it was missed. Objectives that were
/// not judged are absent.
fn render<'a>(results: &'a RunResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    let RunResults { run, summary } = *results;
    let document = json!({
        "metrics": metrics(run, summary),
        "root_group": {
            "name": "",
            "path": "",
            "id": id(""),
            "groups": {},
            "checks": checks(summary),
        },
        // An extension of k6's format that explains the figures.
        "tenfold": {
            "measurement": summary.verdict.measurement,
            "slo": summary.verdict.slo,
            "reasons": summary.verdict.reasons,
            "http_req_duration": "response time from the intended time, in milliseconds; the time \
                                  from sending, which k6 reports under this name, is http_req_service",
            "http_req_sending": "absent: the time at which the last byte of a request was sent is unknown",
            "whole_run": {
                "metrics": WHOLE_RUN,
                "reason": "these cover the whole run, including the warm-up; all others cover the \
                           counted phases",
            },
        },
    });
    Ok(Rendered::file(path, json::render(&document)?))
}

/// Metrics by name, each with its thresholds.
struct Metrics<'a> {
    summary: &'a Summary,
    by_name: Map<String, Value>,
}

impl Metrics<'_> {
    fn put(&mut self, name: &str, mut figures: Value) {
        let thresholds = thresholds(self.summary, name);
        if let (Some(figures), false) = (figures.as_object_mut(), thresholds.is_empty()) {
            figures.insert("thresholds".to_owned(), thresholds.into());
        }
        self.by_name.insert(name.to_owned(), figures);
    }

    fn trend(&mut self, name: &str, latency: &Latency) {
        if latency.count > 0 {
            self.put(name, trend(latency));
        }
    }
}

fn metrics(run: &Run, summary: &Summary) -> Value {
    let (arrivals, latency) = (&summary.arrivals, &summary.latency_ns);
    let counted = |count: u64| counter(count, summary.counted_s);
    let mut metrics = Metrics {
        summary,
        by_name: Map::new(),
    };
    let all = checks_by_name(summary);
    if !all.is_empty() {
        let sum = |of: fn(&CheckCounts) -> u64| all.values().map(of).sum();
        metrics.put("checks", share(sum(|c| c.passed), sum(|c| c.failed)));
    }
    metrics.put("dropped_iterations", counted(arrivals.dropped));
    metrics.trend("http_req_duration", &latency.response);
    // In k6, `passes` counts the samples that are true: here, the failed requests.
    metrics.put(
        "http_req_failed",
        share(arrivals.failed, arrivals.completed),
    );
    metrics.trend("http_req_service", &latency.service);
    metrics.trend("http_req_waiting", &latency.first_byte);
    metrics.put("http_reqs", counted(arrivals.sent));

    let times = exchange_times(run);
    let journeys = times.as_ref().map(|times| &times.journeys);
    if summary.journeys.is_empty() {
        metrics.trend("iteration_duration", &latency.response);
        metrics.put("iterations", counted(arrivals.completed + arrivals.failed));
    } else if let Some(journeys) = journeys {
        metrics.trend("iteration_duration", journeys);
        metrics.put("iterations", counted(journeys.count));
    }
    if let Some(times) = &times {
        metrics.trend("http_req_blocked", &times.opening);
        metrics.trend("http_req_connecting", &times.connecting);
        metrics.trend("http_req_tls_handshaking", &times.handshake);
        metrics.trend("http_req_receiving", &times.receiving);
    }
    if let Some(traffic) = &run.counts.traffic {
        let elapsed_s = run.counts.elapsed_ns as f64 / 1e9;
        metrics.put("data_sent", counter(traffic.sent_bytes, elapsed_s));
        metrics.put("data_received", counter(traffic.received_bytes, elapsed_s));
    }
    let gauge = |value: u64| json!({ "value": value, "min": value, "max": value });
    metrics.put("vus", gauge(summary.generator.users_used));
    metrics.put("vus_max", gauge(run.manifest.users.into()));
    metrics.by_name.into()
}

fn counter(count: u64, seconds: f64) -> Value {
    let rate = if seconds > 0.0 {
        count as f64 / seconds
    } else {
        0.0
    };
    json!({ "count": count, "rate": rate })
}

fn share(passes: u64, fails: u64) -> Value {
    let of = (passes + fails).max(1) as f64;
    json!({ "passes": passes, "fails": fails, "value": passes as f64 / of })
}

fn trend(latency: &Latency) -> Value {
    let ms = |ns: Option<u64>| ns.map(|ns| ns as f64 / 1e6);
    json!({
        "avg": ms(latency.mean),
        "min": ms(latency.min),
        "med": ms(latency.p50),
        "max": ms(latency.max),
        "p(90)": ms(latency.p90),
        "p(95)": ms(latency.p95),
        "p(99)": ms(latency.p99),
    })
}

fn thresholds(summary: &Summary, metric: &str) -> Map<String, Value> {
    let about = summary.rules.iter().filter(|rule| about(rule) == metric);
    about
        .filter_map(|rule| Some((rule.text.clone(), Value::Bool(!rule.met?))))
        .collect()
}

/// Returns k6's metric for an objective.
fn about(rule: &RuleResult) -> &'static str {
    let text = rule.text.trim_start();
    match rule.unit.as_str() {
        "ns" if text.starts_with("service") => "http_req_service",
        "ns" => "http_req_duration",
        _ if text.starts_with("rate") => "http_reqs",
        _ => "http_req_failed",
    }
}

/// Sums the outcomes of checks with the same name.
fn checks_by_name(summary: &Summary) -> BTreeMap<&str, CheckCounts> {
    let mut all = BTreeMap::<&str, CheckCounts>::new();
    for (name, counts) in summary.requests.iter().flat_map(|request| &request.checks) {
        let sum = all.entry(name).or_default();
        sum.passed += counts.passed;
        sum.failed += counts.failed;
    }
    all
}

fn checks(summary: &Summary) -> Value {
    let checks = checks_by_name(summary).into_iter().map(|(name, counts)| {
        let path = format!("::{name}");
        let check = json!({
            "name": name,
            "path": path,
            "id": id(&path),
            "passes": counts.passed,
            "fails": counts.failed,
        });
        (name.to_owned(), check)
    });
    Value::Object(checks.collect())
}

/// Returns k6's identifier of a path: its MD5 in hexadecimal.
fn id(path: &str) -> String {
    let digest = Md5::digest(path.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_match_those_of_k6() {
        assert_eq!(id(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(id("::status is 200"), "6210a8cd14cd70477eba5c5e4cb3fb5f");
    }
}

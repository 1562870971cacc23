//! The JSON that k6 writes with `--summary-export`, for dashboards that read it.
//!
//! What differs from k6:
//!
//! - `http_req_duration` is the response time from the intended moment, not the time from sending, which
//!   is `http_req_service`.
//! - `http_req_waiting` begins when a user begins to send, so that it holds the opening of a connection
//!   where one had to be opened first.
//! - `http_req_sending` is left out: a request is handed to the kernel in one call, and when its last
//!   byte left is not known.
//! - `http_req_blocked`, `http_req_connecting`, `http_req_tls_handshaking`, `data_sent` and
//!   `data_received` are of the whole run, warm-up included; all else is of the phases that count. In the first three each
//!   request that found its connection open is a 0, as in k6. The data is what is written to TLS and
//!   read from it.
//! - `iterations` are journeys; where requests come one by one, each request is one.
//! - A check that several requests make is one check, as one of several scripts is in k6.
//! - A percentile that the samples do not bear is `null`, and what a run did not measure is left out.

use std::collections::BTreeMap;

use md5::{Digest, Md5};
use serde_json::{Map, Value, json};
use tenfold_analysis::{Latency, RuleResult, Summary, exchange_times};
use tenfold_run_dir::Run;
use tenfold_run_dir::counts::CheckCounts;

/// What is of the whole run, warm-up included.
const WHOLE_RUN: [&str; 5] = [
    "http_req_blocked",
    "http_req_connecting",
    "http_req_tls_handshaking",
    "data_sent",
    "data_received",
];

/// Renders a run in the shape of k6's `--summary-export`; times are milliseconds.
///
/// Each objective is a threshold of the metric that it is about; as in k6, `true` means that it was
/// missed. One that could not be judged is left out.
///
/// # Errors
/// Never while memory lasts.
pub fn render(run: &Run, summary: &Summary) -> Result<String, serde_json::Error> {
    let document = json!({
        "metrics": metrics(run, summary),
        "root_group": {
            "name": "",
            "path": "",
            "id": id(""),
            "groups": {},
            "checks": checks(summary),
        },
        // Not k6's: what a reader has to know who wonders at the figures.
        "tenfold": {
            "measurement": summary.verdict.measurement,
            "slo": summary.verdict.slo,
            "reasons": summary.verdict.reasons,
            "http_req_duration": "response time from the intended moment, in milliseconds; the time \
                                  from sending, which k6 has under this name, is http_req_service",
            "http_req_sending": "left out: when the last byte of a request left is not known",
            "whole_run": {
                "metrics": WHOLE_RUN,
                "reason": "these are of the whole run, warm-up included; all else is of the phases \
                           that count",
            },
        },
    });
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

/// The metrics of a run by their names, each with its thresholds.
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
    // k6 says `passes` for samples that are true: here, for requests that did fail.
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

/// The metric of k6's that an objective is about.
fn about(rule: &RuleResult) -> &'static str {
    let text = rule.text.trim_start();
    match rule.unit.as_str() {
        "ns" if text.starts_with("service") => "http_req_service",
        "ns" => "http_req_duration",
        _ if text.starts_with("rate") => "http_reqs",
        _ => "http_req_failed",
    }
}

/// What came of the checks, those of one name together.
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

/// The identifier that k6 gives to what has this path: its MD5 in hexadecimal.
fn id(path: &str) -> String {
    let digest = Md5::digest(path.as_bytes());
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_the_identifiers_of_k6() {
        assert_eq!(id(""), "d41d8cd98f00b204e9800998ecf8427e");
        assert_eq!(id("::status is 200"), "6210a8cd14cd70477eba5c5e4cb3fb5f");
    }
}

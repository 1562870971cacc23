//! The JSON that k6 writes with `--summary-export`, for dashboards that read it.
//!
//! What differs from k6: `http_req_duration` is the response time from the intended moment, not the
//! time from sending; a percentile that the samples do not bear is `null`; `checks` holds one check a
//! request, which is whether it was answered as the scenario expects; warm-up is left out.

use serde_json::{Map, Value, json};
use tenfold_analysis::{Latency, RuleResult, Summary};
use tenfold_run_dir::Manifest;

/// The identifier of k6's root group: the MD5 of nothing.
const ROOT_GROUP: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// Renders a run in the shape of k6's `--summary-export`; times are milliseconds.
///
/// Each objective is a threshold of the metric that it is about; as in k6, `true` means that it was
/// missed. One that could not be judged is left out.
///
/// # Errors
/// Never while memory lasts.
pub fn render(manifest: &Manifest, summary: &Summary) -> Result<String, serde_json::Error> {
    let document = json!({
        "metrics": metrics(manifest, summary),
        "root_group": {
            "name": "",
            "path": "",
            "id": ROOT_GROUP,
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
        },
    });
    serde_json::to_string_pretty(&document).map(|text| text + "\n")
}

fn metrics(manifest: &Manifest, summary: &Summary) -> Value {
    let arrivals = &summary.arrivals;
    let ended = arrivals.completed + arrivals.failed;
    let per_second = |count: u64| {
        if summary.counted_s > 0.0 {
            count as f64 / summary.counted_s
        } else {
            0.0
        }
    };
    let counter = |count: u64| json!({ "count": count, "rate": per_second(count) });
    // k6 says `passes` for samples that are true: here, for requests that did fail.
    let share = |passes: u64, fails: u64| {
        let of = (passes + fails).max(1) as f64;
        json!({ "passes": passes, "fails": fails, "value": passes as f64 / of })
    };
    let received = summary.requests.iter().map(|r| r.body_bytes).sum();
    let latency = &summary.latency_ns;
    let mut metrics = Map::new();
    let mut put = |name: &str, figures: Value| {
        let mut figures = figures;
        let thresholds = thresholds(summary, name);
        if let (Some(figures), false) = (figures.as_object_mut(), thresholds.is_empty()) {
            figures.insert("thresholds".to_owned(), thresholds.into());
        }
        metrics.insert(name.to_owned(), figures);
    };
    put("checks", share(arrivals.completed, arrivals.failed));
    put("data_received", counter(received));
    put("dropped_iterations", counter(arrivals.dropped));
    put("http_req_blocked", trend(&latency.blocked));
    put("http_req_duration", trend(&latency.response));
    put(
        "http_req_failed",
        share(arrivals.failed, arrivals.completed),
    );
    put("http_req_service", trend(&latency.service));
    put("http_req_waiting", trend(&latency.first_byte));
    put("http_reqs", counter(arrivals.sent));
    put("iteration_duration", trend(&latency.response));
    put("iterations", counter(ended));
    let users = summary.generator.users_used;
    put("vus", json!({ "value": users, "min": users, "max": users }));
    let most = manifest.users;
    put(
        "vus_max",
        json!({ "value": most, "min": most, "max": most }),
    );
    metrics.into()
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

fn checks(summary: &Summary) -> Value {
    let checks = summary.requests.iter().map(|request| {
        let name = format!("{}: answered as expected", request.name);
        let check = json!({
            "name": name,
            "path": format!("::{name}"),
            "passes": request.arrivals.completed,
            "fails": request.arrivals.failed,
        });
        (name, check)
    });
    Value::Object(checks.collect())
}

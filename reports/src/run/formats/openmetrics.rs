//! OpenMetrics: the figures of a finished run, to scrape or to push.

use std::fmt::{Display, Write as _};
use std::io;
use std::path::Path;

use tenfold_analysis::{
    Distribution, Latencies, Latency, MeasurementVerdict, Scope, Summary, distributions,
};
use tenfold_run_dir::counts::{TravelCounts, blame};
use tenfold_run_dir::{BUCKET_BOUNDS_NS, Blame, Metric};

use crate::export::{Format, Rendered};
use crate::run::formats::{RunResults, RunSubject};

pub(super) const FORMAT: Format<RunSubject> = Format {
    name: "openmetrics",
    default_file: "openmetrics.txt",
    render,
};

fn render<'a>(results: &'a RunResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    let RunResults { run, summary } = *results;
    let requests: Vec<Scope> = (0..summary.requests.len()).map(Scope::Request).collect();
    let text = text(summary, &distributions(run, &requests));
    Ok(Rendered::file(path, text))
}

/// Renders the counted phases in OpenMetrics 1.0: counters, a histogram of each request, and gauges of
/// percentiles. `distributions` holds those of each request.
fn text(summary: &Summary, distributions: &[Distribution]) -> String {
    let mut out = Exposition::default();
    out.family("tenfold_run", "info", "", "Settings of the run.");
    out.sample(
        "tenfold_run_info",
        &[
            ("scenario", &summary.scenario),
            ("seed", &summary.seed),
            ("model", &summary.model),
            ("target", &summary.target),
            ("started_at", &summary.started_at),
        ],
        1,
    );
    counters(&mut out, summary);
    gauges(&mut out, summary);
    quantiles(&mut out, summary);
    histograms(&mut out, summary, distributions);
    out.text.push_str("# EOF\n");
    out.text
}

fn counters(out: &mut Exposition, summary: &Summary) {
    out.family(
        "tenfold_requests",
        "counter",
        "",
        "Arrivals of the counted phases by outcome.",
    );
    for request in &summary.requests {
        let arrivals = &request.arrivals;
        for (outcome, count) in [
            ("completed", arrivals.completed),
            ("failed", arrivals.failed),
            ("dropped", arrivals.dropped),
            ("in_flight", arrivals.in_flight),
        ] {
            let labels: [Label<'_>; 3] = [
                ("request", &request.name),
                ("kind", &request.kind),
                ("outcome", &outcome),
            ];
            out.sample("tenfold_requests_total", &labels, count);
        }
    }
    out.family(
        "tenfold_failures",
        "counter",
        "",
        "Failed requests by class, and the side that the class is blamed on.",
    );
    for request in &summary.requests {
        for (class, count) in &request.failures {
            let side = blame(class).map_or("unknown", Blame::name);
            let labels: [Label<'_>; 3] = [
                ("request", &request.name),
                ("class", class),
                ("blame", &side),
            ];
            out.sample("tenfold_failures_total", &labels, count);
        }
    }
    out.family("tenfold_responses", "counter", "", "Responses by status.");
    for request in &summary.requests {
        for (status, count) in &request.statuses {
            let labels: [Label<'_>; 2] = [("request", &request.name), ("status", status)];
            out.sample("tenfold_responses_total", &labels, count);
        }
    }
    let travels: [(&str, &str, CountOf); 2] = [
        ("tenfold_redirects", "Redirects followed.", |travel| {
            travel.redirects
        }),
        (
            "tenfold_retries",
            "Requests sent again, because the service had closed the connection.",
            |travel| travel.retries,
        ),
    ];
    for (name, help, of) in travels {
        let requests = || {
            let requests = summary.requests.iter();
            requests.filter(|request| of(&request.travel) > 0)
        };
        if requests().next().is_some() {
            out.family(name, "counter", "", help);
        }
        for request in requests() {
            let labels: [Label<'_>; 1] = [("request", &request.name)];
            out.sample(&format!("{name}_total"), &labels, of(&request.travel));
        }
    }
    out.family(
        "tenfold_received_bytes",
        "counter",
        "bytes",
        "Bytes of response bodies.",
    );
    for request in &summary.requests {
        let labels: [Label<'_>; 1] = [("request", &request.name)];
        out.sample("tenfold_received_bytes_total", &labels, request.body_bytes);
    }
}

fn gauges(out: &mut Exposition, summary: &Summary) {
    let rates = &summary.rate_per_s;
    for (name, unit, help, value) in [
        (
            "tenfold_counted_seconds",
            "seconds",
            "Duration of the counted phases.",
            summary.counted_s,
        ),
        (
            "tenfold_offered_per_second",
            "",
            "Arrivals planned per second.",
            rates.offered,
        ),
        (
            "tenfold_achieved_per_second",
            "",
            "Expected responses per second.",
            rates.achieved,
        ),
    ] {
        out.family(name, "gauge", unit, help);
        out.sample(name, &[], number(value));
    }
    out.family(
        "tenfold_rule_met",
        "gauge",
        "",
        "1 if an objective is met, 0 if it is missed, NaN if it could not be judged.",
    );
    for rule in &summary.rules {
        let met = rule.met.map_or("NaN", |met| if met { "1" } else { "0" });
        out.sample("tenfold_rule_met", &[("rule", &rule.text)], met);
    }
    out.family(
        "tenfold_measurement",
        "stateset",
        "",
        "Validity of the measurement.",
    );
    for (name, state) in [
        ("valid", MeasurementVerdict::Valid),
        ("suspect", MeasurementVerdict::Suspect),
        ("invalid", MeasurementVerdict::Invalid),
    ] {
        out.sample(
            "tenfold_measurement",
            &[("tenfold_measurement", &name)],
            u8::from(summary.verdict.measurement == state),
        );
    }
}

/// Selects a count of requests that are not plain.
type CountOf = fn(&TravelCounts) -> u64;

/// Selects a latency.
type Choose = fn(&Latencies) -> &Latency;

fn quantiles(out: &mut Exposition, summary: &Summary) {
    let groups = [
        ("all", &summary.latency_ns),
        ("read", &summary.reads.latency_ns),
        ("write", &summary.writes.latency_ns),
    ];
    let metrics: [(&str, &str, Choose); 4] = [
        ("response", "Response time, from the intended time", |l| {
            &l.response
        }),
        (
            "response_without_lag",
            "Response time without the generator's own lag",
            |l| &l.response_without_lag,
        ),
        ("service", "Service time, from sending", |l| &l.service),
        ("lag", "The generator's own lateness", |l| &l.lag),
    ];
    for (metric, help, of) in metrics {
        let name = format!("tenfold_{metric}_quantile_seconds");
        let help = format!("{help}, at quantiles with at least ten samples beyond them.");
        out.family(&name, "gauge", "seconds", &help);
        for (kind, latencies) in groups {
            let latency = of(latencies);
            for (quantile, ns) in [
                ("0.5", latency.p50),
                ("0.9", latency.p90),
                ("0.95", latency.p95),
                ("0.99", latency.p99),
                ("0.999", latency.p999),
            ] {
                if let Some(ns) = ns {
                    let labels: [Label<'_>; 2] = [("kind", &kind), ("quantile", &quantile)];
                    out.sample(&name, &labels, seconds(ns as f64));
                }
            }
        }
    }
}

fn histograms(out: &mut Exposition, summary: &Summary, distributions: &[Distribution]) {
    for same in distributions.chunk_by(|a, b| a.metric == b.metric) {
        let Some(metric) = same.first().map(|distribution| distribution.metric) else {
            continue;
        };
        let name = format!("tenfold_{metric}_seconds");
        out.family(
            &name,
            "histogram",
            "seconds",
            "By request, over the counted phases.",
        );
        for distribution in same {
            let Scope::Request(index) = distribution.scope else {
                continue;
            };
            let Some(request) = summary.requests.get(index) else {
                continue;
            };
            let bucket = format!("{name}_bucket");
            let bounds = BUCKET_BOUNDS_NS.map(|bound| seconds(bound as f64));
            let counts = distribution.cumulative(&BUCKET_BOUNDS_NS);
            let all = ("+Inf".to_owned(), distribution.count());
            let ends = BUCKET_BOUNDS_NS.into_iter().chain([u64::MAX]);
            let mut start_ns = 0;
            for ((bound, count), end_ns) in bounds.into_iter().zip(counts).chain([all]).zip(ends) {
                let exemplar = match metric {
                    Metric::Response => exemplar(summary, index, start_ns, end_ns),
                    _ => String::new(),
                };
                start_ns = end_ns;
                let labels: [Label<'_>; 3] = [
                    ("request", &request.name),
                    ("kind", &request.kind),
                    ("le", &bound),
                ];
                out.sample(&bucket, &labels, format!("{count}{exemplar}"));
            }
            let labels: [Label<'_>; 2] = [("request", &request.name), ("kind", &request.kind)];
            out.sample(&format!("{name}_count"), &labels, distribution.count());
            out.sample(
                &format!("{name}_sum"),
                &labels,
                seconds(distribution.sum_ns()),
            );
        }
    }
}

/// The trace id of a slow request in a bucket, as an exemplar. Empty if none is known.
fn exemplar(summary: &Summary, request: usize, start_ns: u64, end_ns: u64) -> String {
    let mut traces = summary.traces.iter();
    let found = traces.find(|trace| {
        trace.request == request
            && trace.failure.is_none()
            && (start_ns + 1..=end_ns).contains(&trace.response_ns)
    });
    found.map_or_else(String::new, |trace| {
        let response = seconds(trace.response_ns as f64);
        format!(
            " # {{trace_id=\"{}\"}} {response}",
            escaped(&trace.trace_id)
        )
    })
}

type Label<'a> = (&'a str, &'a dyn Display);

/// The text of an exposition.
#[derive(Debug, Default)]
struct Exposition {
    text: String,
}

impl Exposition {
    fn family(&mut self, name: &str, kind: &str, unit: &str, help: &str) {
        let _ = writeln!(self.text, "# TYPE {name} {kind}");
        if !unit.is_empty() {
            let _ = writeln!(self.text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(self.text, "# HELP {name} {}", escaped(help));
    }

    fn sample(&mut self, name: &str, labels: &[Label<'_>], sample: impl Display) {
        self.text.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let open = if index == 0 { '{' } else { ',' };
            let _ = write!(
                self.text,
                "{open}{label}=\"{}\"",
                escaped(&value.to_string())
            );
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.text, "{close} {sample}");
    }
}

fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '"' => escaped.push_str("\\\""),
            '\n' => escaped.push_str("\\n"),
            c => escaped.push(c),
        }
    }
    escaped
}

fn seconds(ns: f64) -> String {
    number(ns / 1e9)
}

/// Formats a number as OpenMetrics requires for bounds of buckets: with a point or an exponent.
fn number(value: f64) -> String {
    format!("{value:?}")
}

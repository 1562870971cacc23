//! How a run stands in Prometheus' text format, by its rules for names and units.

use std::fmt::Write as _;

use tenfold_loadgen::{Failure, LatencyTotal, Progress};
use tenfold_run_dir::{BUCKET_BOUNDS_NS, Metric};

/// Renders how a run stands; everything is zero before its first second is over.
pub(crate) fn render(progress: &Progress, scenario: &str, phases: &[String]) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let mut one = |name: &str, kind: &str, help: &str, value: f64| {
        head(&mut out, name, kind, help);
        let _ = writeln!(out, "{name} {value}");
    };
    one(
        "tenfold_arrivals_planned_total",
        "counter",
        "Arrivals that were due.",
        progress.planned as f64,
    );
    one(
        "tenfold_arrivals_dropped_total",
        "counter",
        "Arrivals never sent, because every user was busy for too long.",
        progress.dropped as f64,
    );
    one(
        "tenfold_requests_sent_total",
        "counter",
        "Requests that a user took up to send, those that reached no connection included.",
        progress.sent as f64,
    );
    one(
        "tenfold_requests_completed_total",
        "counter",
        "Requests answered as expected, to the end of the body.",
        progress.completed as f64,
    );
    one(
        "tenfold_requests_in_flight",
        "gauge",
        "Requests sent and not done.",
        progress.in_flight as f64,
    );
    one(
        "tenfold_arrivals_waiting",
        "gauge",
        "Arrivals that wait for an idle user.",
        progress.waiting as f64,
    );
    one(
        "tenfold_run_elapsed_seconds",
        "gauge",
        "Time since the start of the run.",
        progress.elapsed.as_secs_f64(),
    );
    one(
        "tenfold_run_planned_seconds",
        "gauge",
        "Length of all phases.",
        progress.total.as_secs_f64(),
    );
    failures(&mut out, progress);
    let name = "tenfold_run_info";
    head(&mut out, name, "gauge", "What is run.");
    let _ = writeln!(out, "{name}{{scenario=\"{}\"}} 1", escaped(scenario));
    let name = "tenfold_phase";
    head(
        &mut out,
        name,
        "gauge",
        "1 for the phase that is under way.",
    );
    for (index, phase) in phases.iter().enumerate() {
        let _ = writeln!(
            out,
            "{name}{{index=\"{index}\",phase=\"{}\"}} {}",
            escaped(phase),
            u8::from(index == progress.phase)
        );
    }
    latencies(&mut out, &progress.latencies);
    out
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) {
    let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
}

fn failures(out: &mut String, progress: &Progress) {
    let name = "tenfold_requests_failed_total";
    head(out, name, "counter", "Requests failed, by class.");
    // Every class from the beginning on, so that its first failure is seen as an increase.
    for failure in Failure::ALL {
        let found = progress.failures.iter().find(|(of, _)| *of == failure);
        let count = found.map_or(0, |(_, count)| *count);
        let _ = writeln!(out, "{name}{{class=\"{failure}\"}} {count}");
    }
}

fn latencies(out: &mut String, totals: &[LatencyTotal]) {
    for (metric, name, help) in [
        (
            Metric::Response,
            "tenfold_response_time_seconds",
            "From the intended time to the last byte: what a user feels.",
        ),
        (
            Metric::Service,
            "tenfold_service_time_seconds",
            "From sending to the last byte.",
        ),
        (
            Metric::Lag,
            "tenfold_lag_seconds",
            "The generator's own lateness.",
        ),
    ] {
        head(out, name, "histogram", help);
        for total in totals.iter().filter(|total| total.metric == metric) {
            let kind = total.kind;
            let mut below = 0;
            for (bound, count) in BUCKET_BOUNDS_NS.iter().zip(&total.buckets) {
                below += count;
                let bound = *bound as f64 / 1e9;
                let _ = writeln!(
                    out,
                    "{name}_bucket{{kind=\"{kind}\",le=\"{bound}\"}} {below}"
                );
            }
            let count = total.count();
            let sum = total.sum_ns as f64 / 1e9;
            let _ = writeln!(out, "{name}_bucket{{kind=\"{kind}\",le=\"+Inf\"}} {count}");
            let _ = writeln!(out, "{name}_sum{{kind=\"{kind}\"}} {sum}");
            let _ = writeln!(out, "{name}_count{{kind=\"{kind}\"}} {count}");
        }
    }
}

/// A label's value, escaped.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tenfold_probe::Metrics;
    use tenfold_scenarios::Kind;

    use super::*;

    pub(super) fn progress() -> Progress {
        let mut buckets = [0; BUCKET_BOUNDS_NS.len() + 1];
        (buckets[3], buckets[BUCKET_BOUNDS_NS.len()]) = (90, 2);
        Progress {
            elapsed: Duration::from_millis(12_500),
            total: Duration::from_secs(60),
            phase: 1,
            planned: 100,
            sent: 99,
            completed: 92,
            failed: 3,
            failures: vec![(Failure::Timeout, 3)],
            dropped: 1,
            in_flight: 4,
            latencies: vec![LatencyTotal {
                metric: Metric::Response,
                kind: Kind::Read,
                buckets,
                sum_ns: 1_250_000_000,
            }],
            ..Progress::default()
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        let phases = ["warm-up".to_owned(), "a \"quoted\\\nname".to_owned()];
        let text = render(&progress(), "uneven", &phases);
        // The classes that nothing failed by are not what this is about.
        let told = |line: &&str| !(line.contains("{class=") && line.ends_with(" 0"));
        let shown: Vec<&str> = text.lines().filter(told).collect();
        insta::assert_snapshot!(shown.join("\n"));
        let metrics = Metrics::parse("test", &text).unwrap();
        assert_eq!(metrics.counter_sum("tenfold_requests_sent_total"), Some(99));
        assert_eq!(
            metrics.counter_sum("tenfold_requests_failed_total"),
            Some(3)
        );
        let under_way = metrics.sum_where("tenfold_phase", |sample| {
            sample.label("phase") == Some("a \"quoted\\\nname")
        });
        assert_eq!(under_way, Some(1.0));
        let bucket = metrics.sum_where("tenfold_response_time_seconds_bucket", |sample| {
            sample.label("le") == Some("0.001")
        });
        assert_eq!(bucket, Some(90.0));
    }
}

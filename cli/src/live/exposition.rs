//! Progress of a run in the Prometheus text format.

use std::fmt::Write as _;

use tenfold_loadgen::{Failure, LatencyTotal, Progress};
use tenfold_run_dir::{BUCKET_BOUNDS_NS, Metric};

/// Renders the progress of a run. Everything is zero until its first second is over.
pub(crate) fn render(progress: &Progress, scenario: &str, phases: &[String]) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let mut one = |name: &str, kind: &str, help: &str, value: f64| {
        head(&mut out, name, kind, help);
        let _ = writeln!(out, "{name} {value}");
    };
    one(
        "tenfold_arrivals_planned_total",
        "counter",
        "Arrivals due so far.",
        progress.planned as f64,
    );
    one(
        "tenfold_arrivals_dropped_total",
        "counter",
        "Arrivals never sent, because every user was busy.",
        progress.dropped as f64,
    );
    one(
        "tenfold_requests_sent_total",
        "counter",
        "Requests sent, including those that found no connection.",
        progress.sent as f64,
    );
    one(
        "tenfold_requests_completed_total",
        "counter",
        "Requests with an expected and complete response.",
        progress.completed as f64,
    );
    one(
        "tenfold_requests_in_flight",
        "gauge",
        "Requests sent and not finished.",
        progress.in_flight as f64,
    );
    one(
        "tenfold_arrivals_waiting",
        "gauge",
        "Arrivals waiting for an idle user.",
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
    head(&mut out, name, "gauge", "Scenario of the run.");
    let _ = writeln!(out, "{name}{{scenario=\"{}\"}} 1", escaped(scenario));
    let name = "tenfold_phase";
    head(
        &mut out,
        name,
        "gauge",
        "1 for the current phase, otherwise 0.",
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
    head(
        out,
        name,
        "counter",
        "Requests failed, by class and by the side blamed.",
    );
    // Every class exists from the start, so that its first failure shows as an increase.
    for failure in Failure::ALL {
        let found = progress
            .failures
            .iter()
            .find(|(class, _)| *class == failure);
        let count = found.map_or(0, |(_, count)| *count);
        let side = failure.blame().name();
        let _ = writeln!(
            out,
            "{name}{{class=\"{failure}\",blame=\"{side}\"}} {count}"
        );
    }
}

fn latencies(out: &mut String, totals: &[LatencyTotal]) {
    for (metric, name, help) in [
        (
            Metric::Response,
            "tenfold_response_time_seconds",
            "Time from the intended start to the last byte, as a user experiences it.",
        ),
        (
            Metric::Service,
            "tenfold_service_time_seconds",
            "Time from sending to the last byte.",
        ),
        (
            Metric::Lag,
            "tenfold_lag_seconds",
            "Lateness of the generator itself.",
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

/// Escapes the value of a label.
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
    fn rendered_metrics_parse_again() {
        let phases = ["warm-up".to_owned(), "a \"quoted\\\nname".to_owned()];
        let text = render(&progress(), "uneven", &phases);
        // Classes without failures are left out of the snapshot.
        let is_shown = |line: &&str| !(line.contains("{class=") && line.ends_with(" 0"));
        let shown: Vec<&str> = text.lines().filter(is_shown).collect();
        insta::assert_snapshot!(shown.join("\n"));
        let metrics = Metrics::parse("test", &text).unwrap();
        assert_eq!(metrics.counter_sum("tenfold_requests_sent_total"), Some(99));
        assert_eq!(
            metrics.counter_sum("tenfold_requests_failed_total"),
            Some(3)
        );
        let current = metrics.sum_where("tenfold_phase", |sample| {
            sample.label("phase") == Some("a \"quoted\\\nname")
        });
        assert_eq!(current, Some(1.0));
        let bucket = metrics.sum_where("tenfold_response_time_seconds_bucket", |sample| {
            sample.label("le") == Some("0.001")
        });
        assert_eq!(bucket, Some(90.0));
    }
}

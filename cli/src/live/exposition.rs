//! Progress of a run in the Prometheus text format.

use std::fmt::Write as _;

use tenfold_loadgen::Progress;
use tenfold_run_dir::BUCKET_BOUNDS_NS;
use tenfold_telemetry::{Data, Distribution, Labels, families, latencies};

/// Renders the progress of a run. Everything is zero until its first second is over.
pub(crate) fn render(progress: &Progress, scenario: &str, phases: &[String]) -> String {
    let totals = progress.latencies.iter();
    let distributions = totals.map(|total| Distribution {
        labels: vec![("kind", total.kind.to_string())],
        total: total.clone(),
        exact: None,
        exemplars: Vec::new(),
    });
    let mut all = families(progress, scenario, phases);
    all.extend(latencies(distributions.collect()));
    let mut out = String::with_capacity(16 * 1024);
    for family in &all {
        let name = family.prometheus_name();
        let (kind, help) = (family.prometheus_type(), family.help);
        let _ = writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}");
        match &family.data {
            Data::Counter(points) | Data::Gauge(points) => {
                for point in points {
                    line(&mut out, &name, &point.labels, point.value);
                }
            }
            Data::Histogram(distributions) => {
                for distribution in distributions {
                    histogram(&mut out, &name, distribution);
                }
            }
        }
    }
    out
}

fn histogram(out: &mut String, name: &str, distribution: &Distribution) {
    let total = &distribution.total;
    let bounds = BUCKET_BOUNDS_NS.iter().map(|ns| *ns as f64 / 1e9);
    let bounds = bounds.map(|bound| bound.to_string());
    let bounds = bounds.chain(["+Inf".to_owned()]);
    let mut below = 0;
    for (bound, count) in bounds.zip(&total.buckets) {
        below += count;
        let mut labels = distribution.labels.clone();
        labels.push(("le", bound));
        line(out, &format!("{name}_bucket"), &labels, below as f64);
    }
    let labels = &distribution.labels;
    let sum = total.sum_ns as f64 / 1e9;
    line(out, &format!("{name}_sum"), labels, sum);
    line(out, &format!("{name}_count"), labels, below as f64);
}

fn line(out: &mut String, name: &str, labels: &Labels, value: f64) {
    let labels = labels.iter();
    let labels: Vec<String> = labels
        .map(|(name, value)| format!("{name}=\"{}\"", escaped(value)))
        .collect();
    let _ = match labels.is_empty() {
        true => writeln!(out, "{name} {value}"),
        false => writeln!(out, "{name}{{{}}} {value}", labels.join(",")),
    };
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

    use tenfold_loadgen::{Failure, LatencyTotal};
    use tenfold_probe::Metrics;
    use tenfold_run_dir::Metric;
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

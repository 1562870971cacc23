//! The metrics of a run, independent of the format they are sent in.

use tenfold_loadgen::{Failure, LatencyTotal, Progress};
use tenfold_run_dir::{HistogramSum, Metric};

use crate::exemplars::Exemplar;

/// Names and values of labels.
pub type Labels = Vec<(&'static str, String)>;

/// A metric with its series.
#[derive(Debug, Clone)]
pub struct Family {
    /// Name without the prefix `tenfold`, with dots: `requests.sent`.
    pub name: &'static str,
    /// True if its values are in seconds.
    pub in_seconds: bool,
    /// Description.
    pub help: &'static str,
    /// Series.
    pub data: Data,
}

/// Series of a metric.
#[derive(Debug, Clone)]
pub enum Data {
    /// Totals since the start of the run.
    Counter(Vec<Point>),
    /// Current values.
    Gauge(Vec<Point>),
    /// Latencies since the start of the run.
    Histogram(Vec<Distribution>),
}

/// A value with its labels.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// Labels.
    pub labels: Labels,
    /// Value.
    pub value: f64,
}

/// Latencies with their labels.
#[derive(Debug, Clone)]
pub struct Distribution {
    /// Labels.
    pub labels: Labels,
    /// Latencies in buckets, with their sum.
    pub total: LatencyTotal,
    /// The same latencies with three digits. `None` if only buckets are sent.
    pub exact: Option<HistogramSum>,
    /// Slow sampled requests.
    pub exemplars: Vec<Exemplar>,
}

impl Family {
    /// Name in Prometheus: the one to which a collector translates the OpenTelemetry name, unit and kind.
    pub fn prometheus_name(&self) -> String {
        let unit = if self.in_seconds { "_seconds" } else { "" };
        let suffix = match self.data {
            Data::Counter(_) => "_total",
            Data::Gauge(_) | Data::Histogram(_) => "",
        };
        format!("tenfold_{}{unit}{suffix}", self.name.replace('.', "_"))
    }

    /// Type in Prometheus.
    pub fn prometheus_type(&self) -> &'static str {
        match self.data {
            Data::Counter(_) => "counter",
            Data::Gauge(_) => "gauge",
            Data::Histogram(_) => "histogram",
        }
    }
}

/// Returns counts, failures and phases of a run: all but its latencies. Everything is zero until the first second is over.
pub fn families(progress: &Progress, scenario: &str, phases: &[String]) -> Vec<Family> {
    let plain = |value: f64| {
        vec![Point {
            labels: Labels::new(),
            value,
        }]
    };
    let counter = |name, help, value: u64| Family {
        name,
        in_seconds: false,
        help,
        data: Data::Counter(plain(value as f64)),
    };
    let gauge = |name, in_seconds, help, value: f64| Family {
        name,
        in_seconds,
        help,
        data: Data::Gauge(plain(value)),
    };
    vec![
        counter("arrivals.planned", "Arrivals due so far.", progress.planned),
        counter(
            "arrivals.dropped",
            "Arrivals never sent, because every user was busy.",
            progress.dropped,
        ),
        counter(
            "requests.sent",
            "Requests sent, including those that found no connection.",
            progress.sent,
        ),
        counter(
            "requests.completed",
            "Requests with an expected and complete response.",
            progress.completed,
        ),
        gauge(
            "requests.in_flight",
            false,
            "Requests sent and not finished.",
            progress.in_flight as f64,
        ),
        gauge(
            "arrivals.waiting",
            false,
            "Arrivals waiting for an idle user.",
            progress.waiting as f64,
        ),
        gauge(
            "run.elapsed",
            true,
            "Time since the start of the run.",
            progress.elapsed.as_secs_f64(),
        ),
        gauge(
            "run.planned",
            true,
            "Length of all phases.",
            progress.total.as_secs_f64(),
        ),
        failures(progress),
        Family {
            name: "run.info",
            in_seconds: false,
            help: "Scenario of the run.",
            data: Data::Gauge(vec![Point {
                labels: vec![("scenario", scenario.to_owned())],
                value: 1.0,
            }]),
        },
        phase(progress, phases),
    ]
}

/// Failed requests. Every class exists from the start, so that its first failure shows as an increase.
fn failures(progress: &Progress) -> Family {
    let points = Failure::ALL.into_iter().map(|failure| {
        let mut found = progress.failures.iter();
        let count = found.find(|(class, _)| *class == failure);
        Point {
            labels: vec![
                ("class", failure.name().to_owned()),
                ("blame", failure.blame().name().to_owned()),
            ],
            value: count.map_or(0, |(_, count)| *count) as f64,
        }
    });
    Family {
        name: "requests.failed",
        in_seconds: false,
        help: "Requests failed, by class and by the side blamed.",
        data: Data::Counter(points.collect()),
    }
}

fn phase(progress: &Progress, phases: &[String]) -> Family {
    let points = phases.iter().enumerate().map(|(index, phase)| Point {
        labels: vec![("index", index.to_string()), ("phase", phase.clone())],
        value: f64::from(u8::from(index == progress.phase)),
    });
    Family {
        name: "phase",
        in_seconds: false,
        help: "1 for the current phase, otherwise 0.",
        data: Data::Gauge(points.collect()),
    }
}

/// Returns the histograms of latencies: response time, service time and lag always, the other metrics if any series
/// has them.
pub fn latencies(distributions: Vec<Distribution>) -> Vec<Family> {
    let known = [
        (
            Metric::Response,
            "response_time",
            "Time from the intended start to the last byte, as a user experiences it.",
        ),
        (
            Metric::Service,
            "service_time",
            "Time from sending to the last byte.",
        ),
        (Metric::Lag, "lag", "Lateness of the generator itself."),
        (
            Metric::FirstByte,
            "first_byte",
            "Time from sending to the first byte.",
        ),
        (
            Metric::FirstEvent,
            "first_event",
            "Time from the intended start to the first event of a stream.",
        ),
        (
            Metric::EventGap,
            "event_gap",
            "Time between two events of a stream.",
        ),
        (
            Metric::RoundTrip,
            "round_trip",
            "Time from sending a WebSocket message to the last of its replies.",
        ),
    ];
    let always = [Metric::Response, Metric::Service, Metric::Lag];
    let mut distributions = distributions;
    let families = known.into_iter().map(|(metric, name, help)| {
        let own = distributions.extract_if(.., |one| one.total.metric == metric);
        let family = Family {
            name,
            in_seconds: true,
            help,
            data: Data::Histogram(own.collect()),
        };
        (metric, family)
    });
    let is_shown = |(metric, family): &(Metric, Family)| {
        let is_empty = matches!(&family.data, Data::Histogram(series) if series.is_empty());
        !is_empty || always.contains(metric)
    };
    let shown: Vec<(Metric, Family)> = families.filter(is_shown).collect();
    shown.into_iter().map(|(_, family)| family).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_of_prometheus() {
        let names: Vec<String> = families(&Progress::default(), "x", &[])
            .iter()
            .chain(&latencies(Vec::new()))
            .map(Family::prometheus_name)
            .collect();
        for expected in [
            "tenfold_arrivals_planned_total",
            "tenfold_requests_in_flight",
            "tenfold_run_elapsed_seconds",
            "tenfold_requests_failed_total",
            "tenfold_phase",
            "tenfold_response_time_seconds",
            "tenfold_lag_seconds",
        ] {
            assert!(names.iter().any(|name| name == expected), "{names:?}");
        }
        assert!(!names.iter().any(|name| name.contains("event")));
    }
}

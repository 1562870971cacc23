//! Prometheus remote write 1.0: protobuf compressed with snappy
//! (<https://prometheus.io/docs/specs/prw/remote_write_spec/>).
//!
//! Version 1.0 is what every receiver takes: Prometheus since 2.25, Mimir, Thanos, VictoriaMetrics and the services on them.

mod messages;

use http::header::CONTENT_ENCODING;
use http::{HeaderName, HeaderValue};
use prost::Message;
use tenfold_run_dir::BUCKET_BOUNDS_NS;

use crate::delivery::{Delivery, Rejection};
use crate::exemplars;
use crate::family::{Data, Distribution, Family, Labels, Point};
use crate::receiver::{PostError, Receiver, ReceiverError};
use crate::sender::Sender;
use crate::settings::RemoteWriteSettings;
use crate::snapshot::Snapshot;
use messages::{Exemplar, Label, Sample, TimeSeries, WriteRequest};

/// Most series of one message, as Prometheus itself sends.
const SERIES_MAX: usize = 2_000;

/// The value that ends a series: Prometheus shows nothing after it, rather than the last value for five minutes.
const STALE: f64 = f64::from_bits(0x7ff0_0000_0000_0002);

/// Sends to a receiver of remote write.
pub(crate) struct RemoteWriteSender {
    receiver: Receiver,
    settings: RemoteWriteSettings,
}

impl RemoteWriteSender {
    /// Prepares a sender.
    ///
    /// # Errors
    /// As [`Receiver::new`].
    pub(crate) fn new(settings: RemoteWriteSettings) -> Result<Self, ReceiverError> {
        let receiver = Receiver::new(settings.url.clone(), settings.headers.clone())?;
        Ok(Self { receiver, settings })
    }
}

impl Sender for RemoteWriteSender {
    fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn needs_exact(&self) -> bool {
        false
    }

    async fn send_metrics(&self, snapshot: &Snapshot<'_>) -> Result<Rejection, PostError> {
        let headers = [
            (CONTENT_ENCODING, HeaderValue::from_static("snappy")),
            (
                HeaderName::from_static("x-prometheus-remote-write-version"),
                HeaderValue::from_static("0.1.0"),
            ),
        ];
        let timeseries = series(snapshot);
        for part in timeseries.chunks(SERIES_MAX) {
            let message = WriteRequest {
                timeseries: part.to_vec(),
            };
            let packed = snap::raw::Encoder::new().compress_vec(&message.encode_to_vec());
            let packed = packed.map_err(|error| PostError::Refused(error.to_string()))?;
            let timeout = self.settings.timeout;
            self.receiver.post("", &headers, packed, timeout).await?;
        }
        Ok(Rejection::default())
    }

    async fn send_spans(&self, _: &Snapshot<'_>, _: &Delivery) -> Result<(), PostError> {
        Ok(())
    }
}

/// All series of a snapshot.
fn series(snapshot: &Snapshot<'_>) -> Vec<TimeSeries> {
    let mut writer = SeriesWriter {
        snapshot,
        at_ms: milliseconds(snapshot.unix_ns(snapshot.at_ns)),
        out: Vec::new(),
    };
    for family in &snapshot.families {
        writer.family(family);
    }
    writer.out
}

struct SeriesWriter<'a> {
    snapshot: &'a Snapshot<'a>,
    at_ms: i64,
    out: Vec<TimeSeries>,
}

impl SeriesWriter<'_> {
    fn family(&mut self, family: &Family) {
        let name = family.prometheus_name();
        match &family.data {
            Data::Counter(points) => {
                for Point { labels, value } in points {
                    self.push(&name, labels, *value, Vec::new());
                }
            }
            Data::Gauge(points) => {
                for Point { labels, value } in points {
                    self.push(&name, labels, *value, Vec::new());
                    if self.snapshot.is_last
                        && let Some(series) = self.out.last_mut()
                    {
                        series.samples.push(Sample {
                            value: STALE,
                            timestamp: self.at_ms + 1,
                        });
                    }
                }
            }
            Data::Histogram(distributions) => {
                for distribution in distributions {
                    self.histogram(&name, distribution);
                }
            }
        }
    }

    /// Buckets, sum and count. Each exemplar belongs to the bucket of its value.
    fn histogram(&mut self, name: &str, one: &Distribution) {
        let mut exemplars = one.exemplars.clone();
        let bounds = BUCKET_BOUNDS_NS.iter().copied().map(Some).chain([None]);
        let mut below = 0;
        for (bound, count) in bounds.zip(&one.total.buckets) {
            below += count;
            let mut labels = one.labels.clone();
            let shown = bound.map_or_else(
                || "+Inf".to_owned(),
                |bound| (bound as f64 / 1e9).to_string(),
            );
            labels.push(("le", shown));
            let own = exemplars.extract_if(.., |exemplar| {
                bound.is_none_or(|bound| exemplar.value_ns <= bound)
            });
            let own: Vec<Exemplar> = own.map(|one| self.exemplar(&one)).collect();
            self.push(&format!("{name}_bucket"), &labels, below as f64, own);
        }
        let sum = one.total.sum_ns as f64 / 1e9;
        self.push(&format!("{name}_sum"), &one.labels, sum, Vec::new());
        self.push(
            &format!("{name}_count"),
            &one.labels,
            below as f64,
            Vec::new(),
        );
    }

    fn exemplar(&self, one: &exemplars::Exemplar) -> Exemplar {
        Exemplar {
            labels: vec![
                label("span_id", format!("{:016x}", one.span_id)),
                label("trace_id", format!("{:032x}", one.trace_id)),
            ],
            value: one.value_ns as f64 / 1e9,
            timestamp: milliseconds(self.snapshot.unix_ns(one.at_ns)),
        }
    }

    fn push(&mut self, name: &str, labels: &Labels, value: f64, exemplars: Vec<Exemplar>) {
        let own = labels.iter();
        let mut labels: Vec<Label> = own.map(|(name, value)| label(name, value)).collect();
        labels.extend([
            label("__name__", name),
            label("instance", &self.snapshot.description.instance),
            label("job", "tenfold"),
        ]);
        labels.sort_by(|one, other| one.name.cmp(&other.name));
        self.out.push(TimeSeries {
            labels,
            samples: vec![Sample {
                value,
                timestamp: self.at_ms,
            }],
            exemplars,
        });
    }
}

fn label(name: &str, value: impl Into<String>) -> Label {
    Label {
        name: name.to_owned(),
        value: value.into(),
    }
}

fn milliseconds(ns: u64) -> i64 {
    i64::try_from(ns / 1_000_000).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use tenfold_loadgen::{LatencyTotal, Progress};
    use tenfold_run_dir::Metric;
    use tenfold_scenarios::Kind;

    use super::*;
    use crate::family::{families, latencies};
    use crate::snapshot::Description;

    fn description() -> Description {
        Description {
            instance: "here:run".to_owned(),
            host: "here".to_owned(),
            scenario: "uneven".to_owned(),
            target: "http://127.0.0.1".to_owned(),
            phases: vec!["steady".to_owned()],
            requests: Vec::new(),
        }
    }

    fn distribution(exemplar_ns: u64) -> Distribution {
        let mut buckets = [0; BUCKET_BOUNDS_NS.len() + 1];
        (buckets[3], buckets[6]) = (7, 2);
        Distribution {
            labels: vec![("request", "b".to_owned()), ("kind", "read".to_owned())],
            total: LatencyTotal {
                metric: Metric::Response,
                kind: Kind::Read,
                buckets,
                sum_ns: 3_000_000_000,
            },
            exact: None,
            exemplars: vec![exemplars::Exemplar {
                value_ns: exemplar_ns,
                at_ns: 2_000_000,
                trace_id: 0xabc,
                span_id: 0xd,
            }],
        }
    }

    fn sent(is_last: bool, families: Vec<Family>) -> Vec<TimeSeries> {
        let description = description();
        series(&Snapshot {
            description: &description,
            families,
            at_ns: 5_000_000,
            start_unix_ns: 1_000_000_000,
            is_last,
        })
    }

    fn value<'a>(series: &'a TimeSeries, name: &str) -> &'a str {
        let label = series.labels.iter().find(|label| label.name == name);
        label.map_or("", |label| &label.value)
    }

    #[test]
    fn histogram_is_cumulative_with_exemplars_in_their_buckets() {
        let all = sent(false, latencies(vec![distribution(9_000_000)]));
        let of_bound = |bound: &str| {
            let found = all.iter().find(|series| value(series, "le") == bound);
            found.unwrap_or_else(|| panic!("{bound}: {all:#?}"))
        };
        let counts = ["0.0005", "0.001", "0.005", "0.01", "+Inf"]
            .map(|bound| of_bound(bound).samples[0].value as u64);
        assert_eq!(counts, [0, 7, 7, 9, 9]);
        let held: Vec<&str> = all
            .iter()
            .filter(|series| !series.exemplars.is_empty())
            .map(|series| value(series, "le"))
            .collect();
        assert_eq!(held, ["0.01"]);
        let exemplar = &of_bound("0.01").exemplars[0];
        assert_eq!((exemplar.value, exemplar.timestamp), (0.009, 1_002));
        assert_eq!(exemplar.labels[1].value, format!("{:032x}", 0xabc));
        for series in &all {
            let names: Vec<&str> = series.labels.iter().map(|label| &*label.name).collect();
            assert!(names.is_sorted(), "{names:?}");
            assert_eq!(series.samples[0].timestamp, 1_005);
        }
    }

    #[test]
    fn gauges_end_with_the_run() {
        let progress = Progress {
            planned: 3,
            ..Progress::default()
        };
        let phases = ["steady".to_owned()];
        for is_last in [false, true] {
            let all = sent(is_last, families(&progress, "uneven", &phases));
            let samples = |name: &str| {
                let found = all.iter().find(|one| value(one, "__name__") == name);
                found.unwrap().samples.clone()
            };
            assert_eq!(samples("tenfold_arrivals_planned_total").len(), 1);
            let gauge = samples("tenfold_requests_in_flight");
            assert_eq!(gauge.len(), if is_last { 2 } else { 1 });
            if let Some(stale) = gauge.get(1) {
                assert_eq!(stale.value.to_bits(), STALE.to_bits());
                assert_eq!(stale.timestamp, 1_006);
            }
        }
    }
}

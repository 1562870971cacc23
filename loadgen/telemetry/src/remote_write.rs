//! Prometheus remote write 1.0: protobuf compressed with snappy
//! (<https://prometheus.io/docs/specs/prw/remote_write_spec/>).
//!
//! Version 1.0 is what every receiver takes: Prometheus since 2.25, Mimir, Thanos, VictoriaMetrics and the services on them.

mod messages;

use http::header::CONTENT_ENCODING;
use http::{HeaderName, HeaderValue};
use prost::Message;
use tenfold_run_dir::BUCKET_BOUNDS_NS;

use crate::exemplars;
use crate::family::{Data, Distribution, Family, Labels, Point};
use crate::publisher::{Delivery, Rejection, Sender, Snapshot};
use crate::receiver::{PostError, Receiver, ReceiverError};
use crate::settings::RemoteWriteSettings;
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
        self.push(&format!("{name}_count"), &one.labels, below as f64, Vec::new());
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

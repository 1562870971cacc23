//! Metrics as messages of OTLP.

use tenfold_run_dir::BUCKET_BOUNDS_NS;

use crate::exponential::Exponential;
use crate::family::{Data, Distribution, Family, Labels, Point};
use crate::otlp::messages::{
    Buckets, CUMULATIVE, Exemplar, ExponentialHistogram, ExponentialPoint, ExportMetrics, Gauge,
    Histogram, HistogramPoint, KeyValue, Metric, MetricData, Number, NumberPoint, Resource,
    ResourceMetrics, ScopeMetrics, Sum,
};
use crate::otlp::scope;
use crate::snapshot::Snapshot;

/// A message with all metrics of a snapshot.
pub(super) fn message(snapshot: &Snapshot<'_>, resource: Resource) -> ExportMetrics {
    let times = Times {
        start: snapshot.unix_ns(0),
        now: snapshot.unix_ns(snapshot.at_ns),
        snapshot,
    };
    let metrics = snapshot
        .families
        .iter()
        .filter_map(|family| times.metric(family));
    ExportMetrics {
        resource_metrics: vec![ResourceMetrics {
            resource: Some(resource),
            scope_metrics: vec![ScopeMetrics {
                scope: Some(scope()),
                metrics: metrics.collect(),
            }],
        }],
    }
}

/// Start of the run and time of the snapshot, in nanoseconds since 1970.
struct Times<'a> {
    start: u64,
    now: u64,
    snapshot: &'a Snapshot<'a>,
}

impl Times<'_> {
    /// A metric. `None` if it has no series.
    fn metric(&self, family: &Family) -> Option<Metric> {
        let data = match &family.data {
            Data::Counter(points) => MetricData::Sum(Sum {
                data_points: points
                    .iter()
                    .map(|point| self.number(point, Number::Integer(point.value as i64)))
                    .collect(),
                aggregation_temporality: CUMULATIVE,
                is_monotonic: true,
            }),
            Data::Gauge(points) => MetricData::Gauge(Gauge {
                data_points: points
                    .iter()
                    .map(|point| NumberPoint {
                        start_time_unix_nano: 0,
                        ..self.number(point, Number::Double(point.value))
                    })
                    .collect(),
            }),
            Data::Histogram(series) if series.is_empty() => return None,
            Data::Histogram(series) if series.iter().all(|one| one.exact.is_some()) => {
                MetricData::ExponentialHistogram(ExponentialHistogram {
                    data_points: series.iter().map(|one| self.exponential(one)).collect(),
                    aggregation_temporality: CUMULATIVE,
                })
            }
            Data::Histogram(series) => MetricData::Histogram(Histogram {
                data_points: series.iter().map(|one| self.explicit(one)).collect(),
                aggregation_temporality: CUMULATIVE,
            }),
        };
        Some(Metric {
            name: format!("tenfold.{}", family.name),
            description: family.help.to_owned(),
            unit: if family.in_seconds { "s" } else { "" }.to_owned(),
            data: Some(data),
        })
    }

    fn number(&self, point: &Point, value: Number) -> NumberPoint {
        NumberPoint {
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            value: Some(value),
            attributes: attributes(&point.labels),
        }
    }

    fn explicit(&self, one: &Distribution) -> HistogramPoint {
        let bounds = BUCKET_BOUNDS_NS.iter();
        HistogramPoint {
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count: one.total.count(),
            sum: Some(one.total.sum_ns as f64 / 1e9),
            bucket_counts: one.total.buckets.to_vec(),
            explicit_bounds: bounds.map(|bound| *bound as f64 / 1e9).collect(),
            exemplars: self.exemplars(one),
            attributes: attributes(&one.labels),
        }
    }

    fn exponential(&self, one: &Distribution) -> ExponentialPoint {
        let values = one.exact.iter().flat_map(|exact| exact.iter());
        let histogram = Exponential::of(values);
        ExponentialPoint {
            attributes: attributes(&one.labels),
            start_time_unix_nano: self.start,
            time_unix_nano: self.now,
            count: one.total.count(),
            sum: Some(one.total.sum_ns as f64 / 1e9),
            scale: histogram.scale,
            zero_count: histogram.zeros,
            positive: Some(Buckets {
                offset: histogram.offset,
                bucket_counts: histogram.counts,
            }),
            exemplars: self.exemplars(one),
        }
    }

    fn exemplars(&self, one: &Distribution) -> Vec<Exemplar> {
        let exemplars = one.exemplars.iter();
        exemplars
            .map(|exemplar| Exemplar {
                time_unix_nano: self.snapshot.unix_ns(exemplar.at_ns),
                as_double: Some(exemplar.value_ns as f64 / 1e9),
                span_id: exemplar.span_id.to_be_bytes().to_vec(),
                trace_id: exemplar.trace_id.to_be_bytes().to_vec(),
            })
            .collect()
    }
}

fn attributes(labels: &Labels) -> Vec<KeyValue> {
    let labels = labels.iter();
    labels
        .map(|(name, value)| KeyValue::text(name, value))
        .collect()
}

//! Series of metrics, in bounded memory.

use std::collections::BTreeMap;

use tenfold_run_dir::TargetMetrics;
use tenfold_run_dir::target_metrics::{MetricKind, MetricSeries};

use crate::{MetricSelector, Metrics};

/// Most scrapes kept.
const SCRAPES_MAX: usize = 1_200;

/// Most series kept besides the chosen ones.
const SERIES_MAX: usize = 500;

/// Label that keeps the series of a metric apart: which part of a service had the load is what matters there.
const SHARD: &str = "shard";

/// Series of metrics: those chosen by selectors, the sums of all others over their labels, and those of each shard.
#[derive(Debug, Default)]
pub(super) struct Recording {
    chosen: Vec<MetricSelector>,
    /// Scrapes that each kept scrape stands for.
    stride: u32,
    metrics: TargetMetrics,
    /// Index of each sum in the series.
    sums: BTreeMap<String, usize>,
}

impl Recording {
    pub(super) fn new(chosen: Vec<MetricSelector>) -> Self {
        let series = chosen.iter().map(|selector| MetricSeries {
            name: selector.to_string(),
            kind: MetricKind::Gauge,
            chosen: true,
            values: Vec::new(),
        });
        Self {
            metrics: TargetMetrics {
                series: series.collect(),
                ..TargetMetrics::default()
            },
            chosen,
            stride: 1,
            sums: BTreeMap::new(),
        }
    }

    /// Scrapes that each kept scrape stands for: the factor by which the period has grown.
    pub(super) fn stride(&self) -> u32 {
        self.stride
    }

    /// Adds a scrape.
    pub(super) fn add(&mut self, at_ns: u64, scraped: &Metrics) {
        if self.metrics.at_ns.len() >= SCRAPES_MAX {
            self.thin();
        }
        self.metrics.at_ns.push(at_ns);
        let row = self.metrics.at_ns.len();
        for (selector, series) in self.chosen.iter().zip(&mut self.metrics.series) {
            series.kind = scraped.kind(selector.name());
            let sum = scraped.sum_where(selector.name(), |sample| selector.accepts(sample));
            series.values.push(finite(sum));
        }
        let mut left_out = 0;
        for (name, sum) in sums(scraped) {
            let index = match self.sums.get(&name) {
                Some(index) => *index,
                None if self.sums.len() >= SERIES_MAX => {
                    left_out += 1;
                    continue;
                }
                None => {
                    let index = self.metrics.series.len();
                    self.sums.insert(name.clone(), index);
                    let metric = name.split('{').next().unwrap_or_default();
                    self.metrics.series.push(MetricSeries {
                        kind: scraped.kind(metric),
                        name,
                        chosen: false,
                        values: Vec::new(),
                    });
                    index
                }
            };
            let values = &mut self.metrics.series[index].values;
            values.resize(row - 1, None);
            values.push(finite(Some(sum)));
        }
        self.metrics.left_out = self.metrics.left_out.max(left_out);
    }

    /// Drops every other scrape.
    fn thin(&mut self) {
        self.stride = self.stride.saturating_mul(2);
        every_other(&mut self.metrics.at_ns);
        for series in &mut self.metrics.series {
            every_other(&mut series.values);
        }
    }

    /// Returns the series: the chosen ones, those that changed, and those of a shard that are not zero: its busiest author may be the
    /// same all the time.
    pub(super) fn finish(mut self) -> TargetMetrics {
        let rows = self.metrics.at_ns.len();
        for series in &mut self.metrics.series {
            series.values.resize(rows, None);
        }
        self.metrics.series.retain(|series| {
            let mut values = series.values.iter().flatten();
            let first = values.next();
            let of_shard =
                series.name.ends_with("\"}") && series.name.contains(&format!("{{{SHARD}="));
            series.chosen
                || (of_shard && first.is_some_and(|value| *value != 0.0))
                || values.any(|value| Some(value) != first)
        });
        self.metrics
    }
}

/// Sums every metric over its labels, and for each shard. Buckets of histograms, quantiles and times of creation are left out, because their sums
/// mean nothing.
fn sums(scraped: &Metrics) -> BTreeMap<String, f64> {
    let mut sums = BTreeMap::new();
    for sample in scraped.samples() {
        let is_part = sample.name.ends_with("_bucket") || sample.name.ends_with("_created");
        if !is_part && sample.label("quantile").is_none() {
            *sums.entry(sample.name.clone()).or_insert(0.0) += sample.value;
            if let Some(shard) = sample.label(SHARD) {
                let of_shard = format!("{}{{{SHARD}={shard:?}}}", sample.name);
                *sums.entry(of_shard).or_insert(0.0) += sample.value;
            }
        }
    }
    sums
}

fn finite(value: Option<f64>) -> Option<f64> {
    value.filter(|value| value.is_finite())
}

fn every_other<T: Copy>(values: &mut Vec<T>) {
    *values = values.iter().copied().step_by(2).collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scraped(text: &str) -> Metrics {
        Metrics::parse("here", text).unwrap()
    }

    fn values<'a>(metrics: &'a TargetMetrics, name: &str) -> Option<&'a [Option<f64>]> {
        let mut series = metrics.series.iter();
        series
            .find(|series| series.name == name)
            .map(|series| series.values.as_slice())
    }

    #[test]
    fn records_sums_and_chosen_series() {
        let selector: MetricSelector = "hits_total{path=\"/a\"}".parse().unwrap();
        let mut recording = Recording::new(vec![selector]);
        let text = |a, b, idle| {
            format!(
                "# TYPE hits_total counter\nhits_total{{path=\"/a\"}} {a}\nhits_total{{path=\"/b\"}} {b}\n\
                 depth {idle}\nt_bucket{{le=\"1\"}} {a}\ns{{quantile=\"0.5\"}} {a}\nsame 5\n"
            )
        };
        recording.add(10, &scraped(&text(1, 2, 7)));
        recording.add(20, &scraped("other 1\n"));
        recording.add(30, &scraped(&text(4, 3, 8)));
        let metrics = recording.finish();
        assert_eq!(metrics.at_ns, [10, 20, 30]);
        let chosen = &metrics.series[0];
        assert_eq!(chosen.name, "hits_total{path=\"/a\"}");
        assert_eq!((chosen.kind, chosen.chosen), (MetricKind::Counter, true));
        assert_eq!(chosen.values, [Some(1.0), None, Some(4.0)]);
        let sum = [Some(3.0), None, Some(7.0)];
        assert_eq!(values(&metrics, "hits_total"), Some(&sum[..]));
        assert!(values(&metrics, "depth").is_some());
        for absent in ["t_bucket", "s", "same", "other"] {
            assert_eq!(values(&metrics, absent), None, "{absent}");
        }
    }

    #[test]
    fn shards_are_kept_apart() {
        let mut recording = Recording::new(Vec::new());
        for calls in [1, 4] {
            let text = format!(
                "# TYPE calls_total counter\ncalls_total{{shard=\"a\",kind=\"read\"}} {calls}\n\
                 calls_total{{shard=\"a\",kind=\"write\"}} {calls}\ncalls_total{{shard=\"b\"}} {}\n",
                3 * calls
            );
            recording.add(calls, &scraped(&text));
        }
        let metrics = recording.finish();
        for (name, expected) in [
            ("calls_total", [5.0, 20.0]),
            ("calls_total{shard=\"a\"}", [2.0, 8.0]),
            ("calls_total{shard=\"b\"}", [3.0, 12.0]),
        ] {
            assert_eq!(
                values(&metrics, name),
                Some(&expected.map(Some)[..]),
                "{name}"
            );
        }
        let mut series = metrics.series.iter();
        assert!(series.all(|series| series.kind == MetricKind::Counter));
    }

    #[test]
    fn constant_figures_of_shards_are_kept() {
        let mut recording = Recording::new(Vec::new());
        for scrape in 0..2 {
            recording.add(
                scrape,
                &scraped("author{shard=\"a\"} 7\nauthor{shard=\"b\"} 0\nother 7\n"),
            );
        }
        let metrics = recording.finish();
        let names: Vec<&str> = metrics.series.iter().map(|own| own.name.as_str()).collect();
        assert_eq!(names, ["author{shard=\"a\"}"]);
    }

    #[test]
    fn memory_is_bounded() {
        let mut recording = Recording::new(Vec::new());
        for scrape in 0..SCRAPES_MAX as u64 + 1 {
            recording.add(scrape, &scraped(&format!("ticks_total {scrape}\n")));
        }
        assert_eq!(recording.stride(), 2);
        let many: String = (0..SERIES_MAX + 9).map(|n| format!("m{n} 1\n")).collect();
        recording.add(5_000, &scraped(&many));
        let metrics = recording.finish();
        assert_eq!(metrics.at_ns.len(), SCRAPES_MAX / 2 + 2);
        assert_eq!(metrics.left_out, 10);
        assert_eq!(metrics.series.len(), 1, "the others never changed");
        assert_eq!(metrics.series[0].values.len(), metrics.at_ns.len());
    }
}

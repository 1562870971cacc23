//! The counted time of a run, in intervals that can be resampled.

use tenfold_run_dir::host_timeline::HostSample;
use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{HistogramSum, Run};

/// Width of a latency bin, as a logarithm: 1%.
const BIN: f64 = 0.01;

/// Sums over intervals, of which any stretch can be read at once.
#[derive(Debug, Clone, Default)]
pub(super) struct Prefix(Vec<f64>);

impl Prefix {
    fn of(values: &[f64]) -> Self {
        let mut sum = 0.0;
        let sums = values.iter().map(|value| {
            sum += value;
            sum
        });
        Self(std::iter::once(0.0).chain(sums).collect())
    }

    /// Returns the sum over blocks of intervals.
    pub(super) fn sum(&self, blocks: &[(usize, usize)]) -> f64 {
        let each = blocks.iter();
        each.map(|(start, length)| self.0[start + length] - self.0[*start])
            .sum()
    }
}

/// Latencies by interval, in bins of 1%.
#[derive(Debug, Clone)]
pub(super) struct Latencies {
    /// Logarithm of the lower bound of the first bin.
    lowest: f64,
    /// Number of bins.
    bins: usize,
    /// Cumulated counts of the bins: one row for each interval, and one of zeros before.
    sums: Vec<u64>,
    /// Mean logarithm of the latency in each interval. `None` without samples.
    mean_logs: Vec<Option<f64>>,
}

impl Latencies {
    /// Counts the columns from `first`, over `count` intervals. A column may occur more than once.
    fn of(columns: &[(u64, &HistogramSum)], first: u64, count: usize) -> Self {
        let place = |column: u64| {
            let index = usize::try_from(column.checked_sub(first)?).ok()?;
            (index < count).then_some(index)
        };
        let log = |value: u64| (value.max(1) as f64).ln();
        let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
        for (_, sum) in columns {
            for (value, _) in sum.iter() {
                (low, high) = (low.min(log(value)), high.max(log(value)));
            }
        }
        let bins = match low <= high {
            true => ((high - low) / BIN) as usize + 1,
            false => 0,
        };
        let mut sums = vec![0_u64; bins * (count + 1)];
        let mut logs = vec![(0.0, 0.0); count];
        let columns = columns.iter();
        for (index, sum) in columns.filter_map(|(column, sum)| Some((place(*column)?, sum))) {
            for (value, samples) in sum.iter() {
                let bin = (((log(value) - low) / BIN) as usize).min(bins - 1);
                sums[(index + 1) * bins + bin] += samples;
                logs[index].0 += samples as f64 * log(value);
                logs[index].1 += samples as f64;
            }
        }
        for at in bins..sums.len() {
            sums[at] += sums[at - bins];
        }
        let mean = |(sum, samples): (f64, f64)| (samples > 0.0).then(|| sum / samples);
        Self {
            lowest: low,
            bins,
            sums,
            mean_logs: logs.into_iter().map(mean).collect(),
        }
    }

    /// Mean logarithm of the latency in each interval.
    pub(super) fn mean_logs(&self) -> &[Option<f64>] {
        &self.mean_logs
    }

    /// Returns the share of samples at or above a latency in each interval. `None` without samples.
    pub(super) fn shares_above(&self, ns: f64) -> Vec<Option<f64>> {
        let first = ((ns.max(1.0).ln() - self.lowest) / BIN).max(0.0) as usize;
        let rows = self.sums.chunks(self.bins.max(1));
        let rows: Vec<&[u64]> = rows.collect();
        let of_interval = |pair: &[&[u64]]| {
            let counts = || {
                pair[1]
                    .iter()
                    .zip(pair[0])
                    .map(|(after, before)| after - before)
            };
            let all: u64 = counts().sum();
            let above: u64 = counts().skip(first).sum();
            (all > 0).then(|| above as f64 / all as f64)
        };
        rows.windows(2).map(of_interval).collect()
    }

    /// Adds up the bins over blocks of intervals.
    pub(super) fn counts(&self, blocks: &[(usize, usize)], counts: &mut Vec<u64>) {
        counts.clear();
        counts.resize(self.bins, 0);
        let row = |index: usize| &self.sums[index * self.bins..(index + 1) * self.bins];
        for (start, length) in blocks {
            let (after, before) = (row(start + length), row(*start));
            for ((sum, after), before) in counts.iter_mut().zip(after).zip(before) {
                *sum += after - before;
            }
        }
    }

    /// Returns the logarithm of a quantile of counted bins, interpolated within its bin. `None` without samples.
    pub(super) fn log_quantile(&self, counts: &[u64], quantile: f64) -> Option<f64> {
        let all: u64 = counts.iter().sum();
        let rank = quantile * all as f64;
        let mut below = 0.0;
        for (bin, count) in counts.iter().enumerate().filter(|(_, count)| **count > 0) {
            let count = *count as f64;
            if below + count >= rank {
                let share = (rank - below) / count;
                return Some(self.lowest + BIN * (bin as f64 + share));
            }
            below += count;
        }
        None
    }
}

/// The counted intervals of a run.
#[derive(Debug, Clone)]
pub(super) struct RunIntervals {
    /// Number of intervals.
    pub(super) count: usize,
    /// Length of an interval, in seconds.
    pub(super) interval_s: f64,
    /// Response times of all requests.
    pub(super) response: Latencies,
    /// Response times of single requests, by name.
    pub(super) requests: Vec<(String, Latencies)>,
    /// Requests answered as expected.
    pub(super) completed: Prefix,
    /// Requests failed, and arrivals dropped.
    pub(super) lost: Prefix,
    /// Seconds.
    pub(super) seconds: Prefix,
    /// CPU time of the target, in microseconds. `None` if it is not known.
    pub(super) cpu_us: Option<Prefix>,
}

impl RunIntervals {
    /// Divides the counted phases of a run into intervals; `None` without responses. `names` are the requests to keep.
    pub(super) fn of(run: &Run, names: &[&str]) -> Option<Self> {
        let columns = run.latencies.counted_columns();
        let indices = || columns.all().map(|(column, _)| column);
        let phases = || run.manifest.phases.iter().filter(|phase| !phase.warm_up);
        let column_ns = columns.column_ns();
        let start = phases().map(|phase| phase.start_ns).min()?;
        let end = phases().map(|phase| phase.end_ns()).max()?;
        // Answers after the end of the last phase are few, and belong to no interval of the load.
        let first = (start / column_ns).max(indices().min()?);
        let after = end.div_ceil(column_ns).min(indices().max()? + 1);
        let count = usize::try_from(after.checked_sub(first)?).ok()?;
        let counted = |row: &&Row| run.is_counted(row.phase);
        let rows = || run.timeline.rows.iter().filter(counted);
        let by_column = |values: &mut dyn Iterator<Item = (u64, f64)>| {
            let mut sums = vec![0.0; count];
            for (at_ns, value) in values {
                let index = (at_ns / column_ns).checked_sub(first);
                let index = index.and_then(|index| usize::try_from(index).ok());
                if let Some(sum) = index.and_then(|index| sums.get_mut(index)) {
                    *sum += value;
                }
            }
            Prefix::of(&sums)
        };
        let of_rows = |of: fn(&Row) -> f64| {
            by_column(&mut rows().map(|row| (row.start_ns + row.duration_ns / 2, of(row))))
        };
        let middle = |sample: &HostSample| sample.at_ns.saturating_sub(sample.duration_ns / 2);
        let samples = || {
            let samples = run.host.samples.iter();
            samples.filter_map(|own| Some((middle(own), own.target_cpu_ns? as f64 / 1e3)))
        };
        let requests = run.manifest.requests.iter().enumerate();
        let requests = requests.filter(|(_, info)| names.contains(&info.name.as_str()));
        Some(Self {
            count,
            interval_s: column_ns as f64 / 1e9,
            response: Latencies::of(&columns.all().collect::<Vec<_>>(), first, count),
            requests: requests
                .map(|(index, info)| {
                    let own: Vec<_> = columns.of_request(index).collect();
                    (info.name.clone(), Latencies::of(&own, first, count))
                })
                .collect(),
            completed: of_rows(|row| (row.reads + row.writes) as f64),
            lost: of_rows(|row| (row.failed + row.dropped) as f64),
            seconds: of_rows(|row| row.duration_ns as f64 / 1e9),
            cpu_us: samples()
                .next()
                .is_some()
                .then(|| by_column(&mut samples())),
        })
    }
}

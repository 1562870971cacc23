//! Histograms of one interval.

use std::time::Duration;

use hdrhistogram::Histogram;
use tenfold_run_dir::{IntervalLog, LATENCY_NS_MAX, latency_histogram};
use tenfold_run_dir::{Metric, RunDirError, Series};

/// The histograms of one interval: one for each phase, request and metric, created on first use.
///
/// Two sets alternate: one is recorded to while the other is written, so that recording never waits
/// for the disk and allocates only when a series first appears.
#[derive(Debug)]
pub(crate) struct IntervalSet {
    requests: usize,
    series: Vec<Option<Box<Histogram<u32>>>>,
    touched: Vec<u32>,
    /// When the interval began, in nanoseconds since the start of the run.
    pub(crate) start_ns: u64,
    /// When it ended, in nanoseconds since the start of the run.
    pub(crate) end_ns: u64,
}

impl IntervalSet {
    /// Creates an empty set for a scenario with this many phases and requests.
    pub(crate) fn new(phases: usize, requests: usize) -> Self {
        let series = phases * requests * Metric::ALL.len();
        Self {
            requests,
            series: (0..series).map(|_| None).collect(),
            touched: Vec::with_capacity(series),
            start_ns: 0,
            end_ns: 0,
        }
    }

    fn index(&self, series: Series) -> usize {
        (series.phase * self.requests + series.request) * Metric::ALL.len() + series.metric as usize
    }

    fn series_at(&self, index: usize) -> Series {
        let metrics = Metric::ALL.len();
        Series {
            metric: Metric::ALL[index % metrics],
            phase: index / metrics / self.requests,
            request: index / metrics % self.requests,
        }
    }

    /// Records one latency, in nanoseconds. Latencies above an hour count as an hour.
    pub(crate) fn record(&mut self, series: Series, value_ns: u64) {
        let index = self.index(series);
        let slot = self.series[index].get_or_insert_with(|| Box::new(latency_histogram()));
        if slot.is_empty() {
            self.touched.push(u32::try_from(index).unwrap_or(u32::MAX));
        }
        slot.saturating_record(value_ns.min(LATENCY_NS_MAX));
    }

    /// The recorded histograms, with their series.
    pub(crate) fn recorded(&self) -> impl Iterator<Item = (Series, &Histogram<u32>)> {
        self.touched.iter().filter_map(|index| {
            let index = *index as usize;
            Some((self.series_at(index), self.series[index].as_deref()?))
        })
    }

    /// Appends the histograms to the log and empties the set.
    ///
    /// # Errors
    /// If the log can't be written.
    pub(crate) fn write(&mut self, log: &mut IntervalLog) -> Result<(), RunDirError> {
        let start = Duration::from_nanos(self.start_ns);
        let duration = Duration::from_nanos(self.end_ns.saturating_sub(self.start_ns));
        let mut written = Ok(());
        self.touched.sort_unstable();
        let touched = std::mem::take(&mut self.touched);
        for index in touched.iter().map(|index| *index as usize) {
            let series = self.series_at(index);
            if let Some(histogram) = self.series[index].as_mut() {
                if written.is_ok() {
                    written = log.append(series, start, duration, histogram.as_ref());
                }
                histogram.reset();
            }
        }
        self.free_past_phases(&touched);
        self.touched = touched;
        self.touched.clear();
        written
    }

    /// Frees the histograms of phases before this interval's, so that the number of phases does not
    /// affect memory.
    fn free_past_phases(&mut self, touched: &[u32]) {
        if let Some(first) = touched.first() {
            let phase = self.series_at(*first as usize).phase;
            let end = phase * self.requests * Metric::ALL.len();
            self.series[..end].fill_with(|| None);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn writes_each_series_once() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let mut log = IntervalLog::create(&path, SystemTime::UNIX_EPOCH).unwrap();
        let mut set = IntervalSet::new(2, 3);
        let lag = Series {
            metric: Metric::Lag,
            phase: 0,
            request: 2,
        };
        let service = Series {
            metric: Metric::Service,
            phase: 1,
            request: 1,
        };
        set.end_ns = 1_000_000_000;
        set.record(service, 5_000);
        set.record(lag, 7);
        set.record(lag, 9);
        set.write(&mut log).unwrap();
        set.record(service, u64::MAX);
        set.write(&mut log).unwrap();
        log.flush().unwrap();
        let seen: Vec<(Series, u64)> = tenfold_run_dir::Intervals::open(&path, None)
            .unwrap()
            .map(|interval| interval.unwrap())
            .map(|interval| (interval.series, interval.histogram.len()))
            .collect();
        assert_eq!(seen, [(lag, 2), (service, 1), (service, 1)]);
        assert!(
            set.series[set.index(lag)].is_none(),
            "past phases are freed"
        );
    }
}

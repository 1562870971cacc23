//! The interval log, folded to what a report is made of.

use std::collections::BTreeMap;

use super::{Columns, IntervalHistogram, LagPeaks, Series};
use crate::{HistogramSum, Timeline};

/// The interval log of a run, folded row by row to what a report is made of.
///
/// Whole histograms are kept of each series, which is exact, and of the run's time no more than can be
/// shown. So its memory goes by how many series a run has and how differently long requests took, and
/// not by how long the run lasted. What needs every second reads the log again, row by row
/// ([`RunDir::intervals`](crate::RunDir::intervals)).
#[derive(Debug, Clone)]
pub struct IntervalFold {
    series: BTreeMap<Series, HistogramSum>,
    columns: Columns,
    lag_peaks: LagPeaks,
}

impl IntervalFold {
    /// An empty fold for the log of a run with this time line.
    pub fn over(timeline: &Timeline) -> Self {
        Self {
            series: BTreeMap::new(),
            columns: Columns::over(timeline),
            lag_peaks: LagPeaks::default(),
        }
    }

    /// Takes in the next interval of the log.
    pub fn add(&mut self, interval: &IntervalHistogram) {
        let sum = self.series.entry(interval.series).or_default();
        sum.add(&interval.histogram);
        self.columns.add(interval);
        self.lag_peaks.add(interval);
    }

    /// Each series with all that was recorded of it.
    pub fn series(&self) -> impl Iterator<Item = (Series, &HistogramSum)> {
        self.series.iter().map(|(series, sum)| (*series, sum))
    }

    /// The latencies over time.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// The longest lags over time.
    pub fn lag_peaks(&self) -> &LagPeaks {
        &self.lag_peaks
    }

    /// Bytes that the packed values take: nearly all of its memory.
    pub fn packed_bytes(&self) -> usize {
        let series: usize = self.series.values().map(HistogramSum::packed_bytes).sum();
        series + self.columns.packed_bytes()
    }
}

impl<'a> Extend<&'a IntervalHistogram> for IntervalFold {
    fn extend<T: IntoIterator<Item = &'a IntervalHistogram>>(&mut self, intervals: T) {
        for interval in intervals {
            self.add(interval);
        }
    }
}

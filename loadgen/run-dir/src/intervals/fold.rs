//! The interval log, folded into what a report needs.

use std::collections::BTreeMap;

use super::{Columns, CountedColumns, IntervalHistogram, LagPeaks, Series, StepSums};
use crate::{HistogramSum, Manifest, Timeline};

/// The interval log of a run, folded row by row into what a report needs.
///
/// It keeps an exact histogram of each series and of each step of a phase, and as many columns over time as a chart can
/// show. Its memory therefore depends on the number of series and steps and the variety of latencies, not on the length of
/// the run. Exports that need every
/// second read the log again, row by row ([`RunDir::intervals`](crate::RunDir::intervals)).
#[derive(Debug, Clone)]
pub struct IntervalFold {
    series: BTreeMap<Series, HistogramSum>,
    columns: Columns,
    counted: CountedColumns,
    steps: StepSums,
    lag_peaks: LagPeaks,
}

impl IntervalFold {
    /// Creates an empty fold for a run with this timeline and no phases.
    pub fn over(timeline: &Timeline) -> Self {
        Self {
            series: BTreeMap::new(),
            columns: Columns::over(timeline),
            counted: CountedColumns::over(timeline),
            steps: StepSums::default(),
            lag_peaks: LagPeaks::default(),
        }
    }

    /// Creates an empty fold for a run with this manifest and timeline.
    pub fn of_run(manifest: &Manifest, timeline: &Timeline) -> Self {
        Self {
            counted: CountedColumns::of_phases(&manifest.phases, timeline),
            steps: StepSums::of_phases(&manifest.phases),
            ..Self::over(timeline)
        }
    }

    /// Adds the next interval of the log.
    pub fn add(&mut self, interval: &IntervalHistogram) {
        let sum = self.series.entry(interval.series).or_default();
        sum.add(&interval.histogram);
        self.columns.add(interval);
        self.counted.add(interval);
        self.steps.add(interval);
        self.lag_peaks.add(interval);
    }

    /// All series with their histograms.
    pub fn series(&self) -> impl Iterator<Item = (Series, &HistogramSum)> {
        self.series.iter().map(|(series, sum)| (*series, sum))
    }

    /// Latencies over time.
    pub fn columns(&self) -> &Columns {
        &self.columns
    }

    /// Response times of the counted phases over time, by request.
    pub fn counted_columns(&self) -> &CountedColumns {
        &self.counted
    }

    /// Response times of each step of a phase.
    pub fn steps(&self) -> &StepSums {
        &self.steps
    }

    /// Longest lags over time.
    pub fn lag_peaks(&self) -> &LagPeaks {
        &self.lag_peaks
    }

    /// Bytes of the packed values: nearly all of its memory.
    pub fn packed_bytes(&self) -> usize {
        let series: usize = self.series.values().map(HistogramSum::packed_bytes).sum();
        series
            + self.columns.packed_bytes()
            + self.counted.packed_bytes()
            + self.steps.packed_bytes()
    }
}

impl<'a> Extend<&'a IntervalHistogram> for IntervalFold {
    fn extend<T: IntoIterator<Item = &'a IntervalHistogram>>(&mut self, intervals: T) {
        for interval in intervals {
            self.add(interval);
        }
    }
}

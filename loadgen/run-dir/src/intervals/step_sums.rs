//! Response times of each step of a phase.

use std::collections::BTreeMap;

use super::{IntervalHistogram, Metric};
use crate::HistogramSum;
use crate::manifest::PhaseInfo;

/// Response times of each step of a phase, over all requests.
///
/// An interval belongs to the step that contains its middle. A request counts in the interval in which it was done, so one
/// that was sent late in a step may count in the next. Answers after the end of a phase belong to its last step.
#[derive(Debug, Clone, Default)]
pub struct StepSums {
    /// Starts of the steps of each phase, in nanoseconds.
    starts: Vec<Vec<u64>>,
    sums: BTreeMap<(usize, usize), HistogramSum>,
}

impl StepSums {
    /// Creates empty sums for the steps of these phases.
    pub(super) fn of_phases(phases: &[PhaseInfo]) -> Self {
        let starts = |phase: &PhaseInfo| phase.steps.iter().map(|step| step.start_ns).collect();
        Self {
            starts: phases.iter().map(starts).collect(),
            sums: BTreeMap::new(),
        }
    }

    /// Adds an interval. Ignores other metrics, and phases without steps.
    pub(super) fn add(&mut self, interval: &IntervalHistogram) {
        let series = interval.series;
        let starts = self.starts.get(series.phase).map_or(&[][..], Vec::as_slice);
        if series.metric != Metric::Response || starts.is_empty() {
            return;
        }
        let middle = interval.start_ns.saturating_add(interval.duration_ns / 2);
        let step = starts.partition_point(|start| *start <= middle);
        let step = (series.phase, step.saturating_sub(1));
        self.sums.entry(step).or_default().add(&interval.histogram);
    }

    /// Response times of a step, by the indices of its phase and of the step. `None` without answers.
    pub fn of(&self, phase: usize, step: usize) -> Option<&HistogramSum> {
        self.sums.get(&(phase, step))
    }

    /// Bytes of the packed values.
    pub(super) fn packed_bytes(&self) -> usize {
        self.sums.values().map(HistogramSum::packed_bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::StepInfo;
    use crate::{Series, SparseHistogram, latency_histogram};

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn intervals_belong_to_the_step_of_their_middle() {
        let step = |start| StepInfo {
            start_ns: start * SECOND,
            duration_ns: 2 * SECOND,
            rate_per_s: 1.0,
        };
        let phase = PhaseInfo {
            name: "climb".to_owned(),
            kind: "steps".to_owned(),
            start_ns: 10 * SECOND,
            duration_ns: 4 * SECOND,
            warm_up: false,
            steps: vec![step(10), step(12)],
        };
        let plain = PhaseInfo {
            steps: Vec::new(),
            ..phase.clone()
        };
        let mut sums = StepSums::of_phases(&[plain, phase]);
        let mut one = latency_histogram::<u32>();
        one.saturating_record(1_000);
        let mut add = |phase, start_ns| {
            sums.add(&IntervalHistogram {
                series: Series {
                    metric: Metric::Response,
                    phase,
                    request: 0,
                },
                start_ns,
                duration_ns: SECOND,
                histogram: SparseHistogram::of(&one),
            });
        };
        add(0, 10 * SECOND);
        add(1, 10 * SECOND);
        add(1, 11 * SECOND);
        add(1, 12 * SECOND - SECOND / 4);
        add(1, 20 * SECOND);
        let count = |phase, step| sums.of(phase, step).map(HistogramSum::len);
        assert_eq!(
            (count(0, 0), count(1, 0), count(1, 1)),
            (None, Some(2), Some(2))
        );
    }
}

//! `timeline.json`: one row per second of the run.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The run, second by second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// Rows in order of time, without gaps.
    pub rows: Vec<Row>,
}

impl Timeline {
    /// Adds up the timelines of several generators of one run, row by row.
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut rows = BTreeMap::<u64, Row>::new();
        for row in parts.into_iter().flat_map(|part| &part.rows) {
            match rows.get_mut(&row.start_ns) {
                Some(sum) => sum.add(row),
                None => {
                    rows.insert(row.start_ns, row.clone());
                }
            }
        }
        Self {
            rows: rows.into_values().collect(),
        }
    }

    /// End of the last row, in nanoseconds since the start of the run. 0 if there is no row.
    pub fn end_ns(&self) -> u64 {
        self.rows.last().map_or(0, Row::end_ns)
    }
}

/// Counts of one interval of the run.
///
/// `planned` counts arrivals in the interval in which they were intended, `sent` in which they were sent, and `completed`
/// and `failed` in which they were done. A stall therefore shows as rates that diverge.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// Start, in nanoseconds since the start of the run.
    pub start_ns: u64,
    /// Length, in nanoseconds.
    pub duration_ns: u64,
    /// Index of the phase in the middle of the interval.
    pub phase: usize,
    /// Arrivals intended.
    pub planned: u64,
    /// Arrivals sent.
    pub sent: u64,
    /// Reads completed.
    pub reads: u64,
    /// Writes completed.
    pub writes: u64,
    /// Requests failed.
    pub failed: u64,
    /// Arrivals dropped.
    pub dropped: u64,
    /// Requests in flight at the end.
    pub in_flight: u64,
    /// Arrivals waiting for an idle user at the end.
    pub waiting: u64,
    /// CPU time of the generator's process.
    pub generator_cpu_ns: u64,
    /// Counts of each side of a paired run. `None` for other runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<SideRows>,
    /// Failures by class and status. Empty in runs of earlier versions.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failures: Vec<FailureCount>,
}

/// Most kinds of failures in one row. Further statuses count without their status.
const FAILURE_KINDS_MAX: usize = 32;

/// Requests that failed in the same way in one interval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FailureCount {
    /// Class of the failure: `timeout`.
    pub class: Cow<'static, str>,
    /// Status of the answer. `None` without an answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Number of requests.
    pub count: u64,
}

impl Row {
    /// Adds the counts of another generator in the same interval.
    fn add(&mut self, other: &Self) {
        self.duration_ns = self.duration_ns.max(other.duration_ns);
        self.phase = self.phase.max(other.phase);
        self.planned += other.planned;
        self.sent += other.sent;
        self.reads += other.reads;
        self.writes += other.writes;
        self.failed += other.failed;
        self.dropped += other.dropped;
        self.in_flight += other.in_flight;
        self.waiting += other.waiting;
        self.generator_cpu_ns += other.generator_cpu_ns;
        for own in &other.failures {
            self.add_failures(&own.class, own.status, own.count);
        }
        if let (Some(sum), Some(sides)) = (&mut self.sides, &other.sides) {
            sum.add(sides);
        }
    }

    /// Adds failed requests of one class and status. Does not change [`Row::failed`].
    #[expect(clippy::ptr_arg, reason = "a static class is stored without a copy")]
    pub fn add_failures(&mut self, class: &Cow<'static, str>, status: Option<u16>, count: u64) {
        let status = match self.failures.len() {
            0..FAILURE_KINDS_MAX => status,
            _ => status.filter(|status| {
                let mut known = self.failures.iter();
                known.any(|known| known.class == *class && known.status == Some(*status))
            }),
        };
        let mut known = self.failures.iter_mut();
        match known.find(|known| known.class == *class && known.status == status) {
            Some(known) => known.count += count,
            None => self.failures.push(FailureCount {
                class: class.clone(),
                status,
                count,
            }),
        }
    }

    /// End, in nanoseconds since the start of the run.
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.duration_ns)
    }
}

/// Counts of each side of a paired run in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideRows {
    /// The build that is the reference.
    pub baseline: SideRow,
    /// The build under test.
    pub candidate: SideRow,
}

/// Counts of one side of a paired run in one interval.
///
/// `sent` and `dropped` are counted when they happen, everything else when a request is done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideRow {
    /// Requests sent.
    pub sent: u64,
    /// Arrivals dropped.
    pub dropped: u64,
    /// Requests completed.
    pub completed: u64,
    /// Requests failed.
    pub failed: u64,
    /// Failed requests that timed out. Their latencies count, as those of completed requests do.
    pub timed_out: u64,
    /// Sum of the response times of requests that completed or timed out, in nanoseconds.
    pub response_sum_ns: u64,
    /// Sum of the service times of the same requests, in nanoseconds.
    pub service_sum_ns: u64,
}

impl SideRows {
    /// Adds the counts of another interval or another generator.
    pub fn add(&mut self, other: &Self) {
        self.baseline.add(&other.baseline);
        self.candidate.add(&other.candidate);
    }
}

impl SideRow {
    /// Adds the counts of another interval or another generator.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.dropped += other.dropped;
        self.completed += other.completed;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.response_sum_ns += other.response_sum_ns;
        self.service_sum_ns += other.service_sum_ns;
    }

    /// Number of requests in the sums of latencies.
    pub fn timed(&self) -> u64 {
        self.completed + self.timed_out
    }

    /// Mean response time, in nanoseconds. `None` if no request was timed.
    pub fn mean_response_ns(&self) -> Option<f64> {
        self.mean(self.response_sum_ns)
    }

    /// Mean service time, in nanoseconds. `None` if no request was timed.
    pub fn mean_service_ns(&self) -> Option<f64> {
        self.mean(self.service_sum_ns)
    }

    fn mean(&self, sum_ns: u64) -> Option<f64> {
        (self.timed() > 0).then(|| sum_ns as f64 / self.timed() as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_add_up_by_class_and_status() {
        let mut row = Row::default();
        let class = Cow::Borrowed("unexpected_status");
        row.add_failures(&class, Some(503), 2);
        row.add_failures(&class, Some(500), 1);
        row.add_failures(&class, Some(503), 1);
        row.add_failures(&Cow::Borrowed("timeout"), None, 1);
        let counts: Vec<_> = row
            .failures
            .iter()
            .map(|own| (own.class.as_ref(), own.status, own.count))
            .collect();
        let expected = [
            ("unexpected_status", Some(503), 3),
            ("unexpected_status", Some(500), 1),
            ("timeout", None, 1),
        ];
        assert_eq!(counts, expected);
    }

    #[test]
    fn kinds_of_failures_are_bounded() {
        let mut row = Row::default();
        for status in 100..999 {
            row.add_failures(&Cow::Borrowed("unexpected_status"), Some(status), 1);
        }
        assert_eq!(row.failures.len(), FAILURE_KINDS_MAX + 1);
        let all: u64 = row.failures.iter().map(|own| own.count).sum();
        assert_eq!(all, 899);
    }
}

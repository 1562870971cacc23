//! `timeline.json`: one row a second of the run.

use serde::{Deserialize, Serialize};

/// The run, second by second.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Timeline {
    /// The rows, in order of time, without a gap.
    pub rows: Vec<Row>,
}

impl Timeline {
    /// When its last row ends; 0 where there is none.
    pub fn end_ns(&self) -> u64 {
        self.rows.last().map_or(0, Row::end_ns)
    }
}

/// What happened in one interval of the run.
///
/// `planned` is counted where an arrival was intended, `sent` where it was sent, `completed`,
/// `failed` and the latencies where it was done: so a stall shows as rates that part.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// When it begins.
    pub start_ns: u64,
    /// How long it lasts.
    pub duration_ns: u64,
    /// Index of the phase that its middle lies in.
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
    /// Requests in flight at its end.
    pub in_flight: u64,
    /// Arrivals waiting for an idle user at its end.
    pub waiting: u64,
    /// CPU time of the generator's process.
    pub generator_cpu_ns: u64,
    /// What was done on each side of a paired run; none where two builds were not compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sides: Option<SideRows>,
}

impl Row {
    /// When it ends.
    pub fn end_ns(&self) -> u64 {
        self.start_ns.saturating_add(self.duration_ns)
    }
}

/// What was done on each side of a paired run, in one interval.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SideRows {
    /// By the build that is compared with.
    pub baseline: SideRow,
    /// By the build that is judged.
    pub candidate: SideRow,
}

/// What was done on one side of a paired run, in one interval: `sent` and `dropped` are counted where
/// they happened, all else where a request was done.
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
    /// Those among the failed that timed out, whose latencies count as those of the completed do.
    pub timed_out: u64,
    /// Sum of the response times of those that completed or timed out.
    pub response_sum_ns: u64,
    /// Sum of their service times.
    pub service_sum_ns: u64,
}

impl SideRows {
    /// Adds what was done in another interval, or by another generator.
    pub fn add(&mut self, other: &Self) {
        self.baseline.add(&other.baseline);
        self.candidate.add(&other.candidate);
    }
}

impl SideRow {
    /// Adds what was done in another interval, or by another generator.
    pub fn add(&mut self, other: &Self) {
        self.sent += other.sent;
        self.dropped += other.dropped;
        self.completed += other.completed;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.response_sum_ns += other.response_sum_ns;
        self.service_sum_ns += other.service_sum_ns;
    }

    /// How many requests the sums of latencies are of.
    pub fn timed(&self) -> u64 {
        self.completed + self.timed_out
    }

    /// The mean response time, in nanoseconds; none of nothing.
    pub fn mean_response_ns(&self) -> Option<f64> {
        self.mean(self.response_sum_ns)
    }

    /// The mean service time, in nanoseconds; none of nothing.
    pub fn mean_service_ns(&self) -> Option<f64> {
        self.mean(self.service_sum_ns)
    }

    fn mean(&self, sum_ns: u64) -> Option<f64> {
        (self.timed() > 0).then(|| sum_ns as f64 / self.timed() as f64)
    }
}

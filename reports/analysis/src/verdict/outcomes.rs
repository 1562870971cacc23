//! Outcomes of the arrivals in the scope of an objective.

use tenfold_run_dir::Blame;
use tenfold_run_dir::counts::{RequestCounts, blamed_on};

/// Outcomes of the arrivals in the scope of an objective.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Outcomes {
    /// Due.
    pub(super) planned: u64,
    /// Answered as expected.
    pub(super) completed: u64,
    /// Failed, and not because of the generator.
    pub(super) failed: u64,
    /// Failed by timeout, part of `failed`.
    pub(super) timed_out: u64,
    /// Never sent, because every user was busy for too long.
    pub(super) dropped: u64,
    /// Without an outcome that is the service's: failed because of the generator, or neither answered nor
    /// dropped when the run ended.
    pub(super) unknown: u64,
}

impl Outcomes {
    /// Sums the outcomes of requests.
    pub(super) fn of<'a>(requests: impl Iterator<Item = &'a RequestCounts>) -> Self {
        let mut sum = Self::default();
        for request in requests {
            let own = blamed_on(Blame::Generator, &request.failures);
            let not_sent = request
                .planned
                .saturating_sub(request.sent + request.dropped);
            sum.planned += request.planned;
            sum.completed += request.completed;
            sum.failed += request.failed.saturating_sub(own);
            sum.timed_out += request.failures.get("timeout").copied().unwrap_or(0);
            sum.dropped += request.dropped;
            sum.unknown += own + request.in_flight + not_sent;
        }
        sum
    }

    /// Converts the outcomes of streams to those of their first events, of which `arrived` were recorded. Streams
    /// that ended or timed out without an event are unknown.
    pub(super) fn of_streams(self, arrived: u64) -> Self {
        let ended = self.completed + self.timed_out;
        Self {
            timed_out: 0,
            unknown: self.unknown + ended.saturating_sub(arrived),
            ..self
        }
    }

    /// Moves dropped arrivals to the unknown ones: with too few users, they say nothing about the service.
    pub(super) fn without_dropped(self) -> Self {
        Self {
            dropped: 0,
            unknown: self.unknown + self.dropped,
            ..self
        }
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;

    fn outcomes() -> Outcomes {
        let failures = [
            ("timeout", 5),
            ("local_ports", 2),
            ("unexpected_status", 10),
        ];
        let one = RequestCounts {
            planned: 100,
            sent: 90,
            completed: 70,
            failed: 17,
            dropped: 4,
            in_flight: 3,
            failures: failures
                .map(|(class, count)| (class.to_owned(), count))
                .into(),
            ..RequestCounts::default()
        };
        let other = RequestCounts {
            planned: 10,
            sent: 10,
            completed: 10,
            ..RequestCounts::default()
        };
        Outcomes::of([one, other].iter())
    }

    #[test]
    fn failures_of_the_generator_and_arrivals_without_an_end_are_unknown() {
        let expected = Outcomes {
            planned: 110,
            completed: 80,
            failed: 15,
            timed_out: 5,
            dropped: 4,
            // Two failures of the generator, three in flight, and six neither sent nor dropped.
            unknown: 11,
        };
        assert_eq!(outcomes(), expected);
        let arrivals = expected.completed + expected.failed + expected.dropped + expected.unknown;
        assert_eq!(arrivals, expected.planned);
    }

    #[test]
    fn streams_without_an_event_are_unknown() {
        // 80 streams were answered and 5 timed out; 60 had an event.
        let expected = Outcomes {
            timed_out: 0,
            unknown: 11 + 25,
            ..outcomes()
        };
        assert_eq!(outcomes().of_streams(60), expected);
        assert_eq!(outcomes().of_streams(85).unknown, 11);
        assert_eq!(outcomes().of_streams(90).unknown, 11);
    }

    #[test]
    fn dropped_arrivals_become_unknown() {
        let expected = Outcomes {
            dropped: 0,
            unknown: 15,
            ..outcomes()
        };
        assert_eq!(outcomes().without_dropped(), expected);
    }
}

//! Counts of one request in one phase.

use std::collections::BTreeMap;

use tenfold_run_dir::Blame;
use tenfold_run_dir::counts::{RequestCounts, TravelCounts};

use crate::failure::Failure;
use crate::record::outcome::Outcome;

/// Counts of one request in one phase, without an allocation for each arrival.
#[derive(Debug, Clone, Default)]
pub(crate) struct RequestTally {
    pub(crate) planned: u64,
    pub(crate) sent: u64,
    pub(crate) completed: u64,
    pub(crate) dropped: u64,
    not_written: u64,
    body_bytes: u64,
    statuses: Vec<(u16, u64)>,
    failures: [u64; Failure::ALL.len()],
    /// Events of streams, by name.
    events: Vec<(Box<str>, u64)>,
    /// Counts of requests that are not plain.
    pub(crate) travel: TravelCounts,
}

/// The most names of events that are counted apart.
const EVENT_NAMES_MAX: usize = 32;

/// The name under which the others are counted.
const OTHER_EVENTS: &str = "(other)";

impl RequestTally {
    /// Counts a request that ended.
    pub(crate) fn end(&mut self, outcome: &Outcome) {
        self.body_bytes += outcome.body_bytes;
        self.not_written += u64::from(!outcome.is_written);
        if let Some(status) = outcome.status {
            match self.statuses.iter_mut().find(|(seen, _)| *seen == status) {
                Some((_, count)) => *count += 1,
                None => self.statuses.push((status, 1)),
            }
        }
        match outcome.failure {
            None => self.completed += 1,
            Some(failure) => self.failures[failure as usize] += 1,
        }
    }

    /// Counts an event of a stream.
    pub(crate) fn event(&mut self, name: &str) {
        let is_full = self.events.len() >= EVENT_NAMES_MAX;
        let known = |name: &str| self.events.iter().position(|(known, _)| **known == *name);
        let name = match known(name) {
            None if is_full => OTHER_EVENTS,
            _ => name,
        };
        match known(name) {
            Some(index) => self.events[index].1 += 1,
            None => self.events.push((name.into(), 1)),
        }
    }

    /// The number that failed, for any reason.
    pub(crate) fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }

    /// The number that failed for a reason that is not the generator's.
    pub(crate) fn failed_by_others(&self) -> u64 {
        let classes = Failure::ALL.iter().zip(&self.failures);
        classes
            .filter(|(failure, _)| failure.blame() != Blame::Generator)
            .map(|(_, count)| count)
            .sum()
    }

    /// The number that failed with one class.
    pub(crate) fn failed_by(&self, failure: Failure) -> u64 {
        self.failures[failure as usize]
    }

    /// The counts, for the run directory. Those of checks are added elsewhere.
    pub(crate) fn counts(&self) -> RequestCounts {
        let named = |(failure, count): (&Failure, &u64)| (failure.name().to_owned(), *count);
        RequestCounts {
            planned: self.planned,
            sent: self.sent,
            not_written: self.not_written,
            completed: self.completed,
            failed: self.failed(),
            dropped: self.dropped,
            in_flight: self.sent - self.completed - self.failed(),
            body_bytes: self.body_bytes,
            statuses: self.statuses.iter().copied().collect(),
            failures: Failure::ALL
                .iter()
                .zip(&self.failures)
                .filter(|(_, count)| **count > 0)
                .map(named)
                .collect::<BTreeMap<_, _>>(),
            checks: BTreeMap::new(),
            events: self
                .events
                .iter()
                .map(|(name, count)| (name.to_string(), *count))
                .collect(),
            travel: self.travel,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up() {
        let outcome = |status, failure, is_written| Outcome {
            status,
            body_bytes: 5,
            failure,
            is_written,
        };
        let mut tally = RequestTally {
            planned: 6,
            sent: 5,
            dropped: 1,
            ..RequestTally::default()
        };
        tally.end(&outcome(Some(200), None, true));
        tally.end(&outcome(Some(200), None, true));
        tally.end(&outcome(Some(503), Some(Failure::UnexpectedStatus), true));
        tally.end(&outcome(None, Some(Failure::Connect), false));
        let counts = tally.counts();
        assert_eq!(
            (counts.completed, counts.failed, counts.in_flight),
            (2, 2, 1)
        );
        assert_eq!((counts.not_written, counts.body_bytes), (1, 20));
        assert_eq!(counts.statuses, BTreeMap::from([(200, 2), (503, 1)]));
        assert_eq!(tally.failed_by(Failure::Connect), 1);
        tally.end(&outcome(None, Some(Failure::OpenFiles), false));
        assert_eq!((tally.failed(), tally.failed_by_others()), (3, 2));
        assert_eq!(counts.failures.len(), 2);
    }
}

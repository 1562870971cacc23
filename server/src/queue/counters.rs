//! Counters of jobs in this process.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counters of the jobs that this process pushed and worked on.
#[derive(Debug, Default)]
pub(crate) struct JobCounters {
    counts: [AtomicU64; JobEvent::ALL.len()],
}

/// Event in the life of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum JobEvent {
    /// Accepted by the queue.
    Accepted,
    /// Rejected by a full queue.
    Full,
    /// Not accepted for another reason.
    Unaccepted,
    /// Its effect was applied.
    Done,
    /// Its effect had been applied before, or a later job replaced it.
    Repeated,
    /// Its content can't be processed.
    Unprocessable,
    /// Returned to the queue after a failure.
    Retried,
    /// Moved to the dead letters.
    Buried,
}

impl JobEvent {
    /// All events, in the order of their discriminants.
    pub(crate) const ALL: [Self; 8] = [
        Self::Accepted,
        Self::Full,
        Self::Unaccepted,
        Self::Done,
        Self::Repeated,
        Self::Unprocessable,
        Self::Retried,
        Self::Buried,
    ];

    /// Returns the label in the metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Full => "full",
            Self::Unaccepted => "unaccepted",
            Self::Done => "done",
            Self::Repeated => "repeated",
            Self::Unprocessable => "unprocessable",
            Self::Retried => "retried",
            Self::Buried => "buried",
        }
    }
}

impl JobCounters {
    /// Counts an event.
    pub(crate) fn add(&self, event: JobEvent) {
        if let Some(count) = self.counts.get(event as usize) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Returns the number of events.
    pub(crate) fn count(&self, event: JobEvent) -> u64 {
        self.counts
            .get(event as usize)
            .map_or(0, |count| count.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn discriminants_are_indices() {
        let counters = JobCounters::default();
        for (index, event) in JobEvent::ALL.into_iter().enumerate() {
            assert_eq!(event as usize, index);
            assert_eq!(counters.count(event), 0);
            counters.add(event);
            assert_eq!(counters.count(event), 1);
        }
    }
}

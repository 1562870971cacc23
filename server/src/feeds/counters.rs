//! Counters of written feeds in this process.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Counters of written feeds in this process.
#[derive(Debug, Default)]
pub(crate) struct FeedCounters {
    counts: [AtomicU64; FeedEvent::ALL.len()],
    spread: AtomicU64,
    spread_ms: AtomicU64,
}

/// Event of written feeds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum FeedEvent {
    /// A page was read from a written feed.
    ReadWritten,
    /// A page was computed, because the feed was not written or stale.
    ReadComputed,
    /// A feed was written.
    Written,
    /// A job could not be sent to the queue.
    Unsent,
    /// A post was written to feeds because its job was lost or late.
    Swept,
    /// A counter was wrong.
    CounterRepaired,
    /// A post was missing in a feed.
    EntryAdded,
    /// A post was in a feed whose user did not follow its author.
    EntryRemoved,
}

impl FeedEvent {
    /// All events, in the order of their discriminants.
    pub(crate) const ALL: [Self; 8] = [
        Self::ReadWritten,
        Self::ReadComputed,
        Self::Written,
        Self::Unsent,
        Self::Swept,
        Self::CounterRepaired,
        Self::EntryAdded,
        Self::EntryRemoved,
    ];

    /// Returns the label in the metrics.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::ReadWritten => "read-written",
            Self::ReadComputed => "read-computed",
            Self::Written => "written",
            Self::Unsent => "unsent",
            Self::Swept => "swept",
            Self::CounterRepaired => "counter-repaired",
            Self::EntryAdded => "entry-added",
            Self::EntryRemoved => "entry-removed",
        }
    }
}

impl FeedCounters {
    /// Counts an event.
    pub(crate) fn add(&self, event: FeedEvent) {
        self.add_many(event, 1);
    }

    /// Counts several events.
    pub(crate) fn add_many(&self, event: FeedEvent, count: u64) {
        if let Some(own) = self.counts.get(event as usize) {
            own.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// Counts a post that is in all feeds, so long after it was created.
    pub(crate) fn spread(&self, took_ms: u64) {
        self.spread.fetch_add(1, Ordering::Relaxed);
        self.spread_ms.fetch_add(took_ms, Ordering::Relaxed);
    }

    /// Returns the number of events.
    pub(crate) fn count(&self, event: FeedEvent) -> u64 {
        let own = self.counts.get(event as usize);
        own.map_or(0, |own| own.load(Ordering::Relaxed))
    }

    /// Returns the number of posts that are in all feeds, and the sum of the times that took.
    pub(crate) fn spreads(&self) -> (u64, Duration) {
        let sum = Duration::from_millis(self.spread_ms.load(Ordering::Relaxed));
        (self.spread.load(Ordering::Relaxed), sum)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_have_their_own_counts() {
        let counters = FeedCounters::default();
        for (count, event) in (1..).zip(FeedEvent::ALL) {
            counters.add_many(event, count);
        }
        for (count, event) in (1..).zip(FeedEvent::ALL) {
            assert_eq!(counters.count(event), count, "{}", event.name());
        }
        counters.spread(1_500);
        counters.spread(500);
        assert_eq!(counters.spreads(), (2, Duration::from_secs(2)));
    }
}

//! What a cache counts.

use std::sync::atomic::{AtomicU64, Ordering};

/// A count that many tasks add to.
#[derive(Debug, Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// The counters of both layers.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) local: Layer,
    pub(super) shared: Layer,
    pub(super) loads: Count,
    pub(super) loads_refused: Count,
    pub(super) coalesced: Count,
    pub(super) lease_waits: Count,
    pub(super) lease_timeouts: Count,
    pub(super) behind_stored: Count,
    pub(super) behind_lost: Count,
}

/// The counters of one layer.
#[derive(Debug, Default)]
pub(super) struct Layer {
    pub(super) hits: Count,
    pub(super) misses: Count,
    pub(super) fills: Count,
    pub(super) invalidations: Count,
    pub(super) amendments: Count,
    pub(super) refreshes: Count,
    pub(super) errors: Count,
    pub(super) evictions: Count,
}

/// What one layer of the cache has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerStats {
    /// Reads that found what they sought, or that it does not exist.
    pub hits: u64,
    /// Reads that did not.
    pub misses: u64,
    /// Values that were put in.
    pub fills: u64,
    /// Values that were taken out since something changed.
    pub invalidations: u64,
    /// Values that a change was put into; always 0 for the shared cache.
    pub amendments: u64,
    /// Values that were loaded anew before they expired.
    pub refreshes: u64,
    /// Calls that failed or could not be made; never in the in-process layer.
    pub errors: u64,
    /// Values that went for want of room; for the shared cache, which knows by itself, 0.
    pub evictions: u64,
}

/// What a cache has done so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// The layer in this process.
    pub local: LayerStats,
    /// The layer that processes share.
    pub shared: LayerStats,
    /// What the in-process layer holds, in bytes.
    pub local_bytes: u64,
    /// Reads that asked the store.
    pub loads: u64,
    /// Reads that were refused since too many asked the store already.
    pub loads_refused: u64,
    /// Reads that waited for the answer that another read of this process had asked for.
    pub coalesced: u64,
    /// Reads that waited for another process to load.
    pub lease_waits: u64,
    /// Of these, those that asked the store themselves at last.
    pub lease_timeouts: u64,
    /// Changes that the shared cache could not be told of yet.
    pub owed: u64,
    /// Edits that were answered and are not stored yet.
    pub behind_queued: u64,
    /// Edits that were stored after they had been answered.
    pub behind_stored: u64,
    /// Edits that were answered and will never be stored.
    pub behind_lost: u64,
}

impl Layer {
    pub(super) fn stats(&self) -> LayerStats {
        LayerStats {
            hits: self.hits.get(),
            misses: self.misses.get(),
            fills: self.fills.get(),
            invalidations: self.invalidations.get(),
            amendments: self.amendments.get(),
            refreshes: self.refreshes.get(),
            errors: self.errors.get(),
            evictions: self.evictions.get(),
        }
    }
}

impl Counters {
    pub(super) fn stats(&self) -> CacheStats {
        CacheStats {
            local: self.local.stats(),
            shared: self.shared.stats(),
            loads: self.loads.get(),
            loads_refused: self.loads_refused.get(),
            coalesced: self.coalesced.get(),
            lease_waits: self.lease_waits.get(),
            lease_timeouts: self.lease_timeouts.get(),
            behind_stored: self.behind_stored.get(),
            behind_lost: self.behind_lost.get(),
            ..CacheStats::default()
        }
    }
}

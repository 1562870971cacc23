//! Cache counters.

use std::sync::atomic::{AtomicU64, Ordering};

/// Counter shared by many tasks.
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

/// Counters of both layers.
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

/// Counters of one layer.
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

/// Statistics of one layer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LayerStats {
    /// Reads answered from this layer, including that a value does not exist.
    pub hits: u64,
    /// Reads not answered from this layer.
    pub misses: u64,
    /// Values added.
    pub fills: u64,
    /// Values removed because of a change.
    pub invalidations: u64,
    /// Values updated by a change; always 0 for the shared layer.
    pub amendments: u64,
    /// Values reloaded before they expired.
    pub refreshes: u64,
    /// Calls that failed or could not be made; always 0 for the local layer.
    pub errors: u64,
    /// Values evicted for lack of space; always 0 for the shared layer, which counts its own.
    pub evictions: u64,
}

/// Statistics of a cache.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CacheStats {
    /// Layer in this process.
    pub local: LayerStats,
    /// Layer shared by processes.
    pub shared: LayerStats,
    /// Size of the local layer, in bytes.
    pub local_bytes: u64,
    /// Reads from the store.
    pub loads: u64,
    /// Reads rejected because too many reads from the store were in progress.
    pub loads_refused: u64,
    /// Reads that shared another read's load in this process.
    pub coalesced: u64,
    /// Reads that waited for another process to load.
    pub lease_waits: u64,
    /// Reads among these that timed out and read from the store.
    pub lease_timeouts: u64,
    /// Invalidations that the shared cache has not received yet.
    pub pending_invalidations: u64,
    /// Acknowledged edits not stored yet.
    pub behind_queued: u64,
    /// Edits stored after they were acknowledged.
    pub behind_stored: u64,
    /// Acknowledged edits that will never be stored.
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

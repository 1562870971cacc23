//! Hits of the shared cache of the reference service, at the measured size and at that of a fleet.

use tenfold_scenarios::{Kind, Scenario};
use tenfold_simulation::cache::{CacheModel, Misses};

use crate::model::{Role, ServiceModel};

/// Time until an entry of the shared cache expires, in seconds: the reference service's default.
const TTL_S: f64 = 30.0;

/// Share of the memory of a cache's box that holds entries, in the lab.
const MEMORY: f64 = 0.5;

/// Bytes of an entry: 1 KB of content, 1.5 KB of HTML, and the overhead of the map.
const ENTRY_BYTES: f64 = 3_000.0;

/// Misses of the shared cache by the requests of a scenario. `None` for a request without keys, and for a write.
pub(super) type RequestMisses = Vec<Option<Misses>>;

/// Returns the entries that the cache boxes of a model hold, each. `None` without a cache, or without a limit of its memory.
pub(super) fn room_each(model: &ServiceModel) -> Option<f64> {
    let tier = model.tiers.iter().find(|tier| tier.role == Role::Cache)?;
    let bytes = tier.boxes.first()?.memory_bytes?;
    Some(bytes as f64 * MEMORY / ENTRY_BYTES)
}

/// Returns the misses by Che's approximation, at a rate per second, if `room` entries fit. The key spaces share the room in
/// proportion to the requests for their keys.
pub(super) fn misses(scenario: &Scenario, shares: &[f64], rate: f64, room: f64) -> RequestMisses {
    let is_cached = |number: usize| {
        let request = &scenario.requests[number];
        request.key_space.filter(|_| request.kind == Kind::Read)
    };
    let numbers = 0..scenario.requests.len().min(shares.len());
    let all: f64 = numbers
        .clone()
        .filter(|number| is_cached(*number).is_some())
        .map(|number| shares[number])
        .sum();
    let misses = numbers.map(|number| {
        let space = is_cached(number)?;
        let keys = scenario.key_spaces.get(space)?;
        let model = CacheModel {
            ttl_s: TTL_S,
            room: room * shares[number] / all.max(f64::MIN_POSITIVE),
        };
        Some(Misses::of(keys, rate * shares[number], model))
    });
    misses.collect()
}

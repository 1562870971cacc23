//! Hits of the shared cache of the reference service, at the measured size and at that of a fleet.

use tenfold_scenarios::{KeySpace, Kind, Scenario};
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

/// Sentence for a cache whose memory has no limit.
pub(super) const NO_ROOM: &str =
    "The box of the cache has no limit of its memory, so the fleet has the misses of the runs";

/// Returns the assumptions about the cache, in a sentence.
pub(super) fn assumptions() -> String {
    format!(
        "Assumed, as runs do not record it: entries of the cache expire after {TTL_S:.0} s, take {:.0} KB each, and fill {:.0}% of the memory of its \
         box; no two requests of the scenario share an entry",
        ENTRY_BYTES / 1e3,
        MEMORY * 100.0
    )
}

/// Returns the misses by Che's approximation, at a rate per second, if `room` entries fit. All entries compete for the room, so the
/// requests for popular keys have most of it.
pub(super) fn misses(scenario: &Scenario, shares: &[f64], rate: f64, room: f64) -> RequestMisses {
    let spaces = scenario
        .requests
        .iter()
        .zip(shares)
        .map(|(request, share)| {
            let space = request.key_space.filter(|_| request.kind == Kind::Read)?;
            Some((scenario.key_spaces.get(space)?, rate * share))
        });
    let spaces: Vec<Option<(&KeySpace, f64)>> = spaces.collect();
    let cached: Vec<(&KeySpace, f64)> = spaces.iter().flatten().copied().collect();
    let model = CacheModel { ttl_s: TTL_S, room };
    let mut misses = Misses::shared(&cached, model).into_iter();
    let of_request = |space: &Option<_>| space.as_ref().and_then(|_| misses.next());
    spaces.iter().map(of_request).collect()
}

//! Caches: too small, too busy, or refusing connections.

use tenfold_run_dir::component_use::{CacheUse, ComponentUse};

use super::{CauseKind, ComponentCause};
use crate::format;
use crate::summary::finding::Confidence;

/// Share of lookups that miss from which evictions cost reads of the store.
const MISS_SHARE_MIN: f64 = 0.1;

/// Keys evicted for each miss from which evictions explain misses.
const EVICTED_PER_MISS_MIN: f64 = 0.2;

/// Share of a core from which the thread that runs commands is busy.
const BUSY: f64 = 0.85;

/// Returns the causes that a cache shows.
pub(super) fn causes(own: &ComponentUse, figures: &CacheUse) -> Vec<ComponentCause> {
    let found = [
        eviction(own, figures),
        busy(own, figures),
        refused(own, figures),
    ];
    found.into_iter().flatten().collect()
}

fn eviction(own: &ComponentUse, figures: &CacheUse) -> Option<ComponentCause> {
    let misses = figures.miss_share()?;
    let is_explained = figures.evicted as f64 >= EVICTED_PER_MISS_MIN * figures.misses as f64;
    if figures.evicted == 0 || misses < MISS_SHARE_MIN || !is_explained {
        return None;
    }
    let memory = match figures.memory_allowed_bytes {
        Some(allowed) => format!(
            "{} of the {} that it may use are in use",
            format::bytes(figures.memory_bytes),
            format::bytes(allowed)
        ),
        None => format!("{} are in use", format::bytes(figures.memory_bytes)),
    };
    Some(ComponentCause {
        kind: CauseKind::Eviction,
        component: own.name.clone(),
        title: format!(
            "The cache `{}` is too small: it evicted {} keys, and {} of the lookups missed",
            own.name,
            format::count(figures.evicted),
            format::percent(misses)
        ),
        place: None,
        evidence: vec![
            memory,
            format!(
                "{} of {} lookups found a value",
                format::count(figures.hits),
                format::count(figures.hits.saturating_add(figures.misses))
            ),
        ],
        confidence: Confidence::Medium,
        advice: "Give the cache more memory (maxmemory), or keep less in it: smaller values, shorter lifetimes, only hot keys."
            .to_owned(),
        // Comparable to a queue: the share of the lookups that have to go on to the store.
        weight: misses,
    })
}

fn busy(own: &ComponentUse, figures: &CacheUse) -> Option<ComponentCause> {
    let cores = own.at_a_time(figures.cpu_s);
    if cores < BUSY {
        return None;
    }
    let mut evidence = vec![format!(
        "its main thread used {} cores for {} commands",
        format::significant(cores),
        format::count(figures.commands)
    )];
    evidence.extend(figures.by_command.first().map(|command| {
        format!(
            "`{}` took the longest: {} executions of {} on average",
            command.name,
            format::count(command.count),
            format::duration_of(command.time_s * 1e9 / command.count.max(1) as f64)
        )
    }));
    let slow = figures.slow.first();
    evidence.extend(slow.map(|slow| {
        format!(
            "of the slow commands, `{}` on keys `{}…` took {} in total, {} at most",
            slow.name,
            slow.key_space,
            format::duration_of(slow.time_s * 1e9),
            format::duration_of(slow.longest_s * 1e9)
        )
    }));
    let place = match (slow, figures.by_command.first()) {
        (Some(slow), _) if !slow.key_space.is_empty() => {
            Some(format!("`{} {}…`", slow.name, slow.key_space))
        }
        (_, Some(command)) => Some(format!("`{}`", command.name)),
        _ => None,
    };
    let title = match &place {
        Some(place) => format!("The cache `{}` is busy, most of all with {place}", own.name),
        None => format!("The cache `{}` is busy", own.name),
    };
    Some(ComponentCause {
        kind: CauseKind::BusyCache,
        component: own.name.clone(),
        title,
        place,
        evidence,
        confidence: Confidence::High,
        advice: "It runs commands in one thread: replace commands that touch many keys or members, keep hot values in the \
                 processes, or spread the keys over several caches."
            .to_owned(),
        weight: 10.0 * cores,
    })
}

fn refused(own: &ComponentUse, figures: &CacheUse) -> Option<ComponentCause> {
    (figures.connections_refused > 0).then(|| ComponentCause {
        kind: CauseKind::Refused,
        component: own.name.clone(),
        title: format!(
            "The cache `{}` refused {} connections: too many were open",
            own.name,
            format::count(figures.connections_refused)
        ),
        place: None,
        evidence: Vec::new(),
        confidence: Confidence::High,
        advice: "Share connections among requests, or raise `maxclients`.".to_owned(),
        weight: figures.connections_refused as f64,
    })
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::component_use::{CommandUse, SlowCommand};

    use super::*;

    fn used(figures: &CacheUse) -> Vec<ComponentCause> {
        let own = ComponentUse {
            name: "cache".to_owned(),
            over_s: 10.0,
            gaps: Vec::new(),
            figures: None,
        };
        causes(&own, figures)
    }

    #[test]
    fn names_cache_that_is_too_small() {
        let mut figures = CacheUse {
            hits: 600,
            misses: 400,
            evicted: 300,
            memory_bytes: 2 << 20,
            memory_allowed_bytes: Some(2 << 20),
            ..CacheUse::default()
        };
        let [cause] = &used(&figures)[..] else {
            panic!()
        };
        assert_eq!(
            cause.title,
            "The cache `cache` is too small: it evicted 300 keys, and 40.0% of the lookups missed"
        );
        // A key that was never stored misses in a cache of any size.
        figures.evicted = 3;
        assert_eq!(used(&figures), []);
    }

    #[test]
    fn names_command_and_key_space() {
        let figures = CacheUse {
            cpu_s: 9.7,
            commands: 5_000,
            by_command: vec![CommandUse {
                name: "smembers".to_owned(),
                count: 100,
                time_s: 9.0,
            }],
            slow: vec![SlowCommand {
                name: "smembers".to_owned(),
                key_space: "followers".to_owned(),
                count: 90,
                time_s: 8.0,
                longest_s: 0.3,
            }],
            ..CacheUse::default()
        };
        let [cause] = &used(&figures)[..] else {
            panic!()
        };
        assert_eq!(
            cause.title,
            "The cache `cache` is busy, most of all with `smembers followers…`"
        );
    }
}

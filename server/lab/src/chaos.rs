//! Faults at random, from a seed: which part of a stage is lost, and when.

use std::time::Duration;

use crate::control::status::LabStatus;

/// A fault that is to come.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlannedFault {
    /// Time since the start.
    pub at: Duration,
    /// Time until it is repaired.
    pub lasts: Duration,
    /// What fails.
    pub victim: Victim,
}

/// A part of a stage that can fail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Victim {
    /// A box, by name.
    Box(String),
    /// All boxes of a zone, such as `zone-a`.
    Zone(String),
    /// The disk of the data, which is full.
    Disk,
}

/// Longest time until a fault is repaired.
const LASTS_MAX: Duration = Duration::from_secs(10);

/// Roles of boxes that watch the stage, and are not part of the service.
const WATCHERS: [&str; 7] = [
    "alertmanager",
    "blackbox-exporter",
    "bugsink",
    "incidents",
    "mtail",
    "node-exporter",
    "prometheus",
];

/// Plans a fault at each multiple of `every`, if it is repaired before `total`. Depends on the arguments alone. No part fails twice
/// in a row if there are several.
pub fn plan_faults(
    seed: u64,
    every: Duration,
    total: Duration,
    victims: &[Victim],
) -> Vec<PlannedFault> {
    let lasts = (every / 3).min(LASTS_MAX);
    let mut random = seed;
    let mut faults: Vec<PlannedFault> = Vec::new();
    if every.is_zero() {
        return faults;
    }
    let mut at = every;
    while at + lasts <= total {
        let last = faults.last().map(|fault| &fault.victim);
        let others: Vec<&Victim> = victims
            .iter()
            .filter(|victim| victims.len() == 1 || Some(*victim) != last)
            .collect();
        let drawn = next(&mut random) % others.len().max(1) as u64;
        let chosen = usize::try_from(drawn)
            .ok()
            .and_then(|index| others.get(index));
        let Some(victim) = chosen else {
            return faults;
        };
        faults.push(PlannedFault {
            at,
            lasts,
            victim: (*victim).clone(),
        });
        at += every;
    }
    faults
}

/// Returns the parts of a lab that can fail: the boxes that always run, except for those that watch it, and the zones. A box
/// that comes and goes with the load is replaced by the lab, so it is left out.
pub fn victims(status: &LabStatus) -> Vec<Victim> {
    let is_spare = |name: &str, role: &str| {
        let group = status.groups.iter().find(|group| group.name == role);
        let number = name
            .rsplit('-')
            .next()
            .and_then(|number| number.parse().ok());
        group
            .zip(number)
            .is_some_and(|(group, number): (_, u32)| number > group.min_replicas)
    };
    let boxes = status
        .boxes
        .iter()
        .filter(|own| !WATCHERS.contains(&own.role.as_str()) && !is_spare(&own.name, &own.role));
    let mut zones: Vec<&String> = status
        .boxes
        .iter()
        .filter_map(|own| own.zone.as_ref())
        .collect();
    zones.sort();
    zones.dedup();
    boxes
        .map(|own| Victim::Box(own.name.clone()))
        .chain(
            zones
                .into_iter()
                .map(|zone| Victim::Zone(format!("zone-{zone}"))),
        )
        .collect()
}

/// Returns the next random number: SplitMix64, <https://prng.di.unimi.it/splitmix64.c>.
fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn boxes(count: usize) -> Vec<Victim> {
        let names = (0..count).map(|index| Victim::Box(format!("web-{index}")));
        names.collect()
    }

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn numbers_are_those_of_splitmix64() {
        // From the reference implementation, with seed 1234567.
        let mut state = 1_234_567;
        let first: Vec<u64> = (0..3).map(|_| next(&mut state)).collect();
        let expected = [
            6_457_827_717_110_365_317,
            3_203_168_211_198_807_973,
            9_817_491_932_198_370_423,
        ];
        assert_eq!(first, expected);
    }

    #[test]
    fn same_seed_gives_same_faults() {
        let plan = |seed| plan_faults(seed, seconds(30), seconds(600), &boxes(10));
        assert_eq!(plan(7), plan(7));
        assert_ne!(plan(7), plan(8));
        // The last one would not be repaired before the end.
        assert_eq!(plan(7).len(), 19);
    }

    #[test]
    fn nothing_to_break_is_no_fault() {
        assert_eq!(plan_faults(7, seconds(30), seconds(600), &[]), []);
        assert_eq!(plan_faults(7, seconds(0), seconds(600), &boxes(3)), []);
        assert_eq!(plan_faults(7, seconds(30), seconds(30), &boxes(3)), []);
    }

    proptest! {
        #[test]
        fn faults_do_not_overlap(seed in any::<u64>(), every in 1_u64..100, total in 0_u64..1_000, count in 1_usize..12) {
            let victims = boxes(count);
            let faults = plan_faults(seed, seconds(every), seconds(total), &victims);
            for pair in faults.windows(2) {
                prop_assert!(pair[0].at + pair[0].lasts <= pair[1].at);
                prop_assert!(count == 1 || pair[0].victim != pair[1].victim);
            }
            for fault in &faults {
                prop_assert!(fault.at + fault.lasts <= seconds(total));
                prop_assert!(victims.contains(&fault.victim));
            }
        }

        #[test]
        fn every_part_fails_sooner_or_later(seed in any::<u64>()) {
            let victims = boxes(5);
            let faults = plan_faults(seed, seconds(1), seconds(1_000), &victims);
            for victim in &victims {
                prop_assert!(faults.iter().any(|fault| fault.victim == *victim));
            }
        }
    }
}

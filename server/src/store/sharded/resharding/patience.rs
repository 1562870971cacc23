//! Pauses of movers that take over from each other.
//!
//! A mover loses its attempt if another one takes over. If each needs longer than the pauses of the others, none ends.
//! So pauses double, and are drawn at random, as in the binary exponential backoff of Ethernet (IEEE 802.3).

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Longest first pause.
const FIRST: Duration = Duration::from_millis(300);
/// Longest pause.
const MAX: Duration = Duration::from_secs(10);

/// Returns the pause after this many failed attempts in a row: between half of and all of 300 ms, doubled each time,
/// up to 10 s.
pub(in crate::store::sharded) fn patience(failed: u32) -> Duration {
    let drawn = RandomState::new().hash_one(failed);
    within(failed, drawn as f64 / u64::MAX as f64)
}

/// `part` is between 0, for the shortest pause, and 1.
fn within(failed: u32, part: f64) -> Duration {
    let longest = FIRST.saturating_mul(1 << failed.min(16)).min(MAX);
    longest.mul_f64(0.5 + part / 2.0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// Time by which one of several movers has finished, if an attempt takes `work`. `None`: not with 20 attempts each.
    fn finished(
        movers: usize,
        work: Duration,
        mut pause: impl FnMut(u32) -> Duration,
    ) -> Option<Duration> {
        let mut starts: Vec<(Duration, u32)> = vec![(Duration::ZERO, 0); movers];
        loop {
            starts.sort();
            let (began, failed) = starts[0];
            let end = began + work;
            let next = starts.get(1).map_or(Duration::MAX, |(start, _)| *start);
            if end <= next {
                return Some(end);
            }
            if failed == 20 {
                return None;
            }
            // It notices at its next step, of which there are ten.
            let noticed = end.min(next + work / 10);
            starts[0] = (noticed + pause(failed), failed + 1);
        }
    }

    #[test]
    fn pauses_double_up_to_the_longest() {
        let seconds = |failed, part| within(failed, part).as_secs_f64();
        assert_eq!(seconds(0, 0.0), 0.15);
        assert_eq!(seconds(0, 1.0), 0.3);
        assert_eq!(seconds(3, 1.0), 2.4);
        assert_eq!(seconds(6, 1.0), 10.0);
        assert_eq!(seconds(u32::MAX, 0.0), 5.0);
    }

    #[test]
    fn fixed_pauses_shorter_than_the_work_never_end() {
        let second = Duration::from_secs(1);
        assert_eq!(finished(3, second, |_| FIRST), None);
    }

    proptest! {
        #[test]
        fn one_of_several_movers_ends(movers in 1_usize..5, work in 1_u64..1_500, seed: u64) {
            let mut rng = Pcg64Mcg::new(seed.into());
            let work = Duration::from_millis(work);
            let end = finished(movers, work, |failed| within(failed, rng.random()));
            prop_assert!(end.is_some_and(|end| end < Duration::from_secs(90)), "{end:?}");
        }
    }
}

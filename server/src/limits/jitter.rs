//! Random pauses.

use std::time::Duration;

/// Returns 0.5 to 1 of a pause at random, so that what failed together is not repeated together.
pub(crate) fn jittered(pause: Duration) -> Duration {
    let share = getrandom::u32().map_or(1.0, |random| f64::from(random) / f64::from(u32::MAX));
    pause.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_keep_at_least_their_half() {
        for _ in 0..100 {
            let pause = jittered(Duration::from_secs(2));
            assert!((1_000..=2_000).contains(&pause.as_millis()), "{pause:?}");
        }
    }
}

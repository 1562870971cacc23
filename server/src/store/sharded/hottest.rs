//! The most frequent of many keys, in little memory.

use std::time::{Duration, Instant};

/// Keys that are counted at a time.
const KEYS_MAX: usize = 64;
/// Time after which all counts are halved, so that they show the last seconds.
const HALF_LIFE: Duration = Duration::from_secs(10);

/// Counts of the most frequent keys, by the Space-Saving algorithm (Metwally, Agrawal and El Abbadi, Efficient
/// Computation of Frequent and Top-k Elements in Data Streams, ICDT 2005). Every key with more than a 64th of all
/// occurrences is among them.
#[derive(Debug)]
pub(super) struct Hottest<K> {
    counts: Vec<Count<K>>,
    total: u64,
    halved: Instant,
}

/// Count of a key. `error` of them may be of keys that it replaced.
#[derive(Clone, Copy, Debug)]
struct Count<K> {
    key: K,
    count: u64,
    error: u64,
}

impl<K: Copy + PartialEq> Hottest<K> {
    /// Counts nothing yet.
    pub(super) fn new(now: Instant) -> Self {
        Self {
            counts: Vec::with_capacity(KEYS_MAX),
            total: 0,
            halved: now,
        }
    }

    /// Counts an occurrence.
    pub(super) fn observe(&mut self, key: K, now: Instant) {
        self.age(now);
        self.total += 1;
        if let Some(known) = self.counts.iter_mut().find(|own| own.key == key) {
            known.count += 1;
            return;
        }
        let fresh = |error| Count {
            key,
            count: error + 1,
            error,
        };
        if self.counts.len() < KEYS_MAX {
            self.counts.push(fresh(0));
        } else if let Some(least) = self.counts.iter_mut().min_by_key(|own| own.count) {
            *least = fresh(least.count);
        }
    }

    /// Returns the most frequent key, and its share of all occurrences, at least. `None` without occurrences.
    pub(super) fn top(&mut self, now: Instant) -> Option<(K, f64)> {
        self.age(now);
        let most = self.counts.iter().max_by_key(|own| own.count - own.error)?;
        let certain = most.count - most.error;
        (self.total > 0 && certain > 0).then(|| (most.key, certain as f64 / self.total as f64))
    }

    fn age(&mut self, now: Instant) {
        let periods = now.saturating_duration_since(self.halved).as_secs_f64();
        let periods = (periods / HALF_LIFE.as_secs_f64()) as u32;
        if periods == 0 {
            return;
        }
        self.halved = now;
        let shift = periods.min(63);
        self.total >>= shift;
        for own in &mut self.counts {
            own.count >>= shift;
            own.error >>= shift;
        }
        self.counts.retain(|own| own.count > 0);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn finds_key_with_a_fifth_among_many() {
        let now = Instant::now();
        let mut hottest = Hottest::new(now);
        for number in 0..10_000_u64 {
            let key = if number % 5 == 0 { 7 } else { 1_000 + number };
            hottest.observe(key, now);
        }
        let (key, share) = hottest.top(now).unwrap();
        assert_eq!(key, 7);
        assert!((0.15..=0.2).contains(&share), "{share}");
    }

    #[test]
    fn forgets_with_time() {
        let now = Instant::now();
        let mut hottest = Hottest::new(now);
        for _ in 0..1_000 {
            hottest.observe(1, now);
        }
        let later = now + 5 * HALF_LIFE;
        for _ in 0..100 {
            hottest.observe(2, later);
        }
        assert_eq!(hottest.top(later).map(|(key, _)| key), Some(2));
        assert_eq!(hottest.top(later + 20 * HALF_LIFE), None);
    }

    proptest! {
        #[test]
        fn share_is_a_lower_bound(keys in prop::collection::vec(0_u8..200, 1..2_000)) {
            let now = Instant::now();
            let mut hottest = Hottest::new(now);
            let mut exact: HashMap<u8, u64> = HashMap::new();
            for key in &keys {
                hottest.observe(*key, now);
                *exact.entry(*key).or_default() += 1;
            }
            if let Some((key, share)) = hottest.top(now) {
                let real = exact[&key] as f64 / keys.len() as f64;
                prop_assert!(share <= real + 1e-9, "{share} > {real}");
            }
            // A key with more than a 64th of all is counted.
            let most = exact.iter().max_by_key(|(_, count)| **count).unwrap();
            if *most.1 as usize * KEYS_MAX > keys.len() {
                prop_assert!(hottest.counts.iter().any(|own| own.key == *most.0));
            }
        }
    }
}

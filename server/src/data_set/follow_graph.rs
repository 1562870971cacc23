//! Follow graph of a data set.

use rand::RngExt;

use super::power_law::PowerLaw;
use super::{Stream, stream};

/// Returns pairs of follower and followee in ascending order, without duplicates or self-follows.
///
/// A user follows 1 to `2 * mean - 1` others: `mean` on average, or everybody else in a small data set.
/// Followees are drawn from a [`PowerLaw`]. Calls `after_user` for each user.
pub(super) fn follows(
    seed: u64,
    users: u64,
    mean: u64,
    mut after_user: impl FnMut(),
) -> Vec<(u32, u32)> {
    let others = users.saturating_sub(1);
    if others == 0 || mean == 0 {
        return Vec::new();
    }
    let mut rng = stream(seed, Stream::Follows);
    let law = PowerLaw::new(users);
    let mut follows = Vec::with_capacity((users * mean.min(others)) as usize);
    let mut chosen: Vec<u32> = Vec::new();
    for follower in 1..=users as u32 {
        let wanted = rng.random_range(1..=2 * mean - 1).min(others) as usize;
        chosen.clear();
        // Popular users are soon chosen. Redrawing a bounded number of times and then taking the next
        // free user keeps this fast when few are left.
        while chosen.len() < wanted {
            let mut followee = law.draw(&mut rng);
            let mut tries = 0;
            while followee == follower || chosen.contains(&followee) {
                tries += 1;
                followee = if tries < 32 {
                    law.draw(&mut rng)
                } else {
                    followee % users as u32 + 1
                };
            }
            chosen.push(followee);
        }
        chosen.sort_unstable();
        follows.extend(chosen.iter().map(|&followee| (follower, followee)));
        after_user();
    }
    follows
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_ascending_distinct_and_not_reflexive() {
        for (users, mean) in [(1, 20), (2, 20), (5, 20), (300, 20), (1_000, 1)] {
            let follows = follows(42, users, mean, || {});
            assert!(follows.is_sorted_by(|a, b| a < b), "{users} {mean}");
            assert!(follows.iter().all(|(a, b)| a != b));
            assert!(
                follows
                    .iter()
                    .all(|(a, b)| (1..=users).contains(&u64::from(*a.max(b))))
            );
        }
        assert_eq!(follows(42, 2, 20, || {}), [(1, 2), (2, 1)]);
    }

    #[test]
    fn mean_and_tail_match_law() {
        let follows = follows(42, 10_000, 20, || {});
        let mean = follows.len() as f64 / 10_000.0;
        // The out-degree is uniform on 1..=39 with sd 11.3: the mean of 10,000 has an error of 0.113.
        assert!((mean - 20.0).abs() < 4.0 * 0.113, "{mean}");
        let mut followers = vec![0_u32; 10_001];
        for (_, followee) in follows {
            followers[followee as usize] += 1;
        }
        followers.sort_unstable_by_key(|count| std::cmp::Reverse(*count));
        let total: u32 = followers.iter().sum();
        let top: u32 = followers[..100].iter().sum();
        // By the integral of the law, the first 1% of ranks get (101^(1/3) - 1) / (10,001^(1/3) - 1)
        // = 17.8% of the draws. Choosing each at most once takes a little from the very top.
        let share = f64::from(top) / f64::from(total);
        assert!((0.15..0.19).contains(&share), "{share}");
        assert!(followers[0] > 1_500, "{}", followers[0]);
    }
}

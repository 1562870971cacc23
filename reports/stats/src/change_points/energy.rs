//! Energy distance between the two sides of a split.

/// A split of a segment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Split {
    /// Index of the first value after the split.
    pub(super) index: usize,
    /// Scaled energy distance between the sides, in the unit of the values.
    pub(super) energy: f64,
}

/// Returns the split with the greatest energy distance, the first one of equals. `None` if no split leaves
/// `least` values on either side.
pub(super) fn best_split(segment: &[f64], least: usize) -> Option<Split> {
    let mut best: Option<Split> = None;
    each_split(segment, |split| {
        let long_enough = split.index >= least && segment.len() - split.index >= least;
        if long_enough && best.is_none_or(|best| split.energy > best.energy) {
            best = Some(split);
        }
    });
    best
}

/// Returns the energy distance at the split before `index`.
pub(super) fn energy_at(segment: &[f64], index: usize) -> f64 {
    let (before, after) = segment.split_at(index);
    let across = before.iter().map(|value| to_all(*value, after)).sum();
    energy(
        before.len(),
        after.len(),
        across,
        within(before),
        within(after),
    )
}

/// Visits all splits, each in time linear in the segment: only the distances of the moved value change.
fn each_split(segment: &[f64], mut visit: impl FnMut(Split)) {
    let (mut across, mut before, mut after) = (0.0, 0.0, within(segment));
    for index in 1..segment.len() {
        let moved = segment[index - 1];
        let to_before = to_all(moved, &segment[..index - 1]);
        let to_after = to_all(moved, &segment[index..]);
        before += to_before;
        after -= to_after;
        across += to_after - to_before;
        let energy = energy(index, segment.len() - index, across, before, after);
        visit(Split { index, energy });
    }
}

/// Computes `m n / (m + n) (2 E|X - Y| - E|X - X'| - E|Y - Y'|)` from the sums of all pairs' distances:
/// the statistic Q of Matteson and James (2014), equation 5, with exponent 1.
fn energy(m: usize, n: usize, across: f64, before: f64, after: f64) -> f64 {
    let pairs = |count: f64| (count * (count - 1.0) / 2.0).max(1.0);
    let (m, n) = (m as f64, n as f64);
    m * n / (m + n) * (2.0 * across / (m * n) - before / pairs(m) - after / pairs(n))
}

fn within(values: &[f64]) -> f64 {
    let each = values.iter().enumerate();
    each.map(|(index, value)| to_all(*value, &values[index + 1..]))
        .sum()
}

fn to_all(value: f64, others: &[f64]) -> f64 {
    others.iter().map(|other| (value - other).abs()).sum()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn matches_closed_form() {
        // Both sides constant and 5 apart: 2 * 3 / 5 * 2 * 5.
        let series = [1.0, 1.0, 6.0, 6.0, 6.0];
        let split = best_split(&series, 1).unwrap();
        assert_eq!(split.index, 2);
        assert!((split.energy - 12.0).abs() < 1e-12);
        assert!(best_split(&series, 3).is_none());
        assert!(best_split(&[], 1).is_none());
    }

    #[test]
    fn matches_hand_computed_distances() {
        // Mean distances: 12 across, (1 + 4 + 5) / 3 and (2 + 8 + 10) / 3 within; 9 / 6 * (24 - 10).
        let series = [0.0, 1.0, 5.0, 10.0, 12.0, 20.0];
        assert!((energy_at(&series, 3) - 21.0).abs() < 1e-12);
        // 6 across, 2 and 4 within: 4 / 4 * (12 - 6).
        assert!((energy_at(&[0.0, 2.0, 5.0, 9.0], 2) - 6.0).abs() < 1e-12);
        // 6 across and 4 within one side; a single value has no distance: 3 / 4 * (12 - 4).
        assert!((energy_at(&[0.0, 4.0, 4.0, 10.0], 1) - 6.0).abs() < 1e-12);
    }

    #[test]
    fn both_sides_keep_the_minimum() {
        let index = |series: &[f64], least| best_split(series, least).map(|split| split.index);
        assert_eq!(index(&[1.0, 1.0, 6.0, 6.0, 6.0], 2), Some(2));
        assert_eq!(index(&[1.0, 1.0, 1.0, 6.0, 6.0], 2), Some(3));
        // The best split of all leaves one value. Of the others, the energies are 2.4 and 0.8.
        assert_eq!(index(&[1.0, 1.0, 2.0, 2.0, 9.0], 1), Some(4));
        assert_eq!(index(&[1.0, 1.0, 2.0, 2.0, 9.0], 2), Some(2));
        assert_eq!(index(&[9.0, 2.0, 2.0, 1.0, 1.0], 2), Some(3));
        assert_eq!(index(&[1.0, 1.0, 6.0, 6.0], 2), Some(2));
    }

    #[test]
    fn first_of_equal_splits_is_best() {
        // Both splits of 0, 1, 0 have the distance 2 / 3 * (2 * 1 / 2 - 1) = 0.
        assert_eq!(best_split(&[0.0, 1.0, 0.0], 1).unwrap().index, 1);
    }

    proptest! {
        #[test]
        fn incremental_splits_match_definition(
            series in prop::collection::vec(0.0_f64..100.0, 2..40),
        ) {
            each_split(&series, |split| {
                assert!((split.energy - energy_at(&series, split.index)).abs() < 1e-9);
            });
        }
    }
}

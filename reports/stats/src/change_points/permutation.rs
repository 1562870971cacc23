//! Permutation tests of a split: the same values in random orders.

use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

use crate::change_points::energy::{best_split, energy_at};

/// Settings and random state of the permutation tests.
pub(super) struct Permutations {
    pub(super) rng: Pcg64Mcg,
    /// Number of orders, at least 1.
    pub(super) number: u32,
    pub(super) significance: f64,
    pub(super) values_min: usize,
}

/// Returns the p-value of the greatest energy over all splits. `None` if it is not significant.
pub(super) fn significant_somewhere(
    segment: &[f64],
    energy: f64,
    permutations: &mut Permutations,
) -> Option<f64> {
    let least = permutations.values_min;
    p_value(segment, permutations, |permuted| {
        best_split(permuted, least).is_some_and(|split| split.energy >= energy)
    })
}

/// Returns the p-value of the energy at one split. `None` if it is not significant.
pub(super) fn significant_at(
    segment: &[f64],
    index: usize,
    permutations: &mut Permutations,
) -> Option<f64> {
    let energy = energy_at(segment, index);
    p_value(segment, permutations, |permuted| {
        energy_at(permuted, index) >= energy
    })
}

/// Returns `(1 + exceedances) / (1 + permutations)`, which is exact for exchangeable values (Phipson and
/// Smyth, Permutation p-values should never be zero, 2010). `None` as soon as the result can no longer be
/// significant.
fn p_value(
    segment: &[f64],
    permutations: &mut Permutations,
    exceeds: impl Fn(&[f64]) -> bool,
) -> Option<f64> {
    let number = permutations.number;
    let of = |exceedances: u32| (1.0 + f64::from(exceedances)) / (1.0 + f64::from(number));
    let mut permuted = segment.to_vec();
    let mut exceedances = 0;
    for _ in 0..number {
        permuted.shuffle(&mut permutations.rng);
        exceedances += u32::from(exceeds(&permuted));
        if of(exceedances) > permutations.significance {
            return None;
        }
    }
    Some(of(exceedances))
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    fn permutations(significance: f64) -> Permutations {
        Permutations {
            rng: Pcg64Mcg::seed_from_u64(1),
            number: 9_999,
            significance,
            values_min: 3,
        }
    }

    /// 2 of the 20 ways to split the values into 3 and 3 separate the zeros from the ones.
    const STEP: [f64; 6] = [0.0, 0.0, 0.0, 1.0, 1.0, 1.0];

    #[test]
    fn p_values_match_exact_enumeration() {
        let at_split = significant_at(&STEP, 3, &mut permutations(1.0)).unwrap();
        // Four standard errors of 0.3%.
        assert!((at_split - 0.1).abs() < 0.012, "{at_split}");
        // With three values on either side, the only split is the one in the middle.
        let energy = energy_at(&STEP, 3);
        let anywhere = significant_somewhere(&STEP, energy, &mut permutations(1.0)).unwrap();
        assert!((anywhere - 0.1).abs() < 0.012, "{anywhere}");
    }

    #[test]
    fn insignificant_splits_have_no_p_value() {
        assert_eq!(significant_at(&STEP, 3, &mut permutations(0.05)), None);
        assert_eq!(significant_at(&[5.0; 6], 3, &mut permutations(0.05)), None);
    }

    #[test]
    fn smallest_p_value_is_one_in_all_orders() {
        let step: Vec<f64> = (0..40)
            .map(|index| f64::from(u8::from(index >= 20)))
            .collect();
        let p_value = significant_at(&step, 20, &mut permutations(0.01)).unwrap();
        assert!((p_value - 1e-4).abs() < 1e-12, "{p_value}");
    }

    #[test]
    fn p_value_equal_to_the_level_is_significant() {
        // With 19 permutations, the smallest p-value is 1 / 20.
        let step: Vec<f64> = (0..40)
            .map(|index| f64::from(u8::from(index >= 20)))
            .collect();
        let of = |significance| {
            let mut permutations = Permutations {
                number: 19,
                ..permutations(significance)
            };
            significant_at(&step, 20, &mut permutations)
        };
        assert!((of(0.05).unwrap() - 0.05).abs() < 1e-12);
        assert_eq!(of(0.049), None);
    }
}

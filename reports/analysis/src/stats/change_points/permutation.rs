//! Permutation tests of a split: the same values in random orders.

use rand::seq::SliceRandom;
use rand_pcg::Pcg64Mcg;

use crate::stats::change_points::energy::{best_split, energy_at};

/// Settings and random state of the permutation tests.
pub(super) struct Permutations {
    pub(super) rng: Pcg64Mcg,
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
    let all = f64::from(permutations.number) + 1.0;
    let mut permuted = segment.to_vec();
    let mut p_value = 1.0 / all;
    for _ in 0..permutations.number {
        permuted.shuffle(&mut permutations.rng);
        if exceeds(&permuted) {
            p_value += 1.0 / all;
        }
        // Rounding errors of the sum must not turn equality into an excess.
        if p_value > permutations.significance + 0.5 / all {
            return None;
        }
    }
    (p_value <= permutations.significance + 1e-9).then_some(p_value)
}

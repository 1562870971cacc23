//! Where the level of a series changes: slow creep that no single gate sees.

mod energy;
mod permutation;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use crate::stats::change_points::energy::best_split;
use crate::stats::change_points::permutation::{
    Permutations, significant_at, significant_somewhere,
};
use crate::stats::median::median;

/// When a change counts.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangePointSettings {
    /// The probability of finding a change in a series that has none.
    pub significance: f64,
    /// The permutations of each test; the least p-value is one in one more.
    pub permutations: u32,
    /// The fewest values on either side of a change.
    pub least_values: usize,
    /// The least change that is told, as a ratio less one, either way.
    pub least_change: f64,
    /// The seed of the permutations: the same series and seed give the same changes.
    pub seed: u64,
}

impl Default for ChangePointSettings {
    fn default() -> Self {
        Self {
            significance: 0.01,
            permutations: 999,
            least_values: 3,
            least_change: 0.0,
            seed: 1,
        }
    }
}

/// A change of the level of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// The index of the first value at the new level.
    pub index: usize,
    /// The median since the change before it, in the series' unit.
    pub before: f64,
    /// The median until the change after it.
    pub after: f64,
    /// `after / before - 1`.
    pub change: f64,
    /// The p-value of the change between its neighbours.
    pub p_value: f64,
}

/// Finds the changes of a series of positive, finite values, in order of time.
///
/// E-divisive with means (Matteson and James, A nonparametric approach for multiple change point
/// analysis of multivariate data, JASA 109, 2014), as used on performance histories by MongoDB (Daly et
/// al., ICPE 2020) and Hunter, now Apache Otava (Fleming et al., ICPE 2023): the split with the
/// greatest energy distance between both sides is kept where permutations of the segment rarely have
/// as great a one, and each side is split again. Then, as in Hunter, the weakest of the points found is
/// taken out until each is significant between its neighbours and at least the least change.
///
/// Assumes values that are exchangeable while nothing changes. A history whose values resemble their
/// neighbours, as those of a machine that is busy for days, shows changes that the software did not
/// make. Takes time in the square of the length for each permutation.
pub fn change_points(series: &[f64], settings: &ChangePointSettings) -> Vec<ChangePoint> {
    let mut permutations = Permutations {
        rng: Pcg64Mcg::seed_from_u64(settings.seed),
        number: settings.permutations,
        significance: settings.significance,
        least_values: settings.least_values.max(1),
    };
    let mut splits = Vec::new();
    divide(series, 0, &mut permutations, &mut splits);
    without_weak(series, splits, settings, &mut permutations)
}

/// Splits a segment that begins at `offset` until no split is significant; the splits come in order.
fn divide(
    segment: &[f64],
    offset: usize,
    permutations: &mut Permutations,
    splits: &mut Vec<usize>,
) {
    let Some(split) = best_split(segment, permutations.least_values) else {
        return;
    };
    if significant_somewhere(segment, split.energy, permutations).is_none() {
        return;
    }
    let (before, after) = segment.split_at(split.index);
    divide(before, offset, permutations, splits);
    splits.push(offset + split.index);
    divide(after, offset + split.index, permutations, splits);
}

fn without_weak(
    series: &[f64],
    mut splits: Vec<usize>,
    settings: &ChangePointSettings,
    permutations: &mut Permutations,
) -> Vec<ChangePoint> {
    loop {
        let points: Vec<Result<ChangePoint, f64>> = (0..splits.len())
            .map(|number| point(series, &splits, number, settings, permutations))
            .collect();
        let weakest = points
            .iter()
            .enumerate()
            .filter_map(|(number, point)| Some((number, *point.as_ref().err()?)))
            .min_by(|(_, a), (_, b)| a.total_cmp(b));
        match weakest {
            Some((number, _)) => splits.remove(number),
            None => return points.into_iter().flatten().collect(),
        };
    }
}

/// Tests a split between its neighbours; a weak one is told by its strength.
fn point(
    series: &[f64],
    splits: &[usize],
    number: usize,
    settings: &ChangePointSettings,
    permutations: &mut Permutations,
) -> Result<ChangePoint, f64> {
    let start = number.checked_sub(1).map_or(0, |before| splits[before]);
    let end = splits.get(number + 1).copied().unwrap_or(series.len());
    let index = splits[number];
    let (before, after) = (median(&series[start..index]), median(&series[index..end]));
    let change = after / before - 1.0;
    let p_value = significant_at(&series[start..end], index - start, permutations);
    match p_value {
        Some(p_value) if change.abs() >= settings.least_change => Ok(ChangePoint {
            index,
            before,
            after,
            change,
            p_value,
        }),
        _ => Err(change.abs()),
    }
}

//! Change points: shifts in the level of a series, such as a slow creep that no single gate detects.

mod energy;
mod permutation;

use rand::SeedableRng;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use crate::change_points::energy::best_split;
use crate::change_points::permutation::{Permutations, significant_at, significant_somewhere};
use crate::median::median;

/// Settings of a change-point search.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ChangePointSettings {
    /// Probability of finding a change in a series that has none.
    pub significance: f64,
    /// Permutations of each test, of which there is at least one. The smallest possible p-value is `1 / (permutations + 1)`.
    pub permutations: u32,
    /// Minimum number of values on either side of a change.
    #[serde(rename = "least_values")]
    pub values_min: usize,
    /// Smallest change to report in either direction, as a ratio minus one.
    #[serde(rename = "least_change")]
    pub change_min: f64,
    /// Seed of the permutations: the same series and seed give the same changes.
    pub seed: u64,
}

impl Default for ChangePointSettings {
    fn default() -> Self {
        Self {
            significance: 0.01,
            permutations: 999,
            values_min: 3,
            change_min: 0.0,
            seed: 1,
        }
    }
}

/// A change in the level of a series.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct ChangePoint {
    /// Index of the first value at the new level.
    pub index: usize,
    /// Median since the previous change, in the unit of the series.
    pub before: f64,
    /// Median until the next change, in the unit of the series.
    pub after: f64,
    /// `after / before - 1`.
    pub change: f64,
    /// p-value of the change, tested between the previous and the next change.
    pub p_value: f64,
}

/// Finds the changes in a series of positive, finite values, in order of time.
///
/// E-divisive with means (Matteson and James, A nonparametric approach for multiple change point
/// analysis of multivariate data, JASA 109, 2014), as used on performance histories by MongoDB (Daly et
/// al., ICPE 2020) and Hunter, now Apache Otava (Fleming et al., ICPE 2023). The split with the greatest
/// energy distance between its sides is kept if permutations of the segment rarely reach that distance;
/// each side is then split again. As in Hunter, the weakest change is removed until each one is
/// significant between its neighbours and at least [`ChangePointSettings::change_min`].
///
/// Assumes that values are exchangeable while the level is constant. A history with serial correlation,
/// such as that of a machine that was busy for days, shows changes that the software did not cause.
/// Takes time quadratic in the length for each permutation.
pub fn change_points(series: &[f64], settings: &ChangePointSettings) -> Vec<ChangePoint> {
    let mut permutations = Permutations {
        rng: Pcg64Mcg::seed_from_u64(settings.seed),
        number: settings.permutations.max(1),
        significance: settings.significance,
        values_min: settings.values_min.max(1),
    };
    let mut splits = Vec::new();
    divide(series, 0, &mut permutations, &mut splits);
    remove_weak(series, splits, settings, &mut permutations)
}

/// Splits a segment that begins at `offset` until no split is significant. Adds the splits in order.
fn divide(
    segment: &[f64],
    offset: usize,
    permutations: &mut Permutations,
    splits: &mut Vec<usize>,
) {
    let Some(split) = best_split(segment, permutations.values_min) else {
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

fn remove_weak(
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

/// Tests a split between its neighbours. The error of a weak split is the size of its change.
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
        Some(p_value) if change.abs() >= settings.change_min => Ok(ChangePoint {
            index,
            before,
            after,
            change,
            p_value,
        }),
        _ => Err(change.abs()),
    }
}

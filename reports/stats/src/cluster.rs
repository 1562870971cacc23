//! Variance inflation of clustered samples.

use crate::ranks::ranks;

/// Minimum number of clusters from which the variance between them can be estimated.
const CLUSTERS_MIN: usize = 3;

/// Returns the factor by which correlation within clusters inflates the variance of the mean; at least 1.
///
/// `clusters` holds the cluster of each value, in the same order; the values of a cluster must be adjacent.
///
/// The design effect `1 + (m - 1) rho` (Kish, Survey Sampling, 1965, section 5.4), where `m` is the mean
/// size of a cluster and `rho` the intraclass correlation by analysis of variance (Donner, International
/// Statistical Review 54, 1986). Uses ranks, because one outlier would hide the correlation of all other
/// values. 1 with fewer than three clusters or without a cluster of two.
pub fn cluster_inflation(values: &[f64], clusters: &[usize]) -> f64 {
    let mut sums: Vec<(f64, f64)> = Vec::new();
    let mut last = None;
    let ranks = ranks(values);
    for (rank, cluster) in ranks.iter().zip(clusters) {
        if last != Some(*cluster) {
            sums.push((0.0, 0.0));
            last = Some(*cluster);
        }
        if let Some((sum, count)) = sums.last_mut() {
            *sum += rank;
            *count += 1.0;
        }
    }
    let (n, k) = (ranks.len() as f64, sums.len() as f64);
    if sums.len() < CLUSTERS_MIN || n <= k {
        return 1.0;
    }
    let mean = ranks.iter().sum::<f64>() / n;
    let total: f64 = ranks.iter().map(|rank| (rank - mean).powi(2)).sum();
    let between: f64 = sums
        .iter()
        .map(|(sum, count)| count * (sum / count - mean).powi(2))
        .sum();
    let of_clusters = between / (k - 1.0);
    let within = (total - between).max(0.0) / (n - k);
    let squares: f64 = sums.iter().map(|(_, count)| count * count).sum();
    let size = (n - squares / n) / (k - 1.0);
    let all = of_clusters + (size - 1.0) * within;
    if all <= 0.0 {
        return 1.0;
    }
    1.0 + (size - 1.0) * ((of_clusters - within) / all).max(0.0)
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;
    use rand_distr::{Distribution, StandardNormal};
    use rand_pcg::Pcg64Mcg;

    use super::*;

    /// Mean inflation over many seeds, with clusters of four and this share of the variance between them.
    fn mean_inflation(between: f64, clusters: usize) -> f64 {
        let seeds = 400;
        let of_seed = |seed| {
            let mut normal = StandardNormal.sample_iter(Pcg64Mcg::seed_from_u64(seed));
            let mut next = || -> f64 { normal.next().unwrap_or_default() };
            let mut values = Vec::new();
            for _ in 0..clusters {
                let own = next() * between.sqrt();
                values.extend((0..4).map(|_| own + next() * (1.0 - between).sqrt()));
            }
            let of: Vec<usize> = (0..values.len()).map(|index| index / 4).collect();
            cluster_inflation(&values, &of)
        };
        (0..seeds).map(of_seed).sum::<f64>() / seeds as f64
    }

    #[test]
    fn matches_closed_form_of_design_effect() {
        // 1 + 3 * 0.5; ranks correlate slightly less than values.
        let inflation = mean_inflation(0.5, 100);
        assert!((2.3..2.55).contains(&inflation), "{inflation}");
        let independent = mean_inflation(0.0, 10);
        assert!((1.0..1.3).contains(&independent), "{independent}");
    }

    #[test]
    fn small_or_constant_samples_inflate_nothing() {
        assert_eq!(cluster_inflation(&[1.0, 2.0, 3.0, 4.0], &[0, 0, 1, 1]), 1.0);
        assert_eq!(
            cluster_inflation(&[2.0; 12], &[0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2]),
            1.0
        );
        assert_eq!(cluster_inflation(&[1.0, 2.0, 3.0], &[0, 1, 2]), 1.0);
        assert_eq!(cluster_inflation(&[], &[]), 1.0);
    }

    #[test]
    fn constant_clusters_count_once_each() {
        let values = [1.0, 1.0, 1.0, 1.0, 5.0, 5.0, 5.0, 5.0, 9.0, 9.0, 9.0, 9.0];
        let clusters = [0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2];
        assert!((cluster_inflation(&values, &clusters) - 4.0).abs() < 1e-9);
    }

    #[test]
    fn matches_hand_computed_analysis_of_variance() {
        // Ranks 0, 1 | 2, 4 | 3, 5: mean squares of 13 / 2 between and 3 / 2 within the clusters.
        // rho = (13/2 - 3/2) / (13/2 + 3/2) = 5/8.
        let equal = cluster_inflation(&[1.0, 2.0, 3.0, 5.0, 4.0, 6.0], &[0, 0, 1, 1, 2, 2]);
        assert!((equal - 1.625).abs() < 1e-12, "{equal}");
        // Ranks 0 | 1, 2 | 3, 4, 5: mean squares of 15/2 and 5/6; the mean size is (6 - 14/6) / 2 = 11/6.
        // rho = (15/2 - 5/6) / (15/2 + 5/6 * 5/6) = 48/59, and 1 + 5/6 * 48/59 = 99/59.
        let unequal = cluster_inflation(&[1.0, 2.0, 3.0, 4.0, 5.0, 6.0], &[0, 1, 1, 2, 2, 2]);
        assert!((unequal - 99.0 / 59.0).abs() < 1e-12, "{unequal}");
    }
}

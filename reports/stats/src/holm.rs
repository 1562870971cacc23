//! Holm's step-down procedure: one significance level for a family of tests.

/// Adjusts p-values for multiple testing: a hypothesis is rejected if its adjusted p-value is at most the
/// level of the family.
///
/// Multiplies the smallest of `n` p-values by `n`, the next by `n - 1` and so on, and keeps the results
/// monotonic (Holm, A simple sequentially rejective multiple test procedure, Scandinavian Journal of
/// Statistics 6, 1979). The probability of any false rejection is at most the level, for any dependence
/// between the tests.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut running_max = 0.0_f64;
    for (step, index) in order.into_iter().enumerate() {
        running_max = running_max.max((p_values.len() - step) as f64 * p_values[index]);
        adjusted[index] = running_max.min(1.0);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn matches_textbook_family() {
        // At 5%: 0.005 <= 0.05 / 4 and 0.01 <= 0.05 / 3 are rejected, 0.03 > 0.05 / 2 stops.
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (actual, exact) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((actual - exact).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.7]), [0.7]);
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn lies_between_p_value_and_bonferroni(
            p_values in prop::collection::vec(0.0_f64..1.0, 1..12),
        ) {
            let tests = p_values.len() as f64;
            for (adjusted, p) in holm(&p_values).into_iter().zip(&p_values) {
                prop_assert!(*p <= adjusted && adjusted <= (p * tests).min(1.0) + 1e-15);
            }
        }
    }
}

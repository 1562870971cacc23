//! Holm's step-down: one level for a family of tests.

/// Returns the p-values adjusted for their number: a test is rejected at the family's level where its
/// adjusted value is at or below it.
///
/// The least p-value is multiplied by the number of tests, the next by one less, and so on, and none
/// falls below one before it (Holm, A simple sequentially rejective multiple test procedure,
/// Scandinavian Journal of Statistics 6, 1979). The probability of any false rejection stays at or
/// below the level however the tests depend on one another.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|a, b| p_values[*a].total_cmp(&p_values[*b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut least = 0.0_f64;
    for (step, index) in order.into_iter().enumerate() {
        least = least.max((p_values.len() - step) as f64 * p_values[index]);
        adjusted[index] = least.min(1.0);
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_textbook_family_comes_out() {
        // At 5%: 0.005 <= 0.05 / 4 and 0.01 <= 0.05 / 3 are rejected, 0.03 > 0.05 / 2 stops.
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        for (told, exact) in adjusted.iter().zip([0.03, 0.06, 0.06, 0.02]) {
            assert!((told - exact).abs() < 1e-12, "{adjusted:?}");
        }
        assert_eq!(holm(&[0.7]), [0.7]);
        assert!(holm(&[]).is_empty());
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
    }

    proptest! {
        #[test]
        fn it_lies_between_the_value_and_bonferroni(
            p_values in prop::collection::vec(0.0_f64..1.0, 1..12),
        ) {
            let tests = p_values.len() as f64;
            for (adjusted, p) in holm(&p_values).into_iter().zip(&p_values) {
                prop_assert!(*p <= adjusted && adjusted <= (p * tests).min(1.0) + 1e-15);
            }
        }
    }
}

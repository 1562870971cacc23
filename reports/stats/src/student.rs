//! Quantiles of Student's t distribution.

/// 97.5% quantiles for 1 to 30 degrees of freedom (Fisher and Yates, Statistical Tables, 6th edition, table III).
const QUANTILES: [f64; 30] = [
    12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160,
    2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086, 2.080, 2.074, 2.069, 2.064, 2.060, 2.056,
    2.052, 2.048, 2.045, 2.042,
];

/// Returns the half-width of a 95% confidence interval of the mean of values, with the mean. `None` for fewer than two
/// values.
///
/// Assumes independent values from a normal distribution. Means of whole seconds are nearly so.
pub fn mean_interval(values: &[f64]) -> Option<(f64, f64)> {
    let count = values.len() as f64;
    let freedom = values.len().checked_sub(1).filter(|freedom| *freedom > 0)?;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
    let error = (squares / freedom as f64 / count).sqrt();
    // Beyond the table, the quantile of 30 degrees is a little too wide.
    let quantile = QUANTILES[freedom.min(QUANTILES.len()) - 1];
    Some((mean, quantile * error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn interval_matches_worked_example() {
        // Student's own data (Biometrika 6, 1908): ten differences in sleep, mean 1.58, s 1.23, t 4.06.
        let sleep = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4];
        let (mean, half) = mean_interval(&sleep).unwrap();
        assert!((mean - 1.58).abs() < 1e-9, "{mean}");
        assert!((half - 0.88).abs() < 0.005, "{half}");
    }

    #[test]
    fn one_value_has_no_interval() {
        assert_eq!(mean_interval(&[]), None);
        assert_eq!(mean_interval(&[1.0]), None);
        assert_eq!(mean_interval(&[2.0, 2.0]), Some((2.0, 0.0)));
    }
}

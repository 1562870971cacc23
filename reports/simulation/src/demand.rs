//! Time that a request needs at a server, or waits without one.

use rand::RngExt as _;
use tenfold_scenarios::Stream;

/// Distribution of a time, in seconds.
#[derive(Debug, Clone, PartialEq)]
pub enum Demand {
    /// Always the same.
    Fixed(f64),
    /// Exponential, with a mean.
    Exponential(f64),
    /// Measured values, each as often as it was measured.
    Measured(Measured),
}

/// Measured values with their weights.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    values: Vec<f64>,
    /// Share of the values up to each one; the last is 1.
    cumulative: Vec<f64>,
    mean: f64,
}

impl Demand {
    /// Returns the distribution of measured values with their weights. Values and weights that are negative or not finite
    /// are left out. `None` without any weight.
    pub fn measured(values: impl IntoIterator<Item = (f64, f64)>) -> Option<Self> {
        let is_valid = |number: f64| number.is_finite() && number >= 0.0;
        let kept = values
            .into_iter()
            .filter(|(value, weight)| is_valid(*value) && is_valid(*weight) && *weight > 0.0);
        let (values, weights): (Vec<f64>, Vec<f64>) = kept.unzip();
        let all: f64 = weights.iter().sum();
        if values.is_empty() || !all.is_finite() {
            return None;
        }
        let mut sum = 0.0;
        let cumulative = weights.iter().map(|weight| {
            sum += weight;
            sum / all
        });
        let cumulative = cumulative.collect();
        let products = values.iter().zip(&weights);
        let mean = products.map(|(value, weight)| value * weight).sum::<f64>() / all;
        Some(Self::Measured(Measured {
            values,
            cumulative,
            mean,
        }))
    }

    /// Returns the mean, in seconds.
    pub fn mean(&self) -> f64 {
        match self {
            Self::Fixed(time) | Self::Exponential(time) => *time,
            Self::Measured(measured) => measured.mean,
        }
    }

    /// Returns the distribution of the times multiplied by a factor of 0 or more.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        match self {
            Self::Fixed(time) => Self::Fixed(time * factor),
            Self::Exponential(mean) => Self::Exponential(mean * factor),
            Self::Measured(measured) => Self::Measured(Measured {
                values: measured.values.iter().map(|value| value * factor).collect(),
                cumulative: measured.cumulative.clone(),
                mean: measured.mean * factor,
            }),
        }
    }

    /// Draws a time.
    pub(crate) fn draw(&self, random: &mut Stream) -> f64 {
        match self {
            Self::Fixed(time) => *time,
            Self::Exponential(mean) => exponential(*mean, random),
            Self::Measured(measured) => {
                let share: f64 = random.random();
                let at = measured.cumulative.partition_point(|own| *own <= share);
                measured.values[at.min(measured.values.len() - 1)]
            }
        }
    }
}

/// Draws from the exponential distribution, by inversion.
pub(crate) fn exponential(mean: f64, random: &mut Stream) -> f64 {
    -mean * (1.0 - random.random::<f64>()).ln()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::arrivals::stream;

    fn drawn_mean(demand: &Demand) -> f64 {
        let mut random = stream(1);
        let drawn = (0..100_000).map(|_| demand.draw(&mut random));
        drawn.sum::<f64>() / 100_000.0
    }

    #[test]
    fn draws_have_the_mean() {
        let measured = Demand::measured([(1.0, 1.0), (2.0, 2.0), (10.0, 1.0)]).unwrap();
        assert_eq!(measured.mean(), 3.75);
        assert_eq!(measured.scaled(2.0).mean(), 7.5);
        for demand in [
            Demand::Fixed(3.0),
            Demand::Exponential(3.0),
            measured.scaled(0.5),
            measured,
        ] {
            let (mean, drawn) = (demand.mean(), drawn_mean(&demand));
            assert!((drawn / mean - 1.0).abs() < 0.02, "{demand:?}: {drawn}");
        }
    }

    #[test]
    fn invalid_values_are_left_out() {
        assert_eq!(Demand::measured([]), None);
        assert_eq!(Demand::measured([(1.0, 0.0), (f64::NAN, 1.0)]), None);
        let kept = Demand::measured([(-1.0, 1.0), (2.0, 1.0)]).unwrap();
        assert_eq!(kept.mean(), 2.0);
        assert_eq!(kept.draw(&mut stream(1)), 2.0);
    }
}

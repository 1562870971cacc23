//! Think times of users.

use std::time::Duration;

use rand::RngExt;
use rand_distr::{Distribution, Exp1, StandardNormal};

use crate::format::error::ScenarioError;
use crate::format::fields::Value;
use crate::random::stream::Stream;

/// Think time before a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Think {
    /// A fixed time.
    Fixed(Duration),
    /// A uniformly distributed time.
    Uniform {
        /// Minimum.
        min: Duration,
        /// Maximum.
        max: Duration,
    },
    /// An exponentially distributed time: short times are the most likely.
    Exponential {
        /// Mean, before limiting to `max`.
        mean: Duration,
        /// Longer times are limited to this.
        max: Duration,
    },
    /// A log-normally distributed time, as human reading times are: few short, many medium, some very
    /// long.
    LogNormal {
        /// Median.
        median: Duration,
        /// Standard deviation of the time's logarithm.
        sigma: f64,
        /// Longer times are limited to this.
        max: Duration,
    },
}

/// Values of `kind`.
#[derive(Clone, Copy)]
enum Kind {
    Uniform,
    Exponential,
    LogNormal,
}

/// Maximum think time, far from the limits of `Duration`.
const THINK_MAX: Duration = Duration::from_secs(24 * 3600);

/// 95th percentile of the standard normal distribution.
const Z_95: f64 = 1.644_853_626_951_472_2;

impl Think {
    /// No think time.
    pub const NONE: Self = Self::Fixed(Duration::ZERO);

    /// Reads `"1s"`, `{ min = "500ms", max = "2s" }`, `{ kind = "exponential", mean = "1s" }` or
    /// `{ kind = "log-normal", median = "1s", p95 = "4s" }`.
    pub(crate) fn read(value: &Value<'_>) -> Result<Self, ScenarioError> {
        if !value.is_table() {
            return Ok(Self::Fixed(time(value)?));
        }
        let mut fields = value.table("a think time")?;
        let kind = match fields.optional("kind") {
            None => Kind::Uniform,
            Some(kind) => kind.choice(&[
                ("uniform", Kind::Uniform),
                ("exponential", Kind::Exponential),
                ("log-normal", Kind::LogNormal),
            ])?,
        };
        let think = match kind {
            Kind::Uniform => {
                let min = time(&fields.required("min")?)?;
                let max = time(&fields.required("max")?)?;
                if max < min {
                    return Err(value.error("`max` is less than `min`"));
                }
                Self::Uniform { min, max }
            }
            Kind::Exponential => {
                let mean = time(&fields.required("mean")?)?;
                let max = fields.optional("max").map(|max| time(&max)).transpose()?;
                let max = max.unwrap_or(THINK_MAX);
                if max < mean {
                    return Err(value.error("`max` is less than `mean`"));
                }
                Self::Exponential { mean, max }
            }
            Kind::LogNormal => {
                let median = time(&fields.required("median")?)?;
                let p95 = time(&fields.required("p95")?)?;
                let max = fields.optional("max").map(|max| time(&max)).transpose()?;
                let max = max.unwrap_or(THINK_MAX);
                if median.is_zero() || p95 < median {
                    return Err(
                        value.error("`median` must be more than 0s, and `p95` at least `median`")
                    );
                }
                if max < median {
                    return Err(value.error("`max` is less than `median`"));
                }
                let sigma = libm::log(p95.as_secs_f64() / median.as_secs_f64()) / Z_95;
                Self::LogNormal { median, sigma, max }
            }
        };
        fields.finish()?;
        Ok(think)
    }

    /// Returns the mean; of distributions, before limiting to `max`.
    pub fn mean(&self) -> Duration {
        match *self {
            Self::Fixed(time) => time,
            Self::Uniform { min, max } => (min + max) / 2,
            Self::Exponential { mean, .. } => mean,
            Self::LogNormal { median, sigma, .. } => seconds(
                median.as_secs_f64() * libm::exp(sigma * sigma / 2.0),
                THINK_MAX,
            ),
        }
    }

    pub(crate) fn draw(&self, random: &mut Stream) -> Duration {
        let nanoseconds =
            |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        match *self {
            Self::Fixed(time) => time,
            Self::Uniform { min, max } if min == max => min,
            Self::Uniform { min, max } => {
                Duration::from_nanos(random.random_range(nanoseconds(min)..=nanoseconds(max)))
            }
            Self::Exponential { mean, max } => {
                let drawn: f64 = Exp1.sample(random);
                seconds(mean.as_secs_f64() * drawn, max)
            }
            Self::LogNormal { median, sigma, max } => {
                let drawn: f64 = StandardNormal.sample(random);
                seconds(median.as_secs_f64() * libm::exp(sigma * drawn), max)
            }
        }
    }
}

/// Reads a think time.
fn time(value: &Value<'_>) -> Result<Duration, ScenarioError> {
    let time = value.duration()?;
    if time > THINK_MAX {
        return Err(value.error("a think time is at max 24h"));
    }
    Ok(time)
}

fn seconds(seconds: f64, max: Duration) -> Duration {
    Duration::try_from_secs_f64(seconds).map_or(max, |time| time.min(max))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream::stream;

    /// Returns sorted draws of a think time, in seconds.
    fn drawn(think: Think) -> Vec<f64> {
        let mut random = stream(7, "think", 0);
        let mut times: Vec<f64> = (0..40_000)
            .map(|_| think.draw(&mut random).as_secs_f64())
            .collect();
        times.sort_by(f64::total_cmp);
        times
    }

    fn quantile(times: &[f64], q: f64) -> f64 {
        times[(times.len() as f64 * q) as usize]
    }

    #[test]
    fn exponential_times_match_the_closed_form() {
        let mean = Duration::from_secs(2);
        let max = Duration::from_secs(100);
        let times = drawn(Think::Exponential { mean, max });
        for q in [0.1, 0.5, 0.9, 0.99] {
            let expected = -2.0 * (1.0_f64 - q).ln();
            let found = quantile(&times, q);
            assert!(
                (found / expected - 1.0).abs() < 0.06,
                "p{q}: {found} for {expected}"
            );
        }
    }

    #[test]
    fn log_normal_times_match_median_p95_and_max() {
        let sigma = 4.0_f64.ln() / Z_95;
        let think = Think::LogNormal {
            median: Duration::from_secs(1),
            sigma,
            max: Duration::from_secs(10),
        };
        let times = drawn(think);
        assert!((quantile(&times, 0.5) - 1.0).abs() < 0.03);
        assert!((quantile(&times, 0.95) - 4.0).abs() < 0.2);
        assert_eq!(times.last().copied(), Some(10.0));
    }
}

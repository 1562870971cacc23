//! Base-2 exponential histograms, as defined by the data model of OpenTelemetry metrics.
//!
//! At scale `s`, bucket `i` holds the values in `(base^i, base^(i + 1)]`, with `base = 2^(2^-s)`
//! (<https://opentelemetry.io/docs/specs/otel/metrics/data-model/#exponentialhistogram>).

/// Most buckets of a histogram: the default of the OpenTelemetry SDKs.
const BUCKETS_MAX: usize = 160;

/// Finest scale: neighbouring bounds differ by 0.27%, about the precision of the recorded values.
const SCALE_MAX: i32 = 8;

/// Counts of positive values in exponential buckets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Exponential {
    /// Scale.
    pub(crate) scale: i32,
    /// Index of the first bucket.
    pub(crate) offset: i32,
    /// Counts, from the first bucket on.
    pub(crate) counts: Vec<u64>,
    /// Values that are zero.
    pub(crate) zeros: u64,
}

impl Exponential {
    /// Counts values, in nanoseconds, in buckets of seconds. Takes the finest scale at which they need no more than
    /// 160 buckets.
    pub(crate) fn of(values: impl Iterator<Item = (u64, u64)>) -> Self {
        let mut zeros = 0;
        let mut indices: Vec<(i32, u64)> = Vec::new();
        for (value_ns, count) in values {
            match value_ns {
                0 => zeros += count,
                value_ns => indices.push((index(value_ns, SCALE_MAX), count)),
            }
        }
        let (first, last) = match (indices.iter().min(), indices.iter().max()) {
            (Some((first, _)), Some((last, _))) => (*first, *last),
            _ => {
                return Self {
                    zeros,
                    ..Self::default()
                };
            }
        };
        // Halving the number of buckets of each octave joins two neighbours.
        let mut steps = 0;
        while (last >> steps) - (first >> steps) >= BUCKETS_MAX as i32 {
            steps += 1;
        }
        let offset = first >> steps;
        let mut counts = vec![0; ((last >> steps) - offset + 1) as usize];
        for (index, count) in indices {
            counts[((index >> steps) - offset) as usize] += count;
        }
        Self {
            scale: SCALE_MAX - steps,
            offset,
            counts,
            zeros,
        }
    }
}

/// Index of the bucket of a positive value.
fn index(value_ns: u64, scale: i32) -> i32 {
    let seconds = value_ns as f64 / 1e9;
    (seconds.log2() * f64::from(scale).exp2()).ceil() as i32 - 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn bound(index: i32, scale: i32) -> f64 {
        (f64::from(index) * f64::from(-scale).exp2()).exp2()
    }

    #[test]
    fn buckets_are_those_of_the_data_model() {
        // A second is the upper bound of bucket -1 at every scale.
        assert_eq!((index(1_000_000_000, 0), index(1_000_000_000, 8)), (-1, -1));
        assert_eq!((index(1_000_000_001, 0), index(2_000_000_000, 0)), (0, 0));
        assert_eq!((index(500_000_000, 0), index(4_000_000_000, 0)), (-2, 1));
    }

    #[test]
    fn nothing_and_zeros_need_no_buckets() {
        assert_eq!(Exponential::of([].into_iter()), Exponential::default());
        let zeros = Exponential::of([(0, 7)].into_iter());
        assert_eq!((zeros.zeros, zeros.counts.len()), (7, 0));
    }

    proptest! {
        #[test]
        fn every_value_lies_in_its_bucket(
            values in proptest::collection::vec((1_u64..3_600_000_000_000, 1_u64..1_000), 1..200)
        ) {
            let histogram = Exponential::of(values.iter().copied());
            prop_assert!(histogram.counts.len() <= BUCKETS_MAX);
            let sum: u64 = values.iter().map(|(_, count)| count).sum();
            prop_assert_eq!(histogram.counts.iter().sum::<u64>(), sum);
            let scale = histogram.scale;
            for (value_ns, count) in &values {
                let seconds = *value_ns as f64 / 1e9;
                let at = histogram.counts.iter().enumerate().position(|(at, held)| {
                    let index = histogram.offset + at as i32;
                    // Bounds are rounded.
                    held >= count
                        && bound(index, scale) * (1.0 - 1e-9) <= seconds
                        && seconds <= bound(index + 1, scale) * (1.0 + 1e-9)
                });
                prop_assert!(at.is_some(), "{} in {:?}", value_ns, histogram);
            }
        }
    }
}

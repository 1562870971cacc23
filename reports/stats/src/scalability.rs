//! The Universal Scalability Law: capacity by the number of workers.
//!
//! `X(N) = λ N / (1 + σ (N - 1) + κ N (N - 1))`: λ is the capacity of one worker, σ the share of the work that is serial
//! (contention), κ the cost of keeping pairs of workers consistent (coherency). Source: N. J. Gunther, *Guerrilla Capacity
//! Planning*, Springer 2007, chapter 4. With κ = 0 it is Amdahl's law.

use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64;

/// Repetitions of the fit for its intervals.
const REPETITIONS: usize = 2_000;

/// Share of the repetitions within an interval.
const CONFIDENCE: f64 = 0.95;

/// Multiple of the largest number of workers up to which a peak is reported: beyond, no data support it.
const PEAK_WITHIN: f64 = 2.0;

/// Capacity of a number of workers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capacity {
    /// Number of workers.
    pub workers: f64,
    /// Interval of the capacity, per second.
    pub rate: [f64; 2],
}

/// A value with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fitted {
    /// Best estimate.
    pub value: f64,
    /// Interval of the estimates from capacities drawn evenly from their intervals.
    pub interval: [f64; 2],
}

/// The law with its coefficients.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scalability {
    /// λ: capacity of one worker, per second.
    pub of_one: Fitted,
    /// σ: contention, from 0 on.
    pub contention: Fitted,
    /// κ: coherency, from 0 on.
    pub coherency: Fitted,
    /// Number of workers with the highest capacity. `None` if it is not within the data, or within twice their largest number.
    pub peak: Option<Fitted>,
}

/// Coefficients of the law.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Coefficients {
    of_one: f64,
    contention: f64,
    coherency: f64,
}

impl Coefficients {
    fn rate(&self, workers: f64) -> f64 {
        let others = workers - 1.0;
        self.of_one * workers / (1.0 + self.contention * others + self.coherency * workers * others)
    }

    /// Number of workers with the highest capacity. Infinite without coherency costs.
    fn peak(&self) -> f64 {
        ((1.0 - self.contention).max(0.0) / self.coherency).sqrt()
    }
}

impl Scalability {
    /// Fits the law by least squares of relative errors. `None` with fewer than three numbers of workers.
    pub fn fit(capacities: &[Capacity]) -> Option<Self> {
        let mut numbers: Vec<f64> = capacities.iter().map(|own| own.workers).collect();
        numbers.sort_by(f64::total_cmp);
        numbers.dedup();
        let valid = |own: &Capacity| {
            own.workers >= 1.0
                && own.rate[0] > 0.0
                && own.rate[1] >= own.rate[0]
                && own.rate[1].is_finite()
        };
        let largest = *numbers.last()?;
        if numbers.len() < 3 || !capacities.iter().all(valid) {
            return None;
        }
        let middle: Vec<(f64, f64)> = capacities
            .iter()
            .map(|own| (own.workers, f64::midpoint(own.rate[0], own.rate[1])))
            .collect();
        let best = fit(&middle)?;
        let mut stream = Pcg64::seed_from_u64(1);
        let mut drawn: Vec<Coefficients> = Vec::with_capacity(REPETITIONS);
        for _ in 0..REPETITIONS {
            let points: Vec<(f64, f64)> = capacities
                .iter()
                .map(|own| {
                    let [low, high] = own.rate;
                    (own.workers, low + (high - low) * stream.random::<f64>())
                })
                .collect();
            drawn.extend(fit(&points));
        }
        let fitted = |of: &dyn Fn(&Coefficients) -> f64| {
            let mut values: Vec<f64> = drawn.iter().map(of).collect();
            values.sort_by(f64::total_cmp);
            let at = |share: f64| {
                let index = (share * (values.len().saturating_sub(1)) as f64).round();
                values.get(index as usize).copied().unwrap_or(f64::NAN)
            };
            let tail = (1.0 - CONFIDENCE) / 2.0;
            Fitted {
                value: of(&best),
                interval: [at(tail), at(1.0 - tail)],
            }
        };
        let peak = fitted(&Coefficients::peak);
        Some(Self {
            of_one: fitted(&|own| own.of_one),
            contention: fitted(&|own| own.contention),
            coherency: fitted(&|own| own.coherency),
            peak: (peak.interval[1] <= PEAK_WITHIN * largest).then_some(peak),
        })
    }

    /// Returns the capacity of a number of workers, per second.
    pub fn rate(&self, workers: f64) -> f64 {
        let own = Coefficients {
            of_one: self.of_one.value,
            contention: self.contention.value,
            coherency: self.coherency.value,
        };
        own.rate(workers)
    }
}

/// Fits the law to numbers of workers and rates. `None` if the points do not determine it.
///
/// `N / X = (1 + σ (N - 1) + κ N (N - 1)) / λ` is linear in `1/λ`, `σ/λ` and `κ/λ`. Each point has the weight `X/N`, so that relative
/// errors count. The coefficients are at least 0: of the fits with and without each of σ and κ, the best valid one is taken.
fn fit(points: &[(f64, f64)]) -> Option<Coefficients> {
    let mut best: Option<(f64, Coefficients)> = None;
    for with in [[true, true], [true, false], [false, true], [false, false]] {
        let Some([one, serial, pairs]) = least_squares(points, with) else {
            continue;
        };
        if one <= 0.0 || serial < 0.0 || pairs < 0.0 {
            continue;
        }
        let found = Coefficients {
            of_one: 1.0 / one,
            contention: serial / one,
            coherency: pairs / one,
        };
        let error: f64 = points
            .iter()
            .map(|(workers, rate)| (found.rate(*workers) / rate - 1.0).powi(2))
            .sum();
        if best.is_none_or(|(least, _)| error < least) {
            best = Some((error, found));
        }
    }
    best.map(|(_, found)| found)
}

/// Returns the coefficients of `1`, `N - 1` and `N (N - 1)`, of which the last two may be left out. `None` if they are not determined.
fn least_squares(points: &[(f64, f64)], [with_serial, with_pairs]: [bool; 2]) -> Option<[f64; 3]> {
    let mut matrix = [[0.0_f64; 4]; 3];
    for (workers, rate) in points {
        let weight = rate / workers;
        let row = [
            weight,
            f64::from(u8::from(with_serial)) * weight * (workers - 1.0),
            f64::from(u8::from(with_pairs)) * weight * workers * (workers - 1.0),
            // The weighted left side: (N / X) (X / N).
            1.0,
        ];
        for (line, left) in matrix.iter_mut().zip(row) {
            for (cell, right) in line.iter_mut().zip(row) {
                *cell += left * right;
            }
        }
    }
    // What is left out is 0.
    if !with_serial {
        matrix[1][1] = 1.0;
    }
    if !with_pairs {
        matrix[2][2] = 1.0;
    }
    solve(matrix)
}

/// Solves three linear equations by Gaussian elimination with pivots. `None` if they have no single solution.
fn solve(mut matrix: [[f64; 4]; 3]) -> Option<[f64; 3]> {
    for column in 0..3 {
        let pivot = (column..3).max_by(|one, other| {
            matrix[*one][column]
                .abs()
                .total_cmp(&matrix[*other][column].abs())
        })?;
        matrix.swap(column, pivot);
        let lead = matrix[column];
        if lead[column].abs() < 1e-12 {
            return None;
        }
        for (row, line) in matrix.iter_mut().enumerate() {
            if row != column {
                let factor = line[column] / lead[column];
                for (cell, own) in line.iter_mut().zip(lead) {
                    *cell -= factor * own;
                }
            }
        }
    }
    let found = [0, 1, 2].map(|row| matrix[row][3] / matrix[row][row]);
    found.iter().all(|value| value.is_finite()).then_some(found)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn exact(own: Coefficients, numbers: &[f64]) -> Vec<Capacity> {
        let capacity = |workers: &f64| Capacity {
            workers: *workers,
            rate: [own.rate(*workers); 2],
        };
        numbers.iter().map(capacity).collect()
    }

    #[test]
    fn exact_data_give_their_coefficients() {
        let own = Coefficients {
            of_one: 995.65,
            contention: 0.026_71,
            coherency: 0.000_769,
        };
        let fitted =
            Scalability::fit(&exact(own, &[1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])).unwrap();
        assert!((fitted.of_one.value / own.of_one - 1.0).abs() < 1e-6);
        assert!((fitted.contention.value - own.contention).abs() < 1e-6);
        assert!((fitted.coherency.value - own.coherency).abs() < 1e-8);
        // sqrt((1 - 0.02671) / 0.000769) = 35.6.
        let peak = fitted.peak.unwrap();
        assert!((peak.value - 35.58).abs() < 0.01, "{peak:?}");
        // It is within twice 24 workers, and not within twice 16.
        let of = |numbers: &[f64]| Scalability::fit(&exact(own, numbers)).unwrap().peak;
        assert!(of(&[1.0, 2.0, 4.0, 8.0, 16.0, 24.0]).is_some());
        assert!(of(&[1.0, 2.0, 4.0, 8.0, 16.0]).is_none());
    }

    #[test]
    fn interval_is_that_of_the_drawn_capacities() {
        // Three numbers determine three coefficients, so the capacity of one worker is the drawn one: uniform from 90 to 110.
        let capacities = [
            (1.0, [90.0, 110.0]),
            (2.0, [140.0, 140.0]),
            (4.0, [160.0, 160.0]),
        ];
        let capacities = capacities.map(|(workers, rate)| Capacity { workers, rate });
        let fitted = Scalability::fit(&capacities).unwrap();
        assert!((fitted.of_one.value - 100.0).abs() < 1e-6, "{fitted:?}");
        let [low, high] = fitted.of_one.interval;
        // 2.5% from either end.
        assert!(
            (low - 90.5).abs() < 0.25 && (high - 109.5).abs() < 0.25,
            "{fitted:?}"
        );
    }

    #[test]
    fn a_peak_beyond_the_data_is_not_reported() {
        let own = Coefficients {
            of_one: 100.0,
            contention: 0.05,
            coherency: 0.000_1,
        };
        let fitted = Scalability::fit(&exact(own, &[1.0, 2.0, 3.0, 4.0])).unwrap();
        assert_eq!(fitted.peak, None);
        let linear = Coefficients {
            contention: 0.0,
            coherency: 0.0,
            ..own
        };
        let fitted = Scalability::fit(&exact(linear, &[1.0, 2.0, 4.0])).unwrap();
        assert!(fitted.contention.value < 1e-9 && fitted.coherency.value < 1e-9);
        assert_eq!(fitted.peak, None);
        assert!((fitted.rate(10.0) - 1_000.0).abs() < 1e-6);
    }

    #[test]
    fn wide_capacities_give_wide_intervals() {
        let capacities =
            [(1.0, 100.0), (2.0, 180.0), (4.0, 300.0)].map(|(workers, rate)| Capacity {
                workers,
                rate: [rate * 0.95, rate * 1.05],
            });
        let fitted = Scalability::fit(&capacities).unwrap();
        let [low, high] = fitted.contention.interval;
        assert!(low < fitted.contention.value && fitted.contention.value < high);
        assert!(high - low > 0.02, "{fitted:?}");
    }

    #[test]
    fn too_few_numbers_are_not_fitted() {
        let capacity = |workers, rate| Capacity {
            workers,
            rate: [rate; 2],
        };
        assert_eq!(Scalability::fit(&[]), None);
        assert_eq!(
            Scalability::fit(&[capacity(1.0, 1.0), capacity(2.0, 2.0), capacity(2.0, 2.1)]),
            None
        );
        assert_eq!(
            Scalability::fit(&[capacity(1.0, 0.0), capacity(2.0, 2.0), capacity(3.0, 2.1)]),
            None
        );
    }

    #[test]
    fn the_fit_with_the_least_relative_error_is_taken() {
        // Both coefficients fit too, but worse. Calculated with fractions, by another program.
        let found = fit(&[(1.0, 174.0), (2.0, 234.0), (3.0, 201.0), (4.0, 240.0)]).unwrap();
        assert!((found.of_one - 179.302_022_762).abs() < 1e-6, "{found:?}");
        assert!(
            (found.contention - 0.684_084_187_8).abs() < 1e-9,
            "{found:?}"
        );
        assert_eq!(found.coherency, 0.0);
    }

    #[test]
    fn equations_without_a_single_solution_are_not_solved() {
        let nearly = 1.0 + f64::EPSILON;
        let row = |third| [0.0, 1.0, third, 2.0];
        assert_eq!(
            solve([[1.0, 0.0, 0.0, 1.0], row(1.0), row(nearly)]),
            None,
            "two rows are equal but for rounding"
        );
        assert_eq!(solve([[f64::NAN, 0.0, 0.0, 1.0], row(1.0), row(2.0)]), None);
        // The smallest pivot that counts.
        let small = [
            [1.0, 0.0, 0.0, 1.0],
            [0.0, 1.0, 0.0, 2.0],
            [0.0, 0.0, 1e-12, 3.0],
        ];
        assert_eq!(solve(small), Some([1.0, 2.0, 3.0 / 1e-12]));
    }

    proptest! {
        #[test]
        fn coefficients_are_never_negative(rates in prop::collection::vec(0.1_f64..1e6, 3..8)) {
            let capacities: Vec<Capacity> = rates
                .iter()
                .enumerate()
                .map(|(index, rate)| Capacity { workers: index as f64 + 1.0, rate: [*rate, rate * 1.1] })
                .collect();
            if let Some(fitted) = Scalability::fit(&capacities) {
                prop_assert!(fitted.of_one.value > 0.0);
                prop_assert!(fitted.contention.value >= 0.0 && fitted.coherency.value >= 0.0);
                prop_assert!(fitted.rate(2.0).is_finite());
            }
        }
    }
}

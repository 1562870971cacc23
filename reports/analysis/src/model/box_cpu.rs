//! CPU of a box: what a request needs, and what the box uses without one.

use super::observation::Observation;

/// CPU of a box, by the utilisation law: `U = background + X D`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BoxCpu {
    /// CPU time of a request, averaged over the mix, in seconds.
    pub demand_s: f64,
    /// Processors in use without requests.
    pub background: f64,
}

/// Highest rate over the lowest one from which a line is fitted. Closer rates say nothing about the background.
const SPREAD_MIN: f64 = 1.5;

/// Fewest runs through which a line is fitted.
const RUNS_MIN: usize = 3;

impl BoxCpu {
    /// Fits the CPU of a box to runs at several rates: least squares, weighted by the length of each run. Without enough
    /// different rates, all CPU time is divided among the requests. `None` if no run has the box.
    pub(super) fn fit(observations: &[&Observation], name: &str) -> Option<Self> {
        let points = observations.iter().filter_map(|own| {
            let sample = own.boxes.iter().find(|sample| sample.name == name)?;
            (sample.over_s > 0.0 && own.requests > 0.0).then(|| Point {
                weight: sample.over_s,
                rate: own.requests / sample.over_s,
                cores: sample.cpu_s / sample.over_s,
            })
        });
        let points: Vec<Point> = points.collect();
        let sum = |of: fn(&Point) -> f64| -> f64 {
            points.iter().map(|own| own.weight * of(own)).sum()
        };
        let (weight, rate, cores) = (sum(|_| 1.0), sum(|own| own.rate), sum(|own| own.cores));
        if rate <= 0.0 {
            return None;
        }
        let through_zero = Self {
            demand_s: cores / rate,
            background: 0.0,
        };
        let rates = points.iter().map(|own| own.rate);
        let (least, most) = (
            rates.clone().fold(f64::INFINITY, f64::min),
            rates.fold(0.0, f64::max),
        );
        if points.len() < RUNS_MIN || most < SPREAD_MIN * least {
            return Some(through_zero);
        }
        let squares = sum(|own| own.rate * own.rate);
        let products = sum(|own| own.rate * own.cores);
        let demand_s = (weight * products - rate * cores) / (weight * squares - rate * rate);
        let background = (cores - demand_s * rate) / weight;
        match demand_s > 0.0 && background >= 0.0 {
            true => Some(Self {
                demand_s,
                background,
            }),
            false => Some(through_zero),
        }
    }
}

/// Use of the box in a run.
struct Point {
    weight: f64,
    rate: f64,
    cores: f64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::BoxSample;

    fn observation(rate: f64, cores: f64) -> Observation {
        Observation {
            rate,
            requests: rate * 10.0,
            p99_ns: None,
            p99_interval_ns: None,
            boxes: vec![BoxSample {
                name: "web".to_owned(),
                over_s: 10.0,
                cpu_s: cores * 10.0,
            }],
            generator_s: 0.0,
            machine_cores: None,
        }
    }

    fn fit(points: &[(f64, f64)]) -> Option<BoxCpu> {
        let all: Vec<Observation> = points
            .iter()
            .map(|(rate, cores)| observation(*rate, *cores))
            .collect();
        BoxCpu::fit(&all.iter().collect::<Vec<_>>(), "web")
    }

    #[test]
    fn a_line_has_demand_and_background() {
        let fitted = fit(&[(100.0, 0.12), (200.0, 0.22), (400.0, 0.42)]).unwrap();
        assert!((fitted.demand_s - 0.001).abs() < 1e-9, "{fitted:?}");
        assert!((fitted.background - 0.02).abs() < 1e-9, "{fitted:?}");
    }

    #[test]
    fn close_rates_and_falling_lines_have_no_background() {
        for points in [
            &[(100.0, 0.1)][..],
            &[(100.0, 0.1), (101.0, 0.12), (102.0, 0.09)],
            // A busy box works more cheaply: the line would begin below zero.
            &[(100.0, 0.05), (200.0, 0.2), (400.0, 0.5)],
        ] {
            let fitted = fit(points).unwrap();
            assert_eq!(fitted.background, 0.0, "{points:?}");
            assert!(fitted.demand_s > 0.0);
        }
        assert_eq!(fit(&[]), None);
        assert_eq!(fit(&[(0.0, 0.1)]), None);
    }
}

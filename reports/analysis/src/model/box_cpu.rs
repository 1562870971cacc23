//! CPU time of a request at a box.

use super::observation::Observation;

/// Width of the weights of runs by their rate, as a natural logarithm: a run at 1.2 times the rate counts 61%, one at 1.6 times
/// 6%.
const WIDTH: f64 = 0.2;

/// Least weight, so that runs count however far they are.
const WEIGHT_MIN: f64 = 1e-9;

/// Returns the CPU time of a request at a box when it gets about this rate, in seconds, averaged over the mix. `None` if no run
/// has the box.
///
/// By the utilisation law, it is the CPU time over the requests. It falls with the rate, because a busy box wakes up less often
/// for a request, so runs count by how close their rate is, and by their length.
pub(super) fn demand_s(observations: &[&Observation], name: &str, rate: f64) -> Option<f64> {
    let rates = observations
        .iter()
        .map(|own| own.rate)
        .filter(|own| *own > 0.0);
    let lowest = rates.clone().fold(f64::INFINITY, f64::min);
    let highest = rates.fold(0.0, f64::max);
    // Beyond the runs, the closest ones count.
    let rate = rate.min(highest).max(lowest);
    let weight = |own: &Observation| {
        let distance = (own.rate / rate).ln() / WIDTH;
        (-distance * distance / 2.0).exp().max(WEIGHT_MIN)
    };
    weighted(observations, name, weight)
}

/// Returns the CPU time of a request at a box over all runs, in seconds. `None` if no run has the box.
pub(super) fn mean_demand_s(observations: &[&Observation], name: &str) -> Option<f64> {
    weighted(observations, name, |_| 1.0)
}

fn weighted(
    observations: &[&Observation],
    name: &str,
    weight: impl Fn(&Observation) -> f64,
) -> Option<f64> {
    let (mut cpu, mut requests) = (0.0, 0.0);
    for own in observations {
        let Some(sample) = own.boxes.iter().find(|sample| sample.name == name) else {
            continue;
        };
        if own.rate <= 0.0 || own.requests <= 0.0 {
            continue;
        }
        let weight = weight(own);
        cpu += weight * sample.cpu_s;
        requests += weight * own.requests;
    }
    (requests > 0.0).then(|| cpu / requests)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::observation::BoxSample;

    fn observation(rate: f64, demand_s: f64) -> Observation {
        Observation {
            rate,
            requests: rate * 10.0,
            p99_ns: None,
            p99_interval_ns: None,
            boxes: vec![BoxSample {
                name: "web".to_owned(),
                cpu_s: rate * 10.0 * demand_s,
            }],
            generator_s: 0.0,
            machine_cores: None,
            has_warm_up: false,
        }
    }

    #[test]
    fn runs_at_about_the_rate_count() {
        let all = [
            observation(100.0, 0.003),
            observation(400.0, 0.002),
            observation(800.0, 0.001),
        ];
        let all: Vec<&Observation> = all.iter().collect();
        for (rate, expected) in [(50.0, 0.003), (400.0, 0.002), (5_000.0, 0.001)] {
            let found = demand_s(&all, "web", rate).unwrap();
            assert!((found / expected - 1.0).abs() < 0.03, "{rate}: {found}");
        }
        // 3 + 8 + 8 s over 13,000 requests.
        let mean = mean_demand_s(&all, "web").unwrap();
        assert!((mean - 19.0 / 13_000.0).abs() < 1e-9, "{mean}");
        assert_eq!(demand_s(&all, "app", 100.0), None);
        assert_eq!(demand_s(&[], "web", 100.0), None);
        assert_eq!(demand_s(&[&observation(0.0, 1.0)], "web", 100.0), None);
    }
}

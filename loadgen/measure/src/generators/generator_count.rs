//! Number of generators that the rate of a scenario asks for.

use tenfold_scenarios::{Model, Phase, Scenario};

use crate::MeasureError;

/// Rate up to which one generator is enough, per second. One core sends some 50,000 requests/s, and more of small answers.
const RATE_EACH_MAX: f64 = 40_000.0;

/// Returns the number of generators for the highest planned rate of a scenario on a machine with `cores`. `connections` is the limit
/// on HTTP/2 connections.
///
/// A service on the same machine keeps half of the cores. 1 if one generator is enough, and in a closed model, whose rate is not
/// known.
pub fn generators_for(
    scenario: &Scenario,
    connections: Option<u32>,
    cores: usize,
    is_local: bool,
) -> u32 {
    if scenario.load.model == Model::Closed {
        return 1;
    }
    let peaks = scenario.phases.iter().map(|phase| {
        let mean = || phase.expected_arrivals() / phase.duration.as_secs_f64().max(1e-9);
        Phase::peak_rate(phase).unwrap_or_else(mean)
    });
    let wanted = (peaks.fold(0.0, f64::max) / RATE_EACH_MAX).ceil() as u32;
    let free = if is_local { cores / 2 } else { cores };
    let free = u32::try_from(free).unwrap_or(u32::MAX);
    wanted.min(free).min(most(scenario, connections)).max(1)
}

/// Returns the most generators that a scenario can be divided among. `connections` is the limit on HTTP/2 connections.
fn most(scenario: &Scenario, connections: Option<u32>) -> u32 {
    scenario.shares_max().min(connections.unwrap_or(u32::MAX))
}

/// Refuses more generators than a scenario can be divided among. `connections` is the limit on HTTP/2 connections.
///
/// # Errors
/// If a generator would have no user or no connection.
pub fn refuse_generators(
    scenario: &Scenario,
    connections: Option<u32>,
    count: u32,
) -> Result<(), MeasureError> {
    let most = most(scenario, connections);
    match count <= most {
        true => Ok(()),
        false => Err(MeasureError::TooManyGenerators { count, most }),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    fn scenario(rate: &str, users: u32) -> Scenario {
        let text = format!(
            "version = 1\nname = \"x\"\nload = {{ users = {users} }}\nphases = [\
             {{ name = \"a\", kind = \"constant\", rate = \"10/s\", duration = \"9s\" }}, \
             {{ name = \"b\", kind = \"ramp\", from = \"1/s\", to = \"{rate}\", duration = \"1s\" }}]\n\
             requests = [{{ name = \"r\", kind = \"read\", path = \"/\" }}]\n"
        );
        Scenario::parse(&text, Path::new("x.toml")).unwrap()
    }

    #[test]
    fn peak_rate_cores_and_users_decide() {
        for (rate, users, cores, is_local, expected) in [
            ("1000/s", 100, 64, false, 1),
            ("40k/s", 100, 64, false, 1),
            ("41k/s", 100, 64, false, 2),
            ("400k/s", 100, 64, false, 10),
            ("400k/s", 100, 8, false, 8),
            ("400k/s", 100, 8, true, 4),
            ("400k/s", 100, 2, true, 1),
            ("400k/s", 100, 1, true, 1),
            ("400k/s", 3, 64, false, 3),
        ] {
            let found = generators_for(&scenario(rate, users), None, cores, is_local);
            assert_eq!(found, expected, "{rate}, {users} users, {cores} cores");
        }
    }

    #[test]
    fn refuses_generators_without_users() {
        let scenario = scenario("10/s", 3);
        assert!(refuse_generators(&scenario, None, 3).is_ok());
        let refused = |connections, count| {
            let refused = refuse_generators(&scenario, connections, count);
            refused.unwrap_err().to_string()
        };
        let error = refused(None, 4);
        assert!(error.contains("at most 3"), "{error}");
        let error = refused(Some(2), 3);
        assert!(error.contains("at most 2"), "{error}");
    }
}

//! A scenario of users who are idle most of the time, each with its own connection.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::workshop::Workshop;

const SCENARIO: &str = include_str!("../../../scenarios/idle-users.toml");

/// Time to start all users, one after the other.
const HATCH_TIME: Duration = Duration::from_secs(2);

/// Total rate of all users, in requests per second.
pub(crate) const RATE: u32 = 1_000;

/// Writes the scenario for a number of users, whose think time gives a total rate of [`RATE`].
pub(crate) fn write(users: u32, workshop: &Workshop) -> anyhow::Result<PathBuf> {
    let path = workshop.folder("idle-users")?.join(format!("{users}.toml"));
    let text = scenario(users).context("could not adapt the scenario of idle users")?;
    std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}

/// Returns the time until each user has sent once: they think before they send.
pub(crate) fn time_to_first_requests(users: u32) -> Duration {
    let (_, most_ms) = think_ms(users);
    Duration::from_secs((HATCH_TIME + Duration::from_millis(most_ms)).as_secs() + 1)
}

/// Returns the minimum and maximum think time, in milliseconds.
fn think_ms(users: u32) -> (u64, u64) {
    let mean_ms = u64::from(users) * 1_000 / u64::from(RATE);
    (mean_ms.div_ceil(2), mean_ms + mean_ms / 2)
}

fn scenario(users: u32) -> anyhow::Result<String> {
    let (least, most) = think_ms(users);
    let hatch = f64::from(users) / HATCH_TIME.as_secs_f64();
    let mut table: toml::Table = SCENARIO.parse()?;
    table["load"]["users"] = i64::from(users).into();
    table["load"]["hatch"] = format!("{hatch}/s").into();
    table["phases"][0]["duration"] = format!("{}s", time_to_first_requests(users).as_secs()).into();
    table["journeys"][0]["think"]["min"] = format!("{least}ms").into();
    table["journeys"][0]["think"]["max"] = format!("{most}ms").into();
    Ok(table.to_string())
}

#[cfg(test)]
mod tests {
    use tenfold_scenarios::Scenario;

    use super::*;

    #[test]
    fn writes_scenario_for_any_number_of_users() {
        for users in [1, 10, 100, 1_000, 10_000] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("idle.toml");
            std::fs::write(&path, scenario(users).unwrap()).unwrap();
            assert_eq!(Scenario::read(&path).unwrap().load.users, users);
        }
    }
}

//! A scenario of users who are idle nearly all the time, each with a connection of its own.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;

use crate::workshop::Workshop;

const SCENARIO: &str = include_str!("../../../scenarios/idle-users.toml");

/// How long the users take to be hatched, one after the other.
const HATCHING: Duration = Duration::from_secs(2);

/// What they send per second, all of them together.
pub(crate) const TOGETHER_PER_S: u32 = 1_000;

/// Writes the scenario for so many users; each thinks so long that they send
/// [`TOGETHER_PER_S`] together.
pub(crate) fn write(users: u32, workshop: &Workshop) -> anyhow::Result<PathBuf> {
    let path = workshop.folder("idle-users")?.join(format!("{users}.toml"));
    let text = scenario(users).context("could not adapt the scenario of idle users")?;
    std::fs::write(&path, text).with_context(|| format!("could not write {}", path.display()))?;
    Ok(path)
}

/// How long it takes until each of so many users has sent once: they think before they send.
pub(crate) fn arriving(users: u32) -> Duration {
    let (_, most_ms) = think_ms(users);
    Duration::from_secs((HATCHING + Duration::from_millis(most_ms)).as_secs() + 1)
}

/// The least and the most that each of so many users thinks, in milliseconds.
fn think_ms(users: u32) -> (u64, u64) {
    let mean_ms = u64::from(users) * 1_000 / u64::from(TOGETHER_PER_S);
    (mean_ms.div_ceil(2), mean_ms + mean_ms / 2)
}

fn scenario(users: u32) -> anyhow::Result<String> {
    let (least, most) = think_ms(users);
    let hatch = f64::from(users) / HATCHING.as_secs_f64();
    let mut table: toml::Table = SCENARIO.parse()?;
    table["load"]["users"] = i64::from(users).into();
    table["load"]["hatch"] = format!("{hatch}/s").into();
    table["phases"][0]["duration"] = format!("{}s", arriving(users).as_secs()).into();
    table["journeys"][0]["think"]["min"] = format!("{least}ms").into();
    table["journeys"][0]["think"]["max"] = format!("{most}ms").into();
    Ok(table.to_string())
}

#[cfg(test)]
mod tests {
    use tenfold_scenarios::Scenario;

    use super::*;

    #[test]
    fn any_number_of_users_makes_a_scenario() {
        for users in [1, 10, 100, 1_000, 10_000] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("idle.toml");
            std::fs::write(&path, scenario(users).unwrap()).unwrap();
            assert_eq!(Scenario::read(&path).unwrap().load.users, users);
        }
    }
}

//! Loads in units of what the smallest group sustains.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};
use tenfold_scenarios::{LIBRARY, Scenario};

/// A load over time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// A day in four minutes.
    Day,
    /// Three times the load, at once, for 20 s.
    Spike,
    /// Three times the load within 5 s, for a minute, half of it for ten posts that nobody read before.
    FlashCrowd,
    /// A rise over three minutes.
    Ramp,
}

impl Kind {
    /// Returns the name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Spike => "spike",
            Self::FlashCrowd => "flash crowd",
            Self::Ramp => "ramp",
        }
    }

    /// Returns the load in words, with the rates relative to what the smallest group sustains.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Day => "a day in four minutes: 0.4 at night, 1.8 at noon",
            Self::Spike => "0.6, and 1.8 for 20 s at once",
            Self::FlashCrowd => {
                "0.6, and 1.8 for a minute within 5 s; from then on, half of the reads go to ten cold posts"
            }
            Self::Ramp => "0.4 to 1.8 within three minutes",
        }
    }

    /// Returns the phase, without its name, for a rate that the smallest group sustains.
    fn phase(self, sustained: f64) -> String {
        let rate = |share: f64| format!("{:.1}/s", share * sustained);
        let (night, base, peak) = (rate(0.4), rate(0.6), rate(1.8));
        match self {
            Self::Day => format!(
                "kind = \"diurnal\"\nlow = \"{night}\"\nhigh = \"{peak}\"\nperiod = \"240s\"\nduration = \"240s\""
            ),
            Self::Spike => format!(
                "kind = \"spike\"\nbase = \"{base}\"\npeak = \"{peak}\"\nat = \"15s\"\nrise = \"0s\"\nhold = \"20s\"\n\
                 fall = \"0s\"\nduration = \"75s\""
            ),
            Self::FlashCrowd => format!(
                "kind = \"spike\"\nbase = \"{base}\"\npeak = \"{peak}\"\nat = \"15s\"\nrise = \"5s\"\nhold = \"60s\"\n\
                 fall = \"5s\"\nduration = \"110s\""
            ),
            Self::Ramp => {
                format!("kind = \"ramp\"\nfrom = \"{night}\"\nto = \"{peak}\"\nduration = \"180s\"")
            }
        }
    }

    /// Returns the scenario: the requests of `day` in the library, under this load.
    pub(crate) fn scenario(self, sustained: f64) -> anyhow::Result<String> {
        let day = LIBRARY.iter().find(|(name, _)| *name == "day");
        let (_, day) = day.context("the library has no scenario `day`")?;
        let mut document: toml::Table = day.parse()?;
        let phases = format!(
            "[[phases]]\nname = \"warm-up\"\nkind = \"constant\"\nrate = \"{:.1}/s\"\nduration = \"{}s\"\nwarm_up = true\n\
             [[phases]]\nname = \"{}\"\n{}\n",
            0.4 * sustained,
            WARM_UP.as_secs(),
            self.name(),
            self.phase(sustained)
        );
        let phases: toml::Table = phases.parse()?;
        document.extend(phases);
        document.insert("name".to_owned(), self.name().into());
        document.insert("description".to_owned(), self.words().into());
        if self == Self::FlashCrowd {
            let at = (WARM_UP + Duration::from_secs(15)).as_secs();
            let cold = format!(
                "kind = \"flash-crowd\"\nat = \"{at}s\"\nhot = 0.0001\nshare = 0.5\nexponent = 0.99"
            );
            let keys = document.get_mut("keys").and_then(toml::Value::as_array_mut);
            let posts = keys.and_then(|keys| keys.first_mut()?.as_table_mut());
            let posts = posts.context("scenario `day` has no keys")?;
            posts.insert("popularity".to_owned(), cold.parse::<toml::Table>()?.into());
        }
        let text = toml::to_string(&document)?;
        Scenario::parse(&text, Path::new("day.toml"))?;
        Ok(text)
    }
}

/// Time before the load, which is not counted.
pub(crate) const WARM_UP: Duration = Duration::from_secs(5);

/// Returns the expected number of arrivals in each second of the counted phases.
pub(crate) fn by_second(scenario: &str) -> anyhow::Result<Vec<f64>> {
    let scenario = Scenario::parse(scenario, Path::new("load.toml"))?;
    let counted = scenario.phases.iter().filter(|phase| !phase.warm_up);
    let rates = counted.flat_map(|phase| {
        (0..phase.duration.as_secs()).map(|second| {
            let before = |second| phase.expected_before(Duration::from_secs(second));
            before(second + 1) - before(second)
        })
    });
    Ok(rates.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loads_have_their_rates() {
        for kind in Kind::value_variants() {
            let rates = by_second(&kind.scenario(500.0).unwrap()).unwrap();
            let highest = rates.iter().copied().fold(0.0, f64::max);
            let lowest = rates.iter().copied().fold(f64::MAX, f64::min);
            assert!((890.0..=900.1).contains(&highest), "{kind:?}: {highest}");
            assert!((199.9..=300.1).contains(&lowest), "{kind:?}: {lowest}");
        }
    }
}

//! Prices of boxes: a file of the user's, or the one that is compiled in.

use std::path::Path;

use tenfold_analysis::ladder::Prices;
use tenfold_scenarios::PRICES;

use crate::exit::UsageError;

/// Reads the prices.
pub(crate) fn read(path: Option<&Path>) -> anyhow::Result<Prices> {
    let (name, text) = match path {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|error| {
                UsageError(format!("could not read {}: {error}", path.display()))
            })?;
            (path.display().to_string(), text)
        }
        None => ("scenarios/prices.toml".to_owned(), PRICES.to_owned()),
    };
    let wrong = |reason: String| {
        UsageError(format!(
            "could not read prices from {name}: {}",
            reason.trim_end()
        ))
    };
    let prices: Prices = toml::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    prices.check().map_err(|error| wrong(error.to_string()))?;
    Ok(prices)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_prices_are_prices() {
        let prices = read(None).unwrap();
        assert!(prices.cpu_hour > prices.gib_hour, "{prices:?}");
    }

    #[test]
    fn rejects_what_is_no_price() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("prices.toml");
        for (text, expected) in [
            (PRICES.replace("0.04048", "-1"), "cpu_hour"),
            (PRICES.replace("cpu_hour", "cpu_year"), "cpu_year"),
            ("".to_owned(), "missing field"),
        ] {
            std::fs::write(&path, text).unwrap();
            let error = read(Some(&path)).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = read(Some(Path::new("/nowhere/prices.toml"))).unwrap_err();
        assert!(error.to_string().contains("could not read"), "{error}");
    }
}

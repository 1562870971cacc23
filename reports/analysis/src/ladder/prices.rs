//! Prices of boxes.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::manifest::BoxInfo;
use thiserror::Error;

/// Hours of a month: 8,760 hours of a year over 12.
const HOURS_PER_MONTH: f64 = 730.0;

/// Prices of boxes by their size, at one date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Prices {
    /// Date of the prices: `2026-03`.
    pub date: String,
    /// Source of the prices.
    pub source: String,
    /// Currency: `USD`.
    pub currency: String,
    /// Price of a processor for an hour.
    pub cpu_hour: f64,
    /// Price of a GiB of memory for an hour.
    pub gib_hour: f64,
}

/// An invalid price.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{name}` must be 0 or more")]
pub struct PriceError {
    name: &'static str,
}

impl Prices {
    /// Checks that the prices are numbers from 0 on.
    ///
    /// # Errors
    /// If one of them is negative, infinite or not a number.
    pub fn check(&self) -> Result<(), PriceError> {
        for (name, price) in [("cpu_hour", self.cpu_hour), ("gib_hour", self.gib_hour)] {
            if !price.is_finite() || price < 0.0 {
                return Err(PriceError { name });
            }
        }
        Ok(())
    }

    /// Returns the price of boxes for a month. `None` if there are none, or the size of one is not known.
    pub fn of(&self, boxes: &[BoxInfo]) -> Option<f64> {
        let hour = |own: &BoxInfo| {
            let gib = own.memory_bytes? as f64 / f64::from(1 << 30);
            Some(own.cpu? * self.cpu_hour + gib * self.gib_hour)
        };
        if boxes.is_empty() {
            return None;
        }
        let hours: Option<f64> = boxes.iter().map(hour).sum();
        Some(hours? * HOURS_PER_MONTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rejects_impossible_prices() {
        let prices = |cpu_hour| Prices {
            date: String::new(),
            source: String::new(),
            currency: String::new(),
            cpu_hour,
            gib_hour: 0.0,
        };
        assert_eq!(prices(0.0).check(), Ok(()));
        for impossible in [-1.0, f64::NAN, f64::INFINITY] {
            assert!(prices(impossible).check().is_err());
        }
        assert_eq!(prices(1.0).of(&[]), None);
    }
}

//! Several rates of equal duration.

use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::format::rate::Rate;
use crate::load::curve::Segment;

/// Several rates of equal duration.
#[derive(Debug, Clone, PartialEq)]
pub struct Steps {
    /// Rates, in order.
    pub rates: Vec<Rate>,
}

impl Steps {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, ScenarioError> {
        let value = fields.required("rates")?;
        let list = value.list()?;
        if list.is_empty() || list.len() > 10_000 {
            return Err(value.error("`rates` must have between 1 and 10000 entries"));
        }
        let rates = list
            .iter()
            .map(|value| value.rate())
            .collect::<Result<_, _>>()?;
        Ok(Self { rates })
    }

    pub(super) fn segments(&self, seconds: f64) -> Vec<Segment> {
        let each = seconds / self.rates.len() as f64;
        let rates = self.rates.iter().map(|rate| rate.per_second());
        rates
            .map(|rate| Segment::straight(each, rate, rate))
            .collect()
    }

    pub(super) fn scale(&mut self, factor: f64) {
        for rate in &mut self.rates {
            *rate = rate.scaled(factor);
        }
    }
}

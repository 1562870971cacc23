//! A constant rate.

use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::format::rate::Rate;
use crate::load::curve::Segment;

/// A constant rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Constant {
    /// Rate.
    pub rate: Rate,
}

impl Constant {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, ScenarioError> {
        Ok(Self {
            rate: fields.required("rate")?.rate()?,
        })
    }

    pub(super) fn segments(&self, seconds: f64) -> Vec<Segment> {
        let rate = self.rate.per_second();
        vec![Segment::straight(seconds, rate, rate)]
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.rate = self.rate.scaled(factor);
    }
}

//! Straight from one rate to another.

use crate::curve::Segment;
use crate::error::ScenarioError;
use crate::fields::Fields;
use crate::rate::Rate;

/// Straight from one rate to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Ramp {
    /// The rate at the beginning.
    pub from: Rate,
    /// The rate at the end.
    pub to: Rate,
}

impl Ramp {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, ScenarioError> {
        Ok(Self {
            from: fields.required("from")?.rate()?,
            to: fields.required("to")?.rate()?,
        })
    }

    pub(super) fn segments(&self, seconds: f64) -> Vec<Segment> {
        vec![Segment::straight(
            seconds,
            self.from.per_second(),
            self.to.per_second(),
        )]
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.from = self.from.scaled(factor);
        self.to = self.to.scaled(factor);
    }
}

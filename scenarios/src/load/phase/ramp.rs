//! A linear change from one rate to another.

use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::format::rate::Rate;
use crate::load::curve::Segment;

/// A linear change from one rate to another.
#[derive(Debug, Clone, PartialEq)]
pub struct Ramp {
    /// Rate at the beginning.
    pub from: Rate,
    /// Rate at the end.
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

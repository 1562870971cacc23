//! A daily swell.

use std::time::Duration;

use super::Burst;
use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::format::rate::Rate;
use crate::load::curve::{Segment, Wave};

/// A daily swell: a cosine from its minimum to its maximum and back.
#[derive(Debug, Clone, PartialEq)]
pub struct Diurnal {
    /// Minimum rate, with which the phase begins.
    pub low: Rate,
    /// Maximum rate.
    pub high: Rate,
    /// Period.
    pub period: Duration,
    /// A burst in addition to the swell.
    pub spike: Option<Burst>,
}

impl Diurnal {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, ScenarioError> {
        let low = fields.required("low")?.rate()?;
        let high_value = fields.required("high")?;
        let high = high_value.rate()?;
        if high < low {
            return Err(high_value.error(format!("`high` is {high}, lower than `low`, {low}")));
        }
        let period_value = fields.required("period")?;
        let period = period_value.duration()?;
        if period < Duration::from_millis(1) {
            return Err(period_value.error("`period` must be at least 1ms"));
        }
        let spike = match fields.optional("spike") {
            None => None,
            Some(value) => {
                let mut fields = value.table("the spike of a swell")?;
                let added = fields.required("add")?.rate()?;
                let burst = Burst::read(&mut fields, added.per_second())?;
                fields.finish()?;
                Some(burst)
            }
        };
        Ok(Self {
            low,
            high,
            period,
            spike,
        })
    }

    pub(super) fn segments(&self, seconds: f64) -> Vec<Segment> {
        let low = self.low.per_second();
        let height = self.high.per_second() - low;
        let period = self.period.as_secs_f64();
        let make = |from: f64, to: f64, length: f64, offset: f64| Segment {
            seconds: length,
            from: low + from,
            to: low + to,
            wave: (height > 0.0).then(|| Wave::new(height, period, offset)),
        };
        match &self.spike {
            None => vec![make(0.0, 0.0, seconds, 0.0)],
            Some(burst) => burst.split(seconds, make),
        }
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.low = self.low.scaled(factor);
        self.high = self.high.scaled(factor);
        if let Some(burst) = &mut self.spike {
            burst.added_per_second *= factor;
        }
    }

    pub(super) fn stretch(&mut self, factor: f64) {
        self.period = self.period.mul_f64(factor);
        if let Some(burst) = &mut self.spike {
            burst.stretch(factor);
        }
    }
}

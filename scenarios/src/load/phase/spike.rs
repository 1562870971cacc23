//! A base rate with one peak.

use std::time::Duration;

use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::format::rate::Rate;
use crate::load::curve::Segment;

/// A base rate with one peak.
#[derive(Debug, Clone, PartialEq)]
pub struct Spike {
    /// Rate before and after the peak.
    pub base: Rate,
    /// The peak; its rate is added to the base.
    pub burst: Burst,
}

/// An additional rate that rises, holds and falls.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// Rate added while it holds; negative for a dip.
    pub added_per_second: f64,
    /// Start of the rise, from the start of the phase.
    pub at: Duration,
    /// Duration of the rise.
    pub rise: Duration,
    /// Duration of the hold.
    pub hold: Duration,
    /// Duration of the fall.
    pub fall: Duration,
}

impl Spike {
    pub(super) fn read(fields: &mut Fields<'_>) -> Result<Self, ScenarioError> {
        let base = fields.required("base")?.rate()?;
        let peak = fields.required("peak")?.rate()?;
        let burst = Burst::read(fields, peak.per_second() - base.per_second())?;
        Ok(Self { base, burst })
    }

    pub(super) fn segments(&self, seconds: f64) -> Vec<Segment> {
        let base = self.base.per_second();
        let straight = |from: f64, to: f64, length: f64, _: f64| {
            Segment::straight(length, (base + from).max(0.0), (base + to).max(0.0))
        };
        self.burst.split(seconds, straight)
    }

    pub(super) fn scale(&mut self, factor: f64) {
        self.base = self.base.scaled(factor);
        self.burst.added_per_second *= factor;
    }

    pub(super) fn stretch(&mut self, factor: f64) {
        self.burst.stretch(factor);
    }
}

impl Burst {
    pub(super) fn read(fields: &mut Fields<'_>, added: f64) -> Result<Self, ScenarioError> {
        let at = fields.required("at")?.duration()?;
        let hold = fields.required("hold")?.duration()?;
        let mut optional = |name| match fields.optional(name) {
            None => Ok(Duration::ZERO),
            Some(value) => value.duration(),
        };
        Ok(Self {
            added_per_second: added,
            at,
            rise: optional("rise")?,
            hold,
            fall: optional("fall")?,
        })
    }

    /// Returns its end, from the start of the phase.
    pub fn end(&self) -> Duration {
        [self.rise, self.hold, self.fall]
            .iter()
            .fold(self.at, |end, part| end.saturating_add(*part))
    }

    pub(super) fn stretch(&mut self, factor: f64) {
        for part in [&mut self.at, &mut self.rise, &mut self.hold, &mut self.fall] {
            *part = part.mul_f64(factor);
        }
    }

    /// Splits a phase of `seconds` at the corners of the burst. `make` gets the rates added at the
    /// beginning and the end of a segment, its duration, and its start.
    pub(super) fn split(
        &self,
        seconds: f64,
        make: impl Fn(f64, f64, f64, f64) -> Segment,
    ) -> Vec<Segment> {
        let added = self.added_per_second;
        let mut segments = Vec::with_capacity(5);
        let mut start = 0.0;
        let corners = [
            (self.at, 0.0, 0.0),
            (self.rise, 0.0, added),
            (self.hold, added, added),
            (self.fall, added, 0.0),
        ];
        for (length, from, to) in corners {
            // Rounding may have moved a corner a nanosecond beyond the phase.
            let length = length.as_secs_f64().min(seconds - start);
            if length > 0.0 {
                segments.push(make(from, to, length, start));
                start += length;
            }
        }
        if seconds - start > 1e-9 {
            segments.push(make(0.0, 0.0, seconds - start, start));
        }
        segments
    }
}

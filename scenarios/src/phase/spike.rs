//! A base rate with one peak on it.

use std::time::Duration;

use crate::curve::Segment;
use crate::error::ScenarioError;
use crate::fields::Fields;
use crate::rate::Rate;

/// A base rate with one peak on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Spike {
    /// The rate before and after the peak.
    pub base: Rate,
    /// The peak; its `added` rate comes on top of the base.
    pub burst: Burst,
}

/// A trapezium of extra rate: it rises, holds and falls.
#[derive(Debug, Clone, PartialEq)]
pub struct Burst {
    /// What is added while it holds, on top of what there is (negative for a dip).
    pub added_per_second: f64,
    /// When it begins to rise, counted from the start of the phase.
    pub at: Duration,
    /// How long it rises.
    pub rise: Duration,
    /// How long it holds.
    pub hold: Duration,
    /// How long it falls.
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
        self.burst.cut(seconds, straight)
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

    /// Returns when it is over, counted from the start of the phase.
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

    /// Cuts a phase of so many seconds at the burst's corners. `make` gets what the burst adds at
    /// the beginning and the end of a stretch, its length, and where it begins.
    pub(super) fn cut(
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

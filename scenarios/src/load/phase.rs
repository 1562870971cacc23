//! Phases of a run, with the shape of their rate.

use std::time::Duration;

use super::Model;
use super::curve::Segment;
use crate::format::error::ScenarioError;
use crate::format::fields::Fields;

mod constant;
mod diurnal;
mod ramp;
mod spike;
mod steps;
mod trace;

pub use constant::Constant;
pub use diurnal::Diurnal;
pub use ramp::Ramp;
pub use spike::{Burst, Spike};
pub use steps::Steps;
pub use trace::Trace;
pub(crate) use trace::TraceReader;

/// A phase of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// Name.
    pub name: String,
    /// True if its requests are sent but not counted.
    pub warm_up: bool,
    /// True for the phase in which the CPU profile is captured.
    pub profiled: bool,
    /// Start, from the beginning of the run.
    pub start: Duration,
    /// Duration.
    pub duration: Duration,
    /// Rate over its time.
    pub shape: Shape,
}

/// Rate over the time of a phase.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// A constant rate.
    Constant(Constant),
    /// A linear change from one rate to another.
    Ramp(Ramp),
    /// Several rates of equal duration.
    Steps(Steps),
    /// A base rate with one peak.
    Spike(Spike),
    /// A daily swell, optionally with a burst.
    Diurnal(Diurnal),
    /// The requests of a recording, at their recorded intervals.
    Trace(Trace),
    /// No rate: the users of a closed model send as fast as the service answers.
    Users,
}

/// The kinds by name.
const KINDS: [(&str, ReadShape); 7] = [
    ("constant", |fields, _| {
        Constant::read(fields).map(Shape::Constant)
    }),
    ("ramp", |fields, _| Ramp::read(fields).map(Shape::Ramp)),
    ("steps", |fields, _| Steps::read(fields).map(Shape::Steps)),
    ("spike", |fields, _| Spike::read(fields).map(Shape::Spike)),
    ("diurnal", |fields, _| {
        Diurnal::read(fields).map(Shape::Diurnal)
    }),
    ("trace", |fields, traces| {
        Trace::read(fields, traces).map(Shape::Trace)
    }),
    ("users", |_, _| Ok(Shape::Users)),
];

impl Shape {
    /// Returns the name of the shape in scenarios.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Constant(_) => "constant",
            Self::Ramp(_) => "ramp",
            Self::Steps(_) => "steps",
            Self::Spike(_) => "spike",
            Self::Diurnal(_) => "diurnal",
            Self::Trace(_) => "trace",
            Self::Users => "users",
        }
    }
}

type ReadShape = fn(&mut Fields<'_>, &mut TraceReader<'_>) -> Result<Shape, ScenarioError>;

/// Maximum duration of a phase: 30 days.
const PHASE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

impl Phase {
    /// Reads a `[[phases]]` table; `start` is the end of the phase before it.
    pub(crate) fn read(
        mut fields: Fields<'_>,
        model: Model,
        start: Duration,
        traces: &mut TraceReader<'_>,
    ) -> Result<(Self, Option<bool>), ScenarioError> {
        let name = fields.required("name")?.name()?;
        fields.describe(format!("phase `{name}`"));
        let kind = fields.required("kind")?;
        let read = kind.choice(&KINDS)?;
        let kind_name = kind.text()?;
        fields.describe(format!("phase `{name}` of kind `{kind_name}`"));
        let shape = read(&mut fields, traces)?;
        match (model, &shape) {
            (Model::Closed, Shape::Users) | (Model::Open, _) => {}
            (Model::Closed, _) => {
                return Err(kind
                    .error("in a closed model, users set the pace, so a phase has no rate")
                    .hint("write kind = \"users\", or load.model = \"open\""));
            }
        }
        if model == Model::Open && shape == Shape::Users {
            return Err(kind
                .error("a phase of kind `users` needs a closed model")
                .hint(
                    "write load.model = \"closed\", or a kind with a rate such as \"constant\"",
                ));
        }
        let written = match &shape {
            Shape::Trace(trace) => match fields.optional("duration") {
                None => trace.length(),
                Some(value) => {
                    let duration = value.duration()?;
                    if duration > trace.length() {
                        return Err(value.error(format!(
                            "at this speed the trace lasts {}, less than the phase",
                            crate::format_duration(trace.length())
                        )));
                    }
                    duration
                }
            },
            _ => fields.required("duration")?.duration()?,
        };
        if written.is_zero() || written > PHASE_MAX {
            return Err(fields.error(format!(
                "phase `{name}` must last more than 0s and at most 30 days"
            )));
        }
        if let Shape::Spike(Spike { burst, .. })
        | Shape::Diurnal(Diurnal {
            spike: Some(burst), ..
        }) = &shape
            && burst.end() > written
        {
            return Err(fields.error(format!(
                "the spike of phase `{name}` ends after {}, later than the phase",
                crate::format_duration(burst.end())
            )));
        }
        let warm_up = fields
            .optional("warm_up")
            .map(|value| value.flag())
            .transpose()?;
        let profile = fields
            .optional("profile")
            .map(|value| value.flag())
            .transpose()?;
        fields.finish()?;
        let phase = Self {
            name,
            warm_up: warm_up.unwrap_or(false),
            profiled: false,
            start,
            duration: written,
            shape,
        };
        Ok((phase, profile))
    }

    /// Returns the end of the phase, from the start of the run.
    pub fn end(&self) -> Duration {
        self.start + self.duration
    }

    /// Returns the segments of its curve in order; empty for traces and closed models.
    pub(crate) fn segments(&self) -> Vec<Segment> {
        let seconds = self.duration.as_secs_f64();
        match &self.shape {
            Shape::Constant(shape) => shape.segments(seconds),
            Shape::Ramp(shape) => shape.segments(seconds),
            Shape::Steps(shape) => shape.segments(seconds),
            Shape::Spike(shape) => shape.segments(seconds),
            Shape::Diurnal(shape) => shape.segments(seconds),
            Shape::Trace(_) | Shape::Users => Vec::new(),
        }
    }

    /// Returns the expected number of arrivals: exact for a trace, otherwise the integral of the rate;
    /// 0 in a closed model, which depends on the service.
    pub fn expected_arrivals(&self) -> f64 {
        match &self.shape {
            Shape::Trace(trace) => trace.entries_before(self.duration) as f64,
            _ => self.segments().iter().map(Segment::total).sum(),
        }
    }

    /// Returns the expected number of arrivals before a time, from the start of the phase.
    pub fn expected_before(&self, time: Duration) -> f64 {
        if let Shape::Trace(trace) = &self.shape {
            return trace.entries_before(time.min(self.duration)) as f64;
        }
        let mut left = time.as_secs_f64();
        let mut expected = 0.0;
        for segment in self.segments() {
            expected += segment.mass(left.min(segment.seconds));
            left -= segment.seconds;
            if left <= 0.0 {
                break;
            }
        }
        expected
    }

    /// Returns the maximum planned rate, per second; `None` for traces and closed models.
    pub fn peak_rate(&self) -> Option<f64> {
        let segments = self.segments();
        let samples = segments.iter().flat_map(|segment| {
            let steps = if segment.wave.is_some() { 1000 } else { 1 };
            (0..=steps)
                .map(move |step| segment.rate(segment.seconds * f64::from(step) / f64::from(steps)))
        });
        samples.reduce(f64::max)
    }

    /// Multiplies the rate, or the speed of a trace, which changes its duration.
    pub(crate) fn scale(&mut self, factor: f64) {
        match &mut self.shape {
            Shape::Constant(shape) => shape.scale(factor),
            Shape::Ramp(shape) => shape.scale(factor),
            Shape::Steps(shape) => shape.scale(factor),
            Shape::Spike(shape) => shape.scale(factor),
            Shape::Diurnal(shape) => shape.scale(factor),
            Shape::Trace(trace) => {
                trace.speed *= factor;
                self.duration = self.duration.div_f64(factor);
            }
            Shape::Users => {}
        }
    }

    /// Multiplies the duration, keeping the shape; a trace is truncated.
    pub(crate) fn stretch(&mut self, factor: f64) {
        self.duration = self.duration.mul_f64(factor);
        match &mut self.shape {
            Shape::Spike(shape) => shape.stretch(factor),
            Shape::Diurnal(shape) => shape.stretch(factor),
            Shape::Constant(_)
            | Shape::Ramp(_)
            | Shape::Steps(_)
            | Shape::Trace(_)
            | Shape::Users => {}
        }
    }
}

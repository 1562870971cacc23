//! A stretch of the run, with the shape of its rate.

use std::time::Duration;

use crate::curve::Segment;
use crate::error::ScenarioError;
use crate::fields::Fields;
use crate::load::Model;

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

/// A stretch of the run.
#[derive(Debug, Clone, PartialEq)]
pub struct Phase {
    /// What it is called.
    pub name: String,
    /// Sent, but not counted.
    pub warm_up: bool,
    /// The phase in which the CPU profile is taken.
    pub profiled: bool,
    /// When it begins, counted from the start of the run.
    pub start: Duration,
    /// How long it lasts.
    pub duration: Duration,
    /// The rate over its time.
    pub shape: Shape,
}

/// The rate over a phase's time.
#[derive(Debug, Clone, PartialEq)]
pub enum Shape {
    /// One rate throughout.
    Constant(Constant),
    /// Straight from one rate to another.
    Ramp(Ramp),
    /// Several rates, each for the same time.
    Steps(Steps),
    /// A base rate with one peak on it.
    Spike(Spike),
    /// A swell like that of a day, with a burst on it if need be.
    Diurnal(Diurnal),
    /// The requests of a recording, at their recorded distances.
    Trace(Trace),
    /// No rate of its own: the users of a closed model send as fast as they are answered.
    Users,
}

/// The kinds by name, with the one line each is registered by.
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
    /// Returns the word that a scenario has for it.
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

/// No phase lasts longer: 30 days.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

impl Phase {
    /// Reads one `[[phases]]` table; `start` is where the phase before it ends.
    pub(crate) fn read(
        mut fields: Fields<'_>,
        model: Model,
        start: Duration,
        traces: &mut TraceReader<'_>,
    ) -> Result<(Self, Option<bool>), ScenarioError> {
        let name = fields.required("name")?.name()?;
        fields.call(format!("phase `{name}`"));
        let kind = fields.required("kind")?;
        let read = kind.choice(&KINDS)?;
        let kind_name = kind.text()?;
        fields.call(format!("phase `{name}` of kind `{kind_name}`"));
        let shape = read(&mut fields, traces)?;
        match (model, &shape) {
            (Model::Closed, Shape::Users) | (Model::Open, _) => {}
            (Model::Closed, _) => {
                return Err(kind
                    .error("in a closed model users set the pace, so a phase has no rate")
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
                    let asked = value.duration()?;
                    if asked > trace.length() {
                        return Err(value.error(format!(
                            "the trace lasts {} at this speed, less than the phase",
                            crate::format_duration(trace.length())
                        )));
                    }
                    asked
                }
            },
            _ => fields.required("duration")?.duration()?,
        };
        if written.is_zero() || written > LONGEST {
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

    /// Returns when the phase ends, counted from the start of the run.
    pub fn end(&self) -> Duration {
        self.start + self.duration
    }

    /// Returns the stretches of its curve, first to last; none where arrivals don't follow a curve.
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

    /// Returns the arrivals to expect: exact for a trace, the integral of the rate otherwise; 0 for
    /// the users of a closed model, whose number depends on the service.
    pub fn expected_arrivals(&self) -> f64 {
        match &self.shape {
            Shape::Trace(trace) => trace.entries_before(self.duration) as f64,
            _ => self.segments().iter().map(Segment::total).sum(),
        }
    }

    /// Returns the arrivals to expect before a time since the phase began, likewise.
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

    /// Returns the highest rate the phase plans, per second; `None` for traces and closed models.
    pub fn peak_rate(&self) -> Option<f64> {
        let segments = self.segments();
        let samples = segments.iter().flat_map(|segment| {
            let steps = if segment.wave.is_some() { 1000 } else { 1 };
            (0..=steps)
                .map(move |step| segment.rate(segment.seconds * f64::from(step) / f64::from(steps)))
        });
        samples.reduce(f64::max)
    }

    /// Multiplies the rate; for a trace the speed, which changes how long it lasts.
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

    /// Makes the phase last `factor` times as long, its shape in proportion; a trace is cut.
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

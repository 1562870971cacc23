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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::rate::Rate;

    fn rate(per_second: f64) -> Rate {
        Rate::new(per_second).unwrap()
    }

    fn phase(seconds: u64, shape: Shape) -> Phase {
        Phase {
            name: "a".to_owned(),
            warm_up: false,
            profiled: false,
            start: Duration::from_secs(7),
            duration: Duration::from_secs(seconds),
            shape,
        }
    }

    fn burst(added_per_second: f64) -> Burst {
        Burst {
            added_per_second,
            at: Duration::from_secs(2),
            rise: Duration::from_secs(1),
            hold: Duration::from_secs(3),
            fall: Duration::from_secs(2),
        }
    }

    /// One phase of each shape over 10 s, with its expected arrivals and its peak.
    fn shapes() -> [(Phase, f64, f64); 5] {
        let constant = Shape::Constant(Constant { rate: rate(30.0) });
        let ramp = Shape::Ramp(Ramp {
            from: rate(10.0),
            to: rate(50.0),
        });
        let steps = Shape::Steps(Steps {
            rates: [10.0, 40.0, 0.0, 20.0, 5.0].map(rate).to_vec(),
        });
        let spike = Shape::Spike(Spike {
            base: rate(10.0),
            burst: burst(90.0),
        });
        let diurnal = Shape::Diurnal(Diurnal {
            low: rate(10.0),
            high: rate(30.0),
            period: Duration::from_secs(10),
            spike: None,
        });
        // The spike adds 90/s for 1/2 + 3 + 2/2 seconds; a whole swell is on average halfway up.
        [
            (phase(10, constant), 300.0, 30.0),
            (phase(10, ramp), 300.0, 50.0),
            (phase(10, steps), 150.0, 40.0),
            (phase(10, spike), 100.0 + 90.0 * 4.5, 100.0),
            (phase(10, diurnal), 200.0, 30.0),
        ]
    }

    #[test]
    fn kinds_are_the_names_in_scenarios() {
        let names = shapes().map(|(phase, ..)| phase.shape.kind());
        assert_eq!(names, ["constant", "ramp", "steps", "spike", "diurnal"]);
        assert_eq!(Shape::Users.kind(), "users");
    }

    #[test]
    fn arrivals_and_peaks_match_closed_forms() {
        for (phase, arrivals, peak) in shapes() {
            assert_eq!(phase.end(), Duration::from_secs(17));
            let expected = phase.expected_arrivals();
            assert!((expected - arrivals).abs() < 1e-9, "{phase:?}: {expected}");
            let highest = phase.peak_rate().unwrap();
            assert!((highest - peak).abs() < 1e-9, "{phase:?}: {highest}");
            // None is expected after the end.
            let later = phase.expected_before(Duration::from_secs(40));
            assert!((later - arrivals).abs() < 1e-9, "{phase:?}: {later}");
        }
        assert_eq!(phase(10, Shape::Users).peak_rate(), None);
        assert_eq!(phase(10, Shape::Users).expected_arrivals(), 0.0);
        // Halfway, 2 s of the first step and 2 s of the second, and a second without any.
        let [_, _, (steps, ..), _, _] = shapes();
        let before = steps.expected_before(Duration::from_secs(5));
        assert!((before - 100.0).abs() < 1e-9, "{before}");
    }

    #[test]
    fn scale_multiplies_the_rate_alone() {
        for (mut phase, arrivals, peak) in shapes() {
            phase.scale(3.0);
            assert_eq!(phase.duration, Duration::from_secs(10));
            let expected = phase.expected_arrivals();
            assert!(
                (expected - 3.0 * arrivals).abs() < 1e-6,
                "{phase:?}: {expected}"
            );
            let highest = phase.peak_rate().unwrap();
            assert!((highest - 3.0 * peak).abs() < 1e-6, "{phase:?}: {highest}");
        }
    }

    #[test]
    fn stretch_multiplies_the_duration_alone() {
        for (mut phase, arrivals, peak) in shapes() {
            let before: Vec<f64> = (0..=10)
                .map(|second| phase.expected_before(Duration::from_secs(second)))
                .collect();
            phase.stretch(3.0);
            assert_eq!(phase.duration, Duration::from_secs(30));
            let expected = phase.expected_arrivals();
            assert!(
                (expected - 3.0 * arrivals).abs() < 1e-6,
                "{phase:?}: {expected}"
            );
            let highest = phase.peak_rate().unwrap();
            assert!((highest - peak).abs() < 1e-6, "{phase:?}: {highest}");
            for (second, before) in (0..).zip(before) {
                let stretched = phase.expected_before(Duration::from_secs(3 * second));
                assert!(
                    (stretched - 3.0 * before).abs() < 1e-6,
                    "{phase:?} {second}"
                );
            }
        }
    }

    #[test]
    fn swell_with_a_burst_is_the_sum_of_both() {
        let mut phase = phase(
            10,
            Shape::Diurnal(Diurnal {
                low: rate(10.0),
                high: rate(30.0),
                period: Duration::from_secs(10),
                spike: Some(burst(100.0)),
            }),
        );
        let near = |actual: f64, exact: f64| {
            assert!((actual - exact).abs() < 1e-6, "{actual}, not {exact}");
        };
        // The swell alone comes to 200; the burst adds 100/s for 4.5 s.
        near(phase.expected_arrivals(), 650.0);
        // By the middle: half of the swell, the rise, and two seconds of the hold.
        near(
            phase.expected_before(Duration::from_secs(5)),
            100.0 + 50.0 + 200.0,
        );
        // The swell is at its highest while the burst holds; the peak is the highest of a thousand rates.
        let peak = phase.peak_rate().unwrap();
        assert!((peak - 130.0).abs() < 1e-4, "{peak}");
        phase.scale(2.0);
        near(phase.expected_arrivals(), 1_300.0);
        phase.stretch(2.0);
        near(phase.expected_arrivals(), 2_600.0);
        near(phase.expected_before(Duration::from_secs(10)), 2.0 * 700.0);
    }

    #[test]
    fn dip_never_falls_below_zero() {
        let dip = phase(
            10,
            Shape::Spike(Spike {
                base: rate(10.0),
                burst: burst(-10.0),
            }),
        );
        // No arrival for 4.5 of 10 s.
        assert!((dip.expected_arrivals() - 55.0).abs() < 1e-9);
        assert_eq!(dip.peak_rate(), Some(10.0));
    }
}

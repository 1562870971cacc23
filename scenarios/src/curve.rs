//! A stretch of the arrival curve, and its cumulative rate.
//!
//! Intended times are found by inverting the cumulative rate `L(t)`, the integral of the rate: with
//! unit-exponential steps in `L` the arrivals are a Poisson process of just this curve (Cinlar, 1975,
//! "Introduction to Stochastic Processes"), with steps of one they are evenly spread over it.

use std::f64::consts::TAU;

/// A stretch with a rate that runs straight from one value to another, with a wave on it if need be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Segment {
    /// How long it lasts.
    pub(crate) seconds: f64,
    /// The straight part at the beginning, per second.
    pub(crate) from: f64,
    /// The straight part at the end, per second.
    pub(crate) to: f64,
    /// What is added to it.
    pub(crate) wave: Option<Wave>,
}

/// `height * (1 - cos(2 pi (x + offset) / period)) / 2`: a wave that begins in its trough.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wave {
    /// From trough to crest, per second.
    pub(crate) height: f64,
    /// From trough to trough, in seconds.
    pub(crate) period: f64,
    /// How far into the wave the segment begins, in seconds.
    pub(crate) offset: f64,
}

impl Segment {
    /// Returns a stretch without a wave.
    pub(crate) fn straight(seconds: f64, from: f64, to: f64) -> Self {
        Self {
            seconds,
            from,
            to,
            wave: None,
        }
    }

    /// Returns the rate after `x` seconds.
    pub(crate) fn rate(&self, x: f64) -> f64 {
        let straight = self.from + (self.to - self.from) * (x / self.seconds);
        match self.wave {
            None => straight,
            Some(wave) => {
                let angle = TAU * (x + wave.offset) / wave.period;
                straight + wave.height * 0.5 * (1.0 - libm::cos(angle))
            }
        }
    }

    /// Returns the arrivals expected in the first `x` seconds.
    pub(crate) fn mass(&self, x: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let straight = self.from * x + slope * x * x * 0.5;
        match self.wave {
            None => straight,
            Some(wave) => {
                let sine = |at: f64| libm::sin(TAU * at / wave.period);
                let swing = (sine(x + wave.offset) - sine(wave.offset)) * wave.period / TAU;
                straight + wave.height * 0.5 * (x - swing)
            }
        }
    }

    /// Returns the arrivals expected in all of it.
    pub(crate) fn total(&self) -> f64 {
        self.mass(self.seconds)
    }

    /// Returns the time, in seconds, by which `mass` arrivals are expected; `guess` is a time not
    /// after it, the nearer the quicker.
    pub(crate) fn time_of(&self, mass: f64, guess: f64) -> f64 {
        if self.wave.is_some() {
            return self.search(mass, guess);
        }
        if self.from == self.to {
            return mass / self.from;
        }
        // The root of `a x^2 + b x = mass` in the form that does not cancel.
        let a = (self.to - self.from) / (2.0 * self.seconds);
        let b = self.from;
        2.0 * mass / (b + (b * b + 4.0 * a * mass).max(0.0).sqrt())
    }

    /// Newton's method, kept inside a bracket so that it can't run away where the rate is near zero.
    fn search(&self, mass: f64, guess: f64) -> f64 {
        let (mut low, mut high) = (guess, self.seconds);
        let mut x = guess;
        for _ in 0..100 {
            let over = self.mass(x) - mass;
            if over > 0.0 {
                high = high.min(x);
            } else {
                low = low.max(x);
            }
            let step = over / self.rate(x);
            let newton = x - step;
            let next = match newton >= low && newton <= high {
                true => newton,
                false => 0.5 * (low + high),
            };
            let moved = (next - x).abs();
            x = next;
            // The error left is of the order of the step squared: a tenth of a nanosecond here.
            if moved < 1e-6 && newton == next && self.settled(moved, x) {
                break;
            }
            if high - low < 1e-11 {
                break;
            }
        }
        x
    }

    /// Says whether a last step of `moved` seconds leaves less than a tenth of a nanosecond:
    /// `moved^2 * L'' / (2 L')`.
    fn settled(&self, moved: f64, x: f64) -> bool {
        let Some(wave) = self.wave else { return true };
        let bend = (self.to - self.from).abs() / self.seconds + wave.height * TAU / wave.period;
        moved * moved * bend < 1e-10 * self.rate(x).max(1e-3)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_inverts_mass() {
        let wave = Wave {
            height: 1000.0,
            period: 60.0,
            offset: 7.0,
        };
        for segment in [
            Segment::straight(10.0, 100.0, 100.0),
            Segment::straight(10.0, 0.0, 500.0),
            Segment::straight(10.0, 500.0, 0.0),
            Segment {
                seconds: 40.0,
                from: 10.0,
                to: 300.0,
                wave: Some(wave),
            },
            Segment {
                seconds: 120.0,
                from: 0.0,
                to: 0.0,
                wave: Some(wave),
            },
        ] {
            let total = segment.total();
            let mut guess = 0.0;
            for step in 1..1000 {
                let mass = total * f64::from(step) / 1000.0;
                let time = segment.time_of(mass, guess);
                assert!(time >= guess && time <= segment.seconds + 1e-9);
                assert!(
                    (segment.mass(time) - mass).abs() < 1e-7 * total,
                    "{segment:?} {mass}"
                );
                guess = time;
            }
        }
    }

    #[test]
    fn a_whole_wave_adds_half_its_height() {
        let wave = Wave {
            height: 800.0,
            period: 60.0,
            offset: 0.0,
        };
        let segment = Segment {
            seconds: 60.0,
            from: 400.0,
            to: 400.0,
            wave: Some(wave),
        };
        assert!((segment.total() - 60.0 * 800.0).abs() < 1e-6);
    }
}

//! Segments of the arrival curve, and their cumulative rate.
//!
//! Intended times are found by inverting the cumulative rate `L(t)`, the integral of the rate. With
//! unit-exponential steps in `L`, arrivals are a Poisson process of this rate (Cinlar, 1975,
//! "Introduction to Stochastic Processes"); with steps of one, they are evenly spaced.

use std::f64::consts::TAU;

/// A segment with a linear rate, and optionally a wave added to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Segment {
    /// Duration.
    pub(crate) seconds: f64,
    /// Linear part of the rate at the beginning, per second.
    pub(crate) from: f64,
    /// Linear part of the rate at the end, per second.
    pub(crate) to: f64,
    /// Wave added to the linear part.
    pub(crate) wave: Option<Wave>,
}

/// `height * (1 - cos(2 pi (x + offset) / period)) / 2`: a wave that starts at its minimum.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Wave {
    /// Difference of maximum and minimum, per second.
    pub(crate) height: f64,
    /// Period, in seconds.
    pub(crate) period: f64,
    /// Position in the wave at the start of the segment, in seconds.
    pub(crate) offset: f64,
    /// The sine at that position, used by every inversion.
    start_sine: f64,
}

impl Segment {
    /// Returns a segment without a wave.
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

    /// Returns the expected arrivals in the first `x` seconds.
    pub(crate) fn mass(&self, x: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let straight = self.from * x + slope * x * x * 0.5;
        match self.wave {
            None => straight,
            Some(wave) => {
                let sine = |at: f64| libm::sin(TAU * at / wave.period);
                let swing = (sine(x + wave.offset) - wave.start_sine) * wave.period / TAU;
                straight + wave.height * 0.5 * (x - swing)
            }
        }
    }

    /// Returns the expected arrivals in the whole segment.
    pub(crate) fn total(&self) -> f64 {
        self.mass(self.seconds)
    }

    /// Returns the time, in seconds, by which `mass` arrivals are expected. `guess` is an earlier time;
    /// a closer one is faster.
    pub(crate) fn time_of(&self, mass: f64, guess: f64) -> f64 {
        if let Some(wave) = self.wave {
            return self.search(wave, mass, guess);
        }
        if self.from == self.to {
            return mass / self.from;
        }
        // The root of `a x^2 + b x = mass` in the form without cancellation.
        let a = (self.to - self.from) / (2.0 * self.seconds);
        let b = self.from;
        2.0 * mass / (b + (b * b + 4.0 * a * mass).max(0.0).sqrt())
    }

    /// Halley's method, which usually takes one step per arrival. A bracket keeps it from diverging
    /// at rates near zero.
    fn search(&self, wave: Wave, mass: f64, guess: f64) -> f64 {
        let slope = (self.to - self.from) / self.seconds;
        let turn = TAU / wave.period;
        let half = 0.5 * wave.height;
        let (mut low, mut high) = (guess, self.seconds);
        let mut x = guess;
        for _ in 0..100 {
            let (sine, cosine) = libm::sincos(turn * (x + wave.offset));
            let swing = (sine - wave.start_sine) / turn;
            let over = (self.from + 0.5 * slope * x) * x + half * (x - swing) - mass;
            let rate = self.from + slope * x + half * (1.0 - cosine);
            let bend = slope + half * turn * sine;
            if over > 0.0 {
                high = high.min(x);
            } else {
                low = low.max(x);
            }
            let newton = over / rate;
            let next = x - newton / (1.0 - 0.5 * newton * bend / rate);
            if !(next >= low && next <= high) {
                x = 0.5 * (low + high);
            } else {
                let moved = (next - x).abs();
                x = next;
                // The remaining error is of third order: less than a tenth of a nanosecond.
                let third = (bend / rate) * (bend / rate) + half * turn * turn / rate;
                if moved * moved * moved * third < 1e-10 {
                    break;
                }
            }
        }
        x
    }
}

impl Wave {
    /// Returns a wave of this height and period, which started `offset` seconds ago.
    pub(crate) fn new(height: f64, period: f64, offset: f64) -> Self {
        Self {
            height,
            period,
            offset,
            start_sine: libm::sin(TAU * offset / period),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_of_inverts_mass() {
        let wave = Wave::new(1000.0, 60.0, 7.0);
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
    fn the_first_arrivals_of_a_day_that_begins_at_rate_zero_are_on_time() {
        let day = Segment {
            seconds: 86_400.0,
            from: 0.0,
            to: 0.0,
            wave: Some(Wave::new(1000.0, 86_400.0, 0.0)),
        };
        for mass in [1e-6, 0.01, 1.0, 7.0, 1e3] {
            // From the start of the segment, where the rate is zero, and from beyond its middle.
            let time = day.time_of(mass, 0.0);
            assert!((day.mass(time) / mass - 1.0).abs() < 1e-6, "{mass}: {time}");
        }
        let late = day.total() - 1.0;
        let time = day.time_of(late, 60_000.0);
        assert!((day.mass(time) - late).abs() < 1e-3, "{time}");
    }

    #[test]
    fn full_period_adds_half_the_height() {
        let wave = Wave::new(800.0, 60.0, 0.0);
        let segment = Segment {
            seconds: 60.0,
            from: 400.0,
            to: 400.0,
            wave: Some(wave),
        };
        assert!((segment.total() - 60.0 * 800.0).abs() < 1e-6);
    }

    #[test]
    fn rate_and_mass_match_closed_forms() {
        // A linear rate from 100 to 500 over 10 s, with a wave from 0 to 80 every 4 s that began a second ago.
        let segment = Segment {
            seconds: 10.0,
            from: 100.0,
            to: 500.0,
            wave: Some(Wave::new(80.0, 4.0, 1.0)),
        };
        // Half the height at the start, all of it a quarter of a period later, and none after three quarters.
        for (x, rate) in [
            (0.0, 140.0),
            (1.0, 220.0),
            (3.0, 220.0),
            (5.0, 380.0),
            (10.0, 540.0),
        ] {
            assert!(
                (segment.rate(x) - rate).abs() < 1e-9,
                "{x}: {}",
                segment.rate(x)
            );
        }
        // 40 (x - 4 / TAU (sin(TAU (x + 1) / 4) - 1)) are added to 100 x + 20 x^2.
        for (x, mass) in [
            (0.0, 0.0),
            (1.0, 120.0 + 40.0 + 160.0 / TAU),
            (2.0, 280.0 + 80.0 + 320.0 / TAU),
            (4.0, 720.0 + 160.0),
            (10.0, 3_000.0 + 400.0 + 320.0 / TAU),
        ] {
            assert!(
                (segment.mass(x) - mass).abs() < 1e-9,
                "{x}: {}",
                segment.mass(x)
            );
        }
        let straight = Segment::straight(10.0, 100.0, 500.0);
        assert_eq!((straight.rate(2.5), straight.mass(2.5)), (200.0, 375.0));
        assert_eq!(straight.total(), 3_000.0);
    }

    #[test]
    fn arrivals_of_a_wave_are_exact_to_a_tenth_of_a_nanosecond() {
        // A wave alone, h (x - p / TAU sin(TAU x / p)) / 2, inverted by bisection.
        let (height, period) = (100_000.0, 60.0);
        let segment = Segment {
            seconds: period,
            from: 0.0,
            to: 0.0,
            wave: Some(Wave::new(height, period, 0.0)),
        };
        let exact = |mass: f64| {
            let (mut low, mut high) = (0.0, period);
            for _ in 0..100 {
                let x = 0.5 * (low + high);
                let of_x = 0.5 * height * (x - period / TAU * libm::sin(TAU * x / period));
                if of_x < mass { low = x } else { high = x }
            }
            low
        };
        let mut guess = 0.0;
        for step in 0..3_000 {
            let mass = f64::from(step) * 1_000.0 + 0.5;
            let time = segment.time_of(mass, guess);
            // Near the start, the rate is so low that rounding errors of the mass weigh more.
            let allowed = 1e-10 + 1e-9 / segment.rate(time);
            assert!(
                (time - exact(mass)).abs() < allowed,
                "{mass}: {time}, not {}",
                exact(mass)
            );
            guess = time;
        }
    }
}

//! Units of times and durations in logs.

use super::log_time::epoch_time;

/// Unit of a time or duration that is logged as a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TimeUnit {
    Seconds,
    Milliseconds,
    Microseconds,
    Nanoseconds,
}

/// Maximum duration in microseconds: ten years, so that sums don't overflow.
const DURATION_US_MAX: f64 = 10.0 * 365.0 * 86_400e6;

impl TimeUnit {
    /// Parses `s`, `ms`, `us` or `ns`.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        match text {
            "s" => Some(Self::Seconds),
            "ms" => Some(Self::Milliseconds),
            "us" | "\u{b5}s" | "\u{3bc}s" => Some(Self::Microseconds),
            "ns" => Some(Self::Nanoseconds),
            _ => None,
        }
    }

    /// Returns the number of units in a second.
    pub(crate) fn per_second(self) -> i64 {
        match self {
            Self::Seconds => 1,
            Self::Milliseconds => 1_000,
            Self::Microseconds => 1_000_000,
            Self::Nanoseconds => 1_000_000_000,
        }
    }

    /// Parses a duration as microseconds: a number of this unit, or a number with its own unit, such as `1.5s` or
    /// `1m2.5s`.
    ///
    /// The inner `None` stands for `-`, nothing and negative numbers, which mean that there is none.
    pub(crate) fn duration_us(self, text: &[u8]) -> Option<Option<u64>> {
        let text = std::str::from_utf8(text).ok()?.trim();
        if matches!(text, "" | "-") {
            return Some(None);
        }
        let us = match number(text) {
            Some(count) => count * 1e6 / self.per_second() as f64,
            None => with_units(text)?,
        };
        if us < 0.0 {
            return Some(None);
        }
        (us <= DURATION_US_MAX).then_some(Some(us.round() as u64))
    }

    /// Parses a time since 1970 as microseconds, with any number of decimal places.
    pub(crate) fn epoch_us(self, text: &str) -> Option<i64> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let per_second = self.per_second();
        let whole_us = match self {
            Self::Nanoseconds => whole.parse::<i64>().ok()?.div_euclid(1_000),
            _ => epoch_time(whole.as_bytes(), per_second)?,
        };
        let part = match fraction {
            "" => 0.0,
            digits if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                format!("0.{digits}").parse::<f64>().ok()?
            }
            _ => return None,
        };
        whole_us.checked_add((part * 1e6 / per_second as f64).round() as i64)
    }
}

/// Parses a plain decimal number.
fn number(text: &str) -> Option<f64> {
    let is_plain = |byte: u8| byte.is_ascii_digit() || b"+-.eE".contains(&byte);
    let number: f64 = text.bytes().all(is_plain).then(|| text.parse().ok())??;
    number.is_finite().then_some(number)
}

/// Parses `1h2m3.5s`, as Go writes durations, in microseconds.
fn with_units(text: &str) -> Option<f64> {
    let mut rest = text;
    let mut us = 0.0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !(c.is_ascii_digit() || c == '.'))?;
        let count: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let end = rest.find(|c: char| c.is_ascii_digit());
        let (unit, after) = rest.split_at(end.unwrap_or(rest.len()));
        us += count
            * match unit.trim() {
                "h" => 3_600e6,
                "m" => 60e6,
                unit => 1e6 / TimeUnit::parse(unit)?.per_second() as f64,
            };
        rest = after;
    }
    Some(us)
}

#[cfg(test)]
mod tests {
    use super::*;
    use TimeUnit::{Microseconds, Milliseconds, Nanoseconds, Seconds};

    #[test]
    fn reads_durations() {
        for (unit, text, expected) in [
            (Seconds, "6.500", Some(6_500_000)),
            (Seconds, "0", Some(0)),
            (Milliseconds, "12", Some(12_000)),
            (Microseconds, "12", Some(12)),
            (Nanoseconds, "62500", Some(63)),
            (Seconds, "9.3e-05", Some(93)),
            (Milliseconds, "1.5s", Some(1_500_000)),
            (Seconds, "1h1m2.5s", Some(3_662_500_000)),
            (Seconds, "250\u{b5}s", Some(250)),
            (Seconds, "-", None),
            (Seconds, "", None),
            (Seconds, "-1", None),
        ] {
            assert_eq!(unit.duration_us(text.as_bytes()), Some(expected), "{text}");
        }
        for wrong in ["x", "1 x", "s", "1e300", "inf", "NaN", "1.2.3", "1s2"] {
            assert_eq!(Seconds.duration_us(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn reads_times_since_1970() {
        for (unit, text) in [
            (Seconds, "1431857103.007"),
            (Milliseconds, "1431857103007"),
            (Milliseconds, "1431857103007.0"),
            (Microseconds, "1431857103007000"),
            (Nanoseconds, "1431857103007000999"),
        ] {
            assert_eq!(unit.epoch_us(text), Some(1_431_857_103_007_000), "{text}");
        }
        for wrong in ["", "x", "1.x", "99999999999999999999", "."] {
            assert_eq!(Seconds.epoch_us(wrong), None, "{wrong}");
        }
    }
}

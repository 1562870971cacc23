//! Rates such as `500/s`.

use std::fmt;
use std::str::FromStr;

use super::clip::clip;
use super::units::UnitError;

/// A rate, in events per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Rate(f64);

/// Maximum rate per second. Above it, arrivals would share a nanosecond.
const PER_SECOND_MAX: f64 = 1e8;

impl Rate {
    /// Returns a rate of `per_second` events per second; `None` unless it is finite and between 0 and
    /// 100 million.
    pub fn new(per_second: f64) -> Option<Self> {
        (0.0..=PER_SECOND_MAX)
            .contains(&per_second)
            .then_some(Self(per_second))
    }

    /// Returns the valid rate that is closest to `per_second` events per second. 0 for no number.
    pub fn clamped(per_second: f64) -> Self {
        match per_second.is_nan() {
            true => Self(0.0),
            false => Self(per_second.clamp(0.0, PER_SECOND_MAX)),
        }
    }

    /// Returns the events per second.
    pub fn per_second(self) -> f64 {
        self.0
    }

    /// Returns the rate times a factor, clamped to the valid range.
    pub(crate) fn scaled(self, factor: f64) -> Self {
        Self::clamped(self.0 * factor)
    }
}

impl FromStr for Rate {
    type Err = UnitError;

    /// Parses `500/s`, `40k/s`, `1.5k/s`, `300/m`, `2M/h`.
    fn from_str(text: &str) -> Result<Self, UnitError> {
        let shown = clip(text);
        let form = || "write rates as `500/s`, `40k/s` or `300/m`".to_owned();
        let reject = |message: String, hint: String| Err(UnitError { message, hint });
        let trimmed = text.trim();
        let Some((amount, unit)) = trimmed.split_once('/') else {
            return match trimmed.parse::<f64>() {
                Ok(_) => reject(
                    format!("`{shown}` is a bare number, not a rate"),
                    format!("write it with its unit: `{}/s`", clip(trimmed)),
                ),
                Err(_) => reject(format!("`{shown}` is not a rate"), form()),
            };
        };
        let seconds = match unit.trim() {
            "s" => 1.0,
            "m" | "min" => 60.0,
            "h" => 3600.0,
            _ => return reject(format!("`{shown}` is not a rate"), form()),
        };
        let amount = amount.trim();
        let (digits, scale) = match amount.strip_suffix(['k', 'K']) {
            Some(digits) => (digits, 1e3),
            None => match amount.strip_suffix('M') {
                Some(digits) => (digits, 1e6),
                None => (amount, 1.0),
            },
        };
        // `parse` would also accept `inf`, `nan`, `1e9` and signs.
        if digits.is_empty()
            || !digits
                .bytes()
                .all(|byte| byte.is_ascii_digit() || byte == b'.')
        {
            return reject(format!("`{shown}` is not a rate"), form());
        }
        match digits
            .parse::<f64>()
            .map(|number| Self::new(number * scale / seconds))
        {
            Ok(Some(rate)) => Ok(rate),
            Ok(None) => reject(
                format!("`{shown}` is too high"),
                "the maximum is `100M/s`".to_owned(),
            ),
            Err(_) => reject(format!("`{shown}` is not a rate"), form()),
        }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 10_000.0 && self.0 % 1000.0 == 0.0 {
            write!(formatter, "{}k/s", self.0 / 1000.0)
        } else {
            write!(formatter, "{}/s", self.0)
        }
    }
}

impl serde::Serialize for Rate {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_f64(self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_rates() {
        let rate = |text: &str| text.parse::<Rate>().map(Rate::per_second).ok();
        assert_eq!(rate("500/s"), Some(500.0));
        assert_eq!(rate("40k/s"), Some(40_000.0));
        assert_eq!(rate("1.5k/s"), Some(1500.0));
        assert_eq!(rate("300/m"), Some(5.0));
        assert_eq!(rate("2M/h"), Some(2e6 / 3600.0));
        for wrong in [
            "500", "", "/s", "-1/s", "1e3/s", "inf/s", "5/d", "k/s", "200M/s",
        ] {
            assert_eq!(rate(wrong), None, "{wrong}");
        }
    }
}

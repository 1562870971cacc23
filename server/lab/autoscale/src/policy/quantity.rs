//! Quantities as people write them: `90s`, `60%`, `2MB/s`, `08:30`.

use std::fmt;

use serde::Deserialize;

/// Longest duration in a policy, in seconds: the limit of Kubernetes' windows.
const SECONDS_MAX: u32 = 3_600;

/// A duration in whole seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Seconds(pub u32);

/// A share in percent, from 1 to 100.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct Percent(pub u32);

/// A number of bytes per second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct ByteRate(pub u64);

/// A time of day in minutes since midnight, UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct ClockTime(pub u32);

impl TryFrom<String> for Seconds {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (number, unit) = split(&text);
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3_600,
            _ => 0,
        };
        let seconds = number
            .parse::<u32>()
            .ok()
            .and_then(|number| number.checked_mul(factor));
        match seconds {
            Some(seconds) if factor > 0 && seconds <= SECONDS_MAX => Ok(Self(seconds)),
            _ => Err(format!(
                "`{}` is no duration; write whole seconds, minutes or hours up to 1h, such as \"15s\" or \"5m\"",
                clip(&text)
            )),
        }
    }
}

impl TryFrom<String> for Percent {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let number = text
            .strip_suffix('%')
            .and_then(|text| text.trim().parse().ok());
        match number {
            Some(number) if (1..=100).contains(&number) => Ok(Self(number)),
            _ => Err(format!(
                "`{}` is no share of CPU; write whole percent from 1% to 100%, such as \"60%\"",
                clip(&text)
            )),
        }
    }
}

impl TryFrom<String> for ByteRate {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let (number, unit) = split(&text);
        let factor: u64 = match unit {
            "B/s" => 1,
            "kB/s" => 1_000,
            "MB/s" => 1_000_000,
            "GB/s" => 1_000_000_000,
            _ => 0,
        };
        let bytes = number
            .parse::<u64>()
            .ok()
            .and_then(|number| number.checked_mul(factor));
        match bytes {
            // Exact as a 64-bit float in every program that reads it.
            Some(bytes) if (1..=1_000_000_000_000).contains(&bytes) => Ok(Self(bytes)),
            _ => Err(format!(
                "`{}` is no rate of bytes; write a whole number with B/s, kB/s, MB/s or GB/s, such as \"2MB/s\"",
                clip(&text)
            )),
        }
    }
}

impl TryFrom<String> for ClockTime {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let two_digits =
            |part: &str| match part.len() == 2 && part.bytes().all(|b| b.is_ascii_digit()) {
                true => part.parse::<u32>().ok(),
                false => None,
            };
        let parts = text.split_once(':');
        let parts = parts.and_then(|(hour, minute)| Some((two_digits(hour)?, two_digits(minute)?)));
        match parts {
            Some((hour, minute)) if hour < 24 && minute < 60 => Ok(Self(hour * 60 + minute)),
            _ => Err(format!(
                "`{}` is no time of day; write HH:MM in UTC from 00:00 to 23:59",
                clip(&text)
            )),
        }
    }
}

impl ClockTime {
    /// Hour of the day.
    pub fn hour(self) -> u32 {
        self.0 / 60
    }

    /// Minute of the hour.
    pub fn minute(self) -> u32 {
        self.0 % 60
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl fmt::Display for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02}:{:02}", self.hour(), self.minute())
    }
}

/// Parses a latency, such as `250ms` or `2s`, to seconds.
pub(crate) fn latency_s(text: &str) -> Result<f64, String> {
    let (number, unit) = split(text);
    let factor: u32 = match unit {
        "ms" => 1,
        "s" => 1_000,
        _ => 0,
    };
    let ms = number
        .parse::<u32>()
        .ok()
        .and_then(|number| number.checked_mul(factor));
    match ms {
        Some(ms) if (1..=3_600_000).contains(&ms) => Ok(f64::from(ms) / 1e3),
        _ => Err(format!(
            "`{}` is no latency; write whole milliseconds or seconds from 1ms to 3600s, such as \"250ms\"",
            clip(text)
        )),
    }
}

/// Splits a quantity into its number and its unit.
fn split(text: &str) -> (&str, &str) {
    let text = text.trim();
    let end = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    (number, unit.trim_start())
}

/// Shortens a text for a message.
pub(crate) fn clip(text: &str) -> String {
    const CHARS_MAX: usize = 40;
    let mut clipped: String = text.chars().take(CHARS_MAX).collect();
    if clipped.len() < text.len() {
        clipped.push('…');
    }
    clipped
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_quantities_with_units() {
        assert_eq!(Seconds::try_from("5m".to_owned()), Ok(Seconds(300)));
        assert_eq!(Seconds::try_from("0s".to_owned()), Ok(Seconds(0)));
        assert_eq!(Percent::try_from("60%".to_owned()), Ok(Percent(60)));
        assert_eq!(
            ByteRate::try_from("2 MB/s".to_owned()),
            Ok(ByteRate(2_000_000))
        );
        assert_eq!(ClockTime::try_from("08:30".to_owned()), Ok(ClockTime(510)));
        assert_eq!(latency_s("250ms"), Ok(0.25));
    }

    #[test]
    fn refuses_quantities_out_of_bounds() {
        for wrong in ["", "5", "1.5s", "61m", "2h", "-1s", "99999999999s", "s"] {
            assert!(Seconds::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        for wrong in ["0%", "101%", "60", "%", "6.5%"] {
            assert!(Percent::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        for wrong in ["0B/s", "2MB", "2 mb/s", "99999999999GB/s"] {
            assert!(ByteRate::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        for wrong in ["8:30", "24:00", "12:60", "1230", "+1:30", "12:3 "] {
            assert!(ClockTime::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
        for wrong in ["0ms", "1.5s", "250", "2m", "4000s"] {
            assert!(latency_s(wrong).is_err(), "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn refuses_or_reads_any_text(text in ".{0,60}") {
            let _ = Seconds::try_from(text.clone());
            let _ = Percent::try_from(text.clone());
            let _ = ByteRate::try_from(text.clone());
            let _ = ClockTime::try_from(text.clone());
            let _ = latency_s(&text);
        }

        #[test]
        fn reads_what_it_writes(seconds in 0..=SECONDS_MAX, minutes in 0..1440u32) {
            prop_assert_eq!(Seconds::try_from(Seconds(seconds).to_string()), Ok(Seconds(seconds)));
            prop_assert_eq!(ClockTime::try_from(ClockTime(minutes).to_string()), Ok(ClockTime(minutes)));
        }
    }
}

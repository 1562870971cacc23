//! Amounts as people write them: `10M`, `1G/month`, `400/s`, `1KB`.

use std::str::FromStr;

use super::SECONDS_PER_MONTH;

/// Largest amount: beyond it, sums lose whole units.
const AMOUNT_MAX: f64 = 1e15;

/// An amount that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {what}")]
pub struct AmountError {
    text: String,
    what: &'static str,
}

/// A number of events per month.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PerMonth(pub f64);

impl FromStr for PerMonth {
    type Err = AmountError;

    /// Reads `1G/month`, `30M/day` or `400/s`. A day is a thirtieth of a month.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || AmountError {
            text: text.to_owned(),
            what: "a number of events in a time, such as 1G/month, 30M/day or 400/s",
        };
        let (number, unit) = text.trim().split_once('/').ok_or_else(error)?;
        let per_month = match unit.trim() {
            "month" => 1.0,
            "day" => 30.0,
            "s" => SECONDS_PER_MONTH,
            _ => return Err(error()),
        };
        let number = parse_count(number).map_err(|_| error())?;
        Ok(Self(number * per_month))
    }
}

/// Reads a number with a prefix: `250`, `10M`, `2.5k`.
///
/// # Errors
/// If it is no number from 0 to a thousand T.
pub fn parse_count(text: &str) -> Result<f64, AmountError> {
    let what = "a number such as 250, 10M or 1.5G";
    scaled(text, text.trim(), what)
}

/// Reads a size in bytes, in powers of a thousand: `512B`, `1KB`, `1.5 MB`.
///
/// # Errors
/// If it is no size from 0 to a thousand TB.
pub fn parse_bytes(text: &str) -> Result<f64, AmountError> {
    let what = "a size such as 512B, 1KB or 2MB";
    let trimmed = text.trim();
    let number = trimmed.strip_suffix(['B', 'b']).unwrap_or(trimmed);
    scaled(text, number.trim_end(), what)
}

fn scaled(text: &str, number: &str, what: &'static str) -> Result<f64, AmountError> {
    let error = || AmountError {
        text: text.to_owned(),
        what,
    };
    let prefixes = [('k', 1e3), ('K', 1e3), ('M', 1e6), ('G', 1e9), ('T', 1e12)];
    let prefix = prefixes
        .iter()
        .find_map(|(prefix, size)| Some((number.strip_suffix(*prefix)?, size)));
    let (digits, size) = prefix.unwrap_or((number, &1.0));
    // Rust also reads `inf`, `nan` and `1e3`.
    let is_plain = |c: char| c.is_ascii_digit() || c == '.';
    let digits = digits.trim_end();
    if digits.is_empty() || !digits.chars().all(is_plain) {
        return Err(error());
    }
    let value = digits.parse::<f64>().map_err(|_| error())? * size;
    (value <= AMOUNT_MAX).then_some(value).ok_or_else(error)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_amounts() {
        for (text, expected) in [("250", 250.0), ("10M", 10e6), ("2.5k", 2_500.0), ("0", 0.0)] {
            assert_eq!(parse_count(text), Ok(expected), "{text}");
        }
        for (text, expected) in [("512B", 512.0), ("1KB", 1e3), ("1.5 MB", 1.5e6), ("7", 7.0)] {
            assert_eq!(parse_bytes(text), Ok(expected), "{text}");
        }
        for (text, expected) in [("1G/month", 1e9), ("30M/day", 900e6), ("400/s", 1e9)] {
            assert_eq!(text.parse(), Ok(PerMonth(expected)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_amount() {
        for text in [
            "", "M", "-1", "1e3", "inf", "nan", "1.2.3", "5X", "9999999T",
        ] {
            assert!(parse_count(text).is_err(), "{text}");
            assert!(parse_bytes(text).is_err(), "{text}");
        }
        for text in ["1G", "1G/year", "/month", "x/s"] {
            let error = text.parse::<PerMonth>().unwrap_err();
            assert!(error.to_string().contains("such as 1G/month"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_an_amount_or_an_error(text in "\\PC*|[0-9.]{0,9}[kMGT]?B?(/(s|day|month))?") {
            for value in [parse_count(&text), parse_bytes(&text)].into_iter().flatten() {
                prop_assert!((0.0..=AMOUNT_MAX).contains(&value));
            }
            let _ = text.parse::<PerMonth>();
        }
    }
}

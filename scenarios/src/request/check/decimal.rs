//! Decimal numbers of any length.

use std::cmp::Ordering;
use std::fmt;

/// A decimal number that keeps all of its digits. Compares by value: 1.0 equals 1, and 1e2 equals 100.
#[derive(Debug, Clone)]
pub struct Decimal {
    /// As it was written.
    text: String,
    is_negative: bool,
    /// Digits without zeros at the start and the end; empty for zero.
    digits: String,
    /// Position of the point: the number is `0.DIGITS` times this power of ten.
    power: i128,
}

impl Decimal {
    /// Reads a number such as `-12.50` or `1e400`, with blanks around it. `None` if it is none, or is infinite.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let unsigned = text.strip_prefix(['-', '+']).unwrap_or(text);
        let (number, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((number, exponent)) => (number, power_of(exponent)?),
            None => (unsigned, 0),
        };
        let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
        let is_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if (whole.is_empty() && fraction.is_empty()) || !is_digits(whole) || !is_digits(fraction) {
            return None;
        }
        let all = format!("{whole}{fraction}");
        let digits = all.trim_start_matches('0');
        let zeros = all.len() - digits.len();
        let power = exponent.saturating_add(whole.len() as i128 - zeros as i128);
        let digits = digits.trim_end_matches('0');
        Some(Self {
            is_negative: text.starts_with('-') && !digits.is_empty(),
            power: if digits.is_empty() { 0 } else { power },
            digits: digits.to_owned(),
            text: text.to_owned(),
        })
    }
}

/// Reads an exponent. One that no text could reach by its digits is limited.
fn power_of(text: &str) -> Option<i128> {
    /// Far from the ends, so that adding a length does not overflow.
    const MAX: i128 = i128::MAX / 2;
    let digits = text.strip_prefix(['-', '+']).unwrap_or(text);
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let size = digits.parse().unwrap_or(MAX).min(MAX);
    Some(match text.starts_with('-') {
        true => -size,
        false => size,
    })
}

impl PartialEq for Decimal {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Decimal {}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        let sign = |number: &Self| match (number.digits.is_empty(), number.is_negative) {
            (true, _) => 0,
            (false, true) => -1,
            (false, false) => 1,
        };
        let size = || {
            let powers = self.power.cmp(&other.power);
            // Both have their first digit at the same place.
            powers.then_with(|| self.digits.cmp(&other.digits))
        };
        sign(self).cmp(&sign(other)).then_with(|| match sign(self) {
            -1 => size().reverse(),
            0 => Ordering::Equal,
            _ => size(),
        })
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decimal(text: &str) -> Decimal {
        Decimal::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    #[test]
    fn compares_by_value() {
        for (one, other) in [
            ("1", "1.0"),
            ("1e2", "100"),
            ("1E+2", "100.00"),
            ("-0", "0"),
            ("0e5", "0.0"),
            ("+12.50", "1.25e1"),
            (" 12 ", "012"),
            (".5", "5e-1"),
            ("5.", "5"),
            ("0.001e400", "1E397"),
            (
                "123456789012345678901234567890",
                "1.2345678901234567890123456789e29",
            ),
        ] {
            assert_eq!(decimal(one), decimal(other));
        }
    }

    #[test]
    fn orders_numbers_of_any_length() {
        let ascending = [
            "-1e99999999999999999999999999999999999999999",
            "-1e400",
            "-12.5",
            "-12",
            "-0.5",
            "-1e-400",
            "0",
            "1e-400",
            "0.05",
            "0.5",
            "9",
            "9007199254740992",
            "9007199254740993",
            "123456789012345678901234567890",
            "123456789012345678901234567891",
            "1e400",
            "1e99999999999999999999999999999999999999999",
        ];
        for (at, one) in ascending.iter().enumerate() {
            for (other_at, other) in ascending.iter().enumerate() {
                assert_eq!(
                    decimal(one).cmp(&decimal(other)),
                    at.cmp(&other_at),
                    "{one} {other}"
                );
            }
        }
    }

    #[test]
    fn rejects_other_texts() {
        for text in [
            "", "-", ".", "e5", "1e", "1e+", "1.2.3", "0x10", "inf", "NaN", "1_000", "--1", "1 2",
            "a",
        ] {
            assert!(Decimal::parse(text).is_none(), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn agrees_with_whole_numbers(one in any::<i64>(), other in any::<i64>(), zeros in 0_usize..5) {
            let (a, b) = (decimal(&one.to_string()), decimal(&format!("{other}.{}", "0".repeat(zeros))));
            prop_assert_eq!(a.cmp(&b), one.cmp(&other));
        }

        #[test]
        fn reads_every_finite_number(number in any::<f64>(), exponent in any::<i64>()) {
            if number.is_finite() {
                prop_assert_eq!(decimal(&number.to_string()), decimal(&format!("{number:e}")));
            }
            let _ = decimal(&format!("1e{exponent}"));
        }
    }
}

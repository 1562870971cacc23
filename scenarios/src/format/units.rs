//! Durations such as `1h30m`.

use super::clip::clip;

use std::time::Duration;

/// A duration or rate that can't be parsed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}; {hint}")]
pub struct UnitError {
    /// The problem.
    pub message: String,
    /// The valid form.
    pub hint: String,
}

/// Units of a duration with their length in nanoseconds, longest first.
const UNITS: [(&str, u64); 8] = [
    ("h", 3_600_000_000_000),
    ("m", 60_000_000_000),
    ("s", 1_000_000_000),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("\u{b5}s", 1_000),
    ("\u{3bc}s", 1_000),
    ("ns", 1),
];

/// Parses `500ms`, `90s`, `1h30m`, `250us`, `1.5s`.
///
/// # Errors
/// Fails for a number without a unit, an unknown unit, or a duration over 584 years (64 bits of
/// nanoseconds).
pub fn parse_duration(text: &str) -> Result<Duration, UnitError> {
    let trimmed = text.trim();
    let reject = |why: String, hint: String| Err(UnitError { message: why, hint });
    let shown = clip(text);
    let form = || "write durations as `500ms`, `90s` or `1h30m`".to_owned();
    if trimmed.is_empty() {
        return reject("the duration is empty".to_owned(), form());
    }
    if trimmed.parse::<f64>().is_ok() {
        return reject(
            format!("`{shown}` is a bare number, not a duration"),
            format!("write it with its unit: `{}s`", clip(trimmed)),
        );
    }
    let mut nanoseconds: u128 = 0;
    let mut rest = trimmed;
    while !rest.is_empty() {
        let digits = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let (number, after) = rest.split_at(digits);
        let unit_end = after
            .find(|c: char| c.is_ascii_digit() || c == '.')
            .unwrap_or(after.len());
        let (unit, remaining) = after.split_at(unit_end);
        let Some((_, scale)) = UNITS.iter().find(|(name, _)| *name == unit.trim()) else {
            return reject(format!("`{shown}` is not a duration"), form());
        };
        let part = decimal(number, *scale);
        match part.and_then(|part| nanoseconds.checked_add(part)) {
            Some(sum) if sum <= u128::from(u64::MAX) => nanoseconds = sum,
            _ => {
                return reject(format!("`{shown}` is too long"), form());
            }
        }
        rest = remaining.trim_start();
    }
    // The loop above has bounded it.
    Ok(Duration::from_nanos(
        u64::try_from(nanoseconds).unwrap_or(u64::MAX),
    ))
}

/// Formats a duration so that [`parse_duration`] parses it back: `1h30m`, `1.5s`, `250us`.
pub fn format_duration(duration: Duration) -> String {
    let total = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    let (hours, rest) = (total / 3_600_000_000_000, total % 3_600_000_000_000);
    let (minutes, rest) = (rest / 60_000_000_000, rest % 60_000_000_000);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    // 90s is more common than 1m30s.
    if minutes > 1 || (minutes == 1 && (rest == 0 || hours > 0)) {
        text.push_str(&format!("{minutes}m"));
    }
    let rest = if minutes == 1 && hours == 0 && rest > 0 {
        rest + 60_000_000_000
    } else {
        rest
    };
    let written = |scale: u64, unit: &str| {
        let fraction = format!("{:0width$}", rest % scale, width = scale.ilog10() as usize);
        let fraction = fraction.trim_end_matches('0');
        match fraction.is_empty() || scale == 1 {
            true => format!("{}{unit}", rest / scale),
            false => format!("{}.{fraction}{unit}", rest / scale),
        }
    };
    match rest {
        0 if text.is_empty() => text.push_str("0s"),
        0 => {}
        1_000_000_000.. => text.push_str(&written(1_000_000_000, "s")),
        1_000_000.. => text.push_str(&written(1_000_000, "ms")),
        1_000.. => text.push_str(&written(1_000, "us")),
        _ => text.push_str(&written(1, "ns")),
    }
    text
}

/// Returns `number * scale` exactly, truncated to an integer.
fn decimal(number: &str, scale: u64) -> Option<u128> {
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if (whole.is_empty() && fraction.is_empty()) || whole.len() > 20 || fraction.contains('.') {
        return None;
    }
    let mut sum = match whole {
        "" => 0,
        digits => digits
            .parse::<u128>()
            .ok()?
            .checked_mul(u128::from(scale))?,
    };
    let mut place = u128::from(scale);
    for digit in fraction.bytes() {
        // Further digits are below a nanosecond.
        if place == 0 {
            break;
        }
        let digit = u128::from(digit.checked_sub(b'0')?);
        // Multiplying before dividing keeps the result exact.
        sum += digit * place / 10;
        if place % 10 != 0 {
            place = 0;
        } else {
            place /= 10;
        }
    }
    Some(sum)
}

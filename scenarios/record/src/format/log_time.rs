//! Times in logs.

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::fmt::strtime;
use jiff::tz::Offset;

/// Resolution of a log's times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Grain {
    /// Whole seconds.
    Second,
    /// Fractions of a second.
    Finer,
}

const MONTHS: [&str; 12] = [
    "jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec",
];

/// Parses `17/May/2015:10:05:03 +0000`, the time of the Common Log Format, as microseconds since 1970.
///
/// Also accepts a fraction of the second, as some servers add. A leap second counts as the second
/// before it.
pub(crate) fn common_time(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?.trim();
    let (date, zone) = text.split_once(' ')?;
    let mut parts = date.splitn(4, ':');
    let mut day = parts.next()?.splitn(3, '/');
    let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
    let (second, fraction) = second.split_once('.').unwrap_or((second, ""));
    let month = {
        let (day_of_month, name, year) = (day.next()?, day.next()?, day.next()?);
        let position = MONTHS
            .iter()
            .position(|month| month.eq_ignore_ascii_case(name))?;
        (
            number(day_of_month, 2)?,
            position as i64 + 1,
            number(year, 4)?,
        )
    };
    let civil = DateTime::new(
        i16::try_from(month.2).ok()?,
        i8::try_from(month.1).ok()?,
        i8::try_from(month.0).ok()?,
        i8::try_from(number(hour, 2)?).ok()?,
        i8::try_from(number(minute, 2)?).ok()?,
        i8::try_from(number(second, 2)?)
            .ok()
            .map(|second| if second == 60 { 59 } else { second })?,
        0,
    )
    .ok()?;
    let (sign, digits) = match zone.as_bytes().first()? {
        b'+' => (1, &zone[1..]),
        b'-' => (-1, &zone[1..]),
        _ => return None,
    };
    let zone = number(digits, 4)?;
    let (hours, minutes) = (zone / 100, zone % 100);
    if hours > 25 || minutes > 59 {
        return None;
    }
    let offset = i32::try_from(sign * (hours * 3600 + minutes * 60)).ok()?;
    let at = Offset::from_seconds(offset)
        .ok()?
        .to_timestamp(civil)
        .ok()?;
    Some(at.as_second() * 1_000_000 + microseconds(fraction)?)
}

/// Parses a time by a `strftime` pattern; without a zone, it is UTC.
pub(crate) fn pattern_time(pattern: &str, text: &str) -> Option<i64> {
    let parsed = strtime::parse(pattern, text).ok()?;
    let at = parsed
        .to_timestamp()
        .or_else(|_| Offset::UTC.to_timestamp(parsed.to_datetime()?));
    at.ok().map(|at| at.as_microsecond())
}

/// Parses a count of `per_second` units since 1970, as microseconds.
pub(crate) fn epoch_time(text: &[u8], per_second: i64) -> Option<i64> {
    let count: i64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    let at = count.checked_mul(1_000_000 / per_second)?;
    Timestamp::from_microsecond(at)
        .ok()
        .map(|at| at.as_microsecond())
}

/// Parses seconds since 1970 with a decimal point, such as `1431857103.007`, as microseconds.
pub(crate) fn epoch_seconds(text: &[u8]) -> Option<i64> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    Some(epoch_time(whole.as_bytes(), 1)?.saturating_add(microseconds(fraction)?))
}

/// Parses `2015-05-17 10:05:03`, with or without a fraction of the second, as a time in UTC.
pub(crate) fn civil_time(text: &[u8]) -> Option<i64> {
    let civil: DateTime = std::str::from_utf8(text).ok()?.parse().ok()?;
    let at = Offset::UTC.to_timestamp(civil).ok()?;
    Some(at.as_microsecond())
}

/// Parses an ISO 8601 time with a zone, such as `2018-07-02T22:23:00.186641Z`, as microseconds since
/// 1970.
pub(crate) fn iso_time(text: &[u8]) -> Option<i64> {
    let at: Timestamp = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(at.as_microsecond())
}

/// Parses the digits after a decimal point as microseconds.
pub(crate) fn microseconds(fraction: &str) -> Option<i64> {
    if fraction.len() > 18 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let kept = &fraction[..fraction.len().min(6)];
    let value: i64 = if kept.is_empty() {
        0
    } else {
        kept.parse().ok()?
    };
    Some(value * 10_i64.pow(6 - kept.len() as u32))
}

fn number(text: &str, digits_max: usize) -> Option<i64> {
    let digits = !text.is_empty()
        && text.len() <= digits_max
        && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn common(text: &str) -> Option<i64> {
        common_time(text.as_bytes())
    }

    #[test]
    fn reads_common_times_in_any_zone() {
        // `date -u -d '2015-05-17 10:05:03' +%s`
        assert_eq!(
            common("17/May/2015:10:05:03 +0000"),
            Some(1_431_857_103_000_000)
        );
        assert_eq!(
            common("17/may/2015:12:05:03 +0200"),
            Some(1_431_857_103_000_000)
        );
        assert_eq!(
            common("17/May/2015:04:35:03 -0530"),
            Some(1_431_857_103_000_000)
        );
        assert_eq!(
            common("17/May/2015:10:05:03.25 +0000"),
            Some(1_431_857_103_250_000)
        );
        // A leap day, and the leap second at the end of 2016.
        assert_eq!(
            common("29/Feb/2024:00:00:00 +0000"),
            Some(1_709_164_800_000_000)
        );
        assert_eq!(
            common("31/Dec/2016:23:59:60 +0000"),
            Some(1_483_228_799_000_000)
        );
    }

    #[test]
    fn rejects_invalid_times() {
        for wrong in [
            "29/Feb/2023:00:00:00 +0000",
            "31/Apr/2024:00:00:00 +0000",
            "17/Mai/2015:10:05:03 +0000",
            "17/May/2015:24:05:03 +0000",
            "17/May/2015:10:05:61 +0000",
            "17/May/2015:10:05:03",
            "17/May/2015:10:05:03 0000",
            "17/May/2015:10:05:03 +9900",
            "-",
            "",
        ] {
            assert_eq!(common(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn reads_other_times() {
        assert_eq!(
            pattern_time("%Y-%m-%dT%H:%M:%S%z", "2015-05-17T12:05:03+0200"),
            Some(1_431_857_103_000_000)
        );
        assert_eq!(
            pattern_time("%F %T", "2015-05-17 10:05:03"),
            Some(1_431_857_103_000_000)
        );
        assert_eq!(pattern_time("%F %T", "yesterday"), None);
        assert_eq!(epoch_time(b"1431857103", 1), Some(1_431_857_103_000_000));
        assert_eq!(
            epoch_time(b"1431857103007", 1000),
            Some(1_431_857_103_007_000)
        );
        assert_eq!(epoch_time(b"99999999999999999", 1), None);
        assert_eq!(
            epoch_seconds(b"1431857103.007"),
            Some(1_431_857_103_007_000)
        );
        assert_eq!(epoch_seconds(b"1431857103"), Some(1_431_857_103_000_000));
        assert_eq!(epoch_seconds(b"1431857103.x"), None);
        assert_eq!(
            iso_time(b"2015-05-17T12:05:03.007+02:00"),
            Some(1_431_857_103_007_000)
        );
        assert_eq!(iso_time(b"2015-05-17T12:05:03"), None);
        assert_eq!(
            civil_time(b"2015-05-17 10:05:03.007"),
            Some(1_431_857_103_007_000)
        );
        assert_eq!(civil_time(b"2015-05-17 noon"), None);
        assert_eq!(microseconds("123"), Some(123_000));
        assert_eq!(microseconds("1234567"), Some(123_456));
        assert_eq!(microseconds("x"), None);
    }
}

//! Parsers of flag values.

use std::time::Duration;

use tenfold_reports::export::ExportError;
use tenfold_reports::gate::formats::GateExport;
use tenfold_reports::run::formats::RunExport;
use tenfold_scenarios::{Rate, parse_duration};

/// Parses a rate such as `500/s` or `40k/s`.
pub(super) fn rate(text: &str) -> Result<Rate, String> {
    text.parse()
        .map_err(|error: tenfold_scenarios::UnitError| error.to_string())
}

/// A label of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Label {
    /// Name.
    pub(crate) name: String,
    /// Value.
    pub(crate) value: String,
}

/// Parses a label such as `zone=east`.
pub(super) fn label(text: &str) -> Result<Label, String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok(Label {
            name: name.to_owned(),
            value: value.to_owned(),
        }),
        _ => Err("write a label as NAME=VALUE, such as zone=east".to_owned()),
    }
}

/// Parses a duration such as `500ms`, `90s` or `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// Parses a duration longer than zero.
pub(super) fn nonzero_duration(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => {
            Err("it must be longer than 0s; leave --cache out to turn caching off".to_owned())
        }
        duration => Ok(duration),
    }
}

/// Parses a duration above zero, or `none`.
pub(super) fn duration_or_none(text: &str) -> Result<Option<Duration>, String> {
    match text {
        "none" => Ok(None),
        text => match duration(text)? {
            Duration::ZERO => Err("it must be longer than 0s, or none".to_owned()),
            duration => Ok(Some(duration)),
        },
    }
}

/// Parses a positive duration in whole seconds.
pub(super) fn whole_seconds(text: &str) -> Result<Duration, String> {
    let parsed = duration(text)?;
    if parsed.subsec_nanos() == 0 && parsed.as_secs() > 0 {
        return Ok(parsed);
    }
    Err(format!(
        "{text} is not a number of whole seconds; write `1s` or `2s`"
    ))
}

/// Parses an export of a run, such as `csv=times.csv` or `junit`.
pub(super) fn export(text: &str) -> Result<RunExport, String> {
    text.parse().map_err(|error: ExportError| error.to_string())
}

/// Parses an export of a gate, such as `junit=gate.xml` or `markdown`.
pub(super) fn gate_export(text: &str) -> Result<GateExport, String> {
    text.parse().map_err(|error: ExportError| error.to_string())
}

/// Parses a finite number above zero.
pub(super) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .trim()
        .parse()
        .map_err(|_| format!("`{text}` is not a number"))?;
    if number > 0.0 && number.is_finite() {
        return Ok(number);
    }
    Err(format!(
        "{text} is out of range; give a number greater than 0"
    ))
}

/// Parses the size of a box, in CPUs.
pub(super) fn box_size(text: &str) -> Result<f64, String> {
    match positive(text)? {
        size if (0.1..=1_024.0).contains(&size) => Ok(size),
        size => Err(format!("a box needs between 0.1 and 1024 CPUs, not {size}")),
    }
}

/// Parses a percentage such as `5%` into a fraction.
pub(super) fn share(text: &str) -> Result<f64, String> {
    let bare = || format!("`{text}` is not a percentage; write it as `5%` or `0.5%`");
    let number = text.trim().strip_suffix('%').ok_or_else(bare)?;
    let percent: f64 = number.trim().parse().map_err(|_| bare())?;
    if percent > 0.0 && percent <= 1000.0 {
        return Ok(percent / 100.0);
    }
    Err(format!(
        "{text} is out of range; give more than 0% and at most 1000%"
    ))
}

/// Parses a count from 1, or `none`.
pub(super) fn count_or_none(text: &str) -> Result<Option<u32>, String> {
    match (text, text.parse()) {
        ("none", _) => Ok(None),
        (_, Ok(count @ 1..)) => Ok(Some(count)),
        _ => Err("it must be a number from 1, or none".to_owned()),
    }
}

/// Parses a size such as `64MiB`, `512KiB` or `1GiB`, in bytes.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is not a size; write 64MiB, 512KiB or 1GiB");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (number, unit) = text.split_at(unit_at);
    let shift = match unit {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(1 << shift).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn share_requires_percent_sign() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share(" 0.5 %"), Ok(0.005));
        for wrong in ["5", "0%", "-1%", "NaN%", "%", "five%", "inf%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn positive_rejects_zero_and_infinity() {
        assert_eq!(positive("8"), Ok(8.0));
        for wrong in ["0", "-1", "NaN", "inf", "many"] {
            assert!(positive(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn whole_seconds_rejects_fractions() {
        assert_eq!(whole_seconds("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["500ms", "1.5s", "0s", "1"] {
            assert!(whole_seconds(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn nonzero_duration_rejects_zero() {
        assert_eq!(nonzero_duration("10m"), Ok(Duration::from_secs(600)));
        assert!(nonzero_duration("0s").unwrap_err().contains("longer"));
        assert!(nonzero_duration("soon").is_err());
    }

    #[test]
    fn duration_or_none_rejects_zero() {
        assert_eq!(duration_or_none("1h"), Ok(Some(Duration::from_secs(3_600))));
        assert_eq!(duration_or_none("none"), Ok(None));
        assert!(duration_or_none("0s").unwrap_err().contains("none"));
        assert!(duration_or_none("soon").is_err());
    }

    #[test]
    fn bytes_requires_binary_unit() {
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("0KiB"), Ok(0));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        for wrong in [
            "64",
            "MiB",
            "-1MiB",
            "1.5GiB",
            "64MB",
            "99999999999999GiB",
            "",
        ] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}

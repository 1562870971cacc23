//! How the values of flags are read.

use std::time::Duration;

use tenfold_reports::export::ExportError;
use tenfold_reports::gate::formats::GateExport;
use tenfold_reports::run::formats::RunExport;
use tenfold_scenarios::{Rate, parse_duration};

/// Reads a rate such as `500/s` or `40k/s`.
pub(crate) fn rate(text: &str) -> Result<Rate, String> {
    text.parse()
        .map_err(|error: tenfold_scenarios::UnitError| error.to_string())
}

/// Reads a duration such as `500ms`, `90s` or `1h30m`.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    parse_duration(text).map_err(|error| error.to_string())
}

/// Reads an export such as `csv=times.csv` or `junit`.
pub(crate) fn export(text: &str) -> Result<RunExport, String> {
    text.parse().map_err(|error: ExportError| error.to_string())
}

/// Reads an export of a gate, such as `junit=gate.xml` or `markdown`.
pub(crate) fn gate_export(text: &str) -> Result<GateExport, String> {
    text.parse().map_err(|error: ExportError| error.to_string())
}

/// Reads a duration in whole seconds, one at least.
pub(crate) fn whole_seconds(text: &str) -> Result<Duration, String> {
    let read = duration(text)?;
    if read.subsec_nanos() == 0 && read.as_secs() > 0 {
        return Ok(read);
    }
    Err(format!(
        "{text} is not in whole seconds; write `1s` or `2s`"
    ))
}

/// Reads a number above zero.
pub(crate) fn positive(text: &str) -> Result<f64, String> {
    let number: f64 = text
        .trim()
        .parse()
        .map_err(|_| format!("`{text}` is not a number"))?;
    if number > 0.0 && number.is_finite() {
        return Ok(number);
    }
    Err(format!("{text} is out of range; give more than 0"))
}

/// Reads a share such as `5%`, as a fraction.
pub(crate) fn share(text: &str) -> Result<f64, String> {
    let bare = || format!("`{text}` is not a share; write it in per cent, such as `5%` or `0.5%`");
    let number = text.trim().strip_suffix('%').ok_or_else(bare)?;
    let percent: f64 = number.trim().parse().map_err(|_| bare())?;
    if percent > 0.0 && percent <= 1000.0 {
        return Ok(percent / 100.0);
    }
    Err(format!(
        "{text} is out of range; give more than 0% and at most 1000%"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_are_in_per_cent() {
        assert_eq!(share("5%"), Ok(0.05));
        assert_eq!(share(" 0.5 %"), Ok(0.005));
        for wrong in ["5", "0%", "-1%", "NaN%", "%", "five%", "inf%"] {
            assert!(share(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn numbers_above_zero_are_finite() {
        assert_eq!(positive("8"), Ok(8.0));
        for wrong in ["0", "-1", "NaN", "inf", "many"] {
            assert!(positive(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn rounds_are_in_whole_seconds() {
        assert_eq!(whole_seconds("2s"), Ok(Duration::from_secs(2)));
        for wrong in ["500ms", "1.5s", "0s", "1"] {
            assert!(whole_seconds(wrong).is_err(), "{wrong}");
        }
    }
}

//! Figures that a peer reports at its end.

use serde::{Deserialize, Serialize};

/// Figures that a peer reports at its end. `None` for figures that it does not report.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerReport {
    /// Median latency, in nanoseconds.
    pub(crate) p50_ns: Option<u64>,
    /// 99th percentile of latency, in nanoseconds.
    pub(crate) p99_ns: Option<u64>,
    /// Median lag, in nanoseconds.
    pub(crate) lag_p50_ns: Option<u64>,
    /// 99th percentile of lag, in nanoseconds.
    pub(crate) lag_p99_ns: Option<u64>,
    /// Median service time, in nanoseconds.
    pub(crate) service_p50_ns: Option<u64>,
    /// Failed requests.
    pub(crate) failed: Option<u64>,
    /// Planned requests that were never sent.
    pub(crate) dropped: Option<u64>,
    /// Its own verdict: `valid`, `suspect` or `invalid`.
    pub(crate) measurement: Option<String>,
    /// Connections opened.
    pub(crate) connections: Option<u64>,
}

/// Parses a duration such as `1.98ms`, `419us` or `2.00s` into nanoseconds.
pub(crate) fn duration_ns(text: &str) -> Option<u64> {
    let text = text.trim();
    let unit = text.find(|c: char| !c.is_ascii_digit() && c != '.')?;
    let (number, unit) = text.split_at(unit);
    let factor = match unit.trim() {
        "ns" => 1.0,
        "us" | "µs" => 1e3,
        "ms" => 1e6,
        "s" | "secs" => 1e9,
        "m" => 60e9,
        "h" => 3_600e9,
        _ => return None,
    };
    nanoseconds(number.parse::<f64>().ok()?, factor)
}

/// Converts a figure to nanoseconds; `factor` is the unit's length in nanoseconds.
pub(crate) fn nanoseconds(figure: f64, factor: f64) -> Option<u64> {
    let ns = (figure * factor).round();
    (ns >= 0.0 && ns < u64::MAX as f64).then_some(ns as u64)
}

/// Returns the rest of the first line that starts with `prefix` after optional blanks.
pub(crate) fn line_after<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.trim_start().strip_prefix(prefix))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_durations_of_every_unit() {
        let texts = ["847ns", "419us", "1.98ms", "2.00s", "0.0101 secs", "1.5m"];
        let read = texts.map(duration_ns);
        let expected = [
            847,
            419_000,
            1_980_000,
            2_000_000_000,
            10_100_000,
            90_000_000_000,
        ];
        assert_eq!(read, expected.map(Some));
        assert_eq!(
            ["", "ms", "12", "1.2.3ms", "-nan"].map(duration_ns),
            [None; 5]
        );
    }

    proptest! {
        #[test]
        fn reads_or_refuses_any_text(text in "\\PC*|[0-9.]{0,30}(ns|us|ms|s|m|h)") {
            let has_digit = text.bytes().any(|byte| byte.is_ascii_digit());
            prop_assert!(duration_ns(&text).is_none() || has_digit);
            let rest = line_after(&text, "50%");
            prop_assert!(rest.is_none_or(|rest| text.contains(rest)));
        }
    }
}

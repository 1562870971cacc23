//! What a peer says of itself when it has ended.

use serde::{Deserialize, Serialize};

/// What a peer says of itself when it has ended; none where it does not say.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct PeerReport {
    /// The median of its latencies, in nanoseconds.
    pub(crate) p50_ns: Option<u64>,
    /// The 99th percentile of its latencies, in nanoseconds.
    pub(crate) p99_ns: Option<u64>,
    /// The median of its own lateness, in nanoseconds.
    pub(crate) lag_p50_ns: Option<u64>,
    /// The 99th percentile of its own lateness, in nanoseconds.
    pub(crate) lag_p99_ns: Option<u64>,
    /// The median of the service time, from sent to done, in nanoseconds.
    pub(crate) service_p50_ns: Option<u64>,
    /// Requests that failed.
    pub(crate) failed: Option<u64>,
    /// Requests that it should have sent, and did not.
    pub(crate) dropped: Option<u64>,
    /// Whether it thinks its own measurement holds: `valid`, `suspect` or `invalid`.
    pub(crate) measurement: Option<String>,
    /// Connections that it opened.
    pub(crate) connections: Option<u64>,
}

/// Reads a duration as tools print it, such as `1.98ms`, `419us` or `2.00s`, in nanoseconds.
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

/// Turns a figure into nanoseconds, of which a unit has so many.
pub(crate) fn nanoseconds(figure: f64, factor: f64) -> Option<u64> {
    let ns = (figure * factor).round();
    (ns >= 0.0 && ns < u64::MAX as f64).then_some(ns as u64)
}

/// Finds the line that begins so, after blanks, and returns the rest of it.
pub(crate) fn after<'a>(text: &'a str, beginning: &str) -> Option<&'a str> {
    text.lines()
        .find_map(|line| line.trim_start().strip_prefix(beginning))
        .map(str::trim)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_of_every_unit_are_read() {
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
        fn anything_is_read_or_refused(text in "\\PC*|[0-9.]{0,30}(ns|us|ms|s|m|h)") {
            let _ = (duration_ns(&text), after(&text, "50%"));
        }
    }
}

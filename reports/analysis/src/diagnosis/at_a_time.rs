//! Number of requests that a service serves at a time.

use crate::format;

/// Number of requests that a service serves at a time, by Little's law.
#[derive(Debug, Clone, Copy)]
pub(super) struct AtATime {
    pub(super) number: f64,
    /// Mean service time at low load, in seconds.
    pub(super) service_s: f64,
}

impl AtATime {
    /// Returns whether the number is as good as whole, as that of a pool is.
    pub(super) fn is_whole(self) -> bool {
        (self.number / self.number.round() - 1.0).abs() <= 0.08 && self.number.round() >= 1.0
    }

    pub(super) fn text(self) -> String {
        nearly_whole(self.number)
    }

    /// Returns the number and its derivation from the rate above the knee, in a sentence.
    pub(super) fn sentence(self, rate: f64) -> String {
        format!(
            "{} answered above the knee, times {} for a request at low load, make {} requests at a time (Little's law)",
            format::rate(rate),
            format::duration_of(self.service_s * 1e9),
            self.text()
        )
    }
}

/// Returns a number as text: a whole one if it is close to that.
pub(super) fn nearly_whole(number: f64) -> String {
    let whole = number.round();
    match (number / whole - 1.0).abs() <= 0.08 && whole >= 1.0 {
        true => format::count(whole as u64),
        false => format::significant(number),
    }
}

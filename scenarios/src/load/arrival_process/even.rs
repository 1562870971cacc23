//! Arrivals at equal intervals.

/// Half a step, so that `n` arrivals are at the centers of `n` equal parts, and rounding at the end of
/// a phase can't add or drop one.
pub(super) const FIRST: f64 = 0.5;

/// Step between two arrivals.
pub(super) const STEP: f64 = 1.0;

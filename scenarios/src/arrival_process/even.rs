//! Arrivals at equal distances.

/// Half a step, so that `n` arrivals lie in the middle of `n` equal parts and no rounding at the
/// end of a phase can gain or lose one.
pub(super) const FIRST: f64 = 0.5;

/// The distance of two arrivals.
pub(super) const STEP: f64 = 1.0;

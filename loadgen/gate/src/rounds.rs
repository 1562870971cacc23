//! Measurement of both builds, round by round.

pub(crate) mod cause;
pub(crate) mod epoch;
mod meter;
pub(crate) mod round;

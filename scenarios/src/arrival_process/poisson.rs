//! Arrivals that know nothing of each other.

use rand::RngExt;
use rand_distr::Exp1;

use crate::stream::Stream;

/// Returns the distance of two arrivals: exponential, with a mean of one.
pub(super) fn step(random: &mut Stream) -> f64 {
    random.sample(Exp1)
}

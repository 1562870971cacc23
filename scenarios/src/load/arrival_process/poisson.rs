//! Independent arrivals.

use rand::RngExt;
use rand_distr::Exp1;

use crate::random::stream::Stream;

/// Returns the step to the next arrival: exponential, with a mean of one.
pub(super) fn step(random: &mut Stream) -> f64 {
    random.sample(Exp1)
}

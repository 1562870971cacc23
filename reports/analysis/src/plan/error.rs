//! Traffic for which there is no plan.

use thiserror::Error;

use super::box_count::TooManyBoxes;

/// Traffic for which there is no plan.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum PlanError {
    /// A quantity, by its title, is too large to be computed.
    #[error("the result for `{0}` is too large; plan less traffic, fewer years, or a lower --peak")]
    TooLarge(&'static str),
    /// The peak needs more boxes than any fleet has.
    #[error(transparent)]
    TooManyBoxes(#[from] TooManyBoxes),
}

//! The knee: the highest rate that a service sustains.
//!
//! [`Search`] says which rate to try next and for how long, and turns the outcomes into an [`Answer`]: the highest
//! rate that was sustained and the lowest that was not, each tried several times. It neither sends load nor reads a clock.
//! [`judge_trial`] turns the run of a trial into its outcome. A [`SearchReport`] is all that is known at the end.

mod answer;
mod change;
mod clustering;
mod comparison;
mod goal;
mod judge;
mod search;
mod search_report;
mod threshold;
mod trial;

pub use answer::{Answer, End, Hysteresis};
pub use change::{KneeChange, KneeVerdict};
pub use clustering::{SlowShare, clustering, widened};
pub use comparison::{BuildKnee, KneeComparison};
pub use goal::Goal;
pub use judge::{goodput, judge_trial};
pub use search::{Attempt, Search};
pub use search_report::{KneeLoad, OutcomeName, SearchReport, TrialFigures, TrialReport};
pub use trial::{Outcome, Trial};

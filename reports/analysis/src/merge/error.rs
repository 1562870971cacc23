//! Errors of a merge.

use std::path::PathBuf;

/// A reason why runs cannot be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// Fewer than two runs were given.
    #[error(
        "merging needs at least two runs, but {0} was given; name the run directory of each generator"
    )]
    TooFew(usize),
    /// Two runs are of different scenarios.
    #[error(
        "could not merge {one} and {other}: they differ in {what}; runs of one scenario can be merged, \
         with any seeds; to compare these runs, use `tenfold report`"
    )]
    Different {
        /// The first run.
        one: PathBuf,
        /// The run that differs from it.
        other: PathBuf,
        /// The difference.
        what: &'static str,
    },
    /// A run was given twice.
    #[error(
        "could not merge {one} and {other}: they are the same run, or one is part of the other; name \
         each run once"
    )]
    Same {
        /// The first run.
        one: PathBuf,
        /// The second run.
        other: PathBuf,
    },
    /// Two runs did not overlap in time.
    #[error(
        "could not merge {one} and {other}: they began {apart_s} s apart and last {lasts_s} s, so they \
         did not overlap; to compare them, use `tenfold report`"
    )]
    NotTogether {
        /// The first run.
        one: PathBuf,
        /// The run that began at another time.
        other: PathBuf,
        /// Seconds between their starts.
        apart_s: u64,
        /// Duration of the scenario, in seconds.
        lasts_s: u64,
    },
}

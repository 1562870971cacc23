//! Errors of a merge.

use std::path::PathBuf;

/// Why runs can't be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error(
        "merging takes two runs or more, and {0} was given; name each generator's run directory"
    )]
    TooFew(usize),
    /// Two of them did different things.
    #[error(
        "could not merge {one} and {other}: they differ in {what}; only runs of one scenario can be \
         merged, with any seeds; set them side by side with tenfold report"
    )]
    Different {
        /// The first run.
        one: PathBuf,
        /// The one that differs from it.
        other: PathBuf,
        /// In what.
        what: &'static str,
    },
    /// One was given twice.
    #[error(
        "could not merge {one} and {other}: they are one and the same run, or one is a part of the \
         other; name each run once"
    )]
    Same {
        /// The first.
        one: PathBuf,
        /// The second.
        other: PathBuf,
    },
    /// They did not run at one time.
    #[error(
        "could not merge {one} and {other}: they began {apart_s} s apart and last {lasts_s} s, so that \
         their load was never offered at once; set them side by side with tenfold report"
    )]
    NotTogether {
        /// The first.
        one: PathBuf,
        /// The one that began at another time.
        other: PathBuf,
        /// Seconds between their beginnings.
        apart_s: u64,
        /// Seconds that the scenario lasts.
        lasts_s: u64,
    },
}

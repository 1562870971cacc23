//! `comparison.json`: the knees of two builds.

use serde::{Deserialize, Serialize};

use super::change::{KneeChange, KneeVerdict};
use super::search_report::SearchReport;

/// Version of the format.
const VERSION: u32 = 1;

/// The knees of two builds, searched in turns.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KneeComparison {
    /// Version of this format.
    pub version: u32,
    /// What the change means.
    pub verdict: KneeVerdict,
    /// Change of the knee. `None` if an end of either knee is not known.
    pub change: Option<KneeChange>,
    /// Smallest loss that is to be found, as a share of the baseline's knee.
    pub min_effect: f64,
    /// Build to compare with.
    pub baseline: BuildKnee,
    /// Build to judge.
    pub candidate: BuildKnee,
}

/// The knee of one of two builds. The directories of its trials are below the one with its name, `baseline` or `candidate`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct BuildKnee {
    /// The build, as the user named it.
    pub build: String,
    /// Its search.
    pub search: SearchReport,
}

impl KneeComparison {
    /// Judges the searches of two builds. `min_effect` is a share of the baseline's knee.
    pub fn new(
        baseline: BuildKnee,
        candidate: BuildKnee,
        change: Option<KneeChange>,
        min_effect: f64,
    ) -> Self {
        let [before, after] = [&baseline, &candidate].map(|own| &own.search.answer);
        Self {
            version: VERSION,
            verdict: KneeVerdict::of(change, before, after, min_effect),
            change,
            min_effect,
            baseline,
            candidate,
        }
    }
}

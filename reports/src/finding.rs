//! A finding of a run as a part of a report.

use tenfold_analysis::{Confidence, Finding};

use crate::document::{self, Block};

/// Returns a finding with its evidence. `run` names the run if the report has several.
pub(crate) fn block(finding: &Finding, run: Option<&str>) -> Block {
    let confidence = match finding.confidence {
        Confidence::High => "high confidence",
        Confidence::Medium => "medium confidence",
        Confidence::Low => "low confidence",
    };
    Block::Finding(document::Finding {
        title: finding.title.clone(),
        tag: match run {
            Some(run) => format!("{run}; {confidence}"),
            None => confidence.to_owned(),
        },
        evidence: finding.evidence.clone(),
        advice: finding.advice.clone(),
    })
}

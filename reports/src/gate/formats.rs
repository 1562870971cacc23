//! The formats in which a gate is exported.

mod github;
mod html;
mod json;
mod junit;
mod markdown;
mod text;

use std::path::Path;

use tenfold_analysis::gate::GateOutcome;

use crate::export::{Export, Format, Subject};
use crate::gate::attachments::Attachments;

pub use html::FORMAT as HTML;
pub use json::FORMAT as JSON;

/// A gate as the subject of exports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct GateSubject;

/// An export of a gate.
pub type GateExport = Export<GateSubject>;

/// The outcome of a gate with its flamegraphs.
#[derive(Debug, Clone, Copy)]
pub struct GateResults<'a> {
    /// The outcome.
    pub outcome: &'a GateOutcome,
    /// Flamegraphs and address of the report.
    pub attachments: &'a Attachments,
    /// The directory of the gate.
    pub directory: &'a Path,
}

impl Subject for GateSubject {
    type Results<'a> = GateResults<'a>;

    const FORMATS: &'static [Format<Self>] = &[
        json::FORMAT,
        html::FORMAT,
        markdown::FORMAT,
        junit::FORMAT,
        github::FORMAT,
        text::FORMAT,
    ];

    const USES_STANDARD_OUTPUT: bool = false;

    fn directory<'a>(results: &'a GateResults<'a>) -> &'a Path {
        results.directory
    }
}

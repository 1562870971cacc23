//! The profiles of a gate, and the address of its report.

use std::path::Path;

use tenfold_analysis::gate::GateOutcome;
use tenfold_run_dir::Flamegraph;

/// Content of a report that is not part of the outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Attachments {
    /// Address of the full report, for readers of the Markdown.
    pub report: Option<String>,
    /// Profiles that the outcome names.
    pub flamegraphs: GateFlamegraphs,
}

/// The profiles of a gate.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GateFlamegraphs {
    /// The baseline's profile.
    pub baseline: Option<Flamegraph>,
    /// The candidate's profile.
    pub candidate: Option<Flamegraph>,
    /// The difference, as wide as the candidate. `None` unless an earlier version drew it.
    pub difference: Option<Flamegraph>,
    /// The difference, as wide as the baseline. `None` unless an earlier version drew it.
    pub difference_reversed: Option<Flamegraph>,
}

impl Attachments {
    /// Reads the files that an outcome names from its directory. Skips a file that can't be read, and a name that leads
    /// out of the directory.
    pub fn read(directory: &Path, outcome: &GateOutcome) -> Self {
        let read = |name: &Option<String>| {
            let name = Path::new(name.as_deref()?);
            // The outcome may come from an untrusted file.
            let is_name = name.file_name() == Some(name.as_os_str());
            is_name.then(|| Flamegraph::read(&directory.join(name)).ok())?
        };
        let named = outcome.cause.as_ref().map(|cause| &cause.flamegraphs);
        Self {
            report: None,
            flamegraphs: named.map_or_else(GateFlamegraphs::default, |named| GateFlamegraphs {
                baseline: read(&named.baseline),
                candidate: read(&named.candidate),
                difference: read(&named.difference),
                difference_reversed: read(&named.difference_reversed),
            }),
        }
    }
}

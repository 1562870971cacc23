//! What stands beside an outcome: the profiles it names, and the report's address.

use std::path::Path;

use tenfold_analysis::gate::GateOutcome;
use tenfold_run_dir::Flamegraph;

/// What stands beside an outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// Where the report can be read, for those who see the Markdown only.
    pub report: Option<String>,
    /// What the flamegraphs that the outcome names are drawn from.
    pub flamegraphs: GateFlamegraphs,
}

/// What a gate's flamegraphs are drawn from.
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

impl Beside {
    /// Reads the files that an outcome names from its directory. Skips a file that can't be read, and a name that leads
    /// out of the directory.
    pub fn read(directory: &Path, outcome: &GateOutcome) -> Self {
        let read = |name: &Option<String>| {
            let name = Path::new(name.as_deref()?);
            // The name comes from a file, so it may be anything.
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

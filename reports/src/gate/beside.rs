//! What stands beside an outcome: the flamegraphs it names, and the report's address.

use std::path::Path;

use tenfold_analysis::gate::{Flamegraphs, GateOutcome};

/// What stands beside an outcome.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Beside {
    /// Where the report can be read, for those who see the Markdown only.
    pub report: Option<String>,
    /// The flamegraphs as SVG, in place of their files' names.
    pub flamegraphs: Flamegraphs,
}

impl Beside {
    /// Reads the flamegraphs that an outcome names from its directory. One that can't be read is left
    /// out, as is a name that leads out of the directory.
    pub fn read(directory: &Path, outcome: &GateOutcome) -> Self {
        let read = |name: &Option<String>| {
            let name = Path::new(name.as_deref()?);
            // A name is all that is taken: what an outcome says comes from a file, too.
            let is_name = name.file_name() == Some(name.as_os_str());
            is_name.then(|| std::fs::read_to_string(directory.join(name)).ok())?
        };
        let named = outcome.cause.as_ref().map(|cause| &cause.flamegraphs);
        Self {
            report: None,
            flamegraphs: named.map_or_else(Flamegraphs::default, |named| Flamegraphs {
                baseline: read(&named.baseline),
                candidate: read(&named.candidate),
                difference: read(&named.difference),
                difference_reversed: read(&named.difference_reversed),
            }),
        }
    }
}

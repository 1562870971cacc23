//! Input of a flamegraph.

use std::fs;
use std::path::Path;

use super::FoldedStacks;
use crate::RunDirError;

/// Input of a flamegraph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flamegraph {
    /// The stacks of a profile.
    Stacks(FoldedStacks),
    /// A drawing in SVG, which earlier versions stored in place of the stacks.
    Drawing(String),
}

impl Flamegraph {
    /// Reads a file: folded stacks if its extension is `folded`, else a drawing.
    ///
    /// # Errors
    /// If the file can't be read or does not hold folded stacks.
    pub fn read(path: &Path) -> Result<Self, RunDirError> {
        let text = fs::read_to_string(path).map_err(|source| RunDirError::Read {
            path: path.to_owned(),
            source,
        })?;
        if path
            .extension()
            .is_none_or(|extension| extension != "folded")
        {
            return Ok(Self::Drawing(text));
        }
        text.parse()
            .map(Self::Stacks)
            .map_err(|reason| RunDirError::Malformed {
                path: path.to_owned(),
                reason,
            })
    }
}

//! Positions in a scenario.

/// Position of a value in a scenario, for errors that are found after it was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub(crate) line: usize,
    /// Column, in characters from 1.
    pub(crate) column: usize,
}

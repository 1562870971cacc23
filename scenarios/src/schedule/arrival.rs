//! A planned request.

use std::time::Duration;

use crate::request::draw::Draw;

/// A planned request, with its intended time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Arrival {
    /// Position in the schedule, from 0.
    pub sequence: u64,
    /// Intended time, from the start of the run.
    pub intended: Duration,
    /// Index into [`Scenario::phases`](crate::Scenario::phases).
    pub phase: usize,
    /// Request to send.
    pub draw: Draw,
}

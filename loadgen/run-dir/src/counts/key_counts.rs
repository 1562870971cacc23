//! Requests for popular keys.

use serde::{Deserialize, Serialize};

/// Requests for the popular keys of one key space.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct KeyCounts {
    /// Counted requests with a key of this space.
    pub requests: u64,
    /// Requests for the keys of rank 1, 2, ... 10.
    pub first_ranks: Vec<u64>,
    /// For each k of 1, 10, 100, ..., up to the number of keys: requests for the k most popular.
    pub top: Vec<TopCount>,
}

/// Requests for the most popular keys.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TopCount {
    /// Number of keys.
    pub top: u64,
    /// Requests for these keys.
    pub requests: u64,
}

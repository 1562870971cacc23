//! `profile/heap.json` and its stacks: memory that a service allocated during a run.

use serde::{Deserialize, Serialize};

use crate::FoldedStacks;

/// Memory that a service allocated between two heap profiles, before the first request and after the last.
#[derive(Debug, Clone, PartialEq)]
pub struct HeapProfile {
    /// Source and sums.
    pub info: HeapInfo,
    /// Bytes allocated in between, by stack. Empty if the service reports only what is in use.
    pub allocated: FoldedStacks,
    /// Bytes in use after, less those before, by stack: only stacks that grew.
    pub grown: FoldedStacks,
}

/// Source and sums of a heap profile. The profiler of the service samples allocations, so that sums are estimates.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HeapInfo {
    /// URL of the profile.
    pub source: String,
    /// Time between the two profiles, in nanoseconds.
    pub duration_ns: u64,
    /// Bytes allocated in between. `None` if the service reports only what is in use.
    pub allocated_bytes: Option<u64>,
    /// Bytes in use before.
    pub in_use_before_bytes: u64,
    /// Bytes in use after.
    pub in_use_after_bytes: u64,
}

impl HeapInfo {
    /// Bytes by which the heap grew. Negative if it shrank.
    pub fn grown_bytes(&self) -> i64 {
        let difference = i128::from(self.in_use_after_bytes) - i128::from(self.in_use_before_bytes);
        i64::try_from(difference).unwrap_or(if difference < 0 { i64::MIN } else { i64::MAX })
    }

    /// Bytes allocated for each of `requests`. `None` without requests, or if allocations are not known.
    pub fn bytes_per_request(&self, requests: u64) -> Option<f64> {
        let bytes = self.allocated_bytes.filter(|_| requests > 0)?;
        Some(bytes as f64 / requests as f64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reckons_growth_and_bytes_per_request() {
        let mut info = HeapInfo {
            source: "here".to_owned(),
            duration_ns: 1,
            allocated_bytes: Some(5_000),
            in_use_before_bytes: 300,
            in_use_after_bytes: 100,
        };
        assert_eq!(
            (info.grown_bytes(), info.bytes_per_request(10)),
            (-200, Some(500.0))
        );
        assert_eq!(info.bytes_per_request(0), None);
        info.in_use_before_bytes = u64::MAX;
        info.allocated_bytes = None;
        assert_eq!(
            (info.grown_bytes(), info.bytes_per_request(10)),
            (i64::MIN, None)
        );
    }
}

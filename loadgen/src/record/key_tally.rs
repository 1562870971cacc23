//! Requests for the popular keys.

use tenfold_run_dir::counts::{KeyCounts, TopCount};

/// The number of ranks that are counted individually.
const FIRST_RANKS: usize = 10;

/// Counts requests for the popular keys of one key space.
#[derive(Debug)]
pub(crate) struct KeyTally {
    requests: u64,
    first_ranks: [u64; FIRST_RANKS],
    top: Vec<TopCount>,
}

impl KeyTally {
    /// Creates a tally for `keys` keys.
    pub(crate) fn new(keys: u64) -> Self {
        let tops = std::iter::successors(Some(1_u64), |top| top.checked_mul(10))
            .take_while(|top| *top < keys)
            .chain([keys]);
        Self {
            requests: 0,
            first_ranks: [0; FIRST_RANKS],
            top: tops.map(|top| TopCount { top, requests: 0 }).collect(),
        }
    }

    /// Counts a request for the key with this rank, from 0.
    pub(crate) fn add(&mut self, rank: u64) {
        self.requests += 1;
        if let Some(count) = usize::try_from(rank)
            .ok()
            .and_then(|r| self.first_ranks.get_mut(r))
        {
            *count += 1;
        }
        for top in self.top.iter_mut().rev().take_while(|top| rank < top.top) {
            top.requests += 1;
        }
    }

    /// The counts, for the run directory.
    pub(crate) fn counts(&self) -> KeyCounts {
        KeyCounts {
            requests: self.requests,
            first_ranks: self.first_ranks.to_vec(),
            top: self.top.clone(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_key_in_every_top_group() {
        let mut tally = KeyTally::new(250);
        for rank in [0, 0, 9, 10, 249] {
            tally.add(rank);
        }
        let counts = tally.counts();
        assert_eq!(counts.requests, 5);
        assert_eq!(counts.first_ranks, [2, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        let top: Vec<_> = counts
            .top
            .iter()
            .map(|top| (top.top, top.requests))
            .collect();
        assert_eq!(top, [(1, 2), (10, 3), (100, 4), (250, 5)]);
    }
}

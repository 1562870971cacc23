//! How much of the load went to the most popular keys.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Run;

use crate::stats::proportion::wilson_interval;

/// How much of the load on one key space went to its most popular keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotKeys {
    /// The key space's name.
    pub key_space: String,
    /// Its popularity, as a person would say it.
    pub popularity: String,
    /// How many keys it has.
    pub keys: u64,
    /// Counted requests with a key of it.
    pub requests: u64,
    /// The shares of the most popular keys.
    pub shares: Vec<TopShare>,
}

/// The share of the requests that the `top` most popular keys took.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopShare {
    /// How many keys.
    pub top: u64,
    /// Their share, 0 to 1.
    pub measured: f64,
    /// The interval that holds the true share with 95% confidence.
    pub interval_95: [f64; 2],
    /// Their share in theory; none where there is no theory.
    pub theory: Option<f64>,
}

/// Returns the shares of the most popular keys, for each key space that was asked.
pub(crate) fn hot_keys(run: &Run) -> Vec<HotKeys> {
    let spaces = run.manifest.key_spaces.iter().zip(&run.counts.keys);
    spaces
        .filter(|(_, counts)| counts.requests > 0)
        .map(|(space, counts)| HotKeys {
            key_space: space.name.clone(),
            popularity: space.popularity.clone(),
            keys: space.count,
            requests: counts.requests,
            shares: counts
                .top
                .iter()
                .map(|top| TopShare {
                    top: top.top,
                    measured: top.requests as f64 / counts.requests as f64,
                    interval_95: wilson_interval(top.requests, counts.requests),
                    theory: space
                        .theory
                        .iter()
                        .find(|share| share.top == top.top)
                        .map(|share| share.share),
                })
                .collect(),
        })
        .collect()
}

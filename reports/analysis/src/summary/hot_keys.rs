//! Share of the load on the most popular keys.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Run;

use tenfold_stats::wilson_interval;

/// Share of the load of a key space on its most popular keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct HotKeys {
    /// Name of the key space.
    pub key_space: String,
    /// Popularity distribution, described in words.
    pub popularity: String,
    /// Number of keys.
    pub keys: u64,
    /// Counted requests with a key of this key space.
    pub requests: u64,
    /// Shares of the most popular keys.
    pub shares: Vec<TopShare>,
}

/// Share of the requests on the `top` most popular keys.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TopShare {
    /// Number of keys.
    pub top: u64,
    /// Measured share, 0 to 1.
    pub measured: f64,
    /// 95% confidence interval of the share.
    pub interval_95: [f64; 2],
    /// Theoretical share, 0 to 1. `None` if the distribution has no closed form.
    pub theory: Option<f64>,
}

/// Returns the shares of the most popular keys, for each key space with requests.
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

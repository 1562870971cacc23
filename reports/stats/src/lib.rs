//! Statistics of [Tenfold](https://crates.io/crates/tenfold), shared by summaries, findings, searches, gates and histories.
//!
//! Independent of runs: each function takes numbers and returns an estimate with its interval, or a p-value. Each
//! cites its source and states its assumptions.
//!
//! It is released together with Tenfold, at the same version. Its interface may change with every minor version.

mod alpha_spending;
mod block_bootstrap;
mod block_length;
mod change_points;
mod cluster;
mod fisher;
mod hodges_lehmann;
mod holm;
mod median;
mod normal;
mod order_statistic;
mod power;
mod proportion;
mod qn_scale;
mod ranks;
mod scalability;
mod sen_slope;
mod serial;
mod sign_test;
mod signed_rank;
mod student;

pub use alpha_spending::{Look, Split, looks};
pub use block_bootstrap::{MovingBlocks, bootstrap_interval};
pub use block_length::block_length;
pub use change_points::{ChangePoint, ChangePointSettings, change_points};
pub use cluster::cluster_inflation;
pub use fisher::fisher_exact;
pub use hodges_lehmann::{HodgesLehmann, Interval, WalshAverages};
pub use holm::holm;
pub use median::median;
pub use order_statistic::{
    CONFIDENCE, Estimate, OrderStatistics, SAMPLES_BEYOND, interval_ranks, rank, samples_beyond,
};
pub use power::{rounds_min, rounds_needed, smallest_detectable};
pub use proportion::{Proportion, newcombe_interval, wilson_interval};
pub use qn_scale::qn_scale;
pub use ranks::ranks;
pub use scalability::{Capacity, Fitted, Scalability};
pub use sen_slope::SenSlope;
pub use serial::{correct_p_value, serial_inflation};
pub use sign_test::sign_test;
pub use signed_rank::SignedRank;
pub use student::mean_interval;

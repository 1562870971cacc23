//! Statistics, shared by summaries, findings, gates and histories.
//!
//! Independent of runs and gates: each function takes numbers and returns an estimate with its interval, or
//! a p-value. Each cites its source and states its assumptions.

pub(crate) mod alpha_spending;
pub(crate) mod block_bootstrap;
pub(crate) mod block_length;
pub(crate) mod change_points;
pub(crate) mod cluster;
pub(crate) mod fisher;
pub(crate) mod hodges_lehmann;
pub(crate) mod holm;
pub(crate) mod median;
pub(crate) mod normal;
pub(crate) mod order_statistic;
pub(crate) mod power;
pub(crate) mod proportion;
pub(crate) mod qn_scale;
pub(crate) mod ranks;
pub(crate) mod scalability;
pub(crate) mod serial;
pub(crate) mod sign_test;
pub(crate) mod signed_rank;
pub(crate) mod student;

pub use alpha_spending::{Look, Split, looks};
pub use block_bootstrap::{MovingBlocks, bootstrap_interval};
pub use block_length::block_length;
pub use change_points::{ChangePoint, ChangePointSettings, change_points};
pub use hodges_lehmann::{HodgesLehmann, Interval, WalshAverages};
pub use holm::holm;
pub use order_statistic::{
    CONFIDENCE, Estimate, OrderStatistics, SAMPLES_BEYOND, interval_ranks, samples_beyond,
};
pub use power::{rounds_needed, smallest_detectable};
pub use proportion::wilson_interval;
pub use qn_scale::qn_scale;
pub use scalability::{Capacity, Fitted, Scalability};
pub use serial::serial_inflation;
pub use signed_rank::SignedRank;

//! The documents of a run directory besides counts and interval log, one module each.

pub mod agents;
pub mod agreement;
pub mod balancer_use;
pub mod box_use;
pub mod component_use;
pub mod faults;
mod flamegraph;
mod folded_stacks;
pub mod heap;
pub mod host_timeline;
pub mod incident;
pub mod manifest;
pub mod off_cpu;
mod profile_info;
pub mod sample;
pub mod scaling;
pub mod server_timing;
pub mod target_metrics;
pub mod timeline;

pub use flamegraph::Flamegraph;
pub use folded_stacks::FoldedStacks;
pub use profile_info::ProfileInfo;

//! Boxes: child processes with an allowance, addresses and a log.

pub(crate) mod addresses;
pub(crate) mod box_plan;
pub(crate) mod build;
pub(crate) mod cgroup;
pub(crate) mod guard;
pub(crate) mod lab_box;
mod log_file;
pub(crate) mod process_usage;
pub(crate) mod readiness;
pub(crate) mod renewal;

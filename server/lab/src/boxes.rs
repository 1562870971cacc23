//! A box: a child process with its allowance, its addresses and its log.

pub(crate) mod addresses;
pub(crate) mod box_plan;
pub(crate) mod cgroup;
pub(crate) mod guard;
pub(crate) mod lab_box;
mod log_file;
mod process_usage;
pub(crate) mod readiness;

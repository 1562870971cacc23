//! Where a build answers, and what of it can be seen from outside.

use tenfold_loadgen::Target;
use tenfold_probe::AdminListener;

/// Where a build answers, and what of it can be seen from outside.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Where requests are sent.
    pub target: Target,
    /// Where it has metrics and profiles, if it does.
    pub admin: Option<AdminListener>,
    /// The process whose tree it is, where that is on this machine and known.
    pub pid: Option<u32>,
}

//! Objections to a noisy or busy host.

use tenfold_run_dir::Run;

use crate::format;
use crate::summary::Summary;
use crate::verdict::objection::{Objection, suspect};

/// Maximum share of stolen CPU time, above which the host counts as noisy.
const STOLEN_MAX: f64 = 0.05;

/// Maximum share of the cores in use by other processes, above which the host counts as busy.
const USED_BY_OTHERS_MAX: f64 = 0.25;

/// Objects to a host that lost CPU time to other virtual machines.
pub(super) fn noisy_host(run: &Run, summary: &Summary) -> Option<Objection> {
    let stolen = summary.host_usage.as_ref()?.cores_stolen?;
    let share = stolen / run.manifest.host.cores.max(1) as f64;
    if share <= STOLEN_MAX {
        return None;
    }
    suspect(format!(
        "the host is noisy: {} of its CPU time went to other virtual machines (steal)",
        format::percent(share)
    ))
}

/// Objects to a host whose CPU other processes used.
pub(super) fn busy_host(summary: &Summary) -> Option<Objection> {
    let host = summary.host_usage.as_ref()?;
    let others = host.cores_used_by_others?;
    if others <= USED_BY_OTHERS_MAX * host.cores as f64 {
        return None;
    }
    suspect(format!(
        "the host was busy: processes other than generator and service used {} of its {} cores",
        format::significant(others),
        host.cores
    ))
}

//! Objections from the machine.

use tenfold_run_dir::Run;

use crate::format;
use crate::summary::Summary;
use crate::verdict::objection::{Objection, suspect};

/// The share of the machine's processors that others may take before the host counts as noisy.
const MOST_STOLEN: f64 = 0.05;

/// The share of the machine's processors that other programs on it may use before it counts as busy.
const MOST_USED_BY_OTHERS: f64 = 0.25;

pub(super) fn noisy_host(run: &Run, summary: &Summary) -> Option<Objection> {
    let stolen = summary.host_usage.as_ref()?.cores_stolen?;
    let share = stolen / run.manifest.host.cores.max(1) as f64;
    if share <= MOST_STOLEN {
        return None;
    }
    suspect(format!(
        "the machine is noisy: {} of its processor time went to other machines (steal)",
        format::percent(share)
    ))
}

pub(super) fn busy_host(summary: &Summary) -> Option<Objection> {
    let host = summary.host_usage.as_ref()?;
    let others = host.cores_used_by_others?;
    if others <= MOST_USED_BY_OTHERS * host.cores as f64 {
        return None;
    }
    suspect(format!(
        "the machine was busy: programs that are neither generator nor service used {} of its {} \
         processors",
        format::significant(others),
        host.cores
    ))
}

//! Events of the groups of a stage during a run: `scaling.json`.

use std::time::{SystemTime, UNIX_EPOCH};

use tenfold_lab::{GroupStatus, LabStatus};
use tenfold_run_dir::scaling::{ScaledGroup, Scaling};
use tenfold_run_dir::{RunDir, RunDirError};

/// Writes the groups as they were before the run, and the events of the lab's log since then. Writes nothing for a stage that
/// does not scale.
///
/// `looked` is the time of the status, and `started` that at which the clock of the run read zero.
pub(crate) fn write(
    run_dir: &RunDir,
    before: &LabStatus,
    log: &str,
    (looked, started): (SystemTime, SystemTime),
) -> Result<(), RunDirError> {
    if before.groups.is_empty() {
        return Ok(());
    }
    let mut scaling = Scaling {
        groups: before.groups.iter().map(group).collect(),
        events: Vec::new(),
    };
    scaling.add_log(log, unix_ms(looked), unix_ms(started));
    run_dir.write_scaling(&scaling)
}

fn group(own: &GroupStatus) -> ScaledGroup {
    ScaledGroup {
        name: own.name.clone(),
        wish: own.wish,
        ready: own.ready,
        min_replicas: own.min_replicas,
        max_replicas: own.max_replicas,
    }
}

/// Returns the milliseconds since 1970.
pub(crate) fn unix_ms(time: SystemTime) -> u64 {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

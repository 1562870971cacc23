//! Status of a group of boxes that come and go, and the table that shows it.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::balancer::ServerStatus;
use crate::boxes::cgroup::Usage;
use crate::options::allowance::Allowance;
use crate::table;

/// A group of boxes that come and go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupStatus {
    /// Name of the group, which is the role of its boxes.
    pub name: String,
    /// Number of boxes that Prometheus wishes. `None` if it has not answered yet.
    pub wish: Option<u32>,
    /// Number of boxes, without those that are drained.
    pub boxes: u32,
    /// Number of those that are ready.
    pub ready: u32,
    /// Smallest number of boxes.
    pub min_replicas: u32,
    /// Largest number of boxes.
    pub max_replicas: u32,
    /// Reason for the wish, or why there is none.
    pub reason: String,
}

/// Resources that a box which comes and goes has used since the lab started, over all of its starts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SpareUse {
    /// Name of the box.
    pub name: String,
    /// CPU and memory allowance. `None` if not confined.
    pub allowance: Option<Allowance>,
    /// Time for which it ran, in seconds.
    pub up_for_s: f64,
    /// CPU and memory. Memory is that of the latest start.
    pub usage: Usage,
    /// Counters of its servers that the balancer has forgotten. `None` if there are none.
    pub forgotten: Option<ServerStatus>,
}

/// Writes a table of the groups. Writes nothing without groups.
pub(crate) fn write_table(f: &mut fmt::Formatter<'_>, groups: &[GroupStatus]) -> fmt::Result {
    if groups.is_empty() {
        return Ok(());
    }
    let mut rows =
        vec![["group", "wish", "boxes", "ready", "allowed", "reason"].map(str::to_owned)];
    rows.extend(groups.iter().map(|own| {
        [
            own.name.clone(),
            own.wish
                .map_or_else(|| "-".to_owned(), |wish| wish.to_string()),
            own.boxes.to_string(),
            own.ready.to_string(),
            format!("{} to {}", own.min_replicas, own.max_replicas),
            own.reason.clone(),
        ]
    }));
    writeln!(f)?;
    table::write(f, &rows)
}

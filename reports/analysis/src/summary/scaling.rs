//! Delays between the load and the boxes of a stage.

use serde::{Deserialize, Serialize};

/// Delays between the load and the boxes of a stage.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ScalingSummary {
    /// The groups.
    pub groups: Vec<GroupScaling>,
    /// Times at which a group got more boxes, in order.
    pub scale_ups: Vec<ScaleUp>,
    /// Time of the intervals in which an objective was missed, in seconds. `None` without objectives.
    #[serde(default)]
    pub missed_s: Option<f64>,
    /// Time of all intervals with requests, in seconds. `None` without objectives.
    #[serde(default)]
    pub judged_s: Option<f64>,
}

/// Size of a group during the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct GroupScaling {
    /// Name.
    pub name: String,
    /// Least number of boxes that were ready.
    pub boxes_min: u32,
    /// Largest number of boxes that were ready.
    pub boxes_max: u32,
    /// Sum of the time of all ready boxes, in seconds: what the group cost.
    pub box_seconds: f64,
    /// Boxes that were started, or taken back while they were drained.
    pub added: u32,
    /// Boxes that were drained.
    pub drained: u32,
    /// Boxes that failed.
    pub failed: u32,
}

/// A wish for more boxes, and what followed. Times are nanoseconds since the start of the run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScaleUp {
    /// Name of the group.
    pub group: String,
    /// Wish before.
    pub from: u32,
    /// Wish.
    pub to: u32,
    /// Reason for the wish.
    pub reason: String,
    /// Boxes that were added for it.
    pub boxes: Vec<String>,
    /// The offered rate reached the level that the metric then saw. `None` if no rise of the load explains the wish.
    pub load_rose_ns: Option<i64>,
    /// A metric or a schedule asked for more boxes.
    pub metric_saw_ns: i64,
    /// The rules wished them.
    pub wished_ns: i64,
    /// The first box was started. `None` if none was.
    pub started_ns: Option<i64>,
    /// The last of the boxes was ready. `None` if one was not.
    pub ready_ns: Option<i64>,
    /// The last of the boxes got its first request. `None` if one got none.
    pub first_request_ns: Option<i64>,
    /// An objective was first missed since the load rose. `None` if none was until the next wish for more boxes.
    pub missed_ns: Option<i64>,
    /// The objectives were met again. `None` if none was missed, or not until the end.
    pub met_again_ns: Option<i64>,
    /// Requests that were answered slower than the objectives allow, from the rise of the load until the objectives were met
    /// again; until the first request of the last box if none was missed. `None` without objectives.
    pub slow: Option<u64>,
    /// Requests that failed or were dropped in the same time. `None` without objectives.
    pub lost: Option<u64>,
}

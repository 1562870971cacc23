//! Series that the rules read and record.
//!
//! The rules read, with the label `group` and, for those of boxes, `box`:
//!
//! | series | |
//! |---|---|
//! | `tenfold_box_ready` | 1 for a box that is ready, 0 for one that is not; absent for one that is drained |
//! | `tenfold_box_cpu_utilization` | CPU used, as a share of the allowance |
//! | `tenfold_box_network_bytes_per_second` | bytes received and sent |
//! | `tenfold_box_NAME` | a custom metric without a query |
//! | `tenfold_group_latency_seconds` | latency, with the label `quantile` |

use crate::policy::{Group, Metric, Signal};

/// Query for a metric, and how it becomes a number of boxes.
pub(super) enum Measured {
    /// Sum over the boxes that are ready, to be divided by the target of one box.
    PerBox {
        /// The series of the boxes.
        boxes: String,
        /// Target of one box.
        target: f64,
    },
    /// Sum over the group, to be divided by the target of one box.
    Sum {
        /// The query.
        query: String,
        /// Target of one box.
        target: f64,
    },
    /// One value for the group, which is compared with its target.
    Value {
        /// The query.
        query: String,
        /// Target of the group.
        target: f64,
    },
}

/// Name of the series for a metric of boxes. `None` if it is no series of boxes.
pub(super) fn of_boxes(metric: &Metric) -> Option<String> {
    match &metric.signal {
        Signal::Cpu { .. } => Some("tenfold_box_cpu_utilization".to_owned()),
        Signal::Network { .. } => Some("tenfold_box_network_bytes_per_second".to_owned()),
        Signal::Custom { query: None, .. } => Some(format!("tenfold_box_{}", metric.name)),
        Signal::Latency { .. } | Signal::Custom { .. } => None,
    }
}

/// Name of the series for latencies.
pub(super) const LATENCY: &str = "tenfold_group_latency_seconds";

/// Returns the query for a metric of a group.
pub(super) fn measured(group: &str, metric: &Metric) -> Measured {
    let boxes = |target: f64| Measured::PerBox {
        boxes: format!(
            "{}{{group=\"{group}\"}}",
            of_boxes(metric).unwrap_or_default()
        ),
        target,
    };
    match &metric.signal {
        Signal::Cpu { target } => boxes(f64::from(target.0) / 100.0),
        Signal::Network { target } => boxes(target.0 as f64),
        Signal::Custom {
            target,
            query: None,
        } => boxes(*target),
        Signal::Custom {
            target,
            query: Some(query),
        } => Measured::Sum {
            query: query.clone(),
            target: *target,
        },
        Signal::Latency { quantile, target_s } => Measured::Value {
            query: format!("{LATENCY}{{group=\"{group}\",quantile=\"{quantile}\"}}"),
            target: *target_s,
        },
    }
}

/// Restricts a series of boxes to those that are ready.
pub(super) fn ready(group: &str, boxes: &str) -> String {
    format!("{boxes} and on (box) tenfold_box_ready{{group=\"{group}\"}} == 1")
}

/// Notes on what a metric needs outside the lab.
pub(super) fn needs_query(metric: &Metric) -> Option<&str> {
    match &metric.signal {
        Signal::Custom { query, .. } => query.as_deref(),
        _ => None,
    }
}

/// Returns whether a limit on scaling was set that only Prometheus' rules have.
pub(super) fn has_cooldown(group: &Group) -> bool {
    group.scale_up.cooldown.0 > 0 || group.scale_down.cooldown.0 > 0
}

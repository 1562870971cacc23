//! The `behavior` of an autoscaler, which Kubernetes and KEDA share.

use super::node::Node;
use crate::policy::{Amount, Group, Scaling, Select};

/// Kubernetes' default for the whole cluster.
const TOLERANCE: f64 = 0.1;

/// Writes both directions. `with_tolerance` is false for programs that do not know this field.
pub(super) fn behavior(group: &Group, with_tolerance: bool) -> Node {
    Node::Map(vec![
        ("scaleUp", direction(&group.scale_up, with_tolerance)),
        ("scaleDown", direction(&group.scale_down, with_tolerance)),
    ])
}

/// Returns whether a tolerance differs from the default.
pub(super) fn has_own_tolerance(group: &Group) -> bool {
    [&group.scale_up, &group.scale_down]
        .iter()
        .any(|own| own.tolerance != TOLERANCE)
}

fn direction(scaling: &Scaling, with_tolerance: bool) -> Node {
    let policies = scaling.policies.iter().map(|limit| {
        let (kind, value) = match limit.amount {
            Amount::Boxes(count) => ("Pods", count),
            Amount::Percent(share) => ("Percent", share),
        };
        Node::Map(vec![
            ("type", Node::text(kind)),
            ("value", Node::whole(value)),
            ("periodSeconds", Node::whole(limit.period.0)),
        ])
    });
    let mut fields = vec![
        (
            "stabilizationWindowSeconds",
            Node::whole(scaling.stabilization_window.0),
        ),
        (
            "selectPolicy",
            Node::text(match scaling.select_policy {
                Select::Max => "Max",
                Select::Min => "Min",
                Select::Disabled => "Disabled",
            }),
        ),
        ("policies", Node::List(policies.collect())),
    ];
    if with_tolerance && scaling.tolerance != TOLERANCE {
        fields.insert(0, ("tolerance", Node::text(scaling.tolerance.to_string())));
    }
    Node::Map(fields)
}

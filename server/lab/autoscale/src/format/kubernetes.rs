//! Manifests of Kubernetes' HorizontalPodAutoscaler (autoscaling/v2), each for a Deployment named like the group.

use super::behavior::{behavior, has_own_tolerance};
use super::node::Node;
use super::series;
use crate::policy::{Group, Metric, Policy, Signal};

/// Writes a manifest for each group.
pub(super) fn manifests(policy: &Policy, notes: &mut Vec<String>) -> Vec<Node> {
    for (name, group) in &policy.groups {
        note_gaps(name, group, notes);
    }
    // With an empty list of metrics, Kubernetes would scale by CPU.
    let groups = policy
        .groups
        .iter()
        .filter(|(_, group)| !group.metrics.is_empty());
    let manifests = groups.map(|(name, group)| {
        let metrics = group.metrics.iter().map(|own| metric(name, own)).collect();
        let mut spec = vec![
            (
                "scaleTargetRef",
                Node::Map(vec![
                    ("apiVersion", Node::text("apps/v1")),
                    ("kind", Node::text("Deployment")),
                    ("name", Node::text(name)),
                ]),
            ),
            ("minReplicas", Node::whole(group.min_replicas)),
            ("maxReplicas", Node::whole(group.max_replicas)),
        ];
        spec.push(("metrics", Node::List(metrics)));
        spec.push(("behavior", behavior(group, true)));
        Node::Map(vec![
            ("apiVersion", Node::text("autoscaling/v2")),
            ("kind", Node::text("HorizontalPodAutoscaler")),
            ("metadata", Node::Map(vec![("name", Node::text(name))])),
            ("spec", Node::Map(spec)),
        ])
    });
    manifests.collect()
}

fn note_gaps(name: &str, group: &Group, notes: &mut Vec<String>) {
    if group.metrics.is_empty() {
        notes.push(format!(
            "groups.{name}: without metrics, Kubernetes would scale by CPU, so the manifest is left out; the format keda has it"
        ));
        return;
    }
    for schedule in &group.schedules {
        notes.push(format!(
            "groups.{name}: Kubernetes has no schedules, so `{}` is left out; the format keda has it",
            schedule.name
        ));
    }
    if series::has_cooldown(group) {
        notes.push(format!(
            "groups.{name}: Kubernetes has no cooldown, so it is left out"
        ));
    }
    if has_own_tolerance(group) {
        notes.push(format!(
            "groups.{name}: tolerance needs Kubernetes 1.33 or newer with HPAConfigurableTolerance"
        ));
    }
    for metric in &group.metrics {
        match (&metric.signal, series::needs_query(metric)) {
            (Signal::Cpu { .. }, _) => {}
            (_, Some(query)) => notes.push(format!(
                "groups.{name}: an adapter has to provide the external metric {} as: {query}",
                external(metric)
            )),
            (_, None) => notes.push(format!(
                "groups.{name}: an adapter has to provide the metric of `{}`",
                metric.name
            )),
        }
    }
}

/// Name of a custom metric with a query.
fn external(metric: &Metric) -> String {
    format!("tenfold_custom_{}", metric.name)
}

fn metric(group: &str, metric: &Metric) -> Node {
    let pods = |target: String| {
        Node::Map(vec![
            ("type", Node::text("Pods")),
            (
                "pods",
                Node::Map(vec![
                    (
                        "metric",
                        Node::Map(vec![(
                            "name",
                            Node::text(series::of_boxes(metric).unwrap_or_default()),
                        )]),
                    ),
                    (
                        "target",
                        target_of("AverageValue", "averageValue", Node::Text(target)),
                    ),
                ]),
            ),
        ])
    };
    match &metric.signal {
        Signal::Cpu { target } => Node::Map(vec![
            ("type", Node::text("Resource")),
            (
                "resource",
                Node::Map(vec![
                    ("name", Node::text("cpu")),
                    (
                        "target",
                        target_of("Utilization", "averageUtilization", Node::whole(target.0)),
                    ),
                ]),
            ),
        ]),
        Signal::Network { target } => pods(target.0.to_string()),
        Signal::Custom {
            target,
            query: None,
        } => pods(target.to_string()),
        Signal::Custom {
            target,
            query: Some(_),
        } => external_metric(
            external(metric),
            vec![("group", Node::text(group))],
            target_of(
                "AverageValue",
                "averageValue",
                Node::Text(target.to_string()),
            ),
        ),
        Signal::Latency { quantile, target_s } => external_metric(
            series::LATENCY.to_owned(),
            vec![
                ("group", Node::text(group)),
                ("quantile", Node::Text(quantile.to_string())),
            ],
            target_of("Value", "value", Node::Text(target_s.to_string())),
        ),
    }
}

fn external_metric(name: String, labels: Vec<(&'static str, Node)>, target: Node) -> Node {
    let selector = Node::Map(vec![("matchLabels", Node::Map(labels))]);
    let metric = Node::Map(vec![("name", Node::Text(name)), ("selector", selector)]);
    Node::Map(vec![
        ("type", Node::text("External")),
        (
            "external",
            Node::Map(vec![("metric", metric), ("target", target)]),
        ),
    ])
}

fn target_of(kind: &str, field: &'static str, value: Node) -> Node {
    Node::Map(vec![("type", Node::text(kind)), (field, value)])
}

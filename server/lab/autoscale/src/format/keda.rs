//! Manifests of KEDA's ScaledObject (keda.sh/v1alpha1), each for a Deployment named like the group.

use super::behavior::{behavior, has_own_tolerance};
use super::node::Node;
use super::series::{self, Measured};
use crate::policy::{Day, Metric, Policy, Schedule, Signal};

/// Address of Prometheus, as a service in the same namespace.
const SERVER: &str = "http://prometheus:9090";

/// Writes a manifest for each group.
pub(super) fn manifests(policy: &Policy, notes: &mut Vec<String>) -> Vec<Node> {
    notes.push(format!(
        "set serverAddress to that of your Prometheus; it is {SERVER}"
    ));
    let mut manifests = Vec::new();
    for (name, group) in &policy.groups {
        if series::has_cooldown(group) {
            notes.push(format!(
                "groups.{name}: KEDA's cooldown is only for scaling to zero, so the policy's is left out"
            ));
        }
        if has_own_tolerance(group) {
            notes.push(format!(
                "groups.{name}: KEDA has no tolerance, so it is left out"
            ));
        }
        let triggers = group.metrics.iter().map(|own| metric(name, own));
        let triggers = triggers.chain(group.schedules.iter().map(cron));
        let advanced = Node::Map(vec![(
            "horizontalPodAutoscalerConfig",
            Node::Map(vec![("behavior", behavior(group, false))]),
        )]);
        let spec = vec![
            (
                "scaleTargetRef",
                Node::Map(vec![("name", Node::text(name))]),
            ),
            ("pollingInterval", Node::whole(policy.interval.0)),
            ("minReplicaCount", Node::whole(group.min_replicas)),
            ("maxReplicaCount", Node::whole(group.max_replicas)),
            ("advanced", advanced),
            ("triggers", Node::List(triggers.collect())),
        ];
        manifests.push(Node::Map(vec![
            ("apiVersion", Node::text("keda.sh/v1alpha1")),
            ("kind", Node::text("ScaledObject")),
            ("metadata", Node::Map(vec![("name", Node::text(name))])),
            ("spec", Node::Map(spec)),
        ]));
    }
    manifests
}

fn metric(group: &str, metric: &Metric) -> Node {
    if let Signal::Cpu { target } = &metric.signal {
        return Node::Map(vec![
            ("type", Node::text("cpu")),
            ("metricType", Node::text("Utilization")),
            (
                "metadata",
                Node::Map(vec![("value", Node::Text(target.0.to_string()))]),
            ),
        ]);
    }
    let (kind, query, target) = match series::measured(group, metric) {
        Measured::PerBox { boxes, target } => (
            "AverageValue",
            format!("sum({})", series::ready(group, &boxes)),
            target,
        ),
        Measured::Sum { query, target } => ("AverageValue", format!("sum(\n{query}\n)"), target),
        Measured::Value { query, target } => ("Value", format!("max({query})"), target),
    };
    Node::Map(vec![
        ("type", Node::text("prometheus")),
        ("name", Node::text(&metric.name)),
        ("metricType", Node::text(kind)),
        (
            "metadata",
            Node::Map(vec![
                ("serverAddress", Node::text(SERVER)),
                ("query", Node::Text(query)),
                ("threshold", Node::Text(target.to_string())),
            ]),
        ),
    ])
}

fn cron(schedule: &Schedule) -> Node {
    let at = |minute: u32, hour: u32, next: bool| {
        let numbers = schedule.days.iter().map(|day| match next {
            true => day.next_number(),
            false => Day::number(*day),
        });
        let days: Vec<String> = numbers.map(|number| number.to_string()).collect();
        let days = if days.is_empty() {
            "*".to_owned()
        } else {
            days.join(",")
        };
        Node::Text(format!("{minute} {hour} * * {days}"))
    };
    let (from, to) = (schedule.from, schedule.to);
    Node::Map(vec![
        ("type", Node::text("cron")),
        ("name", Node::text(&schedule.name)),
        (
            "metadata",
            Node::Map(vec![
                ("timezone", Node::text("UTC")),
                ("start", at(from.minute(), from.hour(), false)),
                ("end", at(to.minute(), to.hour(), to < from)),
                ("desiredReplicas", Node::Text(schedule.replicas.to_string())),
            ]),
        ),
    ])
}

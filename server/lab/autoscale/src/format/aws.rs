//! Requests to AWS Application Auto Scaling: a target-tracking policy for each metric of an ECS service named like the group.

use std::collections::BTreeMap;

use super::node::Node;
use super::series;
use crate::policy::{Group, Metric, Policy, Schedule, Select, Signal};

/// Cluster of the services, and namespace of the metrics in CloudWatch.
const CLUSTER: &str = "tenfold";
const NAMESPACE: &str = "Tenfold";

/// Fields that name a service.
type Fields = Vec<(&'static str, Node)>;

/// Writes the requests by operation.
pub(super) fn requests(policy: &Policy, notes: &mut Vec<String>) -> Node {
    notes.push(format!(
        "the services are those of the ECS cluster `{CLUSTER}`; set ResourceId to that of yours"
    ));
    notes.push(
        "AWS has no tolerance, no windows and no limits per period; ScaleInCooldown is the longer one of cooldown and \
         stabilization_window"
            .to_owned(),
    );
    let (mut targets, mut policies, mut actions) = (Vec::new(), Vec::new(), Vec::new());
    for (name, group) in &policy.groups {
        let mut target = service(name);
        target.push(("MinCapacity", Node::whole(group.min_replicas)));
        target.push(("MaxCapacity", Node::whole(group.max_replicas)));
        targets.push(Node::Map(target));
        if group.scale_up.select_policy == Select::Disabled {
            notes.push(format!("groups.{name}: AWS can't disable scaling up"));
        }
        for metric in &group.metrics {
            if !matches!(metric.signal, Signal::Cpu { .. }) {
                notes.push(format!(
                    "groups.{name}: publish the metric of `{}` to CloudWatch, namespace {NAMESPACE}{}",
                    metric.name,
                    match series::needs_query(metric) {
                        Some(query) => format!(", as the average of a box: {query}"),
                        None => String::new(),
                    }
                ));
            }
            let mut request = service(name);
            request.insert(
                0,
                ("PolicyName", Node::Text(format!("{name}-{}", metric.name))),
            );
            request.push(("PolicyType", Node::text("TargetTrackingScaling")));
            request.push((
                "TargetTrackingScalingPolicyConfiguration",
                configuration(name, metric, group),
            ));
            policies.push(Node::Map(request));
        }
        for schedule in &group.schedules {
            actions.extend(schedule_actions(name, schedule, group));
        }
    }
    Node::Map(vec![
        ("RegisterScalableTarget", Node::List(targets)),
        ("PutScalingPolicy", Node::List(policies)),
        ("PutScheduledAction", Node::List(actions)),
    ])
}

fn service(group: &str) -> Fields {
    vec![
        ("ServiceNamespace", Node::text("ecs")),
        (
            "ResourceId",
            Node::Text(format!("service/{CLUSTER}/{group}")),
        ),
        ("ScalableDimension", Node::text("ecs:service:DesiredCount")),
    ]
}

fn configuration(name: &str, metric: &Metric, group: &Group) -> Node {
    let own = |metric_name: String, more: Option<(&str, String)>| {
        let dimension = |name: &str, value: &str| {
            Node::Map(vec![
                ("Name", Node::text(name)),
                ("Value", Node::text(value)),
            ])
        };
        let mut dimensions = vec![dimension("group", name)];
        dimensions.extend(more.map(|(name, value)| dimension(name, &value)));
        (
            "CustomizedMetricSpecification",
            Node::Map(vec![
                ("Namespace", Node::text(NAMESPACE)),
                ("MetricName", Node::Text(metric_name)),
                ("Dimensions", Node::List(dimensions)),
                ("Statistic", Node::text("Average")),
            ]),
        )
    };
    let of_boxes =
        || series::of_boxes(metric).unwrap_or_else(|| format!("tenfold_box_{}", metric.name));
    let (target, specification) = match &metric.signal {
        Signal::Cpu { target } => (
            f64::from(target.0),
            (
                "PredefinedMetricSpecification",
                Node::Map(vec![(
                    "PredefinedMetricType",
                    Node::text("ECSServiceAverageCPUUtilization"),
                )]),
            ),
        ),
        Signal::Network { target } => (target.0 as f64, own(of_boxes(), None)),
        Signal::Custom { target, .. } => (*target, own(of_boxes(), None)),
        Signal::Latency { quantile, target_s } => (
            *target_s,
            own(
                series::LATENCY.to_owned(),
                Some(("quantile", quantile.to_string())),
            ),
        ),
    };
    let down = &group.scale_down;
    Node::Map(vec![
        ("TargetValue", Node::Number(target)),
        specification,
        ("ScaleOutCooldown", Node::whole(group.scale_up.cooldown.0)),
        (
            "ScaleInCooldown",
            Node::whole(down.cooldown.max(down.stabilization_window).0),
        ),
        (
            "DisableScaleIn",
            Node::Truth(down.select_policy == Select::Disabled),
        ),
    ])
}

/// Sets the minimum at the beginning of a schedule, and at its end, to that of all schedules that are active then.
fn schedule_actions(name: &str, schedule: &Schedule, group: &Group) -> Vec<Node> {
    let (from, to) = (schedule.from, schedule.to);
    let mut actions = Vec::new();
    for (what, at, is_next) in [("begin", from, false), ("end", to, to < from)] {
        let mut by_capacity: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for day in 0..7 {
            let begun = if is_next { (day + 6) % 7 } else { day };
            if schedule.begins_on(begun) {
                let active = group.schedules.iter().filter(|own| own.is_active(day, at));
                let capacity = active.map(|own| own.replicas).max();
                let capacity = capacity.unwrap_or(0).max(group.min_replicas);
                // AWS counts the days from 1 for Sunday.
                by_capacity.entry(capacity).or_default().push(day + 1);
            }
        }
        let is_one = by_capacity.len() == 1;
        actions.extend(by_capacity.into_iter().map(|(capacity, days)| {
            let days = match days.len() {
                7 => "* * ?".to_owned(),
                _ => {
                    let days: Vec<String> = days.iter().map(u32::to_string).collect();
                    format!("? * {}", days.join(","))
                }
            };
            let mut full_name = format!("{name}-{}-{what}", schedule.name);
            if !is_one {
                full_name.push_str(&format!("-{capacity}"));
            }
            let mut fields = service(name);
            fields.insert(0, ("ScheduledActionName", Node::Text(full_name)));
            let (minute, hour) = (at.minute(), at.hour());
            let cron = format!("cron({minute} {hour} {days} *)");
            fields.push(("Schedule", Node::Text(cron)));
            fields.push(("Timezone", Node::text("UTC")));
            let capacity = vec![("MinCapacity", Node::whole(capacity))];
            fields.push(("ScalableTargetAction", Node::Map(capacity)));
            Node::Map(fields)
        }));
    }
    actions
}

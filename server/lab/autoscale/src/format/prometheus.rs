//! Recording rules of Prometheus: Kubernetes' algorithm for one group after the other.
//!
//! `current` is the wish of the previous evaluation. Of each metric, `demand` is the number of boxes at which it would be at
//! its target, and `proposal` is that number if it differs from `current` by more than the tolerance. `desired` is the
//! largest proposal within the bounds; `stabilized` waits out the windows; `floor` and `ceiling` are what limits and
//! cooldown allow; `wish` is the result.
//!
//! As in Kubernetes (pkg/controller/podautoscaler: `replica_calculator.go`, `horizontal.go`): boxes that are not ready use
//! nothing when the group grows, and don't count when it shrinks; a metric that is missing proposes `current`.

use super::node::Node;
use super::series::{self, Measured};
use crate::policy::quantity::Seconds;
use crate::policy::{Amount, Group, Metric, Policy, Scaling, Schedule, Select};

/// Minutes since midnight.
const MINUTE: &str = "(hour() * 60 + minute())";

/// Writes the rules.
pub(super) fn rules(policy: &Policy) -> Node {
    let groups = policy.groups.iter().map(|(name, group)| {
        Node::Map(vec![
            ("name", Node::text(format!("autoscale-{name}"))),
            ("interval", Node::text(policy.interval.to_string())),
            ("rules", Node::List(Rules::of(name, group, policy.interval))),
        ])
    });
    Node::Map(vec![("groups", Node::List(groups.collect()))])
}

/// Rules of a group.
struct Rules<'a> {
    name: &'a str,
    /// Interval at which the rules are evaluated.
    interval: Seconds,
    /// Label matcher of the group.
    group: String,
    rules: Vec<Node>,
}

impl Rules<'_> {
    fn of(name: &str, group: &Group, interval: Seconds) -> Vec<Node> {
        let mut own = Rules {
            name,
            interval,
            group: format!("group=\"{name}\""),
            rules: Vec::new(),
        };
        own.boxes();
        for metric in &group.metrics {
            own.metric(metric, group);
        }
        for schedule in &group.schedules {
            own.record(
                "scheduled",
                &[("schedule", &schedule.name)],
                scheduled(schedule),
            );
        }
        own.wish(group);
        own.rules
    }

    /// Appends a rule.
    fn record(&mut self, name: &'static str, labels: &[(&'static str, &str)], expression: String) {
        let mut all = vec![("group", Node::text(self.name))];
        all.extend(
            labels
                .iter()
                .map(|(name, value)| (*name, Node::text(*value))),
        );
        self.rules.push(Node::Map(vec![
            ("record", Node::text(format!("autoscale:{name}"))),
            ("labels", Node::Map(all)),
            ("expr", Node::text(expression)),
        ]));
    }

    /// A recorded series of this group.
    fn own(&self, name: &str) -> String {
        format!("autoscale:{name}{{{}}}", self.group)
    }

    fn boxes(&mut self) {
        let ready = format!("tenfold_box_ready{{{}}}", self.group);
        self.record("boxes", &[], format!("count({ready})"));
        self.record("ready", &[], format!("sum({ready})"));
        let current = format!("max({} or {})", self.own("wish"), self.own("boxes"));
        self.record("current", &[], current);
    }

    fn metric(&mut self, metric: &Metric, group: &Group) {
        let ready = self.own("ready");
        let mut is_complete = String::new();
        let demand = match series::measured(self.name, metric) {
            Measured::PerBox { boxes, target } => {
                let boxes = series::ready(self.name, &boxes);
                is_complete = format!(" and on (group) (count by (group) ({boxes}) >= {ready})");
                format!("sum({boxes}) / {target}")
            }
            // On lines of its own: a query may end with a comment.
            Measured::Sum { query, target } => format!("sum(\n{query}\n) / {target}"),
            Measured::Value { query, target } => {
                format!("max({query}) / {target} * scalar({ready})")
            }
        };
        let labels = [("metric", metric.name.as_str())];
        self.record("demand", &labels, demand);
        let demand = format!(
            "autoscale:demand{{{},metric=\"{}\"}}",
            self.group, metric.name
        );
        let current = self.own("current");
        let proposal = format!(
            "ceil({demand} > scalar({current}) * {up})\n\
             or clamp_max(ceil({demand} < scalar({ready}) * {down}), scalar({current})){is_complete}\n\
             or on (group) {current}",
            up = 1.0 + group.scale_up.tolerance,
            down = 1.0 - group.scale_down.tolerance,
        );
        self.record("proposal", &labels, proposal);
    }

    fn wish(&mut self, group: &Group) {
        let (min, max) = (group.min_replicas, group.max_replicas);
        let mut largest = format!(
            "max({{__name__=~\"autoscale:(proposal|scheduled)\",{}}})",
            self.group
        );
        if group.metrics.is_empty() {
            largest.push_str(&format!(" or vector({min})"));
        }
        self.record("desired", &[], format!("clamp({largest}, {min}, {max})"));
        let stabilized = format!(
            "clamp({}, scalar({}), scalar({}))",
            self.own("current"),
            self.over("min", group.scale_up.stabilization_window),
            self.over("max", group.scale_down.stabilization_window),
        );
        self.record("stabilized", &[], stabilized);
        self.bound("ceiling", &group.scale_up);
        self.bound("floor", &group.scale_down);
        let wish = format!(
            "clamp(clamp({}, scalar({}), scalar({})), {min}, {max})",
            self.own("stabilized"),
            self.own("floor"),
            self.own("ceiling"),
        );
        self.record("wish", &[], wish);
    }

    /// The lowest or highest recommendation in a window.
    fn over(&self, extreme: &str, window: Seconds) -> String {
        let desired = self.own("desired");
        match window.0 {
            0 => desired,
            _ => format!("{extreme}_over_time({desired}[{window}])"),
        }
    }

    /// The largest number of boxes that may be reached now (`ceiling`), or the smallest (`floor`).
    fn bound(&mut self, name: &'static str, scaling: &Scaling) {
        let is_up = name == "ceiling";
        let (wish, current) = (self.own("wish"), self.own("current"));
        if scaling.select_policy == Select::Disabled {
            self.record(name, &[], current);
            return;
        }
        let extreme = if is_up { "min" } else { "max" };
        for limit in &scaling.policies {
            let period = limit.period;
            // Without a wish that is old enough, the most cautious one since then.
            let start = format!(
                "({wish} offset {period} or {extreme}_over_time({wish}[{period}]) or {current})"
            );
            let (label, expression) = match (limit.amount, is_up) {
                (Amount::Boxes(count), true) => (
                    format!("{count} boxes in {period}"),
                    format!("{start} + {count}"),
                ),
                (Amount::Boxes(count), false) => (
                    format!("{count} boxes in {period}"),
                    format!("{start} - {count}"),
                ),
                (Amount::Percent(share), true) => (
                    format!("{share}% in {period}"),
                    format!("ceil({start} * {} / 100)", 100 + share),
                ),
                (Amount::Percent(share), false) => (
                    format!("{share}% in {period}"),
                    format!("floor({start} * {} / 100)", 100_u32.saturating_sub(share)),
                ),
            };
            self.record("limit", &[("bound", name), ("limit", &label)], expression);
        }
        let is_widest = scaling.select_policy == Select::Max;
        let chosen = if is_widest == is_up { "max" } else { "min" };
        let clamp = if is_up { "clamp_min" } else { "clamp_max" };
        let limits = format!("autoscale:limit{{{},bound=\"{name}\"}}", self.group);
        let mut expression = format!("{clamp}({chosen}({limits}), scalar({current}))");
        if scaling.cooldown.0 > 0 {
            // The change lies between two samples. From Prometheus 3 on, a range excludes a sample at its very beginning.
            let range_ms = (scaling.cooldown.0 + self.interval.0) * 1_000 - 1;
            let range = format!("{wish}[{range_ms}ms]");
            // `resets` counts decreases, `changes` both.
            let changed = match is_up {
                true => format!("changes({range}) > resets({range})"),
                false => format!("resets({range}) > 0"),
            };
            expression = format!("{current} and on () ({changed})\nor on () {expression}");
        }
        self.record(name, &[], expression);
    }
}

fn scheduled(schedule: &Schedule) -> String {
    let on = |next: bool| -> String {
        let numbers = schedule.days.iter().map(|day| match next {
            true => day.next_number(),
            false => day.number(),
        });
        let days: Vec<_> = numbers
            .map(|number| format!("day_of_week() == {number}"))
            .collect();
        match days.is_empty() {
            true => String::new(),
            false => format!(" and on () ({})", days.join(" or ")),
        }
    };
    let (from, to, replicas) = (schedule.from.0, schedule.to.0, schedule.replicas);
    let when = match from < to {
        true => format!("{MINUTE} >= {from} < {to}{}", on(false)),
        false => format!(
            "({MINUTE} >= {from}{}) or ({MINUTE} < {to}{})",
            on(false),
            on(true)
        ),
    };
    format!("vector({replicas}) and on () ({when})")
}

//! Reading of a policy's TOML, and errors with line, column and field.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use serde::Deserialize;
use serde::de::{self, Visitor};
use toml::Spanned;

use crate::policy::quantity::{self, ByteRate, ClockTime, Percent, Seconds};
use crate::policy::{Amount, Day, Group, Limit, Metric, Policy, Scaling, Schedule, Select, Signal};

/// Largest number of boxes in a group.
const REPLICAS_MAX: u32 = 1_000;

/// Longest interval, in seconds. Prometheus forgets a value after five minutes, and the rules read the previous wish.
const INTERVAL_S_MAX: u32 = 120;

/// Largest number of groups, of metrics or schedules in a group, and of limits in one direction.
const ENTRIES_MAX: usize = 32;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 40;

/// Longest query, in bytes.
const QUERY_BYTES_MAX: usize = 2_000;

/// Longest period of a limit, in seconds, as in Kubernetes.
const PERIOD_S_MAX: u32 = 1_800;

/// Kubernetes' defaults.
const TOLERANCE: f64 = 0.1;
const STABILIZATION_UP: Seconds = Seconds(0);
const STABILIZATION_DOWN: Seconds = Seconds(300);
const PERIOD: Seconds = Seconds(15);

/// An error in a policy.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{line}:{column}: {}{message}", .field.as_ref().map_or_else(String::new, |field| format!("{field}: ")))]
pub struct PolicyError {
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// Path of the field, such as `groups.web.max_replicas`. `None` if the text is not TOML.
    pub field: Option<String>,
    /// What is wrong, and what is allowed.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: Spanned<u32>,
    interval: Option<Spanned<Seconds>>,
    groups: Spanned<BTreeMap<String, Spanned<GroupDocument>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct GroupDocument {
    min_replicas: Spanned<u32>,
    max_replicas: Spanned<u32>,
    #[serde(default)]
    metrics: Vec<Spanned<MetricDocument>>,
    #[serde(default)]
    schedules: Vec<Spanned<ScheduleDocument>>,
    #[serde(default)]
    scale_up: ScalingDocument,
    #[serde(default)]
    scale_down: ScalingDocument,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MetricDocument {
    #[serde(rename = "type")]
    kind: Kind,
    target: Spanned<Target>,
    quantile: Option<Spanned<f64>>,
    name: Option<Spanned<String>>,
    query: Option<Spanned<String>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Cpu,
    Latency,
    Network,
    Custom,
}

/// A target: a quantity with its unit, or a number.
enum Target {
    Text(String),
    Number(f64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleDocument {
    name: Spanned<String>,
    #[serde(default)]
    days: Vec<Day>,
    from: ClockTime,
    to: Spanned<ClockTime>,
    replicas: Spanned<u32>,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
struct ScalingDocument {
    tolerance: Option<Spanned<f64>>,
    stabilization_window: Option<Seconds>,
    cooldown: Option<Seconds>,
    select_policy: Option<Select>,
    policies: Option<Spanned<Vec<Spanned<LimitDocument>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitDocument {
    #[serde(rename = "type")]
    kind: LimitKind,
    value: Spanned<u32>,
    period: Spanned<Seconds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum LimitKind {
    Boxes,
    Percent,
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TargetVisitor;
        impl Visitor<'_> for TargetVisitor {
            type Value = Target;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a quantity such as \"60%\", \"250ms\" or \"2MB/s\", or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Target, E> {
                Ok(Target::Text(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Target, E> {
                Ok(Target::Number(number as f64))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Target, E> {
                Ok(Target::Number(number))
            }
        }
        deserializer.deserialize_any(TargetVisitor)
    }
}

/// An error at a place of the text.
struct Misplaced {
    span: Range<usize>,
    field: String,
    message: String,
}

impl Policy {
    /// Reads a policy.
    ///
    /// # Errors
    /// Returns the first error, with its place and what is allowed there.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        let failed = |error: &toml::de::Error, field: Option<String>| {
            let span = error.span().unwrap_or(0..0);
            error_at(text, span.start, field, error.message().replace('\n', " "))
        };
        let deserializer = toml::Deserializer::parse(text).map_err(|error| failed(&error, None))?;
        let document: Document = serde_path_to_error::deserialize(deserializer)
            .map_err(|error| failed(error.inner(), field_of(error.path())))?;
        document
            .policy()
            .map_err(|error| error_at(text, error.span.start, Some(error.field), error.message))
    }
}

impl Document {
    fn policy(self) -> Result<Policy, Misplaced> {
        if *self.version.get_ref() != 1 {
            return Err(misplaced(
                &self.version,
                "version",
                "this program reads version 1",
            ));
        }
        let interval = match self.interval {
            Some(interval) if !(1..=INTERVAL_S_MAX).contains(&interval.get_ref().0) => {
                let message = format!("allowed are 1s to {INTERVAL_S_MAX}s");
                return Err(misplaced(&interval, "interval", message));
            }
            Some(interval) => interval.into_inner(),
            None => PERIOD,
        };
        if !(1..=ENTRIES_MAX).contains(&self.groups.get_ref().len()) {
            let message = format!("needs 1 to {ENTRIES_MAX} groups, such as [groups.web]");
            return Err(misplaced(&self.groups, "groups", &message));
        }
        let mut groups = BTreeMap::new();
        for (name, group) in self.groups.into_inner() {
            let place = group.span();
            check_name(&name, &place, "groups", '-')?;
            let path = format!("groups.{name}");
            let group = group.into_inner().group(&place, &path)?;
            groups.insert(name, group);
        }
        Ok(Policy { interval, groups })
    }
}

impl GroupDocument {
    fn group(self, place: &Range<usize>, path: &str) -> Result<Group, Misplaced> {
        let min = *self.min_replicas.get_ref();
        if !(1..=REPLICAS_MAX).contains(&min) {
            let message = format!("{min} is out of bounds; allowed are 1 to {REPLICAS_MAX}");
            let field = format!("{path}.min_replicas");
            return Err(misplaced(&self.min_replicas, field, message));
        }
        let max = *self.max_replicas.get_ref();
        if !(min..=REPLICAS_MAX).contains(&max) {
            let message = format!(
                "{max} is out of bounds; allowed are {min} (min_replicas) to {REPLICAS_MAX}"
            );
            let field = format!("{path}.max_replicas");
            return Err(misplaced(&self.max_replicas, field, message));
        }
        if self.metrics.is_empty() && self.schedules.is_empty() {
            let message = "needs a metric or a schedule: [[groups.NAME.metrics]] or [[groups.NAME.schedules]]";
            return Err(Misplaced {
                span: place.clone(),
                field: path.to_owned(),
                message: message.into(),
            });
        }
        for (count, what) in [
            (self.metrics.len(), "metrics"),
            (self.schedules.len(), "schedules"),
        ] {
            if count > ENTRIES_MAX {
                let message = format!("has {count} {what}; at most {ENTRIES_MAX} are allowed");
                return Err(Misplaced {
                    span: place.clone(),
                    field: path.to_owned(),
                    message,
                });
            }
        }
        let mut taken = BTreeSet::new();
        let mut metrics = Vec::new();
        for (index, document) in self.metrics.into_iter().enumerate() {
            let path = format!("{path}.metrics[{index}]");
            let span = document.span();
            let metric = document.into_inner().metric(&span, &path)?;
            if !taken.insert(metric.name.clone()) {
                let message = format!("the group has a metric `{}` already", metric.name);
                return Err(Misplaced {
                    span,
                    field: path,
                    message,
                });
            }
            metrics.push(metric);
        }
        let mut schedules = Vec::new();
        for (index, document) in self.schedules.into_iter().enumerate() {
            let path = format!("{path}.schedules[{index}]");
            let span = document.span();
            let schedule = document.into_inner().schedule(min..=max, &path)?;
            if !taken.insert(schedule.name.clone()) {
                let message = format!(
                    "the group has a metric or schedule `{}` already",
                    schedule.name
                );
                return Err(Misplaced {
                    span,
                    field: path,
                    message,
                });
            }
            schedules.push(schedule);
        }
        let (up, down) = (format!("{path}.scale_up"), format!("{path}.scale_down"));
        Ok(Group {
            min_replicas: min,
            max_replicas: max,
            metrics,
            schedules,
            scale_up: self.scale_up.scaling(STABILIZATION_UP, &LIMITS_UP, &up)?,
            scale_down: self
                .scale_down
                .scaling(STABILIZATION_DOWN, &LIMITS_DOWN, &down)?,
        })
    }
}

/// Kubernetes' default limits on adding boxes.
const LIMITS_UP: [Limit; 2] = [
    Limit {
        amount: Amount::Boxes(4),
        period: PERIOD,
    },
    Limit {
        amount: Amount::Percent(100),
        period: PERIOD,
    },
];

/// Kubernetes' default limit on removing boxes.
const LIMITS_DOWN: [Limit; 1] = [Limit {
    amount: Amount::Percent(100),
    period: PERIOD,
}];

impl MetricDocument {
    fn metric(self, span: &Range<usize>, path: &str) -> Result<Metric, Misplaced> {
        let kind = self.kind;
        let unused = [
            (
                "quantile",
                self.quantile.as_ref().map(Spanned::span),
                Kind::Latency,
            ),
            ("name", self.name.as_ref().map(Spanned::span), Kind::Custom),
            (
                "query",
                self.query.as_ref().map(Spanned::span),
                Kind::Custom,
            ),
        ];
        for (field, place, of) in unused {
            if let Some(span) = place.filter(|_| kind != of) {
                let of = if of == Kind::Latency {
                    "latency"
                } else {
                    "custom"
                };
                return Err(Misplaced {
                    span,
                    field: format!("{path}.{field}"),
                    message: format!("only a metric with type = \"{of}\" has this field"),
                });
            }
        }
        let field = format!("{path}.target");
        let refused = |message: String| misplaced(&self.target, &*field, message);
        let written = match self.target.get_ref() {
            Target::Text(text) => text.clone(),
            Target::Number(number) => number.to_string(),
        };
        let (name, signal) = match kind {
            Kind::Cpu => (
                "cpu".to_owned(),
                Signal::Cpu {
                    target: Percent::try_from(written).map_err(refused)?,
                },
            ),
            Kind::Network => (
                "network".to_owned(),
                Signal::Network {
                    target: ByteRate::try_from(written).map_err(refused)?,
                },
            ),
            Kind::Latency => (
                "latency".to_owned(),
                Signal::Latency {
                    target_s: quantity::latency_s(&written).map_err(refused)?,
                    quantile: self.quantile(path)?,
                },
            ),
            Kind::Custom => {
                let Some(name) = &self.name else {
                    return Err(Misplaced {
                        span: span.clone(),
                        field: path.to_owned(),
                        message:
                            "a custom metric needs a name, such as name = \"requests_in_flight\""
                                .to_owned(),
                    });
                };
                check_name(name.get_ref(), &name.span(), &format!("{path}.name"), '_')?;
                let target = match self.target.get_ref() {
                    Target::Number(number) if (1e-3..=1e12).contains(number) => *number,
                    _ => {
                        let message = format!(
                            "`{}` is no target of a custom metric; write a number from 0.001 to 1e12, such as 16",
                            quantity::clip(&written)
                        );
                        return Err(refused(message));
                    }
                };
                let query = self
                    .query
                    .map(|query| checked_query(&query, path))
                    .transpose()?;
                (name.get_ref().clone(), Signal::Custom { target, query })
            }
        };
        Ok(Metric { name, signal })
    }

    fn quantile(&self, path: &str) -> Result<f64, Misplaced> {
        match &self.quantile {
            None => Ok(0.99),
            Some(quantile) if (0.01..=0.9999).contains(quantile.get_ref()) => {
                Ok(*quantile.get_ref())
            }
            Some(quantile) => Err(misplaced(
                quantile,
                format!("{path}.quantile"),
                "allowed are 0.01 to 0.9999, such as 0.99",
            )),
        }
    }
}

fn checked_query(query: &Spanned<String>, path: &str) -> Result<String, Misplaced> {
    let text = query.get_ref().trim();
    let is_plain = text.chars().all(|c| !c.is_control() || c == '\n');
    match is_plain && (1..=QUERY_BYTES_MAX).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => {
            let message = format!(
                "write a PromQL expression of at most {QUERY_BYTES_MAX} bytes without control characters"
            );
            Err(misplaced(query, format!("{path}.query"), message))
        }
    }
}

impl ScheduleDocument {
    fn schedule(
        self,
        replicas: std::ops::RangeInclusive<u32>,
        path: &str,
    ) -> Result<Schedule, Misplaced> {
        check_name(
            self.name.get_ref(),
            &self.name.span(),
            &format!("{path}.name"),
            '-',
        )?;
        if !replicas.contains(self.replicas.get_ref()) {
            let message = format!(
                "{} is out of bounds; allowed are {} (min_replicas) to {} (max_replicas)",
                self.replicas.get_ref(),
                replicas.start(),
                replicas.end()
            );
            return Err(misplaced(
                &self.replicas,
                format!("{path}.replicas"),
                message,
            ));
        }
        if self.from == *self.to.get_ref() {
            let message = "must differ from the time in `from`; raise min_replicas for a whole day";
            return Err(misplaced(&self.to, format!("{path}.to"), message));
        }
        let mut days = self.days;
        days.sort_unstable();
        days.dedup();
        Ok(Schedule {
            name: self.name.into_inner(),
            days,
            from: self.from,
            to: self.to.into_inner(),
            replicas: self.replicas.into_inner(),
        })
    }
}

impl ScalingDocument {
    fn scaling(
        self,
        stabilization: Seconds,
        limits: &[Limit],
        path: &str,
    ) -> Result<Scaling, Misplaced> {
        let tolerance = match self.tolerance {
            None => TOLERANCE,
            Some(tolerance) if (0.0..1.0).contains(tolerance.get_ref()) => tolerance.into_inner(),
            Some(tolerance) => {
                let message = "allowed are 0.0 to less than 1.0; 0.1 ignores 10%";
                return Err(misplaced(&tolerance, format!("{path}.tolerance"), message));
            }
        };
        let policies = match self.policies {
            None => limits.to_vec(),
            Some(policies) if !(1..=ENTRIES_MAX).contains(&policies.get_ref().len()) => {
                let message = format!(
                    "needs 1 to {ENTRIES_MAX} limits; write select_policy = \"disabled\" to never scale in this direction"
                );
                return Err(misplaced(&policies, format!("{path}.policies"), message));
            }
            Some(policies) => policies
                .into_inner()
                .into_iter()
                .enumerate()
                .map(|(index, limit)| {
                    limit
                        .into_inner()
                        .limit(&format!("{path}.policies[{index}]"))
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Scaling {
            tolerance,
            stabilization_window: self.stabilization_window.unwrap_or(stabilization),
            cooldown: self.cooldown.unwrap_or(Seconds(0)),
            select_policy: self.select_policy.unwrap_or(Select::Max),
            policies,
        })
    }
}

impl LimitDocument {
    fn limit(self, path: &str) -> Result<Limit, Misplaced> {
        let value = *self.value.get_ref();
        if !(1..=REPLICAS_MAX).contains(&value) {
            let message = format!("{value} is out of bounds; allowed are 1 to {REPLICAS_MAX}");
            return Err(misplaced(&self.value, format!("{path}.value"), message));
        }
        let period = *self.period.get_ref();
        if !(1..=PERIOD_S_MAX).contains(&period.0) {
            let message = format!("allowed are 1s to {PERIOD_S_MAX}s");
            return Err(misplaced(&self.period, format!("{path}.period"), message));
        }
        Ok(Limit {
            amount: match self.kind {
                LimitKind::Boxes => Amount::Boxes(value),
                LimitKind::Percent => Amount::Percent(value),
            },
            period,
        })
    }
}

/// Checks a name that becomes part of rules and manifests.
fn check_name(name: &str, span: &Range<usize>, field: &str, dash: char) -> Result<(), Misplaced> {
    let is_letter = |c: char| c.is_ascii_lowercase();
    let is_inner = |c: char| is_letter(c) || c.is_ascii_digit() || c == dash;
    if name.len() <= NAME_BYTES_MAX
        && name.starts_with(is_letter)
        && name.chars().all(is_inner)
        && !name.ends_with(dash)
    {
        return Ok(());
    }
    Err(Misplaced {
        span: span.clone(),
        field: field.to_owned(),
        message: format!(
            "`{}` is no name; allowed are up to {NAME_BYTES_MAX} lower-case letters, digits and `{dash}`, beginning with a letter",
            quantity::clip(name)
        ),
    })
}

fn misplaced<T>(
    place: &Spanned<T>,
    field: impl Into<String>,
    message: impl Into<String>,
) -> Misplaced {
    Misplaced {
        span: place.span(),
        field: field.into(),
        message: message.into(),
    }
}

/// Path of a field, without the segments that `toml` adds for spans. `None` at the top.
fn field_of(path: &serde_path_to_error::Path) -> Option<String> {
    let text = path.to_string();
    let kept: Vec<&str> = text
        .split('.')
        .filter(|part| !part.starts_with('$') && !part.is_empty())
        .collect();
    (!kept.is_empty()).then(|| kept.join("."))
}

fn error_at(text: &str, at: usize, field: Option<String>, message: String) -> PolicyError {
    let before = text.get(..at).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    PolicyError {
        line: 1 + before.matches('\n').count(),
        column: 1 + before
            .get(line_start..)
            .map_or(0, |rest| rest.chars().count()),
        field,
        message,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::DEFAULT;

    const SMALL: &str = "version = 1\n\n[groups.web]\nmin_replicas = 2\nmax_replicas = 6\n\n\
        [[groups.web.metrics]]\ntype = \"cpu\"\ntarget = \"60%\"\n";

    #[test]
    fn reads_default_policy() {
        let policy = Policy::parse(DEFAULT).unwrap();
        let names: Vec<&str> = policy.groups.keys().map(String::as_str).collect();
        assert_eq!(names, ["app", "web"]);
    }

    #[test]
    fn uses_defaults_of_kubernetes() {
        let policy = Policy::parse(SMALL).unwrap();
        let group = &policy.groups["web"];
        assert_eq!(group.scale_up.tolerance, 0.1);
        assert_eq!(group.scale_up.stabilization_window, Seconds(0));
        assert_eq!(group.scale_down.stabilization_window, Seconds(300));
        assert_eq!(group.scale_up.policies, LIMITS_UP);
        assert_eq!(group.scale_down.policies, LIMITS_DOWN);
        assert_eq!(policy.interval, Seconds(15));
    }

    /// The message for a policy in which one text is replaced by another.
    fn message(from: &str, to: &str) -> String {
        assert!(SMALL.contains(from), "{from}");
        Policy::parse(&SMALL.replace(from, to))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn names_line_field_and_allowed_values() {
        let cases = [
            (
                "version = 1",
                "version = 2",
                "1:11: version: this program reads version 1",
            ),
            (
                "min_replicas = 2",
                "min_replicas = 0",
                "4:16: groups.web.min_replicas: 0 is out of bounds; allowed are 1 to 1000",
            ),
            (
                "max_replicas = 6",
                "max_replicas = 1",
                "5:16: groups.web.max_replicas: 1 is out of bounds; allowed are 2 (min_replicas) to 1000",
            ),
            (
                "\"60%\"",
                "\"0.6\"",
                "9:10: groups.web.metrics[0].target: `0.6` is no share of CPU; write whole percent from 1% to 100%, such as \"60%\"",
            ),
            (
                "groups.web",
                "groups.Web",
                "3:1: groups: `Web` is no name; allowed are up to 40 lower-case letters, digits and `-`, beginning with a letter",
            ),
        ];
        for (from, to, expected) in cases {
            assert_eq!(message(from, to), expected);
        }
    }

    #[test]
    fn names_unknown_field_and_the_known_ones() {
        let text = message("max_replicas = 6", "max_replica = 6");
        assert!(text.starts_with("5:1: groups.web"), "{text}");
        assert!(
            text.contains("unknown field `max_replica`, expected one of `min_replicas`"),
            "{text}"
        );
        let text = message("\"cpu\"", "\"memory\"");
        assert!(
            text.starts_with("8:8: groups.web.metrics[0].type: "),
            "{text}"
        );
        assert!(
            text.contains("`cpu`, `latency`, `network`, `custom`"),
            "{text}"
        );
        let text = message("target = \"60%\"", "target = \"60%\"\nquantile = 0.9");
        assert!(
            text.contains("metrics[0].quantile: only a metric with type = \"latency\""),
            "{text}"
        );
    }

    #[test]
    fn refuses_group_without_metric() {
        let text = "version = 1\n[groups.web]\nmin_replicas = 1\nmax_replicas = 2\n";
        let error = Policy::parse(text).unwrap_err();
        assert_eq!(
            (error.line, error.field.as_deref()),
            (2, Some("groups.web"))
        );
    }

    #[test]
    fn refuses_two_metrics_of_one_name() {
        let twice = format!("{SMALL}\n[[groups.web.metrics]]\ntype = \"cpu\"\ntarget = \"70%\"\n");
        let text = Policy::parse(&twice).unwrap_err().to_string();
        assert!(text.contains("has a metric `cpu` already"), "{text}");
    }

    proptest! {
        #[test]
        fn reads_or_refuses_any_text(text in ".{0,300}") {
            if let Err(error) = Policy::parse(&text) {
                prop_assert!(error.line <= 1 + text.matches('\n').count());
            }
        }

        #[test]
        fn survives_changes_of_the_default(at in 0..DEFAULT.len(), length in 0usize..12, new in "[ -~\n]{0,12}") {
            prop_assume!(DEFAULT.is_char_boundary(at));
            let end = DEFAULT.len().min(at + length);
            prop_assume!(DEFAULT.is_char_boundary(end));
            let text = format!("{}{new}{}", &DEFAULT[..at], &DEFAULT[end..]);
            match Policy::parse(&text) {
                Err(error) => prop_assert!(!error.message.is_empty() && error.line >= 1),
                Ok(policy) => prop_assert!(policy.groups.values().all(|own| own.min_replicas <= own.max_replicas)),
            }
        }
    }
}

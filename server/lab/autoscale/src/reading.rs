//! Reading of a policy's TOML, and errors with line, column and field.

mod group;
mod metric;
mod misplaced;
mod scaling;

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use self::group::{GroupDocument, PERIOD};
use self::misplaced::{ENTRIES_MAX, Misplaced, check_name, misplaced};
use crate::policy::Policy;
use crate::policy::quantity::Seconds;

/// Longest interval, in seconds. Prometheus forgets a value after five minutes, and the rules read the previous wish.
const INTERVAL_S_MAX: u32 = 120;

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
    /// The mistake, and the allowed values.
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    version: Spanned<u32>,
    interval: Option<Spanned<Seconds>>,
    groups: Spanned<BTreeMap<String, Spanned<GroupDocument>>>,
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

    use super::group::{LIMITS_DOWN, LIMITS_UP};
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

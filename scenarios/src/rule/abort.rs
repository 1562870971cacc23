//! Rules that end a run early.

use std::fmt;
use std::time::Duration;

use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;
use crate::format::units::{format_duration, parse_duration};

/// Ends a run early, once the rule is sure to be missed.
///
/// Written as `errors < 5%, abort` or `errors < 5%, abort after 10s`, or as a table,
/// `{ rule = "errors < 5%", abort = true, after = "10s" }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Abort {
    /// Minimum counted time before the rule is judged.
    pub after: Duration,
}

impl Abort {
    /// Splits a rule from its `abort` clause. A quoted request name may contain any text.
    pub(super) fn split<'a>(
        text: &'a str,
        value: &Value<'_>,
    ) -> Result<(&'a str, Option<Self>), ScenarioError> {
        let unquoted = text.rfind('"').map_or(0, |quote| quote + 1);
        let Some(comma) = text[unquoted..].find(',').map(|at| unquoted + at) else {
            return Ok((text, None));
        };
        let wrong = |message: String, hint: String| Err(value.error(message).hint(hint));
        let mut words = text[comma + 1..].split_whitespace();
        let after = match (words.next(), words.next(), words.next(), words.next()) {
            (Some("abort"), None, None, None) => Duration::ZERO,
            (Some("abort"), Some("after"), Some(after), None) => match parse_duration(after) {
                Ok(after) => after,
                Err(error) => {
                    let message = format!("rule `{}`: {}", clip(text), error.message);
                    return wrong(message, error.hint);
                }
            },
            _ => {
                let rest = clip(text[comma + 1..].trim());
                let form = "a rule may end with `, abort` or `, abort after 10s`".to_owned();
                return wrong(format!("a rule can't end with `, {rest}`"), form);
            }
        };
        Ok((text[..comma].trim_end(), Some(Self { after })))
    }

    /// Reads a rule written as a table; returns the rule's text and its `abort` clause.
    pub(super) fn of_table<'a>(
        value: &Value<'a>,
    ) -> Result<(Value<'a>, Option<Self>), ScenarioError> {
        let mut fields = value.table("a rule")?;
        let rule = fields.required("rule")?;
        let abort = fields.optional("abort");
        let after = fields.optional("after");
        fields.finish()?;
        let aborts = abort.map(|abort| abort.flag()).transpose()? == Some(true);
        let after = match after {
            Some(after) if !aborts => {
                return Err(after
                    .error("`after` has no effect, because the rule does not abort the run")
                    .hint("add `abort = true`"));
            }
            Some(after) => after.duration()?,
            None => Duration::ZERO,
        };
        Ok((rule, aborts.then_some(Self { after })))
    }
}

impl fmt::Display for Abort {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("abort")?;
        if self.after.is_zero() {
            return Ok(());
        }
        write!(formatter, " after {}", format_duration(self.after))
    }
}

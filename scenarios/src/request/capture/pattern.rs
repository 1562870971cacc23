//! Regular expressions that select a value.

use std::fmt;

use regex::bytes::Regex;

use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;

/// A regular expression, and the group of a match that is the value.
#[derive(Debug, Clone)]
pub struct Pattern {
    regex: Regex,
    group: usize,
}

/// Maximum length of a regular expression in bytes.
const PATTERN_BYTES_MAX: usize = 4096;

impl Pattern {
    /// Reads a regular expression, and a group by number or name. The default group is the first, or the
    /// whole match if there is none.
    pub(super) fn read(
        value: &Value<'_>,
        group: Option<&Value<'_>>,
    ) -> Result<Self, ScenarioError> {
        let text = value.text()?;
        if text.is_empty() || text.len() > PATTERN_BYTES_MAX {
            return Err(value.error(format!(
                "a regular expression has 1 to {PATTERN_BYTES_MAX} bytes"
            )));
        }
        let regex = Regex::new(text).map_err(|error| {
            // The library's message repeats the expression over several lines.
            let message = error.to_string();
            let reason = message.lines().last().unwrap_or_default().trim();
            let reason = reason.strip_prefix("error: ").unwrap_or(reason);
            value
                .error(format!(
                    "`{}` is not a regular expression: {reason}",
                    clip(text)
                ))
                .hint("write one such as 'id=(\\d+)'")
        })?;
        let groups = regex.captures_len() - 1;
        let group = match group {
            None => groups.min(1),
            Some(group) if group.is_integer() => group.count(0..=groups as u64)? as usize,
            Some(group) => {
                let name = group.text()?;
                let found = regex.capture_names().position(|known| known == Some(name));
                found.ok_or_else(|| {
                    group
                        .error(format!(
                            "the regular expression has no group `{}`",
                            clip(name)
                        ))
                        .hint(format!("name one with `(?<{}>...)`", clip(name)))
                })?
            }
        };
        Ok(Self { regex, group })
    }

    /// Returns the group of each match that has it, in order.
    pub(super) fn matches<'a>(&'a self, text: &'a [u8]) -> impl Iterator<Item = String> + 'a {
        let matches = self.regex.captures_iter(text);
        matches.filter_map(|found| {
            let group = found.get(self.group)?;
            Some(String::from_utf8_lossy(group.as_bytes()).into_owned())
        })
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        (self.regex.as_str(), self.group) == (other.regex.as_str(), other.group)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = clip(self.regex.as_str());
        write!(formatter, "the regular expression `{text}`")
    }
}

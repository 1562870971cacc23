//! Names of variables.

use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;

/// Names of built-in placeholders, which are not available to variables.
pub const BUILT_IN_NAMES: [&str; 8] = [
    "key",
    "user",
    "entropy",
    "text",
    "hex",
    "integer",
    "target",
    "target_body",
];

pub(super) fn is_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'
}

/// Returns whether a variable may have this name.
pub(super) fn is_variable_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase() || c == '_') && name.chars().all(is_name)
}

/// Rejects an invalid name of a variable; `owner` is the thing named.
pub(super) fn check_variable_name(
    name: &str,
    owner: &str,
    value: &Value<'_>,
) -> Result<(), ScenarioError> {
    if is_variable_name(name) && !BUILT_IN_NAMES.contains(&name) {
        return Ok(());
    }
    Err(value
        .error(format!("`{}` is not a valid name for {owner}", clip(name)))
        .hint(format!(
            "use lower-case letters, digits and `_`, except {}",
            BUILT_IN_NAMES.join(", ")
        )))
}

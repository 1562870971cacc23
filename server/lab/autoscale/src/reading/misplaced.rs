//! An error at a place of the text, and the check that several fields share.

use std::ops::Range;

use toml::Spanned;

use crate::policy::quantity;

/// Largest number of boxes in a group.
pub(super) const REPLICAS_MAX: u32 = 1_000;

/// Largest number of groups, of metrics or schedules in a group, and of limits in one direction.
pub(super) const ENTRIES_MAX: usize = 32;

/// Longest name, in bytes.
const NAME_BYTES_MAX: usize = 40;

/// An error at a place of the text.
pub(super) struct Misplaced {
    pub(super) span: Range<usize>,
    pub(super) field: String,
    pub(super) message: String,
}

/// Checks a name that becomes part of rules and manifests.
pub(super) fn check_name(
    name: &str,
    span: &Range<usize>,
    field: &str,
    dash: char,
) -> Result<(), Misplaced> {
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

pub(super) fn misplaced<T>(
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

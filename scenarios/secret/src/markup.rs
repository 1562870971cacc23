//! HTML and XML: form fields, and elements whose name indicates a secret.

use std::borrow::Cow;
use std::collections::HashMap;

use super::MASK;
use super::name::is_secret;
use super::text::Reading;

/// Attributes that name the subject of an element.
const NAMES: [&str; 5] = ["name", "id", "property", "type", "itemprop"];

/// Maximum number of attributes read in a tag.
const ATTRIBUTES_MAX: usize = 64;
/// Maximum length of a tag in bytes, quoted text excluded.
const TAG_BYTES_MAX: usize = 4096;

/// Masks the values of form fields (`<input name="csrf" value="x">`, attributes in any order) and the
/// content of elements (`<password>x</password>`) whose name indicates a secret.
pub(super) fn masked_markup(text: &str, reading: Reading) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut closings = Closings::default();
    let (mut copied, mut at) = (0, 0);
    while let Some(found) = text[at..].find('<') {
        let open = at + found;
        // Tags after a stray quote are also read on their own.
        at = open + 1;
        if !text[at..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            continue;
        }
        let tag = &text[open..open + tag_length(&text[open..])];
        let end = open + tag.len();
        let name = name_of(&tag[1..]);
        let range = match is_secret(name, "") {
            true if !tag.ends_with("/>") => {
                let close = closings.after(text, name, end);
                let close = close.or_else(|| text[end..].find('<').map(|close| end + close));
                Some(end..close.unwrap_or(text.len()))
            }
            _ => field_value(tag).map(|range| open + range.start..open + range.end),
        };
        let Some(range) = range.filter(|range| {
            let content = text[range.clone()].trim();
            reading.is_value(content) && content != MASK
        }) else {
            continue;
        };
        masked.push_str(&text[copied..range.start]);
        masked.push_str(MASK);
        copied = range.end;
        at = range.end;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    masked.into()
}

/// Positions of closing tags, by element name in lower case. Collected once, so that many unclosed
/// elements don't each cost a scan of the text.
#[derive(Default)]
struct Closings(Option<HashMap<String, Vec<usize>>>);

impl Closings {
    /// Returns the position of the tag that closes the element beginning before `from`.
    fn after(&mut self, text: &str, name: &str, from: usize) -> Option<usize> {
        let positions = self.0.get_or_insert_with(|| {
            let mut positions: HashMap<String, Vec<usize>> = HashMap::new();
            for (at, sign) in text.match_indices("</") {
                let name = name_of(&text[at + sign.len()..]);
                if is_secret(name, "") {
                    positions
                        .entry(name.to_ascii_lowercase())
                        .or_default()
                        .push(at);
                }
            }
            positions
        });
        let positions = positions.get(&name.to_ascii_lowercase())?;
        positions
            .get(positions.partition_point(|at| *at < from))
            .copied()
    }
}

/// Returns the name at the start of a tag.
fn name_of(tag: &str) -> &str {
    let ends = |c: char| c.is_whitespace() || matches!(c, '>' | '/' | '<');
    let name = &tag[..tag.floor_char_boundary(TAG_BYTES_MAX)];
    &name[..name.find(ends).unwrap_or(name.len())]
}

/// Returns the length of a tag: up to its `>`, the next `<`, or the end of the text. Quoted text does
/// not end it; a quote opens only after `=`.
fn tag_length(text: &str) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut beside, mut attributes) = (1, 0, 0);
    let mut is_assigned = false;
    while at < bytes.len() {
        match bytes[at] {
            b'>' => return at + 1,
            b'<' => return at,
            quote @ (b'"' | b'\'') if is_assigned => {
                let Some(length) = text[at + 1..].find(char::from(quote)) else {
                    return text.len();
                };
                at += length + 1;
                attributes += 1;
                if attributes == ATTRIBUTES_MAX {
                    return at + 1;
                }
                is_assigned = false;
            }
            b'=' => is_assigned = true,
            byte if byte.is_ascii_whitespace() => {}
            _ => is_assigned = false,
        }
        at += 1;
        beside += 1;
        if beside == TAG_BYTES_MAX {
            return text.floor_char_boundary(at);
        }
    }
    text.len()
}

/// Returns the range of the value of a form field whose name indicates a secret.
fn field_value(tag: &str) -> Option<std::ops::Range<usize>> {
    let attributes = attributes(tag);
    let value_of = |range: &std::ops::Range<usize>| &tag[range.clone()];
    let is_told = attributes.iter().any(|(name, value)| {
        NAMES.iter().any(|known| name.eq_ignore_ascii_case(known)) && is_secret(value_of(value), "")
    });
    let is_value =
        |name: &str| name.eq_ignore_ascii_case("value") || name.eq_ignore_ascii_case("content");
    let (_, value) = attributes.into_iter().find(|(name, _)| is_value(name))?;
    (is_told && !value.is_empty()).then_some(value)
}

/// Returns the attributes of a tag that have a value.
fn attributes(tag: &str) -> Vec<(&str, std::ops::Range<usize>)> {
    let mut attributes = Vec::new();
    let mut at = 0;
    while let Some(found) = tag[at..].find('=') {
        let sign = at + found;
        let name = tag[at..sign].trim_end();
        let name = name
            .rsplit(|c: char| c.is_whitespace())
            .next()
            .unwrap_or_default();
        let rest = tag[sign + 1..].trim_start();
        let mut start = tag.len() - rest.len();
        let length = match rest.chars().next() {
            Some(quote @ ('"' | '\'')) => {
                start += 1;
                rest[1..].find(quote).unwrap_or(rest.len() - 1)
            }
            _ => rest
                .find(|c: char| c.is_whitespace() || c == '>')
                .unwrap_or(rest.len()),
        };
        attributes.push((name, start..start + length));
        at = start + length;
    }
    attributes
}

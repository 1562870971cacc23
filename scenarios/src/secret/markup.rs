//! HTML and XML: fields of forms, and elements with a telling name.

use std::borrow::Cow;
use std::collections::HashMap;

use super::MASK;
use super::name::is_secret;
use super::text::Reading;

/// Attributes that name what the element is about.
const NAMES: [&str; 5] = ["name", "id", "property", "type", "itemprop"];

/// Attributes that a tag has at most.
const MOST_ATTRIBUTES: usize = 64;
/// Bytes of a tag at most, beside what stands in quotes.
const MOST_BYTES: usize = 4096;

/// Masks the values of fields (`<input name="csrf" value="x">`, whatever the order) and the content
/// of elements (`<password>x</password>`) that have a telling name.
pub(super) fn masked_markup(text: &str, reading: Reading) -> Cow<'_, str> {
    let mut masked = String::new();
    let mut closings = Closings::default();
    let (mut taken, mut at) = (0, 0);
    while let Some(found) = text[at..].find('<') {
        let open = at + found;
        // What a stray quote makes of the tags behind it is looked at on its own, too.
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
        masked.push_str(&text[taken..range.start]);
        masked.push_str(MASK);
        taken = range.end;
        at = range.end;
    }
    if taken == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[taken..]);
    masked.into()
}

/// Where elements are closed, by name in lower case; looked for once, so that a long text of
/// elements that are not closed takes no longer than another.
#[derive(Default)]
struct Closings(Option<HashMap<String, Vec<usize>>>);

impl Closings {
    /// Finds where the element is closed that begins before `from`.
    fn after(&mut self, text: &str, name: &str, from: usize) -> Option<usize> {
        let places = self.0.get_or_insert_with(|| {
            let mut places: HashMap<String, Vec<usize>> = HashMap::new();
            for (at, sign) in text.match_indices("</") {
                let name = name_of(&text[at + sign.len()..]);
                if is_secret(name, "") {
                    places
                        .entry(name.to_ascii_lowercase())
                        .or_default()
                        .push(at);
                }
            }
            places
        });
        let places = places.get(&name.to_ascii_lowercase())?;
        places.get(places.partition_point(|at| *at < from)).copied()
    }
}

/// The name that a tag begins with.
fn name_of(tag: &str) -> &str {
    let ends = |c: char| c.is_whitespace() || matches!(c, '>' | '/' | '<');
    let name = &tag[..tag.floor_char_boundary(MOST_BYTES)];
    &name[..name.find(ends).unwrap_or(name.len())]
}

/// The length of a tag, up to its `>`, the next `<`, or the end of the text. What stands in quotes
/// does not end it; a quote opens behind `=` alone.
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
                if attributes == MOST_ATTRIBUTES {
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
        if beside == MOST_BYTES {
            return text.floor_char_boundary(at);
        }
    }
    text.len()
}

/// Finds the value of a field with a telling name.
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

/// The attributes of a tag that have a value.
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

//! Texts with placeholders.
//!
//! A `{` starts a placeholder only if a name (or two, joined by a dot) and then `}`, `:`, `+` or `|` follow,
//! so JSON needs no escaping. `{{name}}` is the text `{name}`. All other braces are literal.
//!
//! A value is encoded for the place in which it stands; `{name|raw}` is not.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::RngExt;
use rand::SeedableRng;
use serde::de::IgnoredAny;

use super::data_file::DataFile;
use super::draw::Draw;
use super::encoding::{Encoding, encode};
use super::names::Names;
use super::place::{FILTERS, Place, Surroundings};
use super::targets::Targets;
use super::variable_name::{BUILT_IN_NAMES, is_name};
use super::variables::Variables;
use crate::format::clip::clip;
use crate::format::nearest::{nearest, suggestion};
use crate::random::stream::{Stream, mix_bits};
use crate::random::words::append_words;

/// A text with placeholders, parsed once and filled for every request.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Template {
    pieces: Vec<Piece>,
}

/// A part with the encodings of its text, the first one innermost.
#[derive(Debug, Clone, PartialEq)]
struct Piece {
    part: Part,
    encodings: Vec<Encoding>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Literal(String),
    /// Contents of a file.
    Bytes(Arc<[u8]>),
    Key(u64),
    User(u64),
    Entropy,
    Text(usize),
    Hex(usize),
    Integer(i64, i64),
    Target,
    TargetBody,
    Variable(usize),
    /// A column of data; in a journey, its value is a variable.
    Column {
        data: Arc<DataFile>,
        column: usize,
        variable: usize,
    },
}

/// An invalid placeholder: the problem and advice.
#[derive(Debug)]
pub(crate) struct TemplateError {
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
}

/// Maximum number of bytes of one placeholder.
const PLACEHOLDER_BYTES_MAX: usize = 16 * 1024 * 1024;

impl Template {
    /// Parses a text whose values stand in `place`.
    pub(crate) fn parse(text: &str, names: &Names, place: Place) -> Result<Self, TemplateError> {
        let mut template = Self::default();
        let mut surroundings = Surroundings::new(place);
        let mut literal = String::new();
        let mut rest = text;
        while let Some(open) = rest.find('{') {
            let (before, from) = rest.split_at(open);
            literal.push_str(before);
            if let Some(escaped) = from.strip_prefix('{').and_then(placeholder)
                && from[1 + escaped..].starts_with('}')
            {
                literal.push_str(&from[1..1 + escaped]);
                rest = &from[2 + escaped..];
                continue;
            }
            let inside = placeholder(from).map(|length| &from[1..length - 1]);
            match inside.filter(|inside| !is_foreign(inside, names)) {
                Some(inside) => {
                    template.finish_literal(&mut literal, &mut surroundings);
                    let piece = piece(inside, names, &surroundings)?;
                    surroundings.pass_value();
                    template.pieces.push(piece);
                    rest = &from[inside.len() + 2..];
                }
                None => {
                    literal.push('{');
                    rest = &from[1..];
                }
            }
        }
        literal.push_str(rest);
        template.finish_literal(&mut literal, &mut surroundings);
        Ok(template)
    }

    /// Parses a body without a media type: its values are encoded for JSON if it is JSON, and otherwise
    /// not changed.
    pub(crate) fn parse_body(text: &str, names: &Names) -> Result<Self, TemplateError> {
        let template = Self::parse(text, names, Place::Text)?;
        let is_structure = match template.parts().next() {
            Some(Part::Literal(text)) => text.trim_start().starts_with(['{', '[']),
            _ => false,
        };
        match is_structure && template.json_fault().is_none() {
            true => Self::parse(text, names, Place::Json),
            false => Ok(template),
        }
    }

    /// Appends the contents of a file.
    pub(crate) fn push_bytes(&mut self, bytes: Arc<[u8]>) {
        self.push(Part::Bytes(bytes));
    }

    /// Appends literal text.
    pub(crate) fn push_literal(&mut self, text: impl Into<String>) {
        self.push(Part::Literal(text.into()));
    }

    /// Appends another template.
    pub(crate) fn append(&mut self, other: Self) {
        self.pieces.extend(other.pieces);
    }

    /// Encodes the literal text, as a value.
    pub(crate) fn encode_literals(&mut self, encoding: Encoding) {
        for piece in &mut self.pieces {
            if let Part::Literal(text) = &mut piece.part {
                let mut encoded = Vec::new();
                encoding.write(text.as_bytes(), &mut encoded);
                *text = String::from_utf8_lossy(&encoded).into_owned();
            }
        }
    }

    /// Returns whether a file or the literal text contains `bytes`.
    pub(crate) fn contains(&self, bytes: &[u8]) -> bool {
        self.pieces.iter().any(|piece| {
            let own = match &piece.part {
                Part::Literal(text) => text.as_bytes(),
                Part::Bytes(own) => own,
                _ => &[],
            };
            own.windows(bytes.len()).any(|window| window == bytes)
        })
    }

    /// Returns why the text is not JSON whatever its values are. `None` if it is.
    pub(crate) fn json_fault(&self) -> Option<String> {
        let mut text = String::new();
        for part in self.parts() {
            match part {
                Part::Literal(literal) => text.push_str(literal),
                // Any value, or any part of a string.
                _ => text.push('0'),
            }
        }
        let parsed = serde_json::from_str::<IgnoredAny>(&text);
        parsed.err().map(|error| error.to_string())
    }

    /// Returns whether a value is put in unchanged, by `{name|raw}`.
    pub(crate) fn has_raw_values(&self) -> bool {
        let is_raw = |piece: &Piece| {
            piece.encodings.is_empty()
                && matches!(piece.part, Part::Variable(_) | Part::Column { .. })
        };
        self.pieces.iter().any(is_raw)
    }

    /// Returns the literal text, without its values.
    pub(crate) fn literal_text(&self) -> String {
        let texts = self.parts().filter_map(|part| match part {
            Part::Literal(text) => Some(text.as_str()),
            _ => None,
        });
        texts.collect()
    }

    fn push(&mut self, part: Part) {
        self.pieces.push(Piece {
            part,
            encodings: Vec::new(),
        });
    }

    /// Ends the literal text so far.
    fn finish_literal(&mut self, literal: &mut String, surroundings: &mut Surroundings) {
        if !literal.is_empty() {
            surroundings.pass(literal);
            self.push_literal(std::mem::take(literal));
        }
    }

    fn parts(&self) -> impl Iterator<Item = &Part> {
        self.pieces.iter().map(|piece| &piece.part)
    }

    /// Returns the text if it is the same for every request.
    pub(crate) fn constant(&self) -> Option<&str> {
        match self.pieces.as_slice() {
            [] => Some(""),
            [
                Piece {
                    part: Part::Literal(text),
                    ..
                },
            ] => Some(text),
            _ => None,
        }
    }

    /// Returns whether every text made from it starts with `prefix`, as far as is known.
    pub(crate) fn starts_with(&self, prefix: char) -> bool {
        match self.parts().next() {
            Some(Part::Literal(text)) => text.starts_with(prefix),
            // A recorded target or captured location has its own start.
            Some(Part::Target | Part::Variable(_) | Part::Column { .. }) => true,
            _ => false,
        }
    }

    pub(crate) fn uses_key(&self) -> bool {
        self.parts().any(|part| matches!(part, Part::Key(_)))
    }

    pub(crate) fn uses_target(&self) -> bool {
        self.parts()
            .any(|part| matches!(part, Part::Target | Part::TargetBody))
    }

    /// Returns the captured variables it needs.
    pub(crate) fn variables(&self) -> BTreeSet<usize> {
        self.parts()
            .filter_map(|part| match part {
                Part::Variable(index) => Some(*index),
                _ => None,
            })
            .collect()
    }

    /// Returns the values from data used for a draw, each with the name of its column.
    pub(crate) fn cells<'a>(
        &'a self,
        draw: &'a Draw,
        variables: &'a Variables,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.parts().filter_map(|part| match part {
            Part::Column {
                data,
                column,
                variable,
            } => Some((
                data.columns.get(*column).map_or("", String::as_str),
                cell(data, *column, *variable, draw, variables),
            )),
            _ => None,
        })
    }

    /// Returns whether the text depends on captured variables only.
    pub(crate) fn depends_on_variables_only(&self) -> bool {
        self.parts()
            .all(|part| matches!(part, Part::Literal(_) | Part::Variable(_)))
    }

    /// Appends the text for a draw.
    ///
    /// # Errors
    /// Returns the index of a variable that is not set.
    pub(crate) fn fill(
        &self,
        draw: &Draw,
        variables: &Variables,
        targets: &Targets,
        position: u64,
        out: &mut Vec<u8>,
    ) -> Result<(), usize> {
        for (index, piece) in self.pieces.iter().enumerate() {
            let Piece { part, encodings } = piece;
            match part {
                Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
                Part::Bytes(bytes) => out.extend_from_slice(bytes),
                Part::Target => {
                    let target = targets.get(draw.key).unwrap_or("/");
                    encode(target.as_bytes(), encodings, out);
                }
                Part::TargetBody => {
                    let body = targets.body(draw.key).unwrap_or_default();
                    encode(body.as_bytes(), encodings, out);
                }
                Part::Variable(variable) => {
                    let value = variables.get(*variable).ok_or(*variable)?;
                    encode(value.as_bytes(), encodings, out);
                }
                Part::Column {
                    data,
                    column,
                    variable,
                } => {
                    let cell = cell(data, *column, *variable, draw, variables);
                    encode(cell.as_bytes(), encodings, out);
                }
                generated => {
                    // Each placeholder has its own random numbers, independent of the rest of the template.
                    let entropy =
                        || mix_bits(draw.entropy ^ mix_bits((position << 32) | index as u64));
                    let start = out.len();
                    generate(generated, draw, entropy, out);
                    if !encodings.is_empty() {
                        let value = out.split_off(start);
                        encode(&value, encodings, out);
                    }
                }
            }
        }
        Ok(())
    }
}

/// Appends the text of a part that depends on the draw only.
fn generate(part: &Part, draw: &Draw, entropy: impl Fn() -> u64, out: &mut Vec<u8>) {
    match part {
        Part::Key(plus) => decimal(draw.key.wrapping_add(*plus), out),
        Part::User(plus) => decimal(draw.user.wrapping_add(*plus), out),
        Part::Entropy => hex(draw.entropy, 16, out),
        Part::Text(length) => append_words(entropy(), *length, out),
        Part::Hex(length) => {
            let mut random = Stream::seed_from_u64(entropy());
            let mut left = *length;
            while left > 0 {
                let digits = left.min(16);
                hex(random.random(), digits, out);
                left -= digits;
            }
        }
        Part::Integer(low, high) => {
            let number = Stream::seed_from_u64(entropy()).random_range(*low..=*high);
            if number < 0 {
                out.push(b'-');
            }
            decimal(number.unsigned_abs(), out);
        }
        Part::Literal(_)
        | Part::Bytes(_)
        | Part::Target
        | Part::TargetBody
        | Part::Variable(_)
        | Part::Column { .. } => {}
    }
}

/// Escapes a text, so that a template of it renders exactly that text.
pub fn escape_template(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(open) = rest.find('{') {
        let (before, from) = rest.split_at(open);
        escaped.push_str(before);
        let length = placeholder(from).unwrap_or(0);
        escaped.push('{');
        if length > 0 {
            escaped.push_str(&from[..length]);
            escaped.push('}');
        }
        rest = &from[length.max(1)..];
    }
    escaped.push_str(rest);
    escaped
}

/// Returns a cell: from the variables if set, otherwise from the draw's own row.
fn cell<'a>(
    data: &'a DataFile,
    column: usize,
    variable: usize,
    draw: &Draw,
    variables: &'a Variables,
) -> &'a str {
    let cell = variables.get(variable);
    cell.unwrap_or_else(|| data.cell(data.row_of(draw), column))
}

/// Returns whether a text is a placeholder and nothing else.
pub(crate) fn is_placeholder(text: &str) -> bool {
    placeholder(text) == Some(text.len())
}

/// Returns the length of a placeholder at the start of a text, including its braces.
fn placeholder(text: &str) -> Option<usize> {
    let inner = text.strip_prefix('{')?;
    let mut name = inner
        .find(|c: char| !is_name(c))
        .filter(|length| *length > 0)?;
    if let Some(column) = inner[name..].strip_prefix('.')
        && let Some(length) = column
            .find(|c: char| !is_name(c))
            .filter(|length| *length > 0)
    {
        name += 1 + length;
    }
    if inner.starts_with(|c: char| c.is_ascii_digit()) {
        return None;
    }
    let mut end = name;
    if inner[end..].starts_with([':', '+']) {
        let argument = &inner[end + 1..];
        end += 1 + argument.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'))?;
    }
    while let Some(filter) = inner[end..].strip_prefix('|') {
        let length = filter.find(|c: char| !is_name(c))?;
        if length == 0 {
            return None;
        }
        end += 1 + length;
    }
    inner[end..].starts_with('}').then_some(end + 2)
}

/// Returns whether a text in braces has the form `a|b` and only by chance resembles a placeholder, because
/// neither its name nor a filter is known.
fn is_foreign(inside: &str, names: &Names) -> bool {
    let mut words = inside.split('|');
    let name = words.next().unwrap_or_default();
    let mut filters = words.peekable();
    let is_known_name = || {
        let name = name.split([':', '+']).next().unwrap_or_default();
        BUILT_IN_NAMES.contains(&name) || names.variables.iter().any(|variable| variable == name)
    };
    filters.peek().is_some() && !filters.any(|filter| FILTERS.contains(&filter)) && !is_known_name()
}

/// Parses a placeholder with its filters; `surroundings` are those of its value.
fn piece(inside: &str, names: &Names, surroundings: &Surroundings) -> Result<Piece, TemplateError> {
    let mut filters = inside.split('|');
    let part = part(filters.next().unwrap_or_default(), names)?;
    let mut encodings = Vec::new();
    let mut is_given = false;
    for name in filters {
        is_given = true;
        let encoding = surroundings.filter(name).map_err(|()| TemplateError {
            message: format!("unknown filter `{}` in `{{{}}}`", clip(name), clip(inside)),
            hint: Some(match nearest(name, FILTERS) {
                Some(nearest) => format!("did you mean `{nearest}`?"),
                None => format!(
                    "known: `{}`; `{{{{{}}}}}` is literal text",
                    FILTERS.join("`, `"),
                    clip(inside)
                ),
            }),
        })?;
        encodings.extend(encoding);
    }
    if !is_given {
        encodings.extend(match &part {
            Part::Variable(_) | Part::Column { .. } => surroundings.encoding(),
            Part::Text(_) => surroundings.encoding_of_random(true),
            Part::Hex(_) | Part::Entropy => surroundings.encoding_of_random(false),
            // Digits are the same everywhere, and recorded requests are sent as they were.
            _ => None,
        });
    }
    Ok(Piece { part, encodings })
}

fn part(inside: &str, names: &Names) -> Result<Part, TemplateError> {
    let shown = clip(inside);
    let wrong = |form: &str| TemplateError {
        message: format!("`{{{shown}}}` is not a placeholder"),
        hint: Some(format!("write it as {form}")),
    };
    let (name, separator, argument) = match inside.find([':', '+']) {
        None => (inside, ' ', ""),
        Some(at) => (
            &inside[..at],
            inside[at..].chars().next().unwrap_or(' '),
            &inside[at + 1..],
        ),
    };
    let plus = |form: &str| match separator {
        ' ' => Ok(0),
        '+' => argument.parse::<u64>().map_err(|_| wrong(form)),
        _ => Err(wrong(form)),
    };
    let length = |form: &str| match argument.parse::<usize>() {
        Ok(length) if separator == ':' && length <= PLACEHOLDER_BYTES_MAX => Ok(length),
        _ => Err(wrong(form)),
    };
    match name {
        "key" => Ok(Part::Key(plus("`{key}` or `{key+1}`")?)),
        "user" => Ok(Part::User(plus("`{user}` or `{user+1}`")?)),
        "text" => Ok(Part::Text(length("`{text:1000}`, at most 16777216 bytes")?)),
        "hex" => Ok(Part::Hex(length("`{hex:16}`, at most 16777216 digits")?)),
        "integer" => {
            let form = "`{integer:1..6}`, both ends included";
            let (low, high) = argument.split_once("..").ok_or_else(|| wrong(form))?;
            match (low.parse(), high.parse()) {
                (Ok(low), Ok(high)) if separator == ':' && low <= high => {
                    Ok(Part::Integer(low, high))
                }
                _ => Err(wrong(form)),
            }
        }
        "entropy" if separator == ' ' => Ok(Part::Entropy),
        "target" if separator == ' ' => Ok(Part::Target),
        "target_body" if separator == ' ' => Ok(Part::TargetBody),
        "entropy" | "target" | "target_body" => Err(wrong(&format!("`{{{name}}}`"))),
        _ => match names.variables.iter().position(|variable| variable == name) {
            Some(index) if separator == ' ' => Ok(match names.column(index) {
                None => Part::Variable(index),
                Some((data, column)) => Part::Column {
                    data: Arc::clone(data),
                    column,
                    variable: index,
                },
            }),
            Some(_) => Err(wrong(&format!("`{{{name}}}`"))),
            None => {
                let known: Vec<&str> = BUILT_IN_NAMES
                    .into_iter()
                    .chain(names.variables.iter().map(String::as_str))
                    .collect();
                Err(TemplateError {
                    message: format!("unknown placeholder `{{{}}}`", clip(name)),
                    hint: suggestion(name, known.iter().copied()),
                })
            }
        },
    }
}

/// Appends a number without allocating a `String`.
fn decimal(mut number: u64, out: &mut Vec<u8>) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends the lowest `digits` hexadecimal digits of a number.
fn hex(number: u64, digits: usize, out: &mut Vec<u8>) {
    for position in (0..digits).rev() {
        let digit = (number >> (4 * position)) & 15;
        out.push(b"0123456789abcdef"[digit as usize]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names() -> Names {
        Names {
            variables: vec!["token".to_owned()].into(),
            ..Names::default()
        }
    }

    fn filled(text: &str) -> String {
        let template = Template::parse(text, &names(), Place::Text).unwrap();
        let draw = Draw {
            request: 0,
            key: 41,
            rank: 0,
            user: 7,
            entropy: 0xabc,
            turn: 0,
        };
        let mut variables = Variables::empty(1);
        variables.set(0, "secret".to_owned());
        let mut out = Vec::new();
        template
            .fill(&draw, &variables, &Targets::default(), 0, &mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn keeps_json_unchanged() {
        assert_eq!(filled(r#"{"a":{"b":{}}}"#), r#"{"a":{"b":{}}}"#);
        assert_eq!(
            filled(r#"{"handle":"user{user+1}"}"#),
            r#"{"handle":"user8"}"#
        );
        assert_eq!(filled("{ a: {key}}"), "{ a: 41}");
        assert_eq!(filled("{a.} {.a} {a.B} {{a.b}}"), "{a.} {.a} {a.B} {a.b}");
    }

    #[test]
    fn fills_placeholders() {
        assert_eq!(filled("/p/{key}/{key+1}?t={token}"), "/p/41/42?t=secret");
        assert_eq!(filled("{{key}}"), "{key}");
        assert_eq!(filled("{entropy}"), "0000000000000abc");
        assert_eq!(filled("{text:1000}").len(), 1000);
        assert_eq!(filled("{hex:33}").len(), 33);
        let number: i64 = filled("{integer:-3..3}").parse().unwrap();
        assert!((-3..=3).contains(&number));
        assert_ne!(filled("{hex:8}"), filled("x{hex:8}")[1..]);
    }

    proptest::proptest! {
        #[test]
        fn escaped_text_renders_unchanged(text in r#"([{}:+".|]|key|raw|[a-z0-9]|\\PC){0,12}"#) {
            let template = Template::parse(&escape_template(&text), &names(), Place::Text).unwrap();
            proptest::prop_assert_eq!(template.constant(), Some(text.as_str()));
        }
    }

    #[test]
    fn rejects_unknown_placeholders() {
        let rejected = |text: &str| {
            let error = Template::parse(text, &names(), Place::Text).unwrap_err();
            format!("{}; {}", error.message, error.hint.unwrap_or_default())
        };
        assert_eq!(
            rejected("{kye}"),
            "unknown placeholder `{kye}`; did you mean `key`?"
        );
        assert_eq!(
            rejected("{tokne}"),
            "unknown placeholder `{tokne}`; did you mean `token`?"
        );
        assert_eq!(
            rejected("{users.name}").split(';').next(),
            Some("unknown placeholder `{users.name}`")
        );
        assert!(rejected("{text}").contains("{text:1000}"));
        assert!(rejected("{integer:5..1}").contains("{integer:1..6}"));
        assert!(rejected("{key:5}").contains("{key+1}"));
        assert_eq!(
            rejected("{token|rwa}"),
            "unknown filter `rwa` in `{token|rwa}`; did you mean `raw`?"
        );
        assert!(rejected("{token|upper}").contains("`{{token|upper}}` is literal text"));
        assert!(rejected("{tokne|raw}").contains("did you mean `token`?"));
    }

    /// The text of a template in a place, with `token` set to `value`.
    fn placed(place: Place, text: &str, value: &str) -> String {
        let template = Template::parse(text, &names(), place).unwrap();
        let mut variables = Variables::empty(1);
        variables.set(0, value.to_owned());
        let mut out = Vec::new();
        let draw = Draw {
            key: 41,
            ..Draw::default()
        };
        template
            .fill(&draw, &variables, &Targets::default(), 0, &mut out)
            .unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn encodes_values_for_their_place() {
        let value = "a\"b&c/d";
        for (place, text, expected) in [
            (
                Place::Path,
                "/x/{token}?q={token}",
                "/x/a%22b%26c%2Fd?q=a%22b%26c%2Fd",
            ),
            (Place::Path, "{token}/x", "a\"b&c/d/x"),
            (Place::Path, "/{token|raw}", "/a\"b&c/d"),
            (Place::Json, r#"{"a":"{token}"}"#, r#"{"a":"a\"b&c/d"}"#),
            (Place::Json, r#"{"a":{token}}"#, r#"{"a":"a\"b&c/d"}"#),
            (
                Place::Json,
                r#"{"a":{key},"b":"{key}"}"#,
                r#"{"a":41,"b":"41"}"#,
            ),
            (Place::Form, "a={token}&b=1", "a=a%22b%26c%2Fd&b=1"),
            (Place::Header, "x; y=\"{token}\"", "x; y=\"a\\\"b&c/d\""),
            (Place::Header, "{token}", value),
            (Place::Xml, "<a>{token}</a>", "<a>a&quot;b&amp;c/d</a>"),
            (Place::Text, "{token}", value),
            (Place::Text, "{token|url}", "a%22b%26c%2Fd"),
            (Place::Text, "{token|json|url}", "%22a%5C%22b%26c%2Fd%22"),
            (Place::Text, r#""{token|json}""#, r#""a\"b&c/d""#),
        ] {
            assert_eq!(placed(place, text, value), expected, "{place:?} {text}");
        }
        assert_eq!(
            placed(Place::Json, "[{token}]", "12345678901234567890"),
            "[12345678901234567890]"
        );
    }

    #[test]
    fn random_text_is_a_string_in_json() {
        let text = placed(
            Place::Json,
            "[{hex:8}, {text:5}, {entropy}, \"{hex:2}\"]",
            "",
        );
        let values: Vec<String> = serde_json::from_str(&text).unwrap();
        let lengths: Vec<usize> = values.iter().map(String::len).collect();
        assert_eq!(lengths, [8, 5, 16, 2]);
        assert!(!placed(Place::Form, "a={text:100}", "").contains(' '));
    }

    #[test]
    fn text_that_resembles_a_filter_is_literal() {
        assert_eq!(
            filled("{asc|desc} {a.b|c} {token|}"),
            "{asc|desc} {a.b|c} {token|}"
        );
        assert_eq!(filled("{{token|raw}} {token|raw}"), "{token|raw} secret");
    }

    #[test]
    fn bodies_without_media_type_are_json_if_they_parse() {
        let parse = |text: &str| Template::parse_body(text, &names()).unwrap();
        for (text, is_json) in [
            (r#"{"a":"{token}"}"#, true),
            (r#" [1, {token}]"#, true),
            ("a={token}", false),
            ("{token}", false),
            (r#"{"a":"{token}""#, false),
        ] {
            let json = Template::parse(text, &names(), Place::Json).unwrap();
            assert_eq!(parse(text) == json, is_json, "{text}");
        }
    }
}

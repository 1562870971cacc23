//! Texts with placeholders.
//!
//! A `{` starts a placeholder only if a name (or two, joined by a dot) and then `}`, `:` or `+` follow,
//! so JSON needs no escaping. `{{name}}` is the text `{name}`. All other braces are literal.

use std::collections::BTreeSet;
use std::sync::Arc;

use rand::RngExt;
use rand::SeedableRng;

use super::data_file::DataFile;
use super::draw::Draw;
use super::names::Names;
use super::targets::Targets;
use super::variable_name::{BUILT_IN, is_name};
use super::variables::Variables;
use crate::format::fields::clip;
use crate::format::nearest::suggestion;
use crate::random::stream::{Stream, mix_bits};
use crate::random::words::append_words;

/// A text with placeholders, parsed once and filled for every request.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template {
    parts: Vec<Part>,
}

#[derive(Debug, Clone, PartialEq)]
enum Part {
    Literal(String),
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
    pub(crate) fn parse(text: &str, names: &Names) -> Result<Self, TemplateError> {
        let mut parts = Vec::new();
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
            } else if let Some(length) = placeholder(from) {
                if !literal.is_empty() {
                    parts.push(Part::Literal(std::mem::take(&mut literal)));
                }
                parts.push(part(&from[1..length - 1], names)?);
                rest = &from[length..];
            } else {
                literal.push('{');
                rest = &from[1..];
            }
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            parts.push(Part::Literal(literal));
        }
        Ok(Self { parts })
    }

    /// Returns the text if it is the same for every request.
    pub(crate) fn constant(&self) -> Option<&str> {
        match self.parts.as_slice() {
            [] => Some(""),
            [Part::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Returns whether every text made from it starts with `prefix`, as far as is known.
    pub(crate) fn starts_with(&self, prefix: char) -> bool {
        match self.parts.first() {
            Some(Part::Literal(text)) => text.starts_with(prefix),
            // A recorded target or captured location has its own start.
            Some(Part::Target | Part::Variable(_) | Part::Column { .. }) => true,
            _ => false,
        }
    }

    pub(crate) fn uses_key(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Key(_)))
    }

    pub(crate) fn uses_target(&self) -> bool {
        self.parts.contains(&Part::Target) || self.parts.contains(&Part::TargetBody)
    }

    /// Returns the captured variables it needs.
    pub(crate) fn variables(&self) -> BTreeSet<usize> {
        self.parts
            .iter()
            .filter_map(|part| match part {
                Part::Variable(index) => Some(*index),
                _ => None,
            })
            .collect()
    }

    /// Returns the values from data used for a draw.
    pub(crate) fn cells<'a>(
        &'a self,
        draw: &'a Draw,
        variables: &'a Variables,
    ) -> impl Iterator<Item = &'a str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column {
                data,
                column,
                variable,
            } => Some(cell(data, *column, *variable, draw, variables)),
            _ => None,
        })
    }

    /// Returns whether the text depends on captured variables only.
    pub(crate) fn depends_on_variables_only(&self) -> bool {
        self.parts
            .iter()
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
        for (index, part) in self.parts.iter().enumerate() {
            // Each placeholder has its own random numbers, independent of the rest of the template.
            let entropy = || mix_bits(draw.entropy ^ mix_bits((position << 32) | index as u64));
            match part {
                Part::Literal(text) => out.extend_from_slice(text.as_bytes()),
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
                Part::Target => {
                    out.extend_from_slice(targets.get(draw.key).unwrap_or("/").as_bytes());
                }
                Part::TargetBody => {
                    let body = targets.body(draw.key).unwrap_or_default();
                    out.extend_from_slice(body.as_bytes());
                }
                Part::Variable(variable) => {
                    out.extend_from_slice(variables.get(*variable).ok_or(*variable)?.as_bytes());
                }
                Part::Column {
                    data,
                    column,
                    variable,
                } => {
                    let cell = cell(data, *column, *variable, draw, variables);
                    out.extend_from_slice(cell.as_bytes());
                }
            }
        }
        Ok(())
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
    match inner[name..].chars().next()? {
        '}' => Some(name + 2),
        ':' | '+' => {
            let argument = &inner[name + 1..];
            let length =
                argument.find(|c: char| !(c.is_ascii_alphanumeric() || c == '.' || c == '-'))?;
            argument[length..]
                .starts_with('}')
                .then_some(name + length + 3)
        }
        _ => None,
    }
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
                let known: Vec<&str> = BUILT_IN
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
        let template = Template::parse(text, &names()).unwrap();
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
        fn escaped_text_renders_unchanged(text in r#"([{}:+".]|key|[a-z0-9]|\\PC){0,12}"#) {
            let template = Template::parse(&escape_template(&text), &names()).unwrap();
            proptest::prop_assert_eq!(template.constant(), Some(text.as_str()));
        }
    }

    #[test]
    fn rejects_unknown_placeholders() {
        let rejected = |text: &str| {
            let error = Template::parse(text, &names()).unwrap_err();
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
    }
}

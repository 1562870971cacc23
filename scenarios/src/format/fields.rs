//! A TOML table read field by field, so that each error has a position.

use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::clip::clip;
use super::error::ScenarioError;
use super::nearest::{nearest, suggestion};
use super::position::Position;
use super::rate::Rate;
use super::units::parse_duration;

/// Text of the document, and its name in messages.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Document<'a> {
    pub(crate) text: &'a str,
    pub(crate) origin: &'a Path,
}

/// Fields of a table. [`Fields::finish`] rejects fields that were not read.
#[derive(Debug)]
pub(crate) struct Fields<'a> {
    document: Document<'a>,
    table: &'a DeTable<'a>,
    span: Range<usize>,
    what: String,
    known: Vec<&'static str>,
}

/// A value, with its position and the name of its field.
#[derive(Debug, Clone)]
pub(crate) struct Value<'a> {
    document: Document<'a>,
    value: &'a Spanned<DeValue<'a>>,
    name: String,
}

impl<'a> Document<'a> {
    /// Returns an error at a byte range of the text.
    pub(crate) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ScenarioError {
        let mut start = span.start.min(self.text.len());
        while !self.text.is_char_boundary(start) {
            start -= 1;
        }
        let before = &self.text[..start];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        ScenarioError {
            origin: self.origin.to_owned(),
            line: before.matches('\n').count() + 1,
            column: before[line_start..].chars().count() + 1,
            message: message.into(),
            hint: None,
        }
    }

    /// Returns the document's fields; `root` is the result of [`DeTable::parse`] on the same text.
    pub(crate) fn fields(self, root: &'a Spanned<DeTable<'a>>) -> Fields<'a> {
        Fields::new(self, root.get_ref(), 0..0, "a scenario".to_owned())
    }
}

impl<'a> Fields<'a> {
    fn new(
        document: Document<'a>,
        table: &'a DeTable<'a>,
        span: Range<usize>,
        what: String,
    ) -> Self {
        Self {
            document,
            table,
            span,
            what,
            known: Vec::new(),
        }
    }

    /// Sets the description of the table in messages.
    pub(crate) fn describe(&mut self, what: String) {
        self.what = what;
    }

    /// Returns an error at the table.
    pub(crate) fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.document.error(self.span.clone(), message)
    }

    pub(crate) fn optional(&mut self, name: &'static str) -> Option<Value<'a>> {
        if !self.known.contains(&name) {
            self.known.push(name);
        }
        let value = self.table.get(name)?;
        Some(Value {
            document: self.document,
            value,
            name: name.to_owned(),
        })
    }

    pub(crate) fn required(&mut self, name: &'static str) -> Result<Value<'a>, ScenarioError> {
        if let Some(value) = self.optional(name) {
            return Ok(value);
        }
        // A misspelt field name is the likelier mistake.
        for key in self.table.keys() {
            let written: &str = key.get_ref();
            if !self.known.contains(&written) && nearest(written, [name]).is_some() {
                return Err(self.unknown(written, key.span()));
            }
        }
        Err(self.error(format!("{} needs `{name}`", self.what)))
    }

    /// Returns all entries of a table with user-defined names.
    pub(crate) fn entries(self) -> Vec<(String, Range<usize>, Value<'a>)> {
        let mut entries: Vec<_> = self
            .table
            .iter()
            .map(|(key, value)| {
                let name = key.get_ref().to_string();
                (
                    name.clone(),
                    key.span(),
                    Value {
                        document: self.document,
                        value,
                        name,
                    },
                )
            })
            .collect();
        entries.sort_by_key(|(_, span, _)| span.start);
        entries
    }

    /// Returns whether a field is present, without marking it as read.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.table.contains_key(name)
    }

    /// Rejects fields that were not read.
    pub(crate) fn finish(self) -> Result<(), ScenarioError> {
        self.reject_unknown()
    }

    /// Rejects fields that were not read so far.
    pub(crate) fn reject_unknown(&self) -> Result<(), ScenarioError> {
        #[cfg(test)]
        known_fields::record(&self.span, &self.known);
        let unknown = self
            .table
            .keys()
            .filter(|key| !self.known.contains(&key.get_ref().as_ref()))
            .min_by_key(|key| key.span().start);
        match unknown {
            None => Ok(()),
            Some(key) => Err(self.unknown(key.get_ref(), key.span())),
        }
    }

    fn unknown(&self, name: &str, span: Range<usize>) -> ScenarioError {
        self.document
            .error(span, format!("{} has no field `{}`", self.what, clip(name)))
            .maybe_hint(suggestion(name, self.known.iter().copied()))
    }
}

impl<'a> Value<'a> {
    pub(crate) fn error(&self, message: impl Into<String>) -> ScenarioError {
        self.document.error(self.value.span(), message)
    }

    /// Returns its position, for errors that are found later.
    pub(crate) fn position(&self) -> Position {
        let ScenarioError { line, column, .. } = self.error("");
        Position { line, column }
    }

    pub(crate) fn text(&self) -> Result<&'a str, ScenarioError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text.as_ref()),
            _ => Err(self.wrong_type("a string in quotes")),
        }
    }

    /// Reads a name: one line that is not empty.
    pub(crate) fn name(&self) -> Result<String, ScenarioError> {
        let text = self.text()?;
        if text.trim().is_empty() || text.chars().any(char::is_control) {
            return Err(self.error(format!("`{}` must be a name of one line", self.name)));
        }
        Ok(text.to_owned())
    }

    /// Reads a string, a number, or a boolean, as text.
    pub(crate) fn scalar(&self) -> Result<String, ScenarioError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(_) => self.digits(),
            DeValue::Float(_) | DeValue::Boolean(_) => Ok(self.json()?.to_string()),
            _ => Err(self.wrong_type("a string, a number, true or false")),
        }
    }

    /// Reads a number as decimal text with all of its digits.
    pub(crate) fn digits(&self) -> Result<String, ScenarioError> {
        let out_of_range = || self.error(format!("`{}` is out of range", self.name));
        match self.value.get_ref() {
            DeValue::Integer(integer) if integer.radix() == 10 => {
                let text = integer.as_str();
                Ok(text.strip_prefix('+').unwrap_or(text).to_owned())
            }
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
                .map(|number| number.to_string())
                .map_err(|_| out_of_range()),
            DeValue::Float(float) => {
                let text = float.as_str();
                match text.ends_with(|c: char| c.is_ascii_digit()) {
                    true => Ok(text.strip_prefix('+').unwrap_or(text).to_owned()),
                    // Infinite, or not a number.
                    false => Err(out_of_range()),
                }
            }
            _ => Err(self.wrong_type("a number")),
        }
    }

    /// Returns whether the value is a number.
    pub(crate) fn is_number(&self) -> bool {
        matches!(
            self.value.get_ref(),
            DeValue::Integer(_) | DeValue::Float(_)
        )
    }

    /// Reads a string, a number, or a boolean, as a JSON value.
    pub(crate) fn json(&self) -> Result<serde_json::Value, ScenarioError> {
        match self.value.get_ref() {
            DeValue::String(text) => Ok(text.to_string().into()),
            DeValue::Boolean(flag) => Ok((*flag).into()),
            DeValue::Integer(integer) => i64::from_str_radix(integer.as_str(), integer.radix())
                .map(Into::into)
                .map_err(|_| self.error(format!("`{}` is out of range", self.name))),
            DeValue::Float(_) => Ok(self.number(f64::MIN..=f64::MAX)?.into()),
            _ => Err(self.wrong_type("a string, a number, true or false")),
        }
    }

    pub(crate) fn flag(&self) -> Result<bool, ScenarioError> {
        match self.value.get_ref() {
            DeValue::Boolean(flag) => Ok(*flag),
            _ => Err(self.wrong_type("true or false")),
        }
    }

    /// Reads an integer in a range.
    pub(crate) fn count(&self, range: std::ops::RangeInclusive<u64>) -> Result<u64, ScenarioError> {
        let DeValue::Integer(integer) = self.value.get_ref() else {
            return Err(self.wrong_type("an integer"));
        };
        let number = i128::from_str_radix(integer.as_str(), integer.radix()).ok();
        match number.and_then(|number| u64::try_from(number).ok()) {
            Some(number) if range.contains(&number) => Ok(number),
            _ => Err(self.error(format!(
                "`{}` is {integer}, which is not between {} and {}",
                self.name,
                range.start(),
                range.end()
            ))),
        }
    }

    /// Reads a number in a range.
    pub(crate) fn number(
        &self,
        range: std::ops::RangeInclusive<f64>,
    ) -> Result<f64, ScenarioError> {
        let number: f64 = match self.value.get_ref() {
            DeValue::Integer(integer) => i128::from_str_radix(integer.as_str(), integer.radix())
                .map_or(f64::NAN, |number| number as f64),
            DeValue::Float(float) => float.as_str().parse().unwrap_or(f64::NAN),
            _ => return Err(self.wrong_type("a number")),
        };
        if !range.contains(&number) {
            return Err(self.error(format!(
                "`{}` is {number}, which is not between {} and {}",
                self.name,
                range.start(),
                range.end()
            )));
        }
        Ok(number)
    }

    pub(crate) fn duration(&self) -> Result<Duration, ScenarioError> {
        match self.value.get_ref() {
            DeValue::String(text) => parse_duration(text).map_err(|error| {
                self.error(format!("`{}`: {}", self.name, error.message))
                    .hint(error.hint)
            }),
            other => Err(self.bare(other, "s", "a duration such as \"90s\"")),
        }
    }

    pub(crate) fn rate(&self) -> Result<Rate, ScenarioError> {
        match self.value.get_ref() {
            DeValue::String(text) => text.parse().map_err(|error: crate::UnitError| {
                self.error(format!("`{}`: {}", self.name, error.message))
                    .hint(error.hint)
            }),
            other => Err(self.bare(other, "/s", "a rate such as \"500/s\"")),
        }
    }

    pub(crate) fn list(&self) -> Result<Vec<Value<'a>>, ScenarioError> {
        match self.value.get_ref() {
            DeValue::Array(array) => Ok(array
                .iter()
                .map(|value| Value {
                    document: self.document,
                    value,
                    name: self.name.clone(),
                })
                .collect()),
            _ => Err(self.wrong_type("an array in square brackets")),
        }
    }

    pub(crate) fn table(&self, what: impl Into<String>) -> Result<Fields<'a>, ScenarioError> {
        match self.value.get_ref() {
            DeValue::Table(table) => Ok(Fields::new(
                self.document,
                table,
                self.value.span(),
                what.into(),
            )),
            _ => Err(self.wrong_type("a table")),
        }
    }

    /// Returns whether the value is an integer.
    pub(crate) fn is_integer(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Integer(_))
    }

    /// Returns whether the value is a string.
    pub(crate) fn is_text(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::String(_))
    }

    /// Returns whether the value is a list.
    pub(crate) fn is_list(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Array(_))
    }

    /// Returns whether the value is a table.
    pub(crate) fn is_table(&self) -> bool {
        matches!(self.value.get_ref(), DeValue::Table(_))
    }

    /// Reads one of several words.
    pub(crate) fn choice<T: Copy>(
        &self,
        choices: &[(&'static str, T)],
    ) -> Result<T, ScenarioError> {
        let text = self.text()?;
        choices
            .iter()
            .find(|(name, _)| *name == text)
            .map(|(_, value)| *value)
            .ok_or_else(|| {
                self.error(format!("`{}` can't be `{}`", self.name, clip(text)))
                    .maybe_hint(suggestion(text, choices.iter().map(|(name, _)| *name)))
            })
    }

    pub(crate) fn wrong_type(&self, expected: &str) -> ScenarioError {
        self.error(format!(
            "`{}` must be {expected}, not {}",
            self.name,
            kind_of(self.value.get_ref())
        ))
    }

    fn bare(&self, value: &DeValue<'_>, unit: &str, expected: &str) -> ScenarioError {
        let number = match value {
            DeValue::Integer(integer) => integer.to_string(),
            DeValue::Float(float) => float.to_string(),
            _ => return self.wrong_type(expected),
        };
        self.error(format!("`{}` is a bare number, {number}", self.name))
            .hint(format!("write it with its unit: \"{number}{unit}\""))
    }
}

fn kind_of(value: &DeValue<'_>) -> &'static str {
    match value {
        DeValue::String(_) => "a string",
        DeValue::Integer(_) => "an integer",
        DeValue::Float(_) => "a number",
        DeValue::Boolean(_) => "a boolean",
        DeValue::Datetime(_) => "a date",
        DeValue::Array(_) => "an array",
        DeValue::Table(_) => "a table",
    }
}

/// Fields that the parser knows, by table, for the comparison with the JSON Schema.
#[cfg(test)]
pub(crate) mod known_fields {
    use std::cell::RefCell;
    use std::ops::Range;

    /// Position of a table in its document, and the fields that were read from it.
    pub(crate) type Known = (Range<usize>, Vec<&'static str>);

    thread_local! {
        static KNOWN: RefCell<Vec<Known>> = const { RefCell::new(Vec::new()) };
    }

    /// Records the fields of a table.
    pub(super) fn record(span: &Range<usize>, known: &[&'static str]) {
        KNOWN.with_borrow_mut(|all| all.push((span.clone(), known.to_vec())));
    }

    /// Returns the recorded fields, and forgets them.
    pub(crate) fn take() -> Vec<Known> {
        KNOWN.take()
    }
}

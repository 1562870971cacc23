//! Secrets in any text: JSON, complete or truncated, forms, headers, log lines, HTML.

use std::borrow::Cow;
use std::ops::Range;

use super::MASK;
use super::credential::masked_credentials;
use super::markup::masked_markup;
use super::multipart::masked_multipart;
use super::name::{
    decoded, is_code, is_count, is_key, is_named_by_another, is_of_oauth, is_secret, names_another,
};
use super::pairs::open_secret_of;
use super::run::Run;
use super::several_words::length_with_more;

/// Masks secrets in a text: values of any type under a secret's name, in JSON, forms, multipart forms, queries,
/// headers and HTML; tokens of an `Authorization`; JSON Web Tokens; passwords in URLs.
///
/// Truncated text is masked up to its end. Borrows the text if it has no secret.
pub fn masked_text(text: &str) -> Cow<'_, str> {
    Reading::default().masked(text)
}

/// Syntax of a text.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Reading {
    /// The text is from a scenario, where `{name}` is a placeholder and no value.
    pub(super) has_placeholders: bool,
    /// The text is code or prose: only quoted text is a value.
    pub(super) is_code: bool,
}

impl Reading {
    /// Masks secrets in a text of this syntax.
    pub(super) fn masked(self, text: &str) -> Cow<'_, str> {
        let masked = masked_multipart(text, self);
        let masked = and_then(masked, masked_credentials);
        let masked = and_then(masked, |text| self.masked_assignments(text));
        match self.is_code {
            true => masked,
            false => and_then(masked, |text| masked_markup(text, self)),
        }
    }

    /// Returns whether a text is a value, and not a placeholder or an authorization that holds one.
    pub(super) fn is_value(self, value: &str) -> bool {
        const SCHEMES: [&str; 3] = ["bearer", "basic", "token"];
        if !self.has_placeholders || !value.contains('{') {
            return !value.is_empty();
        }
        let mut rest = value;
        let mut left = String::new();
        while let Some((before, after)) = rest.split_once('{') {
            left.push_str(before);
            let Some((_, after)) = after.split_once('}') else {
                return true;
            };
            rest = after;
        }
        left.push_str(rest);
        let mut words = left
            .split(|c: char| !c.is_alphanumeric())
            .filter(|word| !word.is_empty());
        words.any(|word| !SCHEMES.iter().any(|known| word.eq_ignore_ascii_case(known)))
    }

    /// Masks values after `=` or `:` under a secret's name.
    fn masked_assignments(self, text: &str) -> Cow<'_, str> {
        let has_code = text
            .split(|c: char| !c.is_alphanumeric() && c != '_' && c != '-')
            .any(is_of_oauth);
        let mut changes: Vec<(Range<usize>, &str)> = Vec::new();
        // `copied`: end of the text already copied. `at`: where the search for a sign continues.
        let (mut copied, mut at) = (0, 0);
        // Whether the next value belongs to a name that was itself a value:
        // `{"name":"token","value":"x"}`.
        let mut named_before = false;
        let mut encoded = Encoded::default();
        // The last such value, whose name may follow it: `{"value":"x","name":"token"}`.
        let mut unnamed: Option<(Range<usize>, &str)> = None;
        while let Some(found) = text[at..].find(['=', ':']) {
            let sign = at + found;
            at = sign + 1;
            let Some(name) = Name::before(text, copied, sign) else {
                continue;
            };
            let plain = name.plain();
            let is_told = is_secret(&plain, "")
                || (is_code(&plain) && name.may_be_code(text, has_code))
                || (named_before && is_named_by_another(&plain));
            let names_another = names_another(&plain);
            let is_unnamed = name.quote.is_some() && is_named_by_another(&plain);
            let is_pair = name.quote.is_none() && text[sign..].starts_with('=');
            let may_hold_pairs = is_pair && encoded.may_be_in_value(text, at);
            let may_be_key = is_pair && is_key(&plain);
            if !(is_told || names_another || is_unnamed || may_hold_pairs || may_be_key) {
                continue;
            }
            let Some(value) = name.value(text, sign, &plain, self.is_code) else {
                continue;
            };
            let content = &text[value.start..value.end];
            // Quotes keep JSON valid when a number, list or object becomes a string.
            let quote = match (value.is_quoted, name.quote) {
                (false, Some(quote)) => quote,
                _ => "",
            };
            if names_another && value.is_quoted {
                named_before = is_secret(content, "");
                let of_same = unnamed.take().filter(|(range, _)| {
                    let between = text.get(range.end..name.start);
                    between.is_some_and(closes_no_object)
                });
                changes.extend(of_same.filter(|_| named_before));
            }
            let is_told =
                is_told || is_secret(&plain, content) || (may_hold_pairs && holds_encoded(content));
            let may_be_masked = self.is_masked(&plain, content, &value);
            if is_unnamed && !is_told && may_be_masked {
                unnamed = Some((value.start..value.end, quote));
            }
            if !is_told || !may_be_masked {
                continue;
            }
            changes.push((value.start..value.end, quote));
            copied = value.end;
            at = value.end;
        }
        changed(text, changes)
    }

    fn is_masked(self, name: &str, content: &str, value: &Found) -> bool {
        if !self.is_value(content) || (self.is_code && !value.is_quoted) {
            return false;
        }
        if value.is_quoted {
            return true;
        }
        let is_word = |words: &[&str]| words.iter().any(|word| content.eq_ignore_ascii_case(word));
        let is_empty = matches!(content, "{}" | "[]");
        let is_counted = is_count(name) && content.bytes().all(|byte| byte.is_ascii_digit());
        !is_empty && !is_counted && !is_word(&["true", "false", "null", "none", "nil"])
    }
}

/// Brackets that may enclose a name and its value.
const BRACKETS: [(char, char); 3] = [('(', ')'), ('[', ']'), ('{', '}')];

/// Characters that follow a value rather than belong to it.
const CLOSING: [char; 5] = [';', ',', ')', ']', '}'];

/// Search for an encoded `=` in values. Without one, a value need not be read to its end, which takes quadratic time in
/// a text such as `a=a=a=a`.
#[derive(Debug, Default)]
struct Encoded {
    word: Run,
    /// Position of the search: the next sign is not before it.
    next: usize,
}

impl Encoded {
    /// Returns whether the value after a sign, which begins at or after `at`, may have an encoded `=`. `at` must not
    /// decrease.
    fn may_be_in_value(&mut self, text: &str, at: usize) -> bool {
        let is_of_word = |c: char| !(c.is_whitespace() || matches!(c, '&' | '"' | '<' | '>'));
        let is_apart = |c: char| !is_of_word(c) || matches!(c, '\'' | '\\' | '=');
        let end = match text[at..].starts_with(is_apart) {
            // Blanks or a quote precede the value.
            true => text.len(),
            false => self.word.end(text, at, is_of_word),
        };
        self.next = self.next.max(at);
        while self.next < end && !is_encoded_sign(&text.as_bytes()[self.next..]) {
            self.next += 1;
        }
        self.next < end
    }
}

/// Returns whether a text begins with an encoded `=`.
fn is_encoded_sign(text: &[u8]) -> bool {
    text.get(..3)
        .is_some_and(|start| start.eq_ignore_ascii_case(b"%3d"))
}

/// The name before a sign.
struct Name<'a> {
    text: &'a str,
    start: usize,
    /// Its closing quote, with the backslashes before it if it is nested in a string.
    quote: Option<&'a str>,
}

/// A line of a header.
struct Header {
    /// The quote before it, and the number of backslashes before that.
    quote: Option<(char, usize)>,
}

/// A value after a sign, without its quotes.
struct Found {
    start: usize,
    end: usize,
    is_quoted: bool,
}

impl<'a> Name<'a> {
    /// Returns the name that ends before a sign and begins at or after `from`.
    fn before(text: &'a str, from: usize, sign: usize) -> Option<Self> {
        let whole = text.get(from..sign)?;
        let before = whole.trim_end();
        if before.ends_with(['"', '\'']) {
            let open = before.len() - 1;
            let inner = before[..open].trim_end_matches('\\');
            let start = inner.rfind(before.chars().next_back()?)? + 1;
            return Some(Self {
                text: &inner[start..],
                start: from + start,
                quote: Some(&before[inner.len()..]),
            });
        }
        // Only a few blanks may precede a sign.
        if whole.len() - before.len() > 2 || whole[before.len()..].contains('\n') {
            return None;
        }
        let is_of_name =
            |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.' | '[' | ']' | '%' | '$');
        let start = before
            .char_indices()
            .rev()
            .take_while(|(_, c)| is_of_name(*c))
            .last()?
            .0;
        Some(Self {
            text: &before[start..],
            start: from + start,
            quote: None,
        })
    }

    /// Returns the name without its encoding.
    fn plain(&self) -> Cow<'a, str> {
        if self.quote.is_some() && self.text.contains("\\u") {
            // Backslashes are doubled in a string within a string.
            let escaped = self.text.replace("\\\\", "\\");
            if let Ok(plain) = serde_json::from_str::<String>(&format!("\"{escaped}\"")) {
                return plain.into();
            }
        }
        decoded(self.text)
    }

    /// Returns whether a `code` may be an authorization code.
    fn may_be_code(&self, text: &str, has_code: bool) -> bool {
        has_code || (self.quote.is_none() && text[..self.start].ends_with(['?', '&', '#']))
    }

    /// Returns the value after the sign.
    fn value(&self, text: &str, sign: usize, plain: &str, is_code: bool) -> Option<Found> {
        let is_colon = text[sign..].starts_with(':');
        let mut start = sign + 1;
        if is_colon && text[start..].starts_with("//") {
            return None;
        }
        if !is_colon {
            // `==`, `=>`
            start += text[start..].len() - text[start..].trim_start_matches('=').len();
            if text[start..].starts_with('>') {
                start += 1;
            }
        }
        let rest = &text[start..];
        let open = match self.quote {
            Some(_) => rest.trim_start(),
            None => rest.trim_start_matches([' ', '\t']),
        };
        let blanks = rest.len() - open.len();
        // A header's value extends to the end of the line, or of the quoted text that the line begins.
        let header = match self.quote.is_none() && is_colon && !is_code {
            true => self.header(text),
            false => None,
        };
        if let Some(header) = header {
            let start = start + blanks;
            let rest = &text[start..];
            let line = &rest[..rest.find(['\n', '\r']).unwrap_or(rest.len())];
            let line = match header.quote {
                Some((quote, slashes)) => &line[..quoted_length(line, quote, slashes)],
                None => line,
            };
            return (!line.is_empty()).then(|| Found {
                start,
                end: start + line.trim_end().len(),
                is_quoted: false,
            });
        }
        let slashes = open.len() - open.trim_start_matches('\\').len();
        if let Some(quote @ ('"' | '\'')) = open[slashes..].chars().next() {
            let start = start + blanks + slashes + 1;
            let end = start + quoted_length(&text[start..], quote, slashes);
            return Some(Found {
                start,
                end,
                is_quoted: true,
            });
        }
        let start = match is_colon || text[..sign].ends_with([' ', '\t']) {
            true => start + blanks,
            false => start,
        };
        let rest = &text[start..];
        let length = match (self.quote, rest.chars().next()?) {
            (Some(_), '{' | '[') => balanced_length(rest),
            (Some(_), _) => length_before(rest, &[',', '"', '}', ']']),
            (None, _) if is_colon => length_before(rest, &[',', '"', '<', '}', '&']),
            (None, _) => self.word_length(text, rest),
        };
        let length = match self.quote {
            Some(_) => length,
            None => length_with_more(plain, rest, length, is_colon || start > sign + 1),
        };
        Some(Found {
            start,
            end: start + length,
            is_quoted: false,
        })
    }

    /// Returns the header whose name this is, if it begins a line or a quoted text.
    fn header(&self, text: &str) -> Option<Header> {
        let before = text[..self.start].trim_end_matches([' ', '\t', '>', '<', '*', '-']);
        match before.chars().next_back() {
            None | Some('\n' | '\r') => Some(Header { quote: None }),
            Some(quote @ ('"' | '\'')) if before.len() == self.start => {
                let outside = &before[..before.len() - 1];
                let slashes = outside.len() - outside.trim_end_matches('\\').len();
                Some(Header {
                    quote: Some((quote, slashes)),
                })
            }
            _ => None,
        }
    }

    /// Returns the length of the value after `name=`.
    fn word_length(&self, text: &str, rest: &str) -> usize {
        // A form's value may contain a quote, unless the form itself is quoted.
        let quote = text[..self.start].chars().next_back();
        let is_quoted = quote == Some('\'');
        let ends = |c: char| {
            c.is_whitespace()
                || matches!(c, '&' | '"' | '<' | '>' | '\\' | '`')
                || (is_quoted && c == '\'')
        };
        let mut word = &rest[..rest.find(ends).unwrap_or(rest.len())];
        // A closing bracket or quote that was opened before the name does not belong to the value.
        let count = |wanted: char| word.matches(wanted).count();
        let mut brackets = match word.ends_with(CLOSING) {
            true => BRACKETS.map(|(open, close)| (close, count(open), count(close))),
            false => return word.len(),
        };
        while let Some(last) = word.chars().next_back() {
            let bracket = brackets.iter_mut().find(|(close, ..)| *close == last);
            match bracket {
                Some((_, opened, closed)) if *opened < *closed => *closed -= 1,
                None if CLOSING.contains(&last) => {}
                _ => break,
            }
            word = &word[..word.len() - 1];
        }
        word.len()
    }
}

/// Returns whether the text before and after `between` belongs to the same object.
fn closes_no_object(between: &str) -> bool {
    let mut depth = 0_usize;
    between.bytes().all(|byte| {
        match byte {
            b'{' => depth += 1,
            b'}' if depth == 0 => return false,
            b'}' => depth -= 1,
            _ => {}
        }
        true
    })
}

/// Replaces the given ranges, keeping their quotes.
fn changed<'a>(text: &'a str, mut changes: Vec<(Range<usize>, &str)>) -> Cow<'a, str> {
    if changes.is_empty() {
        return Cow::Borrowed(text);
    }
    changes.sort_by_key(|(range, _)| range.start);
    let mut masked = String::with_capacity(text.len());
    let mut copied = 0;
    for (range, quote) in changes {
        // This range lies within a value already masked.
        if range.end <= copied {
            continue;
        }
        masked.push_str(&text[copied..range.start.max(copied)]);
        masked.push_str(quote);
        masked.push_str(MASK);
        masked.push_str(quote);
        copied = range.end;
    }
    masked.push_str(&text[copied..]);
    masked.into()
}

/// Returns whether a value is an encoded URL or form that contains a secret.
fn holds_encoded(content: &str) -> bool {
    if !(content.contains("%3D") || content.contains("%3d")) {
        return false;
    }
    let inner = decoded(content);
    inner
        .split(['?', '&', ';', '#'])
        .any(|pair| open_secret_of(pair).is_some())
}

/// Returns the length of a quoted text, up to its closing quote or the end of the text. The closing
/// quote has as many backslashes before it as the opening one; a quote with more belongs to the text, and one with fewer
/// ends the text around it.
fn quoted_length(text: &str, quote: char, slashes: usize) -> usize {
    let mut before = 0;
    for (at, c) in text.char_indices() {
        match c {
            '\\' => before += 1,
            _ if c == quote && before < slashes => return at - before,
            _ if c == quote && before % (2 * (slashes + 1)) == slashes => return at - slashes,
            _ => before = 0,
        }
    }
    text.len()
}

/// Returns the length of a value that is not quoted, up to a blank or one of `ends`. Backslashes before a quote belong to
/// the quote.
fn length_before(text: &str, ends: &[char]) -> usize {
    let length = text.find(|c: char| c.is_whitespace() || ends.contains(&c));
    let value = &text[..length.unwrap_or(text.len())];
    match text[value.len()..].starts_with('"') {
        true => value.trim_end_matches('\\').len(),
        false => value.len(),
    }
}

/// Returns the length of a list or object, up to its closing bracket or the end of the text.
fn balanced_length(text: &str) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(found) = text[at..].find(['{', '[', '}', ']', '"']) {
        at += found;
        match text.as_bytes()[at] {
            b'{' | b'[' => depth += 1,
            b'"' => {
                let inner = &text[..at];
                let slashes = inner.len() - inner.trim_end_matches('\\').len();
                at += 1 + quoted_length(&text[at + 1..], '"', slashes);
                let close = &text[at..];
                at += close.len() - close.trim_start_matches('\\').len();
            }
            _ => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return at + 1;
                }
            }
        }
        at = (at + 1).min(text.len());
    }
    text.len()
}

/// Applies another mask, borrowing if nothing has been masked so far.
fn and_then<'a>(text: Cow<'a, str>, mask: impl Fn(&str) -> Cow<'_, str>) -> Cow<'a, str> {
    match text {
        Cow::Borrowed(text) => mask(text),
        Cow::Owned(text) => match mask(&text) {
            Cow::Owned(masked) => masked.into(),
            Cow::Borrowed(_) => text.into(),
        },
    }
}

#[cfg(test)]
mod tests;

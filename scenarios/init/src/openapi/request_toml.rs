//! A request of the scenario, and its TOML.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use http::{HeaderName, HeaderValue};
use tenfold_scenarios::toml_text::{comment, quoted};
use tenfold_scenarios::{Kind, escape_template, is_framing};

use super::body::body;
use super::document::Document;
use super::operation::Operation;
use super::parameter::{Parameter, encoded};
use super::path_variables::PathVariables;

/// Maximum number of names in a comment.
const NAMES_MAX: usize = 12;
/// Maximum length of a request's name in characters.
const NAME_CHARS_MAX: usize = 120;
/// Maximum length of a path in bytes.
const PATH_BYTES_MAX: usize = 8 * 1024;

/// Names of requests that are taken.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

/// A request of the scenario.
#[derive(Debug)]
pub(super) struct RequestToml {
    pub(super) kind: Kind,
    pub(super) is_delete: bool,
    /// False if it is written as a comment.
    pub(super) is_sent: bool,
    /// Names of the variables in its path.
    pub(super) variables: Vec<String>,
    name: String,
    method: &'static str,
    path: String,
    headers: Vec<(String, String)>,
    body: Option<String>,
    expect: Vec<String>,
    comments: Vec<String>,
}

impl RequestToml {
    /// Makes the request of an operation.
    ///
    /// # Errors
    /// Returns why it can't be sent.
    pub(super) fn of(
        document: &Document,
        operation: &Operation<'_>,
        variables: &mut PathVariables,
        names: &mut Names,
    ) -> Result<Self, &'static str> {
        let body = body(document, operation)?;
        let parameters = operation.parameters(document);
        let parameters: Vec<(&str, Parameter<'_>)> = parameters
            .into_iter()
            .filter_map(|value| Some((value["in"].as_str()?, Parameter::read(document, value)?)))
            .collect();
        let mut made = Self {
            kind: kind_of(operation.method),
            is_delete: operation.method == "DELETE",
            is_sent: true,
            variables: Vec::new(),
            name: names.unique(operation),
            method: operation.method,
            path: String::new(),
            headers: Vec::new(),
            body: None,
            expect: expected(document, operation),
            comments: operation.summary().map(str::to_owned).into_iter().collect(),
        };
        made.set_path(operation.path, &parameters, variables)?;
        made.set_query(&parameters)?;
        made.set_headers(&parameters);
        if let Some(accepted) = accepted(document, operation) {
            made.headers.insert(0, ("accept".to_owned(), accepted));
        }
        if let Some(body) = body {
            made.headers
                .push(("content-type".to_owned(), body.content_type));
            made.note("The body's values of ", " are made up.", &body.made_up);
            made.body = Some(body.text);
        }
        if made.path.len() > PATH_BYTES_MAX {
            return Err("with a path of more than 8 KiB");
        }
        Ok(made)
    }

    /// Fills the parameters of a path in braces: variables for simple values, text for others.
    fn set_path(
        &mut self,
        path: &str,
        parameters: &[(&str, Parameter<'_>)],
        variables: &mut PathVariables,
    ) -> Result<(), &'static str> {
        if path.contains('#') {
            return Err("with a `#` in their path, which is never sent");
        }
        let (mut rest, mut filled) = (path, String::new());
        while let Some((before, from)) = rest.split_once('{') {
            filled.push_str(&kept(before));
            let Some((name, after)) = from.split_once('}') else {
                return Err("with a path whose braces are not closed");
            };
            rest = after;
            let parameter = parameters
                .iter()
                .find(|(place, parameter)| *place == "path" && parameter.name == name)
                .map(|(_, parameter)| parameter);
            let (text, is_named) = match parameter {
                Some(parameter) => {
                    let value = parameter.value.as_ref().filter(|value| !value.is_null());
                    let Some(value) = value else {
                        return Err("with a path parameter of which no value could be made");
                    };
                    (parameter.path_text(value), parameter.is_named)
                }
                None => ("1".to_owned(), false),
            };
            let is_simple = text.bytes().all(|byte| {
                byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
            });
            if !is_simple || text.is_empty() {
                if text.is_empty() {
                    return Err("with an empty path parameter");
                }
                filled.push_str(&text);
                continue;
            }
            let segment = before
                .trim_end_matches('/')
                .rsplit('/')
                .next()
                .unwrap_or_default();
            let variable = variables.name(name, segment, &text, !is_named, path);
            let _ = write!(filled, "{{{variable}}}");
            self.variables.push(variable);
        }
        filled.push_str(&kept(rest));
        self.path = filled;
        Ok(())
    }

    fn set_query(&mut self, parameters: &[(&str, Parameter<'_>)]) -> Result<(), &'static str> {
        let mut separator = if self.path.contains('?') { '&' } else { '?' };
        let (mut left_out, mut made_up) = (Vec::new(), Vec::new());
        for (_, parameter) in parameters.iter().filter(|(place, _)| *place == "query") {
            let value = parameter.value.as_ref().filter(|value| !value.is_null());
            let text = value
                .map(|value| parameter.query_text(value))
                .unwrap_or_default();
            let may_send = !text.is_empty() && !is_secret(parameter);
            match (parameter.is_required, parameter.is_named) {
                (true, _) if !may_send => {
                    self.comments.push(format!(
                        "Add the required query parameter {} to the path.",
                        parameter.name
                    ));
                    continue;
                }
                (false, false) => {
                    left_out.push(parameter.name.to_owned());
                    continue;
                }
                (false, true) if !may_send => continue,
                (true, false) => made_up.push(parameter.name.to_owned()),
                (_, true) => {}
            }
            let _ = write!(self.path, "{separator}{text}");
            separator = '&';
        }
        self.note("The query's values of ", " are made up.", &made_up);
        self.note(
            "Optional query parameters without an example: ",
            ".",
            &left_out,
        );
        Ok(())
    }

    fn set_headers(&mut self, parameters: &[(&str, Parameter<'_>)]) {
        /// Set by other means than parameters (OpenAPI, "Parameter Object").
        const IGNORED: [&str; 3] = ["accept", "content-type", "authorization"];
        for (place, parameter) in parameters {
            let is_wanted = parameter.is_required || parameter.is_named;
            match *place {
                "cookie" if parameter.is_required => self.comments.push(format!(
                    "Add the required cookie {} with headers.cookie.",
                    parameter.name
                )),
                "header" if is_wanted => {
                    let Ok(name) = parameter.name.parse::<HeaderName>() else {
                        continue;
                    };
                    if IGNORED.contains(&name.as_str()) || is_framing(&name) {
                        continue;
                    }
                    let value = parameter.value.as_ref();
                    let text = value
                        .map(|value| parameter.header_text(value))
                        .unwrap_or_default();
                    let is_valid = HeaderValue::from_str(&text).is_ok() && text.is_ascii();
                    if is_secret(parameter) || text.is_empty() || !is_valid {
                        if parameter.is_required {
                            self.comments
                                .push(format!("Add the required header {name} to `headers`."));
                        }
                        continue;
                    }
                    if !self
                        .headers
                        .iter()
                        .any(|(known, _)| *known == name.as_str())
                    {
                        self.headers.push((name.to_string(), text));
                    }
                }
                _ => {}
            }
        }
    }

    /// Adds a comment that names parts.
    fn note(&mut self, before: &str, after: &str, names: &[String]) {
        let mut distinct: Vec<&str> = Vec::new();
        for name in names {
            if !distinct.contains(&name.as_str()) {
                distinct.push(name);
            }
        }
        if distinct.is_empty() {
            return;
        }
        let more = match distinct.len().saturating_sub(NAMES_MAX) {
            0 => String::new(),
            more => format!(" and {more} others"),
        };
        distinct.truncate(NAMES_MAX);
        self.comments
            .push(format!("{before}{}{more}{after}", distinct.join(", ")));
    }

    /// Returns its TOML. Writes weigh a tenth if there are reads.
    pub(super) fn toml(&self, has_reads: bool) -> String {
        let mut text = String::new();
        for line in &self.comments {
            text.push_str(&comment(line));
        }
        let weight = match self.kind {
            Kind::Read => 10,
            Kind::Write if has_reads => 1,
            Kind::Write => 10,
        };
        let mut table = format!(
            "[[requests]]\nname = {}\nkind = \"{}\"\nweight = {weight}\nmethod = \"{}\"\npath = {}\n",
            quoted(&self.name),
            self.kind,
            self.method,
            quoted(&self.path)
        );
        let headers: Vec<String> = self
            .headers
            .iter()
            .map(|(name, value)| format!("{} = {}", key(name), quoted(&escape_template(value))))
            .collect();
        if !headers.is_empty() {
            let _ = writeln!(table, "headers = {{ {} }}", headers.join(", "));
        }
        if let Some(body) = &self.body {
            let _ = writeln!(table, "body = {}", literal(&escape_template(body)));
        }
        if !self.expect.is_empty() {
            let _ = writeln!(table, "expect = [{}]", self.expect.join(", "));
        }
        match self.is_sent {
            true => text.push_str(&table),
            false => {
                for line in table.lines() {
                    let _ = writeln!(text, "# {line}");
                }
            }
        }
        text
    }
}

impl Names {
    /// Returns a name for an operation that no other has: its id, or its method and path.
    fn unique(&mut self, operation: &Operation<'_>) -> String {
        let named = operation.value["operationId"].as_str().map(str::trim);
        let base = match named.filter(|name| !name.is_empty()) {
            Some(name) => name.to_owned(),
            None => format!("{} {}", operation.method, operation.path),
        };
        // A quote would end the name in a rule.
        let base: String = base
            .chars()
            .map(|c| match c {
                '"' => '\'',
                c if c.is_control() => ' ',
                c => c,
            })
            .take(NAME_CHARS_MAX)
            .collect();
        let base = match base.trim() {
            "" => operation.method.to_owned(),
            base => base.to_owned(),
        };
        let numbered = (2..).map(|number| format!("{base} {number}"));
        let mut candidates = std::iter::once(base.clone()).chain(numbered);
        let free = candidates
            .find(|name| !self.0.contains(name))
            .unwrap_or(base);
        self.0.insert(free.clone());
        free
    }
}

/// Returns the kind of a method: the safe methods read (RFC 9110, and QUERY), others write.
fn kind_of(method: &str) -> Kind {
    match method {
        "GET" | "HEAD" | "OPTIONS" | "TRACE" | "QUERY" => Kind::Read,
        _ => Kind::Write,
    }
}

/// Returns whether a parameter seems to be a secret, whose example must not be sent or stored.
fn is_secret(parameter: &Parameter<'_>) -> bool {
    let value = parameter.value.as_ref().map(super::parameter::scalar);
    tenfold_secret::is_secret(parameter.name, &value.unwrap_or_default())
}

/// Returns a constant part of a path, with all characters encoded that a path must not contain.
fn kept(text: &str) -> String {
    let keeps = |c: char| {
        c.is_ascii_graphic()
            && !matches!(
                c,
                '{' | '}' | '"' | '<' | '>' | '\\' | '^' | '`' | '|' | '#'
            )
    };
    text.chars()
        .map(|c| match keeps(c) {
            true => c.to_string(),
            false => encoded(&c.to_string()),
        })
        .collect()
}

/// Returns the statuses that mean success. Empty if the document names none: then any 2xx does.
fn expected(document: &Document, operation: &Operation<'_>) -> Vec<String> {
    let responses = document.resolve(&operation.value["responses"]);
    let statuses = responses.as_object().into_iter().flatten();
    let statuses = statuses.filter_map(|(status, _)| match status.as_bytes() {
        [b'2' | b'3', a, b] if a.is_ascii_digit() && b.is_ascii_digit() => Some(status.clone()),
        [class @ (b'2' | b'3'), b'x' | b'X', b'x' | b'X'] => {
            Some(format!("\"{}xx\"", char::from(*class)))
        }
        _ => None,
    });
    statuses.collect()
}

/// Returns the value of `accept`: the media type of the first successful response, JSON if it has it.
fn accepted(document: &Document, operation: &Operation<'_>) -> Option<String> {
    let responses = document
        .resolve(&operation.value["responses"])
        .as_object()?;
    let good = responses
        .iter()
        .filter(|(status, _)| status.starts_with('2'));
    let content = good
        .filter_map(|(_, response)| document.resolve(response)["content"].as_object())
        .find(|content| !content.is_empty())?;
    let is_valid = |name: &&String| HeaderValue::from_str(name).is_ok() && name.is_ascii();
    let mut names = content.keys().filter(is_valid);
    let json = content
        .keys()
        .find(|name| name.as_str() == "application/json");
    json.or_else(|| names.next()).cloned()
}

/// Returns a key of a TOML table.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match name.chars().all(is_bare) {
        true => name.to_owned(),
        false => quoted(name),
    }
}

/// Quotes a text, literally if it can be: JSON is easier to read and to edit without escapes.
fn literal(text: &str) -> String {
    let is_literal = !text.chars().any(|c| c == '\'' || c.is_control());
    match is_literal {
        true => format!("'{text}'"),
        false => quoted(text),
    }
}

//! What is sent.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING, UPGRADE};
use http::{HeaderName, HeaderValue, Method};

use crate::arrival::Draw;
use crate::capture::Capture;
use crate::check::{CAPTURED_BODY_BYTES, Check, Needs};
use crate::error::ScenarioError;
use crate::expect::Expect;
use crate::fields::{Fields, Value};
use crate::key_space::KeySpace;
use crate::names::{Names, check_variable_name};
use crate::nearest::suggestion;
use crate::script::{READ_BODY_BYTES, Script, engine};
use crate::side::Side;
use crate::targets::Targets;
use crate::template::Template;
use crate::variables::Variables;

/// Whether a request reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Kind {
    /// Changes nothing.
    Read,
    /// Changes something.
    Write,
}

/// A kind of request, of which many are sent.
#[derive(Debug, Clone)]
pub struct Request {
    /// What it is called.
    pub name: String,
    /// Whether it reads or writes.
    pub kind: Kind,
    /// Its share of the mix, in proportion to the other weights; 0 for one that is sent only by
    /// sessions or journeys.
    pub weight: f64,
    /// The method.
    pub method: Method,
    /// The statuses that are as they should be.
    pub expect: Expect,
    /// What is taken from its response.
    pub captures: Vec<Capture>,
    /// What its response must be like, beside its status.
    pub checks: Vec<Check>,
    /// What runs before and after it.
    pub script: Option<Script>,
    /// What must be kept of a response for captures, checks and script.
    pub needs: Needs,
    /// Index into [`Scenario::key_spaces`](crate::Scenario::key_spaces).
    pub key_space: Option<usize>,
    path: Template,
    headers: Vec<(HeaderName, Header)>,
    body: Option<Template>,
    variable_names: Arc<[String]>,
    targets: Arc<Targets>,
}

/// A request made ready to be sent. Kept and filled again, it allocates nothing once it is warm.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Path and query, in origin form.
    pub path: String,
    /// The headers, in the scenario's order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The body; empty where there is none.
    pub body: Vec<u8>,
    scratch: Vec<u8>,
}

/// A request that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// No response has told the value yet.
    #[error("request `{request}` needs `{{{variable}}}`, which no earlier response has told")]
    Missing {
        /// The request's name.
        request: String,
        /// The variable's name.
        variable: String,
    },
    /// A captured value can't stand in a header.
    #[error(
        "request `{request}` can't send header `{header}`: its value holds a control character"
    )]
    Header {
        /// The request's name.
        request: String,
        /// The header's name.
        header: String,
    },
}

/// What says where a message ends and what becomes of its connection. A scenario that set it wrong
/// would make one request swallow the next.
const FRAMING: [HeaderName; 4] = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE];

/// Tells whether a header says where a message ends or what becomes of its connection, so that only
/// who writes the message can set it.
pub fn is_framing(header: &HeaderName) -> bool {
    FRAMING.contains(header)
}

#[derive(Debug, Clone)]
enum Header {
    /// The same for every request.
    Constant(HeaderValue),
    /// Made of captured variables alone: a slot of [`Variables`].
    OfVariables(usize, Template),
    /// Different for every request, so that each costs an allocation.
    Template(Template),
}

impl Kind {
    /// Returns the plural, as rules have it: `reads`, `writes`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Read => "reads",
            Self::Write => "writes",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
        })
    }
}

/// What all requests share while they are read.
pub(crate) struct RequestContext<'a> {
    pub(crate) key_spaces: &'a [KeySpace],
    pub(crate) names: Names,
    /// Where scripts are found.
    pub(crate) folder: &'a Path,
    /// The names of all requests.
    pub(crate) requests: Arc<[String]>,
    /// The interpreter of scripts, once there is one.
    pub(crate) engine: Option<Arc<rhai::Engine>>,
    /// Header templates of captured variables alone, as they are found.
    pub(crate) variable_headers: Vec<Template>,
}

/// Returns the names of the variables that a request captures, without reading the rest of it.
pub(crate) fn captured_names(request: &Value<'_>) -> Result<Vec<String>, ScenarioError> {
    let mut fields = request.table("a request")?;
    let Some(capture) = fields.optional("capture") else {
        return Ok(Vec::new());
    };
    let mut names = Vec::new();
    for (name, _, value) in capture.table("the captures of a request")?.entries() {
        check_variable_name(&name, "a captured value", &value)?;
        names.push(name);
    }
    Ok(names)
}

impl Request {
    /// Reads a `[[requests]]` table.
    pub(crate) fn read(
        mut fields: Fields<'_>,
        context: &mut RequestContext<'_>,
    ) -> Result<Self, ScenarioError> {
        let name = fields.required("name")?.name()?;
        fields.call(format!("request `{name}`"));
        let kind = fields
            .required("kind")?
            .choice(&[("read", Kind::Read), ("write", Kind::Write)])?;
        let weight = match fields.optional("weight") {
            None => 1.0,
            Some(value) => value.number(0.0..=1e9)?,
        };
        let method = match fields.optional("method") {
            None => Method::GET,
            Some(value) => value.text()?.parse().map_err(|_| {
                value
                    .error("not a method")
                    .hint("write \"GET\", \"POST\" ...")
            })?,
        };
        let keys_value = fields.optional("keys");
        let key_space = match &keys_value {
            None => None,
            Some(value) => {
                let wanted = value.text()?;
                let found = context
                    .key_spaces
                    .iter()
                    .position(|keys| keys.name == wanted);
                Some(found.ok_or_else(|| {
                    let known = context.key_spaces.iter().map(|keys| keys.name.as_str());
                    value
                        .error(format!(
                            "the scenario has no keys `{}`",
                            crate::fields::clip(wanted)
                        ))
                        .maybe_hint(suggestion(wanted, known))
                })?)
            }
        };
        let names = context.names.clone();
        let template = |value: &Value<'_>| {
            let template = Template::parse(value.text()?, &names)
                .map_err(|error| value.error(error.message).maybe_hint(error.hint))?;
            if template.uses_key() && key_space.is_none() {
                return Err(value
                    .error(format!("request `{name}` uses `{{key}}` but has no keys"))
                    .hint("add keys = \"...\" to the request"));
            }
            Ok(template)
        };
        let path_value = fields.required("path")?;
        let path = template(&path_value)?;
        if !path.starts_with('/') {
            return Err(path_value
                .error("a path begins with `/`")
                .hint("the host is given by --target, not by the scenario"));
        }
        let mut headers = Vec::new();
        if let Some(value) = fields.optional("headers") {
            for (header, _, value) in value.table("the headers of a request")?.entries() {
                let parsed: HeaderName = header.parse().map_err(|_| {
                    value.error(format!(
                        "`{}` is no header's name",
                        crate::fields::clip(&header)
                    ))
                })?;
                if is_framing(&parsed) {
                    return Err(value
                        .error(format!("`{parsed}` is not for a scenario to set"))
                        .hint("leave it out: the generator writes it to suit the body"));
                }
                let template = template(&value)?;
                let made = match template.constant() {
                    Some(text) => Header::Constant(HeaderValue::from_str(text).map_err(|_| {
                        value.error(format!("header `{parsed}` holds a control character"))
                    })?),
                    None if template.depends_on_variables_alone() => {
                        context.variable_headers.push(template.clone());
                        Header::OfVariables(context.variable_headers.len() - 1, template)
                    }
                    None => Header::Template(template),
                };
                headers.push((parsed, made));
            }
        }
        let body = fields
            .optional("body")
            .map(|value| template(&value))
            .transpose()?;
        let expect = match fields.optional("expect") {
            None => Expect::default(),
            Some(value) => Expect::read(&value)?,
        };
        let mut captures = Vec::new();
        if let Some(value) = fields.optional("capture") {
            for (name, _, value) in value.table("the captures of a request")?.entries() {
                let variable = names.variables.iter().position(|known| *known == name);
                captures.push(Capture::read(name, variable.unwrap_or(usize::MAX), &value)?);
            }
        }
        let checks = match fields.optional("checks") {
            None => Vec::new(),
            Some(value) => Check::read_all(&value)?,
        };
        let script = match fields.optional("script") {
            None => None,
            Some(value) => {
                let engine = context.engine.get_or_insert_with(|| Arc::new(engine()));
                let (names, requests) = (&names.variables, &context.requests);
                Some(Script::read(
                    &value,
                    context.folder,
                    engine,
                    names,
                    requests,
                )?)
            }
        };
        fields.finish()?;
        let request = Self {
            needs: needs(&captures, &checks, script.as_ref()),
            name,
            kind,
            weight,
            method,
            expect,
            captures,
            checks,
            script,
            key_space,
            path,
            headers,
            body,
            variable_names: names.variables,
            targets: Arc::default(),
        };
        if let Some(value) = keys_value
            && !request.templates().any(Template::uses_key)
        {
            return Err(value
                .error(format!(
                    "request `{}` has keys, but `{{key}}` stands nowhere in it",
                    request.name
                ))
                .hint("write `{key}` in its path, a header or its body, or leave `keys` out"));
        }
        Ok(request)
    }

    /// Fills `out` with the request that a draw stands for: the same draw and the same variables
    /// give the same bytes.
    ///
    /// Bytes that no path may hold (blanks, controls, anything beyond ASCII) are percent-encoded;
    /// bodies are taken as they are.
    ///
    /// # Errors
    /// Fails where it needs a variable that no earlier response has told, or one that can't stand
    /// in a header. The generator counts that as a failure of the request.
    pub fn render(
        &self,
        draw: &Draw,
        variables: &Variables,
        out: &mut Rendered,
    ) -> Result<(), RenderError> {
        let Rendered {
            path,
            headers,
            body,
            scratch,
        } = out;
        path.clear();
        headers.clear();
        body.clear();
        let missing = |variable: usize| RenderError::Missing {
            request: self.name.clone(),
            variable: self
                .variable_names
                .get(variable)
                .cloned()
                .unwrap_or_default(),
        };
        scratch.clear();
        self.path
            .fill(draw, variables, &self.targets, 0, scratch)
            .map_err(missing)?;
        encode_path(scratch, path);
        for ((name, header), place) in self.headers.iter().zip(2..) {
            let fill = |template: &Template, scratch: &mut Vec<u8>| {
                scratch.clear();
                template
                    .fill(draw, variables, &self.targets, place, scratch)
                    .map_err(missing)?;
                HeaderValue::from_bytes(scratch).map_err(|_| RenderError::Header {
                    request: self.name.clone(),
                    header: name.to_string(),
                })
            };
            let value = match header {
                Header::Constant(value) => value.clone(),
                Header::OfVariables(slot, template) => match variables.header(*slot) {
                    Some(value) => value.clone(),
                    None => fill(template, scratch)?,
                },
                Header::Template(template) => fill(template, scratch)?,
            };
            headers.push((name.clone(), value));
        }
        if let Some(template) = &self.body {
            template
                .fill(draw, variables, &self.targets, 1, body)
                .map_err(missing)?;
        }
        Ok(())
    }

    /// Returns the values from data that it holds for a draw, which may be secrets.
    pub fn cells<'a>(
        &'a self,
        draw: &'a Draw,
        variables: &'a Variables,
    ) -> impl Iterator<Item = &'a str> {
        self.templates()
            .flat_map(move |template| template.cells(draw, variables))
    }

    /// Says whether it needs a value that an earlier response has to tell, so that it is sent on
    /// behalf of a session.
    pub fn needs_session(&self) -> bool {
        self.templates()
            .any(|template| !template.variables().is_empty())
    }

    /// Says whether an answer with an expected status has anything more to be judged by.
    pub fn needs_judgement(&self) -> bool {
        !self.checks.is_empty() || !self.captures.is_empty() || self.script.is_some()
    }

    /// Returns the request as a paired scenario has it for a side, whose requests begin at an index.
    pub(crate) fn on_side(&self, side: Side, first_request: usize) -> Self {
        let script = self.script.as_ref();
        Self {
            name: side.named(&self.name),
            script: script.map(|script| script.beginning_at(first_request)),
            ..self.clone()
        }
    }

    pub(crate) fn uses_target(&self) -> bool {
        self.templates().any(Template::uses_target)
    }

    pub(crate) fn set_targets(&mut self, targets: Arc<Targets>) {
        self.targets = targets;
    }

    fn templates(&self) -> impl Iterator<Item = &Template> {
        let headers = self.headers.iter().filter_map(|(_, header)| match header {
            Header::Constant(_) => None,
            Header::OfVariables(_, template) | Header::Template(template) => Some(template),
        });
        std::iter::once(&self.path).chain(&self.body).chain(headers)
    }
}

/// Returns what must be kept of a response.
fn needs(captures: &[Capture], checks: &[Check], script: Option<&Script>) -> Needs {
    let for_captures = match captures {
        [] => Needs::default(),
        _ => Needs {
            headers: true,
            body_bytes: CAPTURED_BODY_BYTES,
            sha256: false,
        },
    };
    let for_script = match script {
        Some(script) if script.has_after => Needs {
            headers: true,
            body_bytes: READ_BODY_BYTES,
            sha256: false,
        },
        _ => Needs::default(),
    };
    let for_checks = checks.iter().map(Check::needs);
    for_checks.fold(for_captures.and(for_script), Needs::and)
}

/// Appends path and query, with the bytes encoded that neither may hold (RFC 3986).
fn encode_path(bytes: &[u8], path: &mut String) {
    for byte in bytes {
        match byte {
            b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' => {
                encode(*byte, path)
            }
            b'!'..=b'~' => path.push(char::from(*byte)),
            _ => encode(*byte, path),
        }
    }
}

fn encode(byte: u8, path: &mut String) {
    path.push('%');
    for digit in [byte >> 4, byte & 15] {
        path.push(char::from(b"0123456789ABCDEF"[usize::from(digit)]));
    }
}

//! Requests, and everything needed to render and judge them.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use http::header::{
    ACCEPT_ENCODING, CONNECTION, CONTENT_LENGTH, CONTENT_TYPE, TRANSFER_ENCODING, UPGRADE,
};
use http::{HeaderName, HeaderValue, Method};
use percent_encoding::{AsciiSet, CONTROLS, percent_encode};

use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::{Fields, Value};
use crate::format::nearest::suggestion;
use crate::key_space::KeySpace;

mod accept_encoding;
pub(crate) mod body;
pub(crate) mod body_file;
pub(crate) mod capture;
pub(crate) mod check;
pub(crate) mod data_file;
pub(crate) mod draw;
pub(crate) mod encoding;
pub(crate) mod event_stream;
pub(crate) mod expect;
pub(crate) mod field_value;
pub(crate) mod grpc;
pub(crate) mod grpc_status;
pub(crate) mod message_field;
mod multipart;
pub(crate) mod names;
pub(crate) mod place;
pub(crate) mod script;
pub(crate) mod side;
pub(crate) mod targets;
pub(crate) mod template;
pub(crate) mod transport;
mod variable_name;
pub(crate) mod variables;
pub(crate) mod websocket;

use accept_encoding::asks_for_coding;
use body::{Body, BodyContext};
use body_file::BodyFile;
use capture::Capture;
use check::{Check, Needs, SEARCHED_BODY_BYTES};
use draw::Draw;
use event_stream::EventStream;
use expect::Expect;
use grpc::Grpc;
use names::Names;
use place::Place;
use script::{READ_BODY_BYTES, Script, engine};
use side::Side;
use targets::Targets;
use template::Template;
use transport::Transport;
pub use variable_name::BUILT_IN_NAMES;
use variable_name::check_variable_name;
use variables::Variables;
use websocket::WebSocket;

/// Kind of a request: read or write.
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
    /// Name.
    pub name: String,
    /// Kind: read or write.
    pub kind: Kind,
    /// Share of the mix, relative to the other weights; 0 if it is only sent by sessions or journeys.
    pub weight: f64,
    /// Method.
    pub method: Method,
    /// Accepted statuses.
    pub expect: Expect,
    /// Values captured from its response.
    pub captures: Vec<Capture>,
    /// Checks of its response, in addition to the status.
    pub checks: Vec<Check>,
    /// Script that runs before and after it.
    pub script: Option<Script>,
    /// Parts of a response needed by captures, checks and script.
    pub needs: Needs,
    /// How its response is read as a stream of events. `None` for a plain response.
    pub event_stream: Option<Box<EventStream>>,
    /// The gRPC call that it is, whose message is the body, as JSON. `None` for a plain request.
    pub grpc: Option<Box<Grpc>>,
    /// The WebSocket conversation that it is. `None` for a plain request.
    pub websocket: Option<Box<WebSocket>>,
    /// Index into [`Scenario::key_spaces`](crate::Scenario::key_spaces).
    pub key_space: Option<usize>,
    /// Options for sending it.
    pub transport: Transport,
    path: Template,
    headers: Vec<(HeaderName, Header)>,
    body: Option<Template>,
    files: Vec<BodyFile>,
    variable_names: Arc<[String]>,
    targets: Arc<Targets>,
}

/// A request ready to be sent. Reusing it avoids allocations.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rendered {
    /// Path and query, in origin form.
    pub path: String,
    /// Headers, in the scenario's order.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// Body; may be empty.
    pub body: Vec<u8>,
    /// Messages of a WebSocket conversation.
    pub messages: Vec<Vec<u8>>,
    scratch: Vec<u8>,
}

/// A request that can't be rendered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RenderError {
    /// A variable has no value.
    #[error("request `{request}` needs `{{{variable}}}`, which no earlier response has set")]
    Missing {
        /// Name of the request.
        request: String,
        /// Name of the variable.
        variable: String,
    },
    /// A value is not valid in a header.
    #[error(
        "request `{request}` can't send header `{header}`: its value contains a control character"
    )]
    Header {
        /// Name of the request.
        request: String,
        /// Name of the header.
        header: String,
    },
}

/// Headers that delimit messages or control the connection. Wrong values would let one request run into
/// the next.
const FRAMING: [HeaderName; 4] = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION, UPGRADE];

/// Characters that neither a path nor a query may contain (RFC 3986). Bytes beyond ASCII are always
/// encoded.
const NOT_IN_PATH: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'<')
    .add(b'>')
    .add(b'\\')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}');

/// Returns whether a header delimits messages or controls the connection, so that only the HTTP client
/// may set it.
pub fn is_framing(header: &HeaderName) -> bool {
    FRAMING.contains(header)
}

#[derive(Debug, Clone)]
enum Header {
    /// The same for every request.
    Constant(HeaderValue),
    /// Depends on captured variables only: a slot of [`Variables`].
    OfVariables(usize, Template),
    /// Different for every request, which costs an allocation.
    Template(Template),
}

impl Kind {
    /// Returns the plural used in rules: `reads`, `writes`.
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

/// Context shared by all requests while they are read.
pub(crate) struct RequestContext<'a> {
    pub(crate) key_spaces: &'a [KeySpace],
    pub(crate) names: Names,
    /// Folder of the scripts.
    pub(crate) folder: &'a Path,
    /// Names of all requests.
    pub(crate) requests: Arc<[String]>,
    /// Options of requests that set none.
    pub(crate) transport: Transport,
    /// Script interpreter, created by the first script.
    pub(crate) engine: Option<Arc<rhai::Engine>>,
    /// Header templates that depend on captured variables only.
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
        fields.describe(format!("request `{name}`"));
        let kind = fields
            .required("kind")?
            .choice(&[("read", Kind::Read), ("write", Kind::Write)])?;
        let weight = match fields.optional("weight") {
            None => 1.0,
            Some(value) => value.number(0.0..=1e9)?,
        };
        let call = fields.optional("grpc");
        let own_method = fields.optional("method");
        let method = match &own_method {
            None if call.is_some() => Method::POST,
            None if ["json", "form", "multipart"]
                .iter()
                .any(|name| fields.has(name)) =>
            {
                Method::POST
            }
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
                        .error(format!("the scenario has no keys `{}`", clip(wanted)))
                        .maybe_hint(suggestion(wanted, known))
                })?)
            }
        };
        let names = context.names.clone();
        // Without a place, the template is a body without a media type.
        let template = |value: &Value<'_>, text: &str, place: Option<Place>| {
            let template = match place {
                Some(place) => Template::parse(text, &names, place),
                None => Template::parse_body(text, &names),
            };
            let template =
                template.map_err(|error| value.error(error.message).maybe_hint(error.hint))?;
            if template.uses_key() && key_space.is_none() {
                return Err(value
                    .error(format!("request `{name}` uses `{{key}}` but has no keys"))
                    .hint("add keys = \"...\" to the request"));
            }
            Ok(template)
        };
        let (grpc, message) = match &call {
            None => (None, None),
            Some(value) => {
                let (grpc, message) = Grpc::read(value, context.folder, &template)?;
                (Some(Box::new(grpc)), Some(message))
            }
        };
        let path = match &grpc {
            Some(grpc) => grpc.path(),
            None => {
                let path_value = fields.required("path")?;
                let path = template(&path_value, path_value.text()?, Some(Place::Path))?;
                // `OPTIONS *` asks about the service as a whole (RFC 9112, section 3.2.4).
                let is_asterisk = path.constant() == Some("*") && method == Method::OPTIONS;
                if !path.starts_with('/') && !is_asterisk {
                    return Err(path_value
                        .error("a path must start with `/`")
                        .hint("give the host with --target"));
                }
                path
            }
        };
        let mut headers = Vec::new();
        let (mut media_type, mut asks_for_codings) = (None, false);
        if let Some(value) = fields.optional("headers") {
            for (header, _, value) in value.table("the headers of a request")?.entries() {
                let parsed: HeaderName = header.parse().map_err(|_| {
                    value.error(format!("`{}` is not a valid header name", clip(&header)))
                })?;
                if grpc.is_some() && grpc::is_reserved(&parsed) {
                    return Err(value
                        .error(format!("the metadata of a call can't set `{parsed}`"))
                        .hint("leave it out: the generator sets it; `grpc` has `deadline` and `compression`"));
                }
                if is_framing(&parsed) {
                    return Err(value
                        .error(format!("a scenario can't set `{parsed}`"))
                        .hint(match parsed == CONNECTION {
                            true => {
                                "write connection = \"close\" in the request or in [http] for a \
                                 connection per request"
                            }
                            false => "leave it out: the generator sets it",
                        }));
                }
                let template = template(&value, value.text()?, Some(Place::Header))?;
                if parsed == CONTENT_TYPE {
                    media_type = Some((template.literal_text(), value.clone()));
                }
                asks_for_codings |=
                    parsed == ACCEPT_ENCODING && template.constant().is_none_or(asks_for_coding);
                let made = match template.constant() {
                    Some(text) => {
                        let bytes = HeaderValue::from_bytes(text.as_bytes());
                        Header::Constant(bytes.map_err(|_| {
                            value.error(format!("header `{parsed}` contains a control character"))
                        })?)
                    }
                    None if template.depends_on_variables_only() => {
                        context.variable_headers.push(template.clone());
                        Header::OfVariables(context.variable_headers.len() - 1, template)
                    }
                    None => Header::Template(template),
                };
                headers.push((parsed, made));
            }
        }
        let body = Body::read(
            &mut fields,
            &BodyContext {
                folder: context.folder,
                media_type: media_type.as_ref().map(|(text, _)| text.as_str()),
                template: &template,
            },
        )?;
        match (body.content_type, media_type) {
            (Some(_), Some((_, value))) if body.is_multipart => {
                return Err(value
                    .error("the content type of a multipart form can't be set")
                    .hint("leave it out: it names the boundary of the parts"));
            }
            (Some(content_type), None) => {
                headers.push((CONTENT_TYPE, Header::Constant(content_type)));
            }
            _ => {}
        }
        let conversation = fields.optional("websocket");
        let websocket = match &conversation {
            None => None,
            Some(value) => Some(Box::new(WebSocket::read(value, &template)?)),
        };
        let expect = match fields.optional("expect") {
            None if grpc.is_some() => Expect::grpc(),
            Some(value) if grpc.is_some() => Expect::read_grpc(&value)?,
            None if websocket.is_some() => Expect::upgrade(),
            None => Expect::default(),
            Some(value) => Expect::read(&value)?,
        };
        let event_stream = fields
            .optional("stream")
            .map(|value| EventStream::read(&value).map(Box::new))
            .transpose()?;
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
        let transport = Transport::read(&mut fields, context.transport)?;
        let own_path = fields.optional("path").filter(|_| grpc.is_some());
        fields.finish()?;
        if let Some(value) = &call {
            let fault = if let Some(path) = own_path {
                return Err(path.error("the path of a gRPC call is its method; leave out `path`"));
            } else if let Some(method) = own_method {
                return Err(method.error("a gRPC call has the method POST; leave out `method`"));
            } else if body.template.is_some() {
                Some("a gRPC call has no body; write its `message` in `grpc`")
            } else if event_stream.is_some() || websocket.is_some() {
                Some("a request has one of `grpc`, `websocket` and `stream`")
            } else if transport.follow > 0 {
                Some("a gRPC call follows no redirects; write follow = 0")
            } else {
                None
            };
            if let Some(fault) = fault {
                return Err(value.error(fault));
            }
        }
        if let Some(grpc) = &grpc {
            let own = grpc.headers();
            headers.extend(own.map(|(name, value)| (name, Header::Constant(value))));
        }
        if let Some(value) = &conversation {
            let fault = if body.template.is_some() {
                Some("a WebSocket request has no body; send messages instead")
            } else if method != Method::GET {
                Some("a WebSocket request has the method GET")
            } else if event_stream.is_some() {
                Some("a request has either `websocket` or `stream`, not both")
            } else if transport.follow > 0 {
                Some("a WebSocket request follows no redirects; write follow = 0")
            } else {
                None
            };
            if let Some(fault) = fault {
                return Err(value.error(fault));
            }
        }
        let request = Self {
            needs: needs(&captures, &checks, script.as_ref(), asks_for_codings),
            name,
            kind,
            weight,
            method,
            expect,
            captures,
            checks,
            script,
            event_stream,
            grpc,
            websocket,
            key_space,
            transport,
            path,
            headers,
            body: message.or(body.template),
            files: body.files,
            variable_names: names.variables,
            targets: Arc::default(),
        };
        if let Some(value) = keys_value
            && !request.templates().any(Template::uses_key)
        {
            return Err(value
                .error(format!(
                    "request `{}` has keys but does not use `{{key}}`",
                    request.name
                ))
                .hint("use `{key}` in its path, a header or its body, or leave out `keys`"));
        }
        Ok(request)
    }

    /// Renders the request for a draw into `out`. The same draw and variables give the same bytes.
    ///
    /// Encodes each value for the place in which it stands: the path, a header, or a body in a known format.
    /// Percent-encodes bytes that a path must not contain: blanks, control characters, and bytes beyond
    /// ASCII.
    ///
    /// # Errors
    /// Fails if a variable is not set, or if a value is not valid in a header. The generator counts
    /// this as a failed request.
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
            messages,
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
        path.extend(percent_encode(scratch, NOT_IN_PATH));
        for ((name, header), position) in self.headers.iter().zip(2..) {
            let fill = |template: &Template, scratch: &mut Vec<u8>| {
                scratch.clear();
                template
                    .fill(draw, variables, &self.targets, position, scratch)
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
        if let Some(websocket) = &self.websocket {
            messages.resize_with(websocket.messages().len(), Vec::new);
            // Positions after those of the headers.
            let positions = 2 + self.headers.len() as u64..;
            for ((template, message), position) in
                websocket.messages().iter().zip(messages).zip(positions)
            {
                message.clear();
                template
                    .fill(draw, variables, &self.targets, position, message)
                    .map_err(missing)?;
            }
        }
        Ok(())
    }

    /// Returns the values from data used for a draw, which may be secrets, each with the name of its column.
    pub fn cells<'a>(
        &'a self,
        draw: &'a Draw,
        variables: &'a Variables,
    ) -> impl Iterator<Item = (&'a str, &'a str)> {
        self.templates()
            .flat_map(move |template| template.cells(draw, variables))
    }

    /// Returns whether a value is a word of its path's literal text, such as `admin` of `/admin/login`. Unless its name is
    /// that of a secret, it is none, and masking it would hide the path.
    pub fn path_shows(&self, value: &str) -> bool {
        let text = self.path.literal_text();
        text.split(['/', '?', '&', '=', ';'])
            .any(|word| !word.is_empty() && word == value)
    }

    /// Returns the files that it sends in its body.
    pub fn files(&self) -> &[BodyFile] {
        &self.files
    }

    /// Returns whether it needs a captured value, so that it must be sent on behalf of a session.
    pub fn needs_session(&self) -> bool {
        self.templates()
            .any(|template| !template.variables().is_empty())
    }

    /// Returns whether a response with an expected status has to be judged further.
    pub fn needs_judgement(&self) -> bool {
        !self.checks.is_empty() || !self.captures.is_empty() || self.script.is_some()
    }

    /// Returns the request for one side of a paired scenario, whose requests start at index
    /// `first_request`.
    pub(crate) fn on_side(&self, side: Side, first_request: usize) -> Self {
        let script = self.script.as_ref();
        Self {
            name: side.named(&self.name),
            script: script.map(|script| script.with_first_request(first_request)),
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
        let messages = self.websocket.iter().flat_map(|own| own.messages());
        std::iter::once(&self.path)
            .chain(&self.body)
            .chain(headers)
            .chain(messages)
    }
}

/// Returns the parts of a response that are needed. With `decode`, its body is decoded.
fn needs(captures: &[Capture], checks: &[Check], script: Option<&Script>, decode: bool) -> Needs {
    let for_captures = match captures {
        [] => Needs::default(),
        _ => Needs {
            headers: true,
            body_bytes: SEARCHED_BODY_BYTES,
            ..Needs::default()
        },
    };
    let for_script = match script {
        Some(script) if script.has_after => Needs {
            headers: true,
            body_bytes: READ_BODY_BYTES,
            ..Needs::default()
        },
        _ => Needs::default(),
    };
    let for_checks = checks.iter().map(Check::needs);
    let mut needs = for_checks.fold(for_captures.and(for_script), Needs::and);
    needs.decode = decode;
    if decode && needs.sha256 {
        // A digest of the decoded body needs all of it.
        needs.body_bytes = needs.body_bytes.max(SEARCHED_BODY_BYTES);
    }
    needs
}

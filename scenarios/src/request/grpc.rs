//! Requests that are gRPC calls.

use std::path::{Path, PathBuf};
use std::time::Duration;

use http::header::{CONTENT_TYPE, TE};
use http::{HeaderName, HeaderValue};

use super::body::{TemplateParser, json_template};
use super::event_stream::EventStream;
use super::message_field::MessageField;
use super::template::Template;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;
use crate::format::position::Position;

/// Most files that describe a service, and most folders in which they are found.
const FILES_MAX: usize = 64;

/// Longest deadline: what eight digits of `grpc-timeout` can express in milliseconds.
const DEADLINE_MAX: Duration = Duration::from_millis(99_999_999);

/// A gRPC call: one message, and one message or a stream of messages as its answer.
#[derive(Debug, Clone)]
pub struct Grpc {
    /// Service with its package, such as `helloworld.Greeter`.
    pub service: String,
    /// Method, such as `SayHello`.
    pub method: String,
    /// Files that describe the service: `.proto` files, or descriptor sets of `protoc`. Empty to ask the service itself, by
    /// reflection.
    pub proto: Vec<PathBuf>,
    /// Folders in which those files, and the files that they import, are found.
    pub proto_path: Vec<PathBuf>,
    /// Time from sending after which the call ends with the status `DEADLINE_EXCEEDED`. `None` for no deadline.
    pub deadline: Option<Duration>,
    /// True if the message is compressed by gzip, and answers may be.
    pub is_gzipped: bool,
    /// Conditions that end a stream of answers. Without any, the service ends it.
    pub until: EventStream,
    /// Values of the message.
    pub fields: Vec<MessageField>,
    /// Position of the method in the scenario.
    pub method_position: Position,
    /// Position of the files in the scenario; of the method if there are none.
    pub proto_position: Position,
}

impl Grpc {
    /// Reads the `grpc` table of a request. Returns the call, and the template of its message as JSON.
    pub(crate) fn read(
        value: &Value<'_>,
        folder: &Path,
        template: &TemplateParser<'_>,
    ) -> Result<(Self, Template), ScenarioError> {
        let mut fields = value.table("the call of a request")?;
        let method = fields.required("method")?;
        let (service, name) = split(method.text()?).ok_or_else(|| {
            method
                .error("a method has the form `package.Service/Method`")
                .hint("write \"helloworld.Greeter/SayHello\"")
        })?;
        let (message, message_fields) = match fields.optional("message") {
            Some(message) => (
                json_template(&message, template)?,
                MessageField::all(&message)?,
            ),
            None => {
                let mut empty = Template::default();
                empty.push_literal("{}");
                (empty, Vec::new())
            }
        };
        let proto = fields.optional("proto");
        let proto_path = fields.optional("proto_path");
        if let (None, Some(folders)) = (&proto, &proto_path) {
            return Err(folders
                .error("`proto_path` has no effect without `proto`")
                .hint("name the files that describe the service, as in proto = [\"shop.proto\"]"));
        }
        let deadline = match fields.optional("deadline") {
            None => None,
            Some(value) => match value.duration()? {
                deadline if (Duration::from_micros(1)..=DEADLINE_MAX).contains(&deadline) => {
                    Some(deadline)
                }
                _ => return Err(value.error("a deadline is between 1us and 99999s")),
            },
        };
        let is_gzipped = match fields.optional("compression") {
            None => false,
            Some(value) => value.choice(&[("gzip", true), ("identity", false)])?,
        };
        let until = match fields.optional("until") {
            None => EventStream::default(),
            Some(until) => EventStream::of_answers(&until)?,
        };
        fields.finish()?;
        let folder = match folder.as_os_str().is_empty() {
            true => Path::new("."),
            false => folder,
        };
        let call = Self {
            service: service.to_owned(),
            method: name.to_owned(),
            proto_position: proto.as_ref().unwrap_or(&method).position(),
            proto: paths(proto.as_ref())?,
            proto_path: match proto_path {
                None => vec![folder.to_owned()],
                some => {
                    let folders = paths(some.as_ref())?.into_iter();
                    folders.map(|own| folder.join(own)).collect()
                }
            },
            deadline,
            is_gzipped,
            until,
            fields: message_fields,
            method_position: method.position(),
        };
        Ok((call, message))
    }

    /// Returns the path of the call.
    pub(crate) fn path(&self) -> Template {
        let mut path = Template::default();
        path.push_literal(format!("/{}/{}", self.service, self.method));
        path
    }

    /// Returns the headers that make a request a call.
    pub(crate) fn headers(&self) -> impl Iterator<Item = (HeaderName, HeaderValue)> {
        let fixed = [
            (TE, HeaderValue::from_static("trailers")),
            (CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
        ];
        let deadline = self.deadline.and_then(|deadline| {
            let value = HeaderValue::from_str(&timeout_text(deadline)).ok()?;
            Some((HeaderName::from_static("grpc-timeout"), value))
        });
        let (encoding, accepted) = match self.is_gzipped {
            true => (Some("gzip"), "identity,gzip"),
            false => (None, "identity"),
        };
        let encoding = encoding.map(|coding| ("grpc-encoding", coding));
        let encodings = encoding.into_iter();
        let encodings = encodings.chain([("grpc-accept-encoding", accepted)]);
        let encodings = encodings.map(|(name, value)| {
            (
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            )
        });
        fixed.into_iter().chain(deadline).chain(encodings)
    }
}

/// Returns whether a header of a call is set by the generator, so that a scenario may not set it.
pub(crate) fn is_reserved(header: &HeaderName) -> bool {
    *header == TE || *header == CONTENT_TYPE || header.as_str().starts_with("grpc-")
}

/// Splits `package.Service/Method`.
fn split(text: &str) -> Option<(&str, &str)> {
    let (service, method) = text.trim_start_matches('/').split_once('/')?;
    let is_name = |name: &str| {
        let mut bytes = name.bytes();
        !name.is_empty() && bytes.all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    (service.split('.').all(is_name) && is_name(method)).then_some((service, method))
}

fn paths(list: Option<&Value<'_>>) -> Result<Vec<PathBuf>, ScenarioError> {
    let Some(list) = list else {
        return Ok(Vec::new());
    };
    let paths = list.list()?;
    match paths.len() {
        0 => Err(list.error("the list is empty")),
        1..=FILES_MAX => paths
            .iter()
            .map(|path| path.text().map(PathBuf::from))
            .collect(),
        _ => Err(list.error(format!("the list has at most {FILES_MAX} entries"))),
    }
}

/// Formats the value of `grpc-timeout`: at most eight digits and a unit. Rounds up to whole milliseconds, or to whole
/// microseconds below that.
fn timeout_text(deadline: Duration) -> String {
    match deadline.as_micros() {
        micros if micros < 1_000 || (micros % 1_000 != 0 && micros < 100_000_000) => {
            format!("{micros}u")
        }
        micros => format!("{}m", micros.div_ceil(1_000)),
    }
}

#[cfg(test)]
mod tests {
    use http::Method;

    use super::*;
    use crate::request::message_field::FieldStep;
    use crate::request::{Rendered, Request};
    use crate::{Metric, Scenario};

    fn scenario(rule: &str, request: &str) -> Result<Scenario, ScenarioError> {
        let text = format!(
            "version = 1\nname = \"x\"\nrules = [{rule}]\n[[keys]]\nname = \"people\"\ncount = 1\n\
             [[phases]]\nkind = \"constant\"\nname = \"p\"\n\
             rate = \"1000/s\"\nduration = \"10s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\n{request}"
        );
        Scenario::parse(&text, Path::new("folder/x.toml"))
    }

    fn read(request: &str) -> Result<Request, ScenarioError> {
        Ok(scenario("", request)?.requests.remove(0))
    }

    #[test]
    fn call_is_a_post_with_its_message_as_json() {
        let scenario = scenario(
            "\"p99 event_gap < 1s\"",
            "keys = \"people\"\nheaders = { authorization = \"Bearer x\" }\n\
             grpc = { method = \"helloworld.Greeter/SayHello\", message = { name = \"{key}\" }, \
             deadline = \"1500ms\", compression = \"gzip\", until = { messages = 3 } }",
        )
        .unwrap();
        assert!(matches!(scenario.rules[0].metric, Metric::Quantile(..)));
        let request = &scenario.requests[0];
        assert_eq!(request.method, Method::POST);
        assert!(request.expect.accepts(0) && !request.expect.accepts(200));
        let arrival = scenario.schedule().next().unwrap();
        let mut rendered = Rendered::default();
        request
            .render(&arrival.draw, &scenario.variables(), &mut rendered)
            .unwrap();
        assert_eq!(rendered.path, "/helloworld.Greeter/SayHello");
        let message = std::str::from_utf8(&rendered.body).unwrap();
        assert!(message.starts_with("{\"name\":\""), "{message}");
        let headers: Vec<String> = rendered
            .headers
            .iter()
            .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
            .collect();
        assert_eq!(
            headers,
            [
                "authorization: Bearer x",
                "te: trailers",
                "content-type: application/grpc",
                "grpc-timeout: 1500m",
                "grpc-encoding: gzip",
                "grpc-accept-encoding: identity,gzip",
            ]
        );
    }

    #[test]
    fn statuses_are_those_of_grpc() {
        let request =
            read("grpc = { method = \"a.B/C\" }\nexpect = [\"OK\", \"NOT_FOUND\", 6]").unwrap();
        let accepted = (0..17).filter(|code| request.expect.accepts(*code));
        assert_eq!(accepted.collect::<Vec<u16>>(), [0, 5, 6]);
        assert_eq!(
            request.expect.to_string(),
            "0 OK, 5 NOT_FOUND, 6 ALREADY_EXISTS"
        );
    }

    #[test]
    fn values_of_messages_have_a_position() {
        let name = |name: &str| FieldStep::Name(name.to_owned());
        let request = read(
            "grpc = { method = \"a.B/C\", proto = [\"a.proto\"], proto_path = [\"../api\"], message = {\n  \
             a = 1,\n  b = [{ c = \"{entropy}\" }, {}],\n  d = [],\n} }",
        )
        .unwrap();
        let grpc = request.grpc.unwrap();
        assert_eq!(grpc.proto_path, [Path::new("folder/../api")]);
        let fields: Vec<_> = grpc
            .fields
            .iter()
            .map(|field| {
                let value = field.value.as_ref().map(ToString::to_string);
                (field.path.clone(), value, field.position.line)
            })
            .collect();
        let first = grpc.method_position.line;
        assert_eq!(
            fields,
            [
                (vec![name("a")], Some("1".to_owned()), first + 1),
                (
                    vec![name("b"), FieldStep::Element, name("c")],
                    None,
                    first + 2
                ),
                (
                    vec![name("b"), FieldStep::Element],
                    Some("{}".to_owned()),
                    first + 2
                ),
                (vec![name("d")], Some("[]".to_owned()), first + 3),
            ]
        );
        let text =
            read("grpc = { method = \"a.B/C\", message = '{\"a\": {\"b\": \"{entropy}\"}}' }");
        let fields = text.unwrap().grpc.unwrap().fields;
        assert_eq!(fields[0].path, [name("a"), name("b")]);
        assert_eq!(fields[0].value, None);
    }

    #[test]
    fn deadlines_have_at_most_eight_digits() {
        for (deadline, expected) in [
            (Duration::from_micros(1), "1u"),
            (Duration::from_micros(1_500), "1500u"),
            (Duration::from_secs(2), "2000m"),
            (Duration::from_micros(100_000_001), "100001m"),
            (DEADLINE_MAX, "99999999m"),
        ] {
            assert_eq!(timeout_text(deadline), expected);
        }
    }

    #[test]
    fn explains_mistakes() {
        for (request, expected) in [
            ("grpc = {}", "method"),
            (
                "grpc = { method = \"SayHello\" }",
                "helloworld.Greeter/SayHello",
            ),
            ("grpc = { method = \"a..B/C\" }", "package.Service/Method"),
            (
                "grpc = { method = \"a.B/C\", proto_path = [\"x\"] }",
                "without `proto`",
            ),
            ("grpc = { method = \"a.B/C\", proto = [] }", "empty"),
            (
                "grpc = { method = \"a.B/C\", compression = \"br\" }",
                "gzip",
            ),
            (
                "grpc = { method = \"a.B/C\", deadline = \"0s\" }",
                "between 1us",
            ),
            (
                "grpc = { method = \"a.B/C\", until = { data = \"x\" } }",
                "no field `data`",
            ),
            (
                "grpc = { method = \"a.B/C\" }\npath = \"/\"",
                "leave out `path`",
            ),
            ("grpc = { method = \"a.B/C\" }\nbody = \"x\"", "message"),
            (
                "grpc = { method = \"a.B/C\" }\nmethod = \"GET\"",
                "leave out `method`",
            ),
            ("grpc = { method = \"a.B/C\" }\nexpect = [200]", "16"),
            ("grpc = { method = \"a.B/C\" }\nexpect = [\"OKAY\"]", "OK"),
            (
                "grpc = { method = \"a.B/C\" }\nheaders = { grpc-timeout = \"1S\" }",
                "can't set `grpc-timeout`",
            ),
            (
                "grpc = { method = \"a.B/C\" }\nstream = \"sse\"",
                "one of `grpc`",
            ),
            (
                "grpc = { method = \"a.B/C\" }\nfollow = 3",
                "follows no redirects",
            ),
            ("grpc = { method = \"a.B/C\", message = '{' }", "JSON"),
        ] {
            let error = read(request).expect_err(request).to_string();
            assert!(error.contains(expected), "{request}: {error}");
        }
    }
}

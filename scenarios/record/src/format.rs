//! Formats of access logs.

use std::borrow::Cow;

use tenfold_scenarios::nearest;

mod alb;
mod apache_config;
mod directive;
mod envoy;
pub(crate) mod error;
mod field;
pub(crate) mod host;
mod json_known;
mod json_layout;
mod json_object;
mod log_format;
pub(crate) mod log_time;
mod nginx;
mod nginx_config;
pub(crate) mod not_sent;
pub(crate) mod read_line;
pub(crate) mod request_line;
mod time_unit;
mod w3c;
mod wrapper;

use error::FormatError;
use json_layout::JsonLayout;
use json_object::Object;
use log_format::{LogFormat, NICKNAMES};
use read_line::ReadLine;
use w3c::{Columns, W3c};
use wrapper::{Unwrapped, Wrapper};

/// The format of a log: a name, or the layout of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Lines(LogFormat),
    /// With the given names of fields, or the usual ones.
    Json(Option<JsonLayout>),
    /// Combined with additional fields at its end, as often configured in nginx.
    Nginx,
    Alb,
    Envoy,
    /// With the fields from `--format`, for logs without a header.
    W3c(Option<Columns>),
    Har,
}

/// Names of formats, in addition to Apache's nicknames.
const NAMES: [&str; 11] = [
    "nginx",
    "alb",
    "cloudfront",
    "w3c",
    "iis",
    "caddy",
    "traefik",
    "envoy",
    "envoy-json",
    "json",
    "har",
];

impl Format {
    /// Parses a format: a name (`nginx`, `alb`, `cloudfront`, `w3c`, `iis`, `caddy`, `traefik`, `envoy`, `envoy-json`,
    /// `json`, `har`, or one of Apache's nicknames `common`, `combined`, `combinedio`, `vhost_common`,
    /// `vhost_combined`), an Apache LogFormat such as `%h %l %u %t "%r" %>s %b`, an nginx log_format such as
    /// `$remote_addr [$time_local] "$request" $status`, a pasted `LogFormat`, `CustomLog` or `log_format` directive,
    /// the names of the fields of JSON Lines such as `json:time=ts,path=uri`, or a W3C header `#Fields: ...` for logs
    /// without one.
    ///
    /// Quotes may be escaped as in `httpd.conf` (`\"`). Of Apache's directives, `%r`, `%m`, `%U`, `%q`,
    /// `%s`, `%b`, `%B`, `%O`, `%D`, `%T`, `%v`, `%V`, `%{Host}i` and all forms of `%t` are used; others are ignored.
    ///
    /// # Errors
    /// Fails if the format has no time or no target, or if its fields can't be delimited.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let text = text.trim();
        let nicknames = || NICKNAMES.iter().map(|(name, _)| *name);
        let kind = match text {
            "nginx" => Kind::Nginx,
            "alb" => Kind::Alb,
            "envoy" => Kind::Envoy,
            "cloudfront" | "w3c" | "iis" => Kind::W3c(None),
            "json" => Kind::Json(None),
            "har" => Kind::Har,
            _ if text.starts_with(json_layout::PREFIX) => {
                Kind::Json(Some(JsonLayout::parse(text)?))
            }
            _ if text.starts_with(w3c::FIELDS) => {
                let columns = Columns::read(text.as_bytes()).map_err(|message| {
                    FormatError::new(text, &message, "name the fields in order")
                })?;
                Kind::W3c(Some(columns))
            }
            _ if apache_config::is_directive(text) => {
                let format = apache_config::format_of(text).map_err(|message| {
                    FormatError::new(text, &message, "give one LogFormat directive")
                })?;
                // Errors quote the directive as it was given.
                let parsed = LogFormat::apache(&format).map_err(|error| FormatError {
                    format: text.to_owned(),
                    ..error
                })?;
                Kind::Lines(parsed)
            }
            _ if text.starts_with(nginx::DIRECTIVE)
                || (text.contains('$') && !text.contains('%')) =>
            {
                Kind::Lines(nginx::log_format(text)?)
            }
            _ if text.contains('%') || nicknames().any(|name| name == text) => {
                Kind::Lines(LogFormat::apache(text)?)
            }
            _ => match json_known::named(text) {
                Some(layout) => Kind::Json(Some(layout.clone())),
                None => return Err(unknown_name(text)),
            },
        };
        Ok(Self {
            text: text.to_owned(),
            kind,
        })
    }

    /// Returns the format as given.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Returns whether this is the HAR format.
    pub(crate) fn is_har(&self) -> bool {
        self.kind == Kind::Har
    }
}

fn unknown_name(text: &str) -> FormatError {
    let names = NICKNAMES.iter().map(|(name, _)| *name).chain(NAMES);
    let names: Vec<&str> = names.collect();
    let hint = match nearest(text, names.iter().copied()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!(
            "give an Apache LogFormat, an nginx log_format, the fields of JSON Lines (json:time=...,path=...), or a \
             name: {}",
            names.join(", ")
        ),
    };
    FormatError::new(text, "unknown name", &hint)
}

/// Reads the lines of one log in a given format, or in the format detected for each line.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    format: Option<&'a Format>,
    w3c: W3c,
    wrapper: Wrapper,
}

/// Content of a line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Read {
    /// One request, or one connection without a request.
    Line(ReadLine),
    /// A header or a comment.
    Header,
    /// Part of a line that a container runtime split.
    Part,
    /// A message in JSON that is not about a request, and why it isn't.
    Message(String),
}

/// Fields in which collectors of logs keep the line of the server.
const COLLECTED: [&str; 5] = ["log", "message", "MESSAGE", "msg", "line"];

impl<'a> Lines<'a> {
    pub(crate) fn new(format: Option<&'a Format>) -> Self {
        let columns = match format.map(|format| &format.kind) {
            Some(Kind::W3c(columns)) => columns.clone(),
            _ => None,
        };
        Self {
            format,
            w3c: W3c::with_columns(columns),
            wrapper: Wrapper::default(),
        }
    }

    /// Reads a line.
    ///
    /// # Errors
    /// Returns the reason why the line can't be read.
    pub(crate) fn read(&mut self, line: &[u8]) -> Result<Read, String> {
        match self.wrapper.unwrap(line) {
            Unwrapped::Plain => self.read_content(line, true),
            Unwrapped::Whole(content) => self.read_content(&content, true),
            Unwrapped::Part => Ok(Read::Part),
            Unwrapped::TooLong => Err("its parts together are longer than 64 KiB".to_owned()),
        }
    }

    fn read_content(&mut self, line: &[u8], may_be_collected: bool) -> Result<Read, String> {
        let format = self.format.map(|format| &format.kind);
        let read = match format {
            Some(Kind::Lines(format)) => format.read(line).map(Read::Line),
            Some(Kind::Nginx) => LogFormat::read_either(line).map(Read::Line),
            Some(Kind::Alb) => alb::read(line).map(Read::Line),
            Some(Kind::Envoy) => envoy::read(line).map(Read::Line),
            Some(Kind::W3c(_)) => self.read_w3c(line),
            Some(Kind::Json(layout)) => {
                let object = object_of(line)?;
                match layout {
                    Some(layout) => layout.read(&object).map(Read::Line),
                    None => read_known(&object),
                }
            }
            None if line.starts_with(b"#") => self.read_w3c(line),
            None if line.starts_with(b"{") => read_known(&object_of(line)?),
            None if alb::is_alb(line) => alb::read(line).map(Read::Line),
            None if envoy::is_envoy(line) => envoy::read(line).map(Read::Line),
            None if self.w3c.has_fields() => self.read_w3c(line),
            None | Some(Kind::Har) => {
                LogFormat::read_either(line)
                    .map(Read::Line)
                    .or_else(|reason| match json_object::parse(line) {
                        // After the prefix of syslog or of `docker compose logs`.
                        Some(Ok(object)) => read_known(&object),
                        _ => Err(reason),
                    })
            }
        };
        let is_unread = matches!(read, Err(_) | Ok(Read::Message(_)));
        if is_unread
            && may_be_collected
            && let Some(content) = collected(line)
            && let Ok(Read::Line(line)) = self.read_content(content.as_bytes(), false)
        {
            return Ok(Read::Line(line));
        }
        read
    }

    fn read_w3c(&mut self, line: &[u8]) -> Result<Read, String> {
        Ok(match self.w3c.read(line)? {
            Some(read) => Read::Line(read),
            None => Read::Header,
        })
    }
}

fn object_of(line: &[u8]) -> Result<Object, String> {
    match json_object::parse(line) {
        None => Err("it is not a JSON object".to_owned()),
        Some(parsed) => parsed.map_err(|error| format!("it is not JSON: {error}")),
    }
}

/// Reads an object by the names that servers use.
fn read_known(object: &Object) -> Result<Read, String> {
    match json_known::layout_of(object) {
        Some(layout) => layout.read(object).map(Read::Line),
        None => Ok(Read::Message(
            "it has no time or no path by a usual name; name them with --format json:time=...,path=...".to_owned(),
        )),
    }
}

/// Returns the line of the server in an object of a collector of logs.
fn collected(line: &[u8]) -> Option<String> {
    if !line.starts_with(b"{") {
        return None;
    }
    let object = json_object::parse(line)?.ok()?;
    let content = COLLECTED
        .iter()
        .find_map(|name| json_object::value(&object, name).and_then(json_object::text))
        .map(Cow::into_owned)?;
    Some(content.trim_end_matches(['\n', '\r']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_format_names() {
        for name in [
            "common",
            "combined",
            "vhost_combined",
            "nginx",
            "alb",
            "cloudfront",
            "w3c",
            "iis",
            "caddy",
            "traefik",
            "envoy",
            "envoy-json",
            "json",
            "har",
        ] {
            assert_eq!(Format::parse(name).unwrap().text(), name);
        }
        let error = |text: &str| Format::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(
            [error("ngnix"), error("squid"), error("%h"), error("$host"), error("#Fields: date")].join("\n"),
            @r"
        the log format `ngnix` can't be used: unknown name; did you mean `nginx`?
        the log format `squid` can't be used: unknown name; give an Apache LogFormat, an nginx log_format, the fields of JSON Lines (json:time=...,path=...), or a name: common, combined, combinedio, vhost_common, vhost_combined, nginx, alb, cloudfront, w3c, iis, caddy, traefik, envoy, envoy-json, json, har
        the log format `%h` can't be used: it has no time; it needs %t
        the log format `$host` can't be used: it has no time; it needs $time_local, $time_iso8601 or $msec
        the log format `#Fields: date` can't be used: its header names neither date and time nor timestamp; name the fields in order
        "
        );
    }

    #[test]
    fn detects_format_of_each_line() {
        let mut lines = Lines::new(None);
        let mut layout = |line: &str| match lines.read(line.as_bytes()).unwrap() {
            Read::Line(read) => Some(read.layout.name()),
            _ => None,
        };
        let common = r#"h - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 304 -"#;
        let alb = r#"h2 2018-07-02T22:23:00.1Z app/a 192.0.2.1:1 10.0.0.1:80 0 0 0 200 200 1 1 "GET http://a:80/ HTTP/1.1" "-""#;
        assert_eq!(layout(common), Some("common"));
        assert_eq!(layout(&format!("{common} \"-\" \"-\"")), Some("combined"));
        assert_eq!(layout(alb), Some("alb"));
        assert_eq!(layout("#Version: 1.0"), None);
        assert_eq!(layout("#Fields: date time cs-uri-stem"), None);
        assert_eq!(layout("2019-12-04\t21:02:31\t/index.html"), Some("w3c"));
        // A second header with the fields in another order.
        assert_eq!(layout("#Fields: cs-uri-stem date time"), None);
        assert_eq!(layout("/index.html\t2019-12-04\t21:02:31"), Some("w3c"));
        assert_eq!(layout(alb), Some("alb"));
        let json = r#"{"time":"2015-05-17T10:05:03Z","path":"/"}"#;
        assert_eq!(layout(json), Some("json"));
        let envoy = r#"[2016-04-15T20:17:00.310Z] "POST / HTTP/2" 204 - 154 0 226"#;
        assert_eq!(layout(envoy), Some("envoy"));
    }

    #[test]
    fn reads_lines_of_collectors() {
        let common = r#"h - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 304 -"#;
        let json = r#"{"ts":1431857103,"uri":"/a"}"#;
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        let lines = [
            format!("{{\"log\":{},\"kubernetes\":{{}}}}", quoted(common)),
            format!("{{\"MESSAGE\":{},\"_PID\":\"1\"}}", quoted(json)),
            format!(
                "{{\"log\":{},\"stream\":\"stderr\",\"time\":\"x\"}}",
                quoted(&format!("{json}\n"))
            ),
            format!("2016-10-06T00:17:09Z stdout F {common}"),
            format!("<190>May 17 10:05:03 host nginx: {json}"),
            format!("web-1  | {common}"),
            format!("web-1  | {json}"),
        ];
        for line in lines {
            let read = Lines::new(None).read(line.as_bytes());
            let Ok(Read::Line(read)) = read else {
                panic!("{line}: {read:?}");
            };
            assert_eq!(read.at_us, 1_431_857_103_000_000, "{line}");
            assert_eq!(read.request.unwrap().target, "/a", "{line}");
        }
        let format = Format::parse("json:time=t,path=p").unwrap();
        let line = r#"{"log":"{\"t\":1431857103,\"p\":\"/a\"}\n","stream":"stdout","time":"x"}"#;
        let read = Lines::new(Some(&format)).read(line.as_bytes());
        assert!(matches!(read, Ok(Read::Line(_))), "{read:?}");
        let message = Lines::new(None).read(br#"{"level":"info","ts":1,"msg":"started"}"#);
        assert!(matches!(message, Ok(Read::Message(_))), "{message:?}");
    }
}

//! Formats of access logs.

use tenfold_scenarios::nearest;

mod alb;
mod cloudfront;
mod directive;
pub(crate) mod error;
mod field;
mod log_format;
pub(crate) mod log_time;
mod nginx;
pub(crate) mod read_line;
pub(crate) mod request_line;

use cloudfront::Columns;
use error::FormatError;
use log_format::{LogFormat, NICKNAMES};
use read_line::ReadLine;

/// The format of a log: a name, or the layout of its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Format {
    text: String,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Lines(LogFormat),
    /// Combined with additional fields at its end, as often configured in nginx.
    Nginx,
    Alb,
    /// With the fields from `--format`, for logs without a header.
    CloudFront(Option<Columns>),
    Har,
}

/// Names of formats, in addition to Apache's nicknames.
const NAMES: [&str; 4] = ["nginx", "alb", "cloudfront", "har"];

impl Format {
    /// Parses a format: a name (`nginx`, `alb`, `cloudfront`, `har`, or one of Apache's nicknames
    /// `common`, `combined`, `combinedio`, `vhost_common`, `vhost_combined`), an Apache LogFormat such
    /// as `%h %l %u %t "%r" %>s %b`, an nginx log_format such as
    /// `$remote_addr [$time_local] "$request" $status`, or a CloudFront header `#Fields: ...` for logs
    /// without one.
    ///
    /// Quotes may be escaped as in `httpd.conf` (`\"`). Of Apache's directives, `%r`, `%m`, `%U`, `%q`,
    /// `%s`, `%b`, `%B`, `%O` and all forms of `%t` are used; others are ignored.
    ///
    /// # Errors
    /// Fails if the format has no time or no target, or if its fields can't be delimited.
    pub fn parse(text: &str) -> Result<Self, FormatError> {
        let text = text.trim();
        let nicknames = || NICKNAMES.iter().map(|(name, _)| *name);
        let kind = match text {
            "nginx" => Kind::Nginx,
            "alb" => Kind::Alb,
            "cloudfront" => Kind::CloudFront(None),
            "har" => Kind::Har,
            _ if text.starts_with(cloudfront::FIELDS) => {
                let columns = Columns::read(text.as_bytes()).map_err(|message| {
                    FormatError::new(text, &message, "name the fields in order")
                })?;
                Kind::CloudFront(Some(columns))
            }
            _ if text.contains('$') && !text.contains('%') => Kind::Lines(nginx::log_format(text)?),
            _ if text.contains('%') || nicknames().any(|name| name == text) => {
                Kind::Lines(LogFormat::apache(text)?)
            }
            _ => {
                let names: Vec<&str> = nicknames().chain(NAMES).collect();
                let hint = match nearest(text, names.iter().copied()) {
                    Some(name) => format!("did you mean `{name}`?"),
                    None => format!(
                        "give an Apache LogFormat, an nginx log_format, or a name: {}",
                        names.join(", ")
                    ),
                };
                return Err(FormatError::new(text, "unknown name", &hint));
            }
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

/// Reads the lines of one log in a given format, or in the format detected for each line.
#[derive(Debug)]
pub(crate) struct Lines<'a> {
    format: Option<&'a Format>,
    /// From the last header.
    columns: Option<Columns>,
}

impl<'a> Lines<'a> {
    pub(crate) fn new(format: Option<&'a Format>) -> Self {
        let columns = match format.map(|format| &format.kind) {
            Some(Kind::CloudFront(columns)) => columns.clone(),
            _ => None,
        };
        Self { format, columns }
    }

    /// Reads a line; `None` for a header or a comment.
    ///
    /// # Errors
    /// Returns the reason why the line can't be read.
    pub(crate) fn read(&mut self, line: &[u8]) -> Result<Option<ReadLine>, String> {
        match self.format.map(|format| &format.kind) {
            Some(Kind::Lines(format)) => format.read(line).map(Some),
            Some(Kind::Nginx) => LogFormat::read_either(line).map(Some),
            Some(Kind::Alb) => alb::read(line).map(Some),
            Some(Kind::CloudFront(_)) => self.cloudfront(line),
            None if line.starts_with(b"#") => self.cloudfront(line),
            None if alb::is_alb(line) => alb::read(line).map(Some),
            None if self.columns.is_some() => self.cloudfront(line),
            None | Some(Kind::Har) => LogFormat::read_either(line).map(Some),
        }
    }

    fn cloudfront(&mut self, line: &[u8]) -> Result<Option<ReadLine>, String> {
        if line.starts_with(cloudfront::FIELDS.as_bytes()) {
            self.columns = Some(Columns::read(line)?);
            return Ok(None);
        }
        if line.starts_with(b"#") {
            return Ok(None);
        }
        let columns = self.columns.as_ref().ok_or_else(|| {
            "no `#Fields: ...` header precedes it; give the fields with --format '#Fields: ...'"
                .to_owned()
        })?;
        columns.read_line(line).map(Some)
    }
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
            "har",
        ] {
            assert_eq!(Format::parse(name).unwrap().text(), name);
        }
        let error = |text: &str| Format::parse(text).unwrap_err().to_string();
        insta::assert_snapshot!(
            [error("ngnix"), error("iis7"), error("%h"), error("$host"), error("#Fields: date")].join("\n"),
            @r"
        the log format `ngnix` can't be used: unknown name; did you mean `nginx`?
        the log format `iis7` can't be used: unknown name; give an Apache LogFormat, an nginx log_format, or a name: common, combined, combinedio, vhost_common, vhost_combined, nginx, alb, cloudfront, har
        the log format `%h` can't be used: it has no time; it needs %t
        the log format `$host` can't be used: it has no time; it needs $time_local, $time_iso8601 or $msec
        the log format `#Fields: date` can't be used: its header names neither date and time nor timestamp; name the fields in order
        "
        );
    }

    #[test]
    fn detects_format_of_each_line() {
        let mut lines = Lines::new(None);
        let mut layout = |line: &str| {
            lines
                .read(line.as_bytes())
                .unwrap()
                .map(|read| read.layout.name())
        };
        let common = r#"h - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 304 -"#;
        let alb = r#"h2 2018-07-02T22:23:00.1Z app/a 192.0.2.1:1 10.0.0.1:80 0 0 0 200 200 1 1 "GET http://a:80/ HTTP/1.1" "-""#;
        assert_eq!(layout(common), Some("common"));
        assert_eq!(layout(&format!("{common} \"-\" \"-\"")), Some("combined"));
        assert_eq!(layout(alb), Some("alb"));
        assert_eq!(layout("#Version: 1.0"), None);
        assert_eq!(layout("#Fields: date time cs-uri-stem"), None);
        assert_eq!(
            layout("2019-12-04\t21:02:31\t/index.html"),
            Some("cloudfront")
        );
        // A second header with the fields in another order.
        assert_eq!(layout("#Fields: cs-uri-stem date time"), None);
        assert_eq!(
            layout("/index.html\t2019-12-04\t21:02:31"),
            Some("cloudfront")
        );
        assert_eq!(layout(alb), Some("alb"));
    }
}

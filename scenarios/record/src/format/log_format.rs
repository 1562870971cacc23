//! Line layouts, written as Apache's LogFormat or nginx's log_format.

use std::borrow::Cow;

use super::directive::{Directive, HostRank, Moment};
use super::error::FormatError;
use super::field::{Escape, plain_end, quoted_end, unescape};
use super::read_line::{Layout, LineFields, ReadLine};
use super::time_unit::TimeUnit;

/// Layout of a line: its fields and their separators.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFormat {
    /// Text before the first field.
    lead: Vec<u8>,
    fields: Vec<Field>,
    escape: Escape,
    /// Moment that the time of a line belongs to.
    moment: Moment,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Field {
    what: Directive,
    /// Moment that a time belongs to.
    moment: Moment,
    quoted: bool,
    /// Separator after this field, or nothing at the end of the line.
    until: Vec<u8>,
}

const COMMON: &str = r#"%h %l %u %t "%r" %>s %b"#;
/// Nicknames from Apache's own configuration.
pub(super) const NICKNAMES: [(&str, &str); 5] = [
    ("common", COMMON),
    (
        "combined",
        r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i""#,
    ),
    (
        "combinedio",
        r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-agent}i" %I %O"#,
    ),
    ("vhost_common", r#"%v %h %l %u %t "%r" %>s %b"#),
    (
        "vhost_combined",
        r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-agent}i""#,
    ),
];

impl LogFormat {
    /// Parses an Apache LogFormat or one of its nicknames.
    pub(super) fn apache(text: &str) -> Result<Self, FormatError> {
        let nickname = NICKNAMES.iter().find(|(name, _)| *name == text);
        let mut format = Self::empty(Escape::Apache);
        let reject = |message: &str, hint: &str| FormatError::new(text, message, hint);
        let mut rest = nickname.map_or(text, |(_, format)| format);
        while let Some(first) = rest.chars().next() {
            match first {
                '\\' if rest.len() > 1 => {
                    let escaped = rest[1..].chars().next().unwrap_or('\\');
                    let meant = match escaped {
                        't' => '\t',
                        'n' => '\n',
                        'r' => '\r',
                        other => other,
                    };
                    format.literal(meant);
                    rest = &rest[1 + escaped.len_utf8()..];
                }
                '%' if rest.starts_with("%%") => {
                    format.literal('%');
                    rest = &rest[2..];
                }
                '%' => {
                    rest = format.directive(rest).map_err(|message| {
                        reject(
                            &message,
                            "see LogFormat in the manual of Apache's mod_log_config",
                        )
                    })?
                }
                other => {
                    format.literal(other);
                    rest = &rest[other.len_utf8()..];
                }
            }
        }
        format.settle(
            text,
            [
                "it needs %t",
                "it needs \"%r\", or %m and %U%q",
                "write it in quotes: \"%r\"",
            ],
        )
    }

    /// Returns an empty format.
    pub(super) fn empty(escape: Escape) -> Self {
        Self {
            lead: Vec::new(),
            fields: Vec::new(),
            escape,
            moment: Moment::Start,
        }
    }

    /// Marks quoted fields, decides which time is used, and rejects formats that can't be used. The three hints
    /// apply to a missing time, a missing target, and an unquoted request line.
    pub(super) fn settle(
        mut self,
        text: &str,
        [time, target, quotes]: [&str; 3],
    ) -> Result<Self, FormatError> {
        let reject = |message: &str, hint: &str| Err(FormatError::new(text, message, hint));
        let has = |wanted: &dyn Fn(&Directive) -> bool| {
            self.fields.iter().any(|field| wanted(&field.what))
        };
        if !has(&Directive::is_time) {
            return reject("it has no time", time);
        }
        if !has(&Directive::is_target) {
            return reject("it has no target", target);
        }
        let mut before = self.lead.last().copied();
        for field in &mut self.fields {
            field.quoted = before == Some(b'"') && field.until.first() == Some(&b'"');
            before = field.until.last().copied();
        }
        // Of both ends of a request, its start is used.
        let starts = |field: &Field| field.what.is_time() && field.moment == Moment::Start;
        if self.fields.iter().any(starts) {
            for field in &mut self.fields {
                if field.moment == Moment::End {
                    field.what = Directive::Ignored;
                }
            }
        } else {
            self.moment = Moment::End;
        }
        let request = self
            .fields
            .iter()
            .find(|field| field.what == Directive::RequestLine);
        if request.is_some_and(|field| !field.quoted && field.until.first() == Some(&b' ')) {
            return reject("a request line contains blanks", quotes);
        }
        Ok(self)
    }

    /// Reads a line of this format.
    ///
    /// # Errors
    /// Returns the reason why the line can't be read.
    pub(crate) fn read(&self, line: &[u8]) -> Result<ReadLine, String> {
        let (read, rest) = self.read_start(line, true)?;
        match rest {
            [] => Ok(read),
            _ => Err("the line continues after its last field".to_owned()),
        }
    }

    /// Reads a Common or Combined line, with any additional fields at its end.
    pub(crate) fn read_either(line: &[u8]) -> Result<ReadLine, String> {
        static FORMAT: std::sync::LazyLock<Result<LogFormat, FormatError>> =
            std::sync::LazyLock::new(|| LogFormat::apache(COMMON));
        let format = FORMAT.as_ref().map_err(ToString::to_string)?;
        let (mut read, mut rest) = format.read_start(line, false)?;
        read.layout = Layout::Common;
        for _ in ["referer", "user agent"] {
            let Some(inside) = rest.strip_prefix(b" \"") else {
                break;
            };
            read.layout = Layout::Combined;
            let end = |until, last| quoted_end(inside, until, last, Escape::Apache);
            let Some(end) = end(b"\" ", false).or_else(|| end(b"\"", true)) else {
                read.cut_short = true;
                break;
            };
            rest = &inside[end + 1..];
        }
        Ok(read)
    }

    /// Adds a character to the separator after the last field, or to the text before the first.
    pub(super) fn literal(&mut self, c: char) {
        let literal = match self.fields.last_mut() {
            None => &mut self.lead,
            Some(field) => &mut field.until,
        };
        literal.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
    }

    /// Adds the directive at the start of `text`, and returns the rest.
    fn directive<'a>(&mut self, text: &'a str) -> Result<&'a str, String> {
        // %400,501{User-agent}i, %!200{Referer}i, %>s, %<s
        let modified = text[1..]
            .trim_start_matches(|c: char| c.is_ascii_digit() || matches!(c, '!' | ',' | '<' | '>'));
        let (argument, after) = match modified.strip_prefix('{') {
            None => ("", modified),
            Some(inside) => inside.split_once('}').ok_or("`{` is not closed")?,
        };
        let mut letters = after.chars();
        let letter = letters.next().ok_or("it ends with a `%`")?;
        let mut rest = letters.as_str();
        if letter == '^' {
            // %{Name}^ti and %{Name}^to, the trailers.
            rest = rest
                .strip_prefix("ti")
                .or(rest.strip_prefix("to"))
                .ok_or("`%^` is unknown")?;
        } else if !letter.is_ascii_alphabetic() {
            return Err(format!("`%{letter}` is not a directive"));
        }
        let brackets = letter == 't' && argument.is_empty();
        if brackets {
            self.literal('[');
        }
        let mut moment = Moment::Start;
        let what = match letter {
            'r' => Directive::RequestLine,
            'm' => Directive::Method,
            'U' => Directive::Target,
            'q' => Directive::Query,
            's' => Directive::Status,
            'b' | 'B' | 'O' => Directive::Bytes,
            'D' => Directive::Duration(TimeUnit::Microseconds),
            'T' => Directive::duration(argument)
                .ok_or_else(|| format!("`%{{{argument}}}T` has an unknown unit"))?,
            'v' => Directive::Host(HostRank::Server),
            'V' => Directive::Host(HostRank::Canonical),
            'i' if argument.eq_ignore_ascii_case("host") => Directive::Host(HostRank::Header),
            't' => {
                let (time, of) = Directive::time(argument);
                moment = of;
                time
            }
            _ => Directive::Ignored,
        };
        self.field_of(what, moment)?;
        if brackets {
            self.literal(']');
        }
        Ok(rest)
    }

    /// Adds a field other than the time of a request's end.
    pub(super) fn field(&mut self, what: Directive) -> Result<(), String> {
        self.field_of(what, Moment::Start)
    }

    /// Adds a field. A field directly after another must be part of the same target.
    pub(super) fn field_of(&mut self, what: Directive, moment: Moment) -> Result<(), String> {
        let Some(last) = self
            .fields
            .last_mut()
            .filter(|field| field.until.is_empty())
        else {
            self.fields.push(Field {
                what,
                moment,
                quoted: false,
                until: Vec::new(),
            });
            return Ok(());
        };
        last.what = match (&last.what, what) {
            // The server splits a target at its question mark.
            (Directive::Target, Directive::Query | Directive::Arguments | Directive::Ignored) => {
                Directive::Target
            }
            (
                Directive::RewrittenTarget,
                Directive::Query | Directive::Arguments | Directive::Ignored,
            ) => Directive::RewrittenTarget,
            (Directive::HostedTarget, Directive::Query | Directive::Arguments) => {
                Directive::HostedTarget
            }
            (Directive::Host(_), Directive::Target | Directive::RewrittenTarget) => {
                Directive::HostedTarget
            }
            _ => {
                return Err("two fields have no separator between them".to_owned());
            }
        };
        Ok(())
    }

    /// Reads the fields of a line, and returns the rest of the line.
    pub(super) fn read_start<'a>(
        &self,
        line: &'a [u8],
        whole: bool,
    ) -> Result<(ReadLine, &'a [u8]), String> {
        if line.is_empty() {
            return Err("the line is empty".to_owned());
        }
        let mut rest = line.strip_prefix(self.lead.as_slice()).ok_or_else(|| {
            format!(
                "it does not start with `{}`",
                String::from_utf8_lossy(&self.lead).escape_debug()
            )
        })?;
        let mut met = LineFields::default();
        let mut cut_short = false;
        for (position, field) in self.fields.iter().enumerate() {
            let last = whole && position + 1 == self.fields.len();
            let end = match field.quoted {
                true => quoted_end(rest, &field.until, last, self.escape),
                false if !whole && field.until.is_empty() => {
                    Some(plain_end(rest, b" ").unwrap_or(rest.len()))
                }
                false => field.plain_end(rest),
            };
            let Some(end) = end else {
                let needless = matches!(field.what, Directive::Ignored | Directive::Host(_))
                    && met.is_complete();
                let unclosed = || quoted_end(rest, &field.until, false, self.escape).is_none();
                if needless && field.quoted && unclosed() {
                    cut_short = true;
                    rest = b"";
                    break;
                }
                return Err(format!("its {} is not terminated", field.what.name()));
            };
            let raw = &rest[..end];
            rest = &rest[end + field.until.len()..];
            let value = if field.quoted || self.escape != Escape::Apache {
                unescape(raw, self.escape)
            } else {
                Cow::Borrowed(raw)
            };
            met.take(&field.what, value)?;
        }
        Ok((met.finish(cut_short, self.moment)?, rest))
    }
}

impl Field {
    /// Returns the end of an unquoted field. A time may contain the separator, as in `%F %T`.
    fn plain_end(&self, bytes: &[u8]) -> Option<usize> {
        let mut end = plain_end(bytes, &self.until)?;
        let Directive::PatternTime(pattern) = &self.what else {
            return Some(end);
        };
        if !self.until.is_empty() {
            for _ in pattern
                .as_bytes()
                .windows(self.until.len())
                .filter(|part| *part == self.until)
            {
                let next = end + self.until.len();
                end = next + plain_end(&bytes[next..], &self.until)?;
            }
        }
        Some(end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_431_857_103_000_000;

    fn read(format: &str, line: &str) -> Result<ReadLine, String> {
        LogFormat::apache(format)
            .map_err(|error| error.to_string())?
            .read(line.as_bytes())
    }

    fn target(read: Result<ReadLine, String>) -> String {
        let read = read.unwrap();
        assert_eq!(read.at_us, AT);
        read.request
            .map(|request| format!("{} {}", request.method, request.target))
            .unwrap_or_default()
    }

    #[test]
    fn subtracts_durations_from_the_end_of_a_request_only() {
        let took = |format: &str, line: &str| read(format, line).unwrap().took_us;
        let line =
            |duration: &str| format!("[17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" {duration}");
        // Apache's %t is the time when the request was received.
        assert_eq!(took("%t \"%r\" %D", &line("6500000")), None);
        for (format, duration) in [("%D", "6500000"), ("%{ms}T", "6500"), ("%{us}T", "6500000")] {
            assert_eq!(
                took(&format!("[%{{end}}t] \"%r\" {format}"), &line(duration)),
                Some(6_500_000)
            );
        }
        assert_eq!(took("%{end:sec}t %U %T", "1431857103 / 6"), Some(6_000_000));
        assert_eq!(
            took("%{end:sec}t %{sec}t %U %T", "1431857109 1431857103 / 6"),
            None
        );
        assert!(read("%{end:sec}t %U %{h}T", "").is_err());
        assert!(read("%{end:sec}t %U %T", "1431857103 / soon").is_err());
    }

    #[test]
    fn prefers_the_header_among_hosts() {
        let host = |format: &str, line: &str| read(format, line).unwrap().host;
        let line = "a.example:443 B.example 1431857103 /";
        assert_eq!(
            host("%v:%p %{Host}i %{sec}t %U", line).as_deref(),
            Some("b.example")
        );
        assert_eq!(
            host("%{Host}i:%p %V %{sec}t %U", line).as_deref(),
            Some("a.example")
        );
        assert_eq!(host("%v %{sec}t %U", "- 1431857103 /"), None);
    }

    #[test]
    fn detects_common_and_combined() {
        let either = |line: &str| LogFormat::read_either(line.as_bytes());
        let common = r#"2001:db8::1 - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 304 -"#;
        let read = either(common).unwrap();
        assert_eq!(
            (read.layout, read.status, read.bytes),
            (Layout::Common, Some(304), 0)
        );
        let read = either(&format!(r#"{common} "-" "say \"hi\"""#)).unwrap();
        assert_eq!((read.layout, read.cut_short), (Layout::Combined, false));
        let read = either(&format!(r#"{common} "-" "Mozilla/5.0 (comp"#)).unwrap();
        assert_eq!((read.layout, read.cut_short), (Layout::Combined, true));
        // nginx with an appended response time; a user name with a blank; a leading virtual host.
        let read = either(&format!(r#"{common} "-" "x" 0.003"#)).unwrap();
        assert_eq!((read.layout, read.cut_short), (Layout::Combined, false));
        let user = r#"h - John Doe [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1"#;
        assert_eq!(target(either(user)), "GET /");
        assert_eq!(target(either(&format!("a.example:80 {common}"))), "GET /a");
    }

    #[test]
    fn reports_why_a_line_is_broken() {
        let reason = |line: &str| LogFormat::read_either(line.as_bytes()).unwrap_err();
        insta::assert_snapshot!(
            [
                "",
                "nonsense",
                r#"h - - [17/May/2015] "GET / HTTP/1.1" 200 1"#,
                r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1"#,
                r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" OK 1"#,
                r#"h - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1k"#,
            ]
            .map(reason)
            .join("\n"),
            @r"
        the line is empty
        its next field is not terminated
        `17/May/2015` is not a valid time
        its request line is not terminated
        `OK` is not a valid status
        `1k` is not a valid size
        "
        );
    }

    #[test]
    fn reads_custom_formats() {
        let line = r#"17/May/2015:10:05:03.000 +0000|GET|/a|?b=1|200|12|3"#;
        assert_eq!(
            target(read(
                "%{begin:%d/%b/%Y:%H:%M:%S.%f %z}t|%m|%U|%q|%s|%O|%D",
                line
            )),
            "GET /a?b=1"
        );
        let line = "2015-05-17 10:05:03 GET /a?b=1 HTTP/1.1 204 -";
        assert_eq!(
            target(read("%{%F %T}t %m %U%q %H %>s %b", line)),
            "GET /a?b=1"
        );
        let line = r#"[17/May/2015:10:05:03.250 +0000] "POST /x HTTP/1.1" 100%"#;
        let format = r#"[%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t] \"%r\" %{x}o%%"#;
        assert_eq!(read(format, line).unwrap().at_us, AT + 250_000);
        let line = "1431857103\t\"a \\\"quoted\\\" agent\"\tGET\t/\u{e9}";
        let format = r#"%{sec}t\t"%400,501{User-Agent}i"\t%m\t%U"#;
        assert_eq!(target(read(format, line)), "GET /%C3%A9");
        let vhost =
            r#"a.example:80 ::1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "-" "-""#;
        assert_eq!(target(read("vhost_combined", vhost)), "GET /");
        assert!(read("vhost_combined", &format!("{vhost} more")).is_err());
        assert_eq!(target(read("%t %U", "[17/May/2015:10:05:03 +0000] -")), "");
    }

    #[test]
    fn rejects_unusable_formats() {
        for wrong in [
            "",
            "%h",
            "%t",
            "%r",
            "%t %h%l \"%r\"",
            "%t %r %s",
            "%t %",
            "%{x %t \"%r\"",
            "%t %& \"%r\"",
        ] {
            let error = LogFormat::apache(wrong).unwrap_err().to_string();
            assert!(error.contains("can't be used"), "{error}");
        }
    }
}

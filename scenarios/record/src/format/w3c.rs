//! W3C's extended log file format, as written by IIS, Tomcat and AWS's CloudFront.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::host;
use super::log_time::{civil_time, epoch_seconds, epoch_time};
use super::read_line::{Layout, ReadLine, invalid, size, status};
use super::request_line::LoggedRequest;
use super::time_unit::TimeUnit;

/// Start of a header that names the fields.
pub(super) const FIELDS: &str = "#Fields:";
/// Start of a header with the date of the following lines.
const DATE: &str = "#Date:";
/// Start of a header that names the server.
const SOFTWARE: &str = "#Software:";

/// Fields that only IIS writes.
const FIELDS_OF_IIS: [&str; 4] = [
    "s-computername",
    "s-sitename",
    "sc-substatus",
    "sc-win32-status",
];

/// State of a log: its headers so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct W3c {
    /// From the last `#Fields` header.
    columns: Option<Columns>,
    /// From the last `#Date` header.
    date: Option<String>,
    is_iis: bool,
}

/// Positions of the used fields, as named by a header such as
/// `#Fields: date time cs-method cs-uri-stem sc-status`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Columns {
    time: Time,
    stem: usize,
    query: Option<usize>,
    method: Option<usize>,
    status: Option<usize>,
    bytes: Option<usize>,
    host: Option<usize>,
    time_taken: Option<usize>,
    server: Server,
    /// Number of fields in the header.
    count: usize,
}

/// Fields that contain the time. All are of the end of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    /// `date` and `time` in UTC, in standard logs. The date may stand in a header instead.
    Civil(Option<usize>, usize),
    /// `timestamp`: seconds since 1970 with a decimal point, in real-time logs.
    Seconds(usize),
    /// `timestamp(ms)`: milliseconds since 1970.
    Milliseconds(usize),
}

/// Server that wrote a log, as far as its fields show it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Server {
    CloudFront,
    Iis,
    Other,
}

impl W3c {
    /// Starts with the fields of a `#Fields` line given by the user.
    pub(super) fn with_columns(columns: Option<Columns>) -> Self {
        Self {
            columns,
            ..Self::default()
        }
    }

    /// Returns whether a header has named the fields.
    pub(super) fn has_fields(&self) -> bool {
        self.columns.is_some()
    }

    /// Reads a line; `None` for a header or a comment.
    ///
    /// # Errors
    /// Returns the reason why the line can't be read.
    pub(super) fn read(&mut self, line: &[u8]) -> Result<Option<ReadLine>, String> {
        if line.starts_with(b"#") {
            self.read_header(line)?;
            return Ok(None);
        }
        let columns = self.columns.as_ref().ok_or_else(|| {
            "no `#Fields: ...` header precedes it; give the fields with --format '#Fields: ...'"
                .to_owned()
        })?;
        let is_iis = self.is_iis || columns.server == Server::Iis;
        columns
            .read_line(line, self.date.as_deref(), is_iis)
            .map(Some)
    }

    fn read_header(&mut self, line: &[u8]) -> Result<(), String> {
        let value = |name: &str| line.strip_prefix(name.as_bytes()).map(<[u8]>::trim_ascii);
        if line.starts_with(FIELDS.as_bytes()) {
            self.columns = Some(Columns::read(line)?);
        } else if let Some(date) = value(DATE) {
            let date = date.split(|byte| *byte == b' ').next().unwrap_or_default();
            self.date = Some(String::from_utf8_lossy(date).into_owned());
        } else if let Some(software) = value(SOFTWARE) {
            self.is_iis = software.starts_with(b"Microsoft");
        }
        Ok(())
    }
}

impl Columns {
    /// Reads a header.
    ///
    /// # Errors
    /// Returns the reason why its lines can't be read.
    pub(super) fn read(header: &[u8]) -> Result<Self, String> {
        let header =
            std::str::from_utf8(header).map_err(|_| "the header is not text".to_owned())?;
        let names: Vec<&str> = header
            .strip_prefix(FIELDS)
            .unwrap_or(header)
            .split_whitespace()
            .collect();
        let find = |name: &str| {
            names
                .iter()
                .position(|known| known.eq_ignore_ascii_case(name))
        };
        let time = find("time")
            .map(|time| Time::Civil(find("date"), time))
            .or(find("timestamp").map(Time::Seconds))
            .or(find("timestamp(ms)").map(Time::Milliseconds))
            .ok_or("its header names neither date and time nor timestamp")?;
        let has_start = |start: &str| names.iter().any(|name| name.starts_with(start));
        let server = if has_start("x-edge-") || has_start("timestamp") {
            Server::CloudFront
        } else if FIELDS_OF_IIS.iter().any(|name| find(name).is_some()) {
            Server::Iis
        } else {
            Server::Other
        };
        let mut query = find("cs-uri-query");
        let stem = match (find("cs-uri-stem"), find("cs-uri")) {
            (Some(stem), _) => stem,
            // The whole target.
            (None, Some(whole)) => {
                query = None;
                whole
            }
            (None, None) => return Err("its header does not name cs-uri-stem".to_owned()),
        };
        Ok(Self {
            time,
            stem,
            query,
            method: find("cs-method"),
            status: find("sc-status"),
            bytes: find("sc-bytes"),
            host: ["x-host-header", "cs-host", "cs(Host)"]
                .into_iter()
                .find_map(find),
            time_taken: find("time-taken"),
            server,
            count: names.len(),
        })
    }

    /// Reads a line of fields that are separated by tabs or blanks.
    ///
    /// # Errors
    /// Returns the reason why the line can't be read.
    fn read_line(&self, line: &[u8], date: Option<&str>, is_iis: bool) -> Result<ReadLine, String> {
        if line.trim_ascii().is_empty() {
            return Err("the line is empty".to_owned());
        }
        let fields = split(line, self.count + 1);
        if fields.len() < self.count {
            return Err(format!(
                "it has {} of the {} fields that its header names",
                fields.len(),
                self.count
            ));
        }
        let field = |at: Option<usize>| at.and_then(|at| fields.get(at)).map(Cow::as_ref);
        let response_status = match field(self.status) {
            None => None,
            Some(text) => status(text).ok_or_else(|| invalid(text, "status"))?,
        };
        let bytes = match field(self.bytes) {
            None => 0,
            Some(text) => size(text).ok_or_else(|| invalid(text, "size"))?,
        };
        let took_us = match field(self.time_taken) {
            None => None,
            Some(text) => self
                .time_taken_unit(text)
                .duration_us(text)
                .ok_or_else(|| invalid(text, "duration"))?,
        };
        let target = self.target(
            field(Some(self.stem)).unwrap_or_default(),
            field(self.query),
            is_iis,
        );
        Ok(ReadLine {
            at_us: self.at_us(&fields, date)?,
            took_us,
            host: field(self.host).and_then(host::normalized),
            request: LoggedRequest::of_parts(field(self.method).unwrap_or(b"GET"), &target),
            status: response_status,
            bytes,
            cut_short: false,
            layout: match self.server {
                Server::CloudFront => Layout::CloudFront,
                Server::Iis | Server::Other => Layout::W3c,
            },
        })
    }

    /// Joins path and query as they were requested.
    fn target(&self, stem: &[u8], query: Option<&[u8]>, is_iis: bool) -> Vec<u8> {
        // CloudFront percent-encodes once more: the viewer's `%2F` is logged as `%252F`. `LoggedRequest`
        // encodes again what a request line must not contain.
        let decoded = |text: &[u8]| -> Vec<u8> {
            match self.server {
                Server::CloudFront => percent_decode(text).collect(),
                Server::Iis | Server::Other => text.to_vec(),
            }
        };
        let mut target = decoded(stem);
        if is_iis {
            // IIS logs blanks as `+`, and rejects paths with a plus sign.
            for byte in &mut target {
                if *byte == b'+' {
                    *byte = b' ';
                }
            }
        }
        // Real-time logs also have the query in the stem.
        if let Some(query) = query
            && !matches!(query, b"-" | b"")
            && !target.contains(&b'?')
        {
            target.push(b'?');
            let query = decoded(query);
            target.extend(query.strip_prefix(b"?").unwrap_or(&query));
        }
        target
    }

    /// Returns the unit of `time-taken`: IIS writes whole milliseconds, others seconds with a decimal point.
    fn time_taken_unit(&self, text: &[u8]) -> TimeUnit {
        match self.server {
            Server::CloudFront => TimeUnit::Seconds,
            _ if text.contains(&b'.') => TimeUnit::Seconds,
            _ => TimeUnit::Milliseconds,
        }
    }

    fn at_us(&self, fields: &[Cow<'_, [u8]>], date: Option<&str>) -> Result<i64, String> {
        let field = |at: usize| fields.get(at).map(Cow::as_ref).unwrap_or_default();
        let (at_us, text) = match self.time {
            Time::Seconds(at) => (epoch_seconds(field(at)), field(at).to_vec()),
            Time::Milliseconds(at) => (epoch_time(field(at), 1_000), field(at).to_vec()),
            Time::Civil(at, time) => {
                let date = match (at, date) {
                    (Some(at), _) => field(at),
                    (None, Some(date)) => date.as_bytes(),
                    (None, None) => {
                        return Err("neither a field nor a `#Date:` header has its date".to_owned());
                    }
                };
                let text = [date, b" ", field(time)].concat();
                (civil_time(&text), text)
            }
        };
        at_us.ok_or_else(|| invalid(&text, "time"))
    }
}

/// Splits a line into at most `count` fields: at tabs if it has any, else at blanks outside of quotes.
fn split(line: &[u8], count: usize) -> Vec<Cow<'_, [u8]>> {
    if line.contains(&b'\t') {
        let fields = line.split(|byte| *byte == b'\t').take(count);
        return fields.map(Cow::Borrowed).collect();
    }
    let mut fields = Vec::new();
    let mut rest = line.trim_ascii();
    while !rest.is_empty() && fields.len() < count {
        let (field, after) = match rest.strip_prefix(b"\"") {
            Some(inside) => quoted(inside),
            None => {
                let end = rest.iter().position(|byte| *byte == b' ');
                let (field, after) = rest.split_at(end.unwrap_or(rest.len()));
                (Cow::Borrowed(field), after)
            }
        };
        fields.push(field);
        rest = after.trim_ascii_start();
    }
    fields
}

/// Splits a quoted field, whose quotes are doubled, off a line.
fn quoted(inside: &[u8]) -> (Cow<'_, [u8]>, &[u8]) {
    let mut at = 0;
    let mut is_doubled = false;
    while at < inside.len() {
        if inside[at] != b'"' {
            at += 1;
        } else if inside.get(at + 1) == Some(&b'"') {
            is_doubled = true;
            at += 2;
        } else {
            break;
        }
    }
    let field = &inside[..at.min(inside.len())];
    let after = inside.get(at + 1..).unwrap_or_default();
    let field = match is_doubled {
        false => Cow::Borrowed(field),
        true => Cow::Owned(
            String::from_utf8_lossy(field)
                .replace("\"\"", "\"")
                .into_bytes(),
        ),
    };
    (field, after)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Examples from the AWS documentation.
    const HEADER: &str = "#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) \
        cs-uri-stem sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type \
        x-edge-request-id x-host-header cs-protocol cs-bytes time-taken x-forwarded-for \
        ssl-protocol ssl-cipher x-edge-response-result-type cs-protocol-version fle-status \
        fle-encrypted-fields c-port time-to-first-byte x-edge-detailed-result-type \
        sc-content-type sc-content-len sc-range-start sc-range-end";
    const LINE: &str = "2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\t\
        d111111abcdef8.cloudfront.net\t/index.html\t200\t-\tMozilla/5.0%20(Windows%20NT%2010.0;\
        %20Win64;%20x64)%20AppleWebKit/537.36%20(KHTML,%20like%20Gecko)%20Chrome/78.0.3904.108\
        %20Safari/537.36\t-\t-\tHit\tSOX4xwn4XV6Q4rgb7XiVGOHms_BGlTAC4KyHmureZmBNrjGdRLiNIQ==\t\
        d111111abcdef8.cloudfront.net\thttps\t23\t0.001\t-\tTLSv1.2\tECDHE-RSA-AES128-GCM-SHA256\t\
        Hit\tHTTP/2.0\t-\t-\t11040\t0.001\tHit\ttext/html\t78\t-\t-";

    fn columns() -> Columns {
        Columns::read(HEADER.as_bytes()).unwrap()
    }

    fn target(line: &str) -> String {
        let line = columns().read_line(line.as_bytes(), None, false).unwrap();
        line.request.unwrap().target
    }

    /// Reads the last line of a log.
    fn last(log: &str) -> Result<ReadLine, String> {
        let mut state = W3c::default();
        let mut lines: Vec<_> = log
            .lines()
            .map(|line| state.read(line.as_bytes()))
            .collect();
        lines.pop().unwrap().map(Option::unwrap)
    }

    #[test]
    fn reads_the_documented_example() {
        let line = columns().read_line(LINE.as_bytes(), None, false).unwrap();
        // `date -u -d '2019-12-04 21:02:31' +%s`
        assert_eq!(line.at_us, 1_575_493_351_000_000);
        assert_eq!((line.status, line.bytes), (Some(200), 392));
        assert_eq!(
            (line.took_us, line.layout),
            (Some(1_000), Layout::CloudFront)
        );
        assert_eq!(line.host.as_deref(), Some("d111111abcdef8.cloudfront.net"));
        let request = line.request.unwrap();
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("GET", "/index.html")
        );
    }

    #[test]
    fn decodes_only_the_encoding_of_cloudfront() {
        let with = |stem: &str, query: &str| {
            LINE.replace("/index.html", stem)
                .replace("Safari/537.36\t-\t", &format!("Safari/537.36\t{query}\t"))
        };
        assert_eq!(target(&with("/a%252Fb", "-")), "/a%2Fb");
        assert_eq!(
            target(&with("/a%20b", "x=%2522y%2522&z=%7E")),
            "/a%20b?x=%22y%22&z=~"
        );
        assert_eq!(target(&with("/100%", "-")), "/100%");
    }

    #[test]
    fn finds_fields_by_their_header() {
        let real_time = Columns::read(
            b"#Fields: timestamp c-ip sc-status sc-bytes cs-method cs-uri-stem cs-uri-query",
        )
        .unwrap();
        let line = b"1576117265.123\t192.0.2.1\t000\t0\tPOST\t/x?y=1\ty=1";
        let line = real_time.read_line(line, None, false).unwrap();
        assert_eq!((line.at_us, line.status), (1_576_117_265_123_000, None));
        assert_eq!(line.request.unwrap().target, "/x?y=1");
        let second = Columns::read(b"#Fields:\ttimestamp(ms)\tcs-uri-stem").unwrap();
        let line = second.read_line(b"1576117265123\t/x", None, false).unwrap();
        assert_eq!(line.at_us, 1_576_117_265_123_000);
    }

    #[test]
    fn reads_logs_of_iis() {
        let log = "#Software: Microsoft Internet Information Services 10.0\n\
            #Version: 1.0\n#Date: 2024-05-17 10:05:00\n\
            #Fields: date time s-ip cs-method cs-uri-stem cs-uri-query s-port cs(User-Agent) cs-host sc-status \
            sc-substatus sc-win32-status sc-bytes time-taken\n\
            2024-05-17 10:05:03 10.0.0.1 GET /my+page.aspx id=7&q=a+b 80 Mozilla/5.0+(X11;+Linux) S.example 200 0 0 99 6500";
        let line = last(log).unwrap();
        // `date -u -d '2024-05-17 10:05:03' +%s`
        assert_eq!(
            (line.at_us, line.took_us),
            (1_715_940_303_000_000, Some(6_500_000))
        );
        assert_eq!((line.status, line.bytes), (Some(200), 99));
        assert_eq!(
            (line.host.as_deref(), line.layout),
            (Some("s.example"), Layout::W3c)
        );
        assert_eq!(line.request.unwrap().target, "/my%20page.aspx?id=7&q=a+b");
    }

    #[test]
    fn separates_fields_by_blanks_and_quotes() {
        let line = last(
            "#Fields: date time cs-method cs-uri-stem cs(User-Agent) sc-status time-taken\n\
             2024-05-17 10:05:03.250  PUT /a+b \"say \"\"hi\"\" x\" 201 0.125",
        )
        .unwrap();
        assert_eq!(
            (line.at_us, line.took_us),
            (1_715_940_303_250_000, Some(125_000))
        );
        assert_eq!(line.status, Some(201));
        assert_eq!(line.request.unwrap().target, "/a+b");
        let whole = last("#Fields: date time cs-uri\n2024-05-17 10:05:03 /a?b").unwrap();
        assert_eq!(whole.request.unwrap().target, "/a?b");
    }

    #[test]
    fn takes_the_date_from_a_header() {
        let log = |date: &str| format!("{date}\n#Fields: time cs-uri-stem\n10:05:03 /a");
        let line = last(&log("#Date: 2024-05-17 00:00:00")).unwrap();
        assert_eq!(line.at_us, 1_715_940_303_000_000);
        let error = last(&log("#Version: 1.0")).unwrap_err();
        assert!(error.contains("#Date"), "{error}");
        assert!(last("#Remark: x\n1 2").unwrap_err().contains("#Fields"));
    }

    proptest::proptest! {
        #[test]
        fn never_panics(fields in r"#Fields:( (date|time|cs-uri-stem|cs-uri-query|time-taken|sc-status)){0,6}", lines in r#"[-0-9:/a-c+"?\t ]{0,60}"#) {
            let mut state = W3c::default();
            for line in [fields.as_str(), "#Date: 2024-05-17", &lines] {
                let _ = state.read(line.as_bytes());
            }
        }
    }

    #[test]
    fn reports_why_a_header_or_line_is_broken() {
        let reason = |line: &str| {
            let read = columns().read_line(line.as_bytes(), None, false);
            read.unwrap_err()
        };
        let header = |header: &str| Columns::read(header.as_bytes()).unwrap_err();
        insta::assert_snapshot!(
            [
                reason(""),
                reason("2019-12-04 21:02:31 LAX1"),
                reason(&LINE.replace("21:02:31", "noon")),
                reason(&LINE.replace("\t200\t", "\tOK\t")),
                reason(&LINE.replace("\t392\t", "\tmany\t")),
                header("#Fields: date cs-uri-stem"),
                header("#Fields: date time cs-host"),
            ]
            .join("\n"),
            @r"
        the line is empty
        it has 3 of the 33 fields that its header names
        `2019-12-04 noon` is not a valid time
        `OK` is not a valid status
        `many` is not a valid size
        its header names neither date and time nor timestamp
        its header does not name cs-uri-stem
        "
        );
    }
}

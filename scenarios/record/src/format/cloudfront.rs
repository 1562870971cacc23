//! Access logs of AWS's CloudFront, in W3C's extended log file format.

use percent_encoding::percent_decode;

use super::log_time::{epoch_seconds, epoch_time, pattern_time};
use super::read_line::{Layout, ReadLine, invalid, size, status};
use super::request_line::LoggedRequest;

/// Start of a header that names the fields.
pub(super) const FIELDS: &str = "#Fields:";

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
    /// Number of fields in the header.
    count: usize,
}

/// Fields that contain the time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Time {
    /// `date` and `time` in UTC, in standard logs.
    Civil(usize, usize),
    /// `timestamp`: seconds since 1970 with a decimal point, in real-time logs.
    Seconds(usize),
    /// `timestamp(ms)`: milliseconds since 1970.
    Milliseconds(usize),
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
        let find = |name: &str| names.iter().position(|known| *known == name);
        let time = find("date")
            .zip(find("time"))
            .map(|(date, time)| Time::Civil(date, time))
            .or(find("timestamp").map(Time::Seconds))
            .or(find("timestamp(ms)").map(Time::Milliseconds))
            .ok_or("its header names neither date and time nor timestamp")?;
        Ok(Self {
            time,
            stem: find("cs-uri-stem").ok_or("its header does not name cs-uri-stem")?,
            query: find("cs-uri-query"),
            method: find("cs-method"),
            status: find("sc-status"),
            bytes: find("sc-bytes"),
            count: names.len(),
        })
    }

    /// Reads a line of tab-separated fields.
    ///
    /// # Errors
    /// Returns the reason why the line can't be read.
    pub(super) fn read_line(&self, line: &[u8]) -> Result<ReadLine, String> {
        if line.is_empty() {
            return Err("the line is empty".to_owned());
        }
        let fields: Vec<&[u8]> = line
            .split(|byte| *byte == b'\t')
            .take(self.count + 1)
            .collect();
        if fields.len() < self.count {
            return Err(format!(
                "it has {} of the {} tab-separated fields that its header names",
                fields.len(),
                self.count
            ));
        }
        let field = |at: Option<usize>| at.and_then(|at| fields.get(at)).copied();
        // CloudFront percent-encodes once more: the viewer's `%2F` is logged as `%252F`. `LoggedRequest`
        // encodes again what a request line must not contain.
        let stem = field(Some(self.stem)).unwrap_or_default();
        let mut target: Vec<u8> = percent_decode(stem).collect();
        // Real-time logs also have the query in the stem.
        if let Some(query) = field(self.query)
            && !matches!(query, b"-" | b"")
            && !target.contains(&b'?')
        {
            target.push(b'?');
            target.extend(percent_decode(query));
        }
        let response_status = match field(self.status) {
            None => None,
            Some(text) => status(text).ok_or_else(|| invalid(text, "status"))?,
        };
        let bytes = match field(self.bytes) {
            None => 0,
            Some(text) => size(text).ok_or_else(|| invalid(text, "size"))?,
        };
        Ok(ReadLine {
            at_us: self.at_us(&fields)?,
            request: LoggedRequest::of_parts(field(self.method).unwrap_or(b"GET"), &target),
            status: response_status,
            bytes,
            cut_short: false,
            layout: Layout::CloudFront,
        })
    }

    fn at_us(&self, fields: &[&[u8]]) -> Result<i64, String> {
        let field = |at: usize| fields.get(at).copied().unwrap_or_default();
        let (at_us, text) = match self.time {
            Time::Seconds(at) => (epoch_seconds(field(at)), field(at).to_vec()),
            Time::Milliseconds(at) => (epoch_time(field(at), 1_000), field(at).to_vec()),
            Time::Civil(date, time) => {
                let text = [field(date), b" ", field(time)].concat();
                let at_us = std::str::from_utf8(&text)
                    .ok()
                    .and_then(|text| pattern_time("%Y-%m-%d %H:%M:%S", text));
                (at_us, text)
            }
        };
        at_us.ok_or_else(|| invalid(&text, "time"))
    }
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
        let line = columns().read_line(line.as_bytes()).unwrap();
        line.request.unwrap().target
    }

    #[test]
    fn reads_the_documented_example() {
        let line = columns().read_line(LINE.as_bytes()).unwrap();
        // `date -u -d '2019-12-04 21:02:31' +%s`
        assert_eq!(line.at_us, 1_575_493_351_000_000);
        assert_eq!((line.status, line.bytes), (Some(200), 392));
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
        let line = real_time.read_line(line).unwrap();
        assert_eq!((line.at_us, line.status), (1_576_117_265_123_000, None));
        assert_eq!(line.request.unwrap().target, "/x?y=1");
        let second = Columns::read(b"#Fields:\ttimestamp(ms)\tcs-uri-stem").unwrap();
        let line = second.read_line(b"1576117265123\t/x").unwrap();
        assert_eq!(line.at_us, 1_576_117_265_123_000);
    }

    #[test]
    fn reports_why_a_header_or_line_is_broken() {
        let reason = |line: &str| columns().read_line(line.as_bytes()).unwrap_err();
        let header = |header: &str| Columns::read(header.as_bytes()).unwrap_err();
        insta::assert_snapshot!(
            [
                reason(""),
                reason("2019-12-04 21:02:31 LAX1"),
                reason(&LINE.replace("21:02:31", "noon")),
                reason(&LINE.replace("\t200\t", "\tOK\t")),
                reason(&LINE.replace("\t392\t", "\tmany\t")),
                header("#Fields: date cs-uri-stem"),
                header("#Fields: date time cs-uri"),
            ]
            .join("\n"),
            @r"
        the line is empty
        it has 1 of the 33 tab-separated fields that its header names
        `2019-12-04 noon` is not a valid time
        `OK` is not a valid status
        `many` is not a valid size
        its header names neither date and time nor timestamp
        its header does not name cs-uri-stem
        "
        );
    }
}

//! Envoy's default access log, as text.

use std::sync::LazyLock;

use super::directive::Directive;
use super::error::FormatError;
use super::field::Escape;
use super::log_format::LogFormat;
use super::read_line::{Layout, ReadLine};
use super::time_unit::TimeUnit;

/// `[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE%
/// %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ...`
static FORMAT: LazyLock<Result<LogFormat, FormatError>> = LazyLock::new(|| {
    let mut format = LogFormat::empty(Escape::None);
    let fields = [
        (Directive::IsoTime, "] \""),
        (Directive::RequestLine, "\" "),
        (Directive::Status, " "),
        (Directive::Ignored, " "),
        (Directive::Ignored, " "),
        (Directive::Bytes, " "),
        (Directive::Duration(TimeUnit::Milliseconds), ""),
    ];
    format.literal('[');
    for (what, until) in fields {
        format
            .field(what)
            .map_err(|message| FormatError::new("envoy", &message, "report this"))?;
        until.chars().for_each(|c| format.literal(c));
    }
    format.settle("envoy", ["it needs a time", "it needs a request", ""])
});

/// Returns whether a line starts like Envoy's default: with a time in brackets that begins with the year.
pub(super) fn is_envoy(line: &[u8]) -> bool {
    matches!(line, [b'[', year @ ..] if year.len() > 20 && year[..4].iter().all(u8::is_ascii_digit) && year[4] == b'-')
}

/// Reads a line. Its time is that of the request's start.
///
/// # Errors
/// Returns the reason why the line can't be read.
pub(super) fn read(line: &[u8]) -> Result<ReadLine, String> {
    let format = FORMAT.as_ref().map_err(ToString::to_string)?;
    let (mut read, _) = format.read_start(line, false)?;
    read.layout = Layout::Envoy;
    Ok(read)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_documented_example() {
        let line = br#"[2016-04-15T20:17:00.310Z] "POST /api/v1/locations HTTP/2" 204 - 154 0 226 100 "10.0.35.28" "nsq2http" "cc21d9b0-cf5c-432b-8c7e-98aeb7988cd2" "locations" "tcp://10.0.2.1:80""#;
        assert!(is_envoy(line));
        let read = read(line).unwrap();
        // `date -u -d 2016-04-15T20:17:00.310Z +%s`
        assert_eq!((read.at_us, read.took_us), (1_460_751_420_310_000, None));
        let request = read.request.unwrap();
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("POST", "/api/v1/locations")
        );
        assert_eq!((read.status, read.bytes), (Some(204), 0));
        for other in [
            "",
            "[",
            "[17/May/2015:10:05:03 +0000] x",
            "[2016-04-15T20:17",
        ] {
            assert!(!is_envoy(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn reports_why_a_line_is_broken() {
        let reason = read(br#"[2016-04-15T20:17:00.310] "GET / HTTP/2" 204"#).unwrap_err();
        assert!(reason.contains("is not a valid time"), "{reason}");
    }
}

//! nginx's log_format.

use super::directive::{Directive, HostRank, Moment};
use super::error::FormatError;
use super::field::Escape;
use super::log_format::LogFormat;
use super::nginx_config::{unescaped, words};
use super::time_unit::TimeUnit;

/// Start of the whole directive.
pub(super) const DIRECTIVE: &str = "log_format";

/// Parses an nginx log_format such as `$remote_addr [$time_local] "$request" $status`, as the quoted
/// text or the whole directive.
///
/// Of the variables, `$request`, `$request_method`, `$request_uri`, `$uri`, `$args`, `$status`,
/// `$body_bytes_sent`, `$bytes_sent`, `$time_local`, `$time_iso8601`, `$msec`, `$request_time`, `$host`,
/// `$http_host` and `$server_name` are used; others are ignored. nginx writes a line at the end of a request.
pub(super) fn log_format(text: &str) -> Result<LogFormat, FormatError> {
    let reject = |message: &str| {
        FormatError::new(
            text,
            message,
            "see log_format in the manual of nginx's ngx_http_log_module",
        )
    };
    let (written, escape) = layout(text).map_err(|message| reject(&message))?;
    let mut format = LogFormat::empty(escape);
    let mut rest = written.as_str();
    while let Some(first) = rest.chars().next() {
        if first != '$' {
            format.literal(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let (name, after) = match rest[1..].strip_prefix('{') {
            Some(inside) => inside
                .split_once('}')
                .ok_or_else(|| reject("`{` is not closed"))?,
            None => {
                let end = rest[1..].find(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
                rest[1..].split_at(end.unwrap_or(rest.len() - 1))
            }
        };
        if name.is_empty() {
            return Err(reject("`$` is not followed by a variable"));
        }
        format
            .field_of(variable(name), Moment::End)
            .map_err(|message| reject(&message))?;
        rest = after;
    }
    format.settle(
        text,
        [
            "it needs $time_local, $time_iso8601 or $msec",
            "it needs \"$request\", or $request_method and $request_uri",
            "write it in quotes: \"$request\"",
        ],
    )
}

fn variable(name: &str) -> Directive {
    match name {
        "request" => Directive::RequestLine,
        "request_method" => Directive::Method,
        "request_uri" => Directive::Target,
        "uri" | "document_uri" => Directive::RewrittenTarget,
        "args" | "query_string" => Directive::Arguments,
        "http_host" => Directive::Host(HostRank::Header),
        "host" => Directive::Host(HostRank::Canonical),
        "server_name" => Directive::Host(HostRank::Server),
        "status" => Directive::Status,
        "body_bytes_sent" | "bytes_sent" => Directive::Bytes,
        "request_time" => Directive::Duration(TimeUnit::Seconds),
        // The format adds the brackets.
        "time_local" => Directive::CommonTime,
        "time_iso8601" => Directive::PatternTime("%Y-%m-%dT%H:%M:%S%:z".to_owned()),
        "msec" => Directive::EpochSeconds,
        _ => Directive::Ignored,
    }
}

/// Returns the text that nginx writes for each line, and its escapes.
fn layout(text: &str) -> Result<(String, Escape), String> {
    let is_directive = text
        .strip_prefix(DIRECTIVE)
        .is_some_and(|rest| rest.starts_with(char::is_whitespace));
    if !is_directive && !text.starts_with('\'') {
        return Ok((unescaped(text), Escape::Nginx));
    }
    let mut words = words(text)?.into_iter();
    if is_directive {
        words.next();
    }
    let mut words = words.peekable();
    // A name contains no variable.
    if is_directive && words.peek().is_some_and(|name| !name.contains('$')) {
        words.next();
    }
    let escape = match words.peek().and_then(|word| word.strip_prefix("escape=")) {
        None => Escape::Nginx,
        Some("default") => Escape::Nginx,
        Some("json") => Escape::Json,
        Some("none") => Escape::None,
        Some(other) => return Err(format!("`escape={other}` is unknown")),
    };
    if words.peek().is_some_and(|word| word.starts_with("escape=")) {
        words.next();
    }
    Ok((words.collect(), escape))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(format: &str, line: &str) -> (i64, String) {
        let read = log_format(format).unwrap().read(line.as_bytes()).unwrap();
        let request = read.request.unwrap();
        (read.at_us, format!("{} {}", request.method, request.target))
    }

    const AT: i64 = 1_431_857_103_000_000;

    #[test]
    fn reads_formats_of_the_nginx_manual() {
        // `combined`, which is nginx's default, and `main` of the packaged nginx.conf.
        let combined = r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "$http_referer" "$http_user_agent""#;
        let line = r#"192.0.2.1 - - [17/May/2015:12:05:03 +0200] "GET /a?b=1 HTTP/1.1" 200 612 "-" "curl/7.46.0""#;
        assert_eq!(read(combined, line), (AT, "GET /a?b=1".to_owned()));
        let main = r#"log_format  main  '$remote_addr - $remote_user [$time_local] "$request" '
                      '$status $body_bytes_sent "$http_referer" '
                      '"$http_user_agent" "$http_x_forwarded_for"';"#;
        assert_eq!(
            read(main, &format!("{line} \"198.51.100.7\"")),
            (AT, "GET /a?b=1".to_owned())
        );
        let compression = r#"log_format compression '$remote_addr - $remote_user [$time_local] ' '"$request" $status $bytes_sent ' '"$http_referer" "$http_user_agent" "$gzip_ratio"';"#;
        assert_eq!(
            read(compression, &format!("{line} \"2.31\"")),
            (AT, "GET /a?b=1".to_owned())
        );
    }

    #[test]
    fn reads_custom_formats() {
        assert_eq!(
            read(
                "$msec $request_method $scheme://$host$request_uri $status",
                "1431857103.250 POST https://a.example/x?y=1 201"
            ),
            (AT + 250_000, "POST /x?y=1".to_owned())
        );
        // As nginx 1.22 writes it for GET /q"uo\te.
        assert_eq!(
            read(
                "$msec $request_uri $status",
                r"1431857103.000 /q\x22uo\x5Cte 200"
            ),
            (AT, "GET /q%22uo%5Cte".to_owned())
        );
        assert_eq!(
            read(
                "${time_iso8601}|$uri$is_args$args|$status",
                "2015-05-17T12:05:03+02:00|/x?y=1|200"
            ),
            (AT, "GET /x?y=1".to_owned())
        );
        assert_eq!(
            read("$time_iso8601|$uri|$args", "2015-05-17T10:05:03+00:00|/x|-"),
            (AT, "GET /x".to_owned())
        );
        assert_eq!(
            read("$time_iso8601|$uri?$args", "2015-05-17T10:05:03+00:00|/x?y"),
            (AT, "GET /x?y".to_owned())
        );
        let json = r#"log_format json escape=json '{"time":"$time_iso8601","uri":"$request_uri","agent":"$http_user_agent"}';"#;
        let line = r#"{"time":"2015-05-17T10:05:03+00:00","uri":"/x?y=\"1\"","agent":""}"#;
        assert_eq!(read(json, line), (AT, "GET /x?y=%221%22".to_owned()));
    }

    #[test]
    fn means_what_nginx_means_by_escapes() {
        let ltsv = "log_format ltsv 'time:$time_local\\t' 'method:$request_method\\t'\n  'uri:$request_uri\\t' \
                    'status:$status';";
        let line = "time:17/May/2015:10:05:03 +0000\tmethod:PUT\turi:/a?b\tstatus:200";
        assert_eq!(read(ltsv, line), (AT, "PUT /a?b".to_owned()));
        // \x22 is not an escape in nginx's configuration.
        let kept = r"log_format a '$msec \x22$request_uri\x22 $status';";
        assert_eq!(
            read(kept, r"1431857103.000 \x22/a\x22 200"),
            (AT, "GET /a".to_owned())
        );
        let none = r#"log_format a escape=none '"$request_uri" $msec';"#;
        assert_eq!(
            read(none, r#""/a\" 1431857103.000"#),
            (AT, "GET /a%5C".to_owned())
        );
        // Unquoted words, and the pieces alone.
        assert_eq!(
            read("log_format a $msec|$request_uri;", "1431857103.000|/a"),
            (AT, "GET /a".to_owned())
        );
        assert_eq!(
            read("'$msec ' '$request_uri'", "1431857103.000 /a"),
            (AT, "GET /a".to_owned())
        );
        assert_eq!(
            read(r"$msec\t$request_uri", "1431857103.000\t/a"),
            (AT, "GET /a".to_owned())
        );
    }

    #[test]
    fn subtracts_the_duration_from_the_end() {
        let format =
            log_format("$msec $http_host $server_name $request_uri $request_time").unwrap();
        let read = format
            .read(b"1431857103.000 A.example:443 _ / 6.500")
            .unwrap();
        assert_eq!((read.at_us, read.took_us), (AT, Some(6_500_000)));
        assert_eq!(read.host.as_deref(), Some("a.example"));
        let read = format.read(b"1431857103.000 - b.example / -").unwrap();
        assert_eq!(
            (read.took_us, read.host.as_deref()),
            (None, Some("b.example"))
        );
        assert!(format.read(b"1431857103.000 - - / soon").is_err());
    }

    #[test]
    fn prefers_the_requested_target() {
        let format = "$msec $request_uri $uri $args";
        assert_eq!(
            read(format, "1431857103.000 /a?b /index.php b"),
            (AT, "GET /a?b".to_owned())
        );
    }

    #[test]
    fn rejects_unusable_formats() {
        for wrong in [
            "$remote_addr",
            "$time_local",
            "[$time_local] $request $status",
            "[$time_local] $status$request_uri",
            "[$time_local] ${request",
            "[$time_local] $ \"$request\"",
            "log_format main '$time_local",
            "log_format main escape=xml '$msec $request_uri';",
            "log_format main '$msec $request_uri'; access_log a main;",
        ] {
            let error = log_format(wrong).unwrap_err().to_string();
            assert!(
                error.contains("can't be used") && error.contains('$'),
                "{error}"
            );
        }
    }
}

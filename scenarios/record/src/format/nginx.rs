//! nginx's log_format.

use super::directive::Directive;
use super::error::FormatError;
use super::log_format::LogFormat;

/// Parses an nginx log_format such as `$remote_addr [$time_local] "$request" $status`, as the quoted
/// text or the whole directive.
///
/// Of the variables, `$request`, `$request_method`, `$request_uri`, `$uri`, `$args`, `$status`,
/// `$body_bytes_sent`, `$bytes_sent`, `$time_local`, `$time_iso8601` and `$msec` are used; others are
/// ignored.
pub(super) fn log_format(text: &str) -> Result<LogFormat, FormatError> {
    let reject = |message: &str| {
        FormatError::new(
            text,
            message,
            "see log_format in the manual of nginx's ngx_http_log_module",
        )
    };
    let written = whole_directive(text).unwrap_or_else(|| text.to_owned());
    let mut format = LogFormat::empty(true);
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
            .field(variable(name))
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
        "request_uri" | "uri" | "document_uri" => Directive::Target,
        "args" | "query_string" => Directive::Arguments,
        "host" | "http_host" | "server_name" => Directive::Host,
        "status" => Directive::Status,
        "body_bytes_sent" | "bytes_sent" => Directive::Bytes,
        // The format adds the brackets.
        "time_local" => Directive::CommonTime,
        "time_iso8601" => Directive::PatternTime("%Y-%m-%dT%H:%M:%S%:z".to_owned()),
        "msec" => Directive::EpochSeconds,
        _ => Directive::Ignored,
    }
}

/// Joins the quoted pieces of `log_format name escape=... 'piece' 'piece';`.
fn whole_directive(text: &str) -> Option<String> {
    let mut rest = text.strip_prefix("log_format")?;
    let quote = rest.find(['\'', '"'])?;
    rest = &rest[quote..];
    let mut whole = String::new();
    while let Some(quote @ ('\'' | '"')) = rest.chars().next() {
        let mut escaped = false;
        let mut end = None;
        for (at, c) in rest.char_indices().skip(1) {
            match c {
                _ if escaped => {
                    if !matches!(c, '\'' | '"' | '\\') {
                        whole.push('\\');
                    }
                    whole.push(c);
                    escaped = false;
                }
                '\\' => escaped = true,
                c if c == quote => {
                    end = Some(at + 1);
                    break;
                }
                c => whole.push(c),
            }
        }
        rest = rest[end?..].trim_start();
    }
    matches!(rest.trim(), "" | ";").then_some(whole)
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
    fn rejects_unusable_formats() {
        for wrong in [
            "$remote_addr",
            "$time_local",
            "[$time_local] $request $status",
            "[$time_local] $status$request_uri",
            "[$time_local] ${request",
            "[$time_local] $ \"$request\"",
            "log_format main '$time_local",
        ] {
            let error = log_format(wrong).unwrap_err().to_string();
            assert!(
                error.contains("can't be used") && error.contains('$'),
                "{error}"
            );
        }
    }
}

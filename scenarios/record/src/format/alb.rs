//! Access logs of AWS's Application Load Balancer.

use super::field::{Escape, quoted_end};
use super::log_time::iso_time;
use super::not_sent::NotSent;
use super::read_line::{Layout, ReadLine, invalid, size, status};
use super::request_line::LoggedRequest;
use super::time_unit::TimeUnit;

/// Values of a line's first field, the type of request.
const TYPES: [&[u8]; 6] = [b"http", b"https", b"h2", b"grpcs", b"ws", b"wss"];

// Positions of fields. AWS adds new ones at the end.
const TIME: usize = 1;
/// Processing times of request, target and response, in seconds; -1 if there was none.
const PROCESSING_TIMES: std::ops::RangeInclusive<usize> = 5..=7;
const ELB_STATUS: usize = 8;
const SENT_BYTES: usize = 11;
const REQUEST: usize = 12;
const REQUEST_CREATION_TIME: usize = 21;

/// Returns whether a line starts like one of an Application Load Balancer, with type and time.
pub(super) fn is_alb(line: &[u8]) -> bool {
    let mut words = line.splitn(3, |byte| *byte == b' ');
    words.next().is_some_and(|first| TYPES.contains(&first))
        && words.next().is_some_and(|time| iso_time(time).is_some())
}

/// Reads a line.
///
/// Its time is `request_creation_time`, when the request arrived. Lines from before 2018 lack it; for them, it is the
/// time of the response minus the three processing times.
///
/// # Errors
/// Returns the reason why the line can't be read.
pub(super) fn read(line: &[u8]) -> Result<ReadLine, String> {
    if line.is_empty() {
        return Err("the line is empty".to_owned());
    }
    let mut rest = line;
    let (mut at_us, mut response_status, mut bytes) = (None, None, 0);
    let mut request = None;
    let (mut took_us, mut created_us, mut is_web_socket) = (0, None, false);
    let mut cut_short = false;
    for position in 0..=REQUEST_CREATION_TIME {
        if rest.is_empty() {
            break;
        }
        let Some((field, after)) = next_field(rest) else {
            if request.is_none() {
                return Err("a quote is not closed".to_owned());
            }
            cut_short = true;
            break;
        };
        rest = after;
        match position {
            0 if !TYPES.contains(&field) => {
                return Err(invalid(field, "type of request, such as http or h2"));
            }
            0 => is_web_socket = field.starts_with(b"ws"),
            position if PROCESSING_TIMES.contains(&position) => {
                let took = TimeUnit::Seconds.duration_us(field);
                took_us += took
                    .ok_or_else(|| invalid(field, "processing time"))?
                    .unwrap_or(0);
            }
            TIME => at_us = Some(iso_time(field).ok_or_else(|| invalid(field, "time"))?),
            ELB_STATUS => {
                response_status = status(field).ok_or_else(|| invalid(field, "status"))?
            }
            SENT_BYTES => bytes = size(field).ok_or_else(|| invalid(field, "size"))?,
            REQUEST => request = Some(LoggedRequest::of_line(field)),
            REQUEST_CREATION_TIME => created_us = iso_time(field),
            _ => {}
        }
    }
    let (Some(at_us), Some(request)) = (at_us, request) else {
        return Err("it ends before the request".to_owned());
    };
    let host = request
        .as_ref()
        .ok()
        .and_then(|request| request.host.clone());
    Ok(ReadLine {
        at_us: created_us.unwrap_or(at_us),
        took_us: created_us.is_none().then_some(took_us),
        host,
        request: match is_web_socket {
            true => Err(NotSent::Upgrade),
            false => request,
        },
        status: response_status,
        bytes,
        cut_short,
        layout: Layout::Alb,
    })
}

/// Splits the next field off a line; `None` if its quote is not closed.
fn next_field(line: &[u8]) -> Option<(&[u8], &[u8])> {
    let Some(inside) = line.strip_prefix(b"\"") else {
        let end = line.iter().position(|byte| *byte == b' ');
        let end = end.unwrap_or(line.len());
        return Some((&line[..end], line.get(end + 1..).unwrap_or_default()));
    };
    let end = |until, last| quoted_end(inside, until, last, Escape::Apache);
    let end = end(b"\" ", false).or_else(|| end(b"\"", true))?;
    Some((&inside[..end], inside.get(end + 2..).unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Examples from the AWS documentation.
    const HTTP: &str = r#"http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-" TID_1234abcd5678ef90 "-" "-" "-""#;
    const HTTPS: &str = r#"https 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.086 0.048 0.037 200 200 0 57 "GET https://www.example.com:443/ HTTP/1.1" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337281-1d84f3d73c47ec4e58577259" "www.example.com" "arn:aws:acm:us-east-2:123456789012:certificate/12345678-1234-1234-1234-123456789012" 1 2018-07-02T22:22:48.364000Z "authenticate,forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#;
    const H2: &str = r#"h2 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 10.0.1.252:48160 10.0.0.66:9000 0.000 0.002 0.000 200 200 5 257 "GET https://10.0.2.105:773/ HTTP/2.0" "curl/7.46.0" ECDHE-RSA-AES128-GCM-SHA256 TLSv1.2 arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337327-72bd00b0343d75b906739c42" "-" "-" 1 2018-07-02T22:22:48.364000Z "redirect" "https://example.com:80/" "-" "10.0.0.66:9000" "200" "-" "-""#;
    const EARLY: &str = r#"http 2016-08-10T22:08:42.945958Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354""#;

    #[test]
    fn reads_the_documented_examples() {
        for (line, bytes) in [(HTTP, 366), (HTTPS, 57), (H2, 257)] {
            assert!(is_alb(line.as_bytes()));
            let line = read(line.as_bytes()).unwrap();
            // `date -u -d 2018-07-02T22:22:48.364Z +%s`
            assert_eq!((line.at_us, line.took_us), (1_530_570_168_364_000, None));
            assert!(line.host.is_some());
            assert_eq!((line.status, line.bytes), (Some(200), bytes));
            let request = line.request.unwrap();
            assert_eq!(
                (request.method.as_str(), request.target.as_str()),
                ("GET", "/")
            );
        }
        let early = read(EARLY.as_bytes()).unwrap();
        // 0.000, 0.001 and 0.000 seconds.
        assert_eq!(
            (early.at_us, early.took_us),
            (1_470_866_922_945_958, Some(1_000))
        );
        assert_eq!(early.host.as_deref(), Some("www.example.com"));
        assert!(!early.cut_short);
        let failed = EARLY.replace("0.000 0.001 0.000", "-1 0.5 -1");
        assert_eq!(read(failed.as_bytes()).unwrap().took_us, Some(500_000));
    }

    #[test]
    fn leaves_out_web_sockets() {
        for kind in ["ws", "wss"] {
            let line = format!("{kind}{}", HTTP.strip_prefix("http").unwrap());
            let request = read(line.as_bytes()).unwrap().request;
            assert_eq!(request, Err(NotSent::Upgrade));
        }
    }

    #[test]
    fn strips_host_and_accepts_missing_requests() {
        let line = HTTP.replace("example.com:80/ ", "example.com:80/a/b?c=%22d ");
        let target = read(line.as_bytes()).unwrap().request.unwrap().target;
        assert_eq!(target, "/a/b?c=%22d");
        let line = HTTP
            .replace(
                "GET http://www.example.com:80/ HTTP/1.1",
                "- http://www.example.com:80- ",
            )
            .replace("200 200 34", "408 - 0");
        let line = read(line.as_bytes()).unwrap();
        assert_eq!(
            (line.request, line.status),
            (Err(NotSent::Missing), Some(408))
        );
        let agent = HTTP.replace("curl/7.46.0", r#"say \"hi\" "now"#);
        assert_eq!(read(agent.as_bytes()).unwrap().at_us, 1_530_570_168_364_000);
    }

    #[test]
    fn reports_why_a_line_is_broken() {
        let at = HTTP.find("GET http").unwrap();
        let reason = |line: &str| read(line.as_bytes()).unwrap_err();
        insta::assert_snapshot!(
            [
                "",
                "tls 2018-07-02T22:23:00.186641Z",
                &HTTP.replace("2018-07-02T22:23", "yesterday"),
                &HTTP.replace("200 200 34", "OK 200 34"),
                &HTTP.replace("366", "many"),
                &HTTP[..at + 8],
                &HTTP[..at - 8],
            ]
            .map(reason)
            .join("\n"),
            @r"
        the line is empty
        `tls` is not a valid type of request, such as http or h2
        `yesterday:00.186641Z` is not a valid time
        `OK` is not a valid status
        `many` is not a valid size
        a quote is not closed
        it ends before the request
        "
        );
        let cut = read(&HTTP.as_bytes()[..HTTP.find("/7.46").unwrap()]).unwrap();
        assert_eq!((cut.cut_short, cut.at_us), (true, 1_530_570_180_186_641));
        assert_eq!(cut.took_us, Some(1_000));
    }
}

//! Reading of access logs: broken, gzipped, out of order.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{BufReader, Write};
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use proptest::prelude::*;
use tenfold_record::{AccessLog, Format, Grain, LogError, LogSummary, ReadOptions};

fn read(bytes: &[u8]) -> Result<AccessLog, LogError> {
    AccessLog::read_from(bytes, "test.log", &ReadOptions::default())
}

fn gzipped(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn real() -> AccessLog {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/apache_access.log.gz");
    AccessLog::read(&path, &ReadOptions::default()).unwrap()
}

const LINE: &str = r#"h - - [17/May/2015:10:05:03 +0000] "GET /a HTTP/1.1" 200 10"#;

#[test]
fn summarizes_real_log_with_independent_figures() {
    let summary = real().summary();
    assert_eq!(
        (summary.lines, summary.broken, summary.without_request),
        (10_000, 0, 0)
    );
    let methods: Vec<(&str, u64)> = summary
        .methods
        .iter()
        .map(|share| (share.name.as_str(), share.count))
        .collect();
    assert_eq!(
        methods,
        [("GET", 9952), ("HEAD", 42), ("POST", 5), ("OPTIONS", 1)]
    );
    assert_eq!((summary.reads, summary.writes), (9995, 5));
    let hottest = &summary.hottest[0];
    assert_eq!(
        (hottest.target.as_str(), hottest.count),
        ("/favicon.ico", 807)
    );
    assert_eq!(summary.cut_short, 1);
    insta::assert_snapshot!(summary.to_string());
}

#[test]
fn summary_round_trips_through_json() {
    let json = serde_json::to_value(real().summary()).unwrap();
    assert_eq!(json["methods"][0]["count"], 9952);
    assert_eq!(json["first"], "2015-05-17T10:05:00Z");
}

#[test]
fn counts_broken_lines_and_quotes_the_first() {
    let mut log = Vec::new();
    for number in 0..20 {
        writeln!(log, "{LINE}").unwrap();
        writeln!(log, "broken {number} \u{1b}[31m").unwrap();
    }
    log.extend(b"\xff\xfe\n\n");
    log.extend(vec![b'x'; 100_000]);
    let summary = read(&log).unwrap().summary();
    assert_eq!((summary.lines, summary.broken), (43, 23));
    insta::assert_snapshot!(summary.to_string());
}

#[test]
fn sorts_lines_out_of_order_stably() {
    let line = |second: u32, target: &str| {
        format!("h - - [17/May/2015:10:05:{second:02} +0000] \"GET {target} HTTP/1.1\" 200 1\n")
    };
    let log = [
        line(5, "/c"),
        line(3, "/a"),
        line(5, "/d"),
        line(4, "/b"),
        line(9, "/e"),
    ]
    .concat();
    let log = read(log.as_bytes()).unwrap();
    assert_eq!(log.out_of_order, 2);
    let order: String = log
        .records()
        .map(|record| record.request.unwrap().target)
        .collect();
    assert_eq!(order, "/a/b/c/d/e");
}

#[test]
fn converts_time_zones() {
    let line = |time: &str| format!("h - - [{time}] \"GET / HTTP/1.1\" 200 1\n");
    let log = [
        line("29/Feb/2024:23:30:00 -0100"),
        line("01/Mar/2024:00:30:00 +0000"),
    ]
    .concat();
    let log = read(log.as_bytes()).unwrap();
    let times: Vec<i64> = log.records().map(|record| record.at_us).collect();
    assert_eq!((log.out_of_order, times[0]), (0, times[1]));
    assert_eq!(log.grain, Grain::Second);
}

#[test]
fn accepts_lines_without_a_request() {
    let log = [
        r#"::1 - - [17/May/2015:10:05:03 +0000] "-" 408 -"#,
        r#"::1 - - [17/May/2015:10:05:03 +0000] "\x16\x03\x01" 400 226"#,
        r#"::1 - - [17/May/2015:10:05:03 +0000] "" 400 0"#,
        r#"::1 - - [17/May/2015:10:05:03 +0000] "GET /old" 200 5"#,
        r#"::1 - - [17/May/2015:10:05:03 +0000] "OPTIONS * HTTP/1.0" - -"#,
    ]
    .join("\r\n");
    let log = read(log.as_bytes()).unwrap();
    assert_eq!((log.lines, log.broken, log.without_request), (5, 0, 4));
    let summary = log.summary();
    assert_eq!((summary.reads, summary.bytes), (1, 231));
    assert_eq!(summary.statuses.last().unwrap().name, "none");
}

#[test]
fn rejects_logs_without_readable_lines() {
    let error = |bytes: &[u8]| read(bytes).unwrap_err().to_string();
    assert!(error(b"").contains("is empty"));
    assert!(error(&gzipped(b"")).contains("is empty"));
    let broken = error(b"one\ntwo\n");
    assert!(
        broken.contains("any of the 2 lines") && broken.contains("`one`"),
        "{broken}"
    );
    let whole = gzipped(&LINE.repeat(500).into_bytes());
    let cut = error(&whole[..whole.len() / 2]);
    assert!(cut.contains("is the file complete?"), "{cut}");
    let missing = AccessLog::read(Path::new("no/such.log"), &ReadOptions::default()).unwrap_err();
    assert!(missing.to_string().contains("no/such.log"));
}

#[test]
fn accepts_bytes_that_are_not_utf_8() {
    let mut log = LINE.replace("/a", "/caf").into_bytes();
    let at = LINE.find("/a").unwrap() + 4;
    log.insert(at, 0xe9);
    log.extend(b" \"-\" \"\xff\xfe\"\n");
    let log = read(&log).unwrap();
    assert_eq!(
        log.records().next().unwrap().request.unwrap().target,
        "/caf%E9"
    );
    assert_eq!((log.broken, log.cut_short), (0, 0));
}

#[test]
fn joins_gzip_members() {
    let log = [
        gzipped(format!("{LINE}\n").as_bytes()),
        gzipped(LINE.as_bytes()),
    ]
    .concat();
    // A reader that returns single bytes must not prevent detection.
    let log = BufReader::with_capacity(1, log.as_slice());
    let log = AccessLog::read_from(log, "test.log", &ReadOptions::default()).unwrap();
    assert_eq!(log.lines, 2);
}

#[test]
fn reads_real_log_in_a_custom_format() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/apache_access.log.gz");
    let format = Format::parse("combined").unwrap();
    let options = ReadOptions {
        format: Some(format),
        ..ReadOptions::default()
    };
    let named = AccessLog::read(&path, &options).unwrap().summary();
    let found_out = real().summary();
    assert!(found_out.detected && !named.detected);
    let detected = false;
    assert_eq!(
        named,
        LogSummary {
            detected,
            ..found_out
        }
    );
}

fn read_as(format: &str, text: &str) -> Result<AccessLog, LogError> {
    let options = ReadOptions {
        format: Some(Format::parse(format).unwrap()),
        ..ReadOptions::default()
    };
    AccessLog::read_from(text.as_bytes(), "test.log", &options)
}

// Examples from the AWS documentation.
const ALB: &str = r#"http 2018-07-02T22:23:00.186641Z app/my-loadbalancer/50dc6c495c0c9188 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://www.example.com:80/ HTTP/1.1" "curl/7.46.0" - - arn:aws:elasticloadbalancing:us-east-2:123456789012:targetgroup/my-targets/73e2d6bc24d8a067 "Root=1-58337262-36d228ad5d99923122bbe354" "-" "-" 0 2018-07-02T22:22:48.364000Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-""#;
const CLOUDFRONT: &str = "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) \
    cs-uri-stem sc-status\n2019-12-04\t21:02:31\tLAX1\t392\t192.0.2.100\tGET\t\
    www.example.com\t/index.html\t200\n";

#[test]
fn detects_aws_logs() {
    let alb = read(format!("{ALB}\nbroken\n").as_bytes()).unwrap();
    assert_eq!(
        (alb.format.as_str(), alb.lines, alb.broken, alb.detected),
        ("alb", 2, 1, true)
    );
    assert_eq!(alb.grain, Grain::Finer);
    let cloudfront = read(&gzipped(CLOUDFRONT.as_bytes())).unwrap();
    assert_eq!(
        (cloudfront.format.as_str(), cloudfront.lines),
        ("cloudfront", 3)
    );
    assert_eq!((cloudfront.headers, cloudfront.broken), (2, 0));
    let both = read(format!("{CLOUDFRONT}{ALB}\n").as_bytes()).unwrap();
    let summary = both.summary().to_string();
    let start: Vec<&str> = summary.lines().take(6).collect();
    insta::assert_snapshot!(start.join("\n"), @r"
    test.log: 4 lines, 0 broken (alb (1) and cloudfront (1), detected)
      2 headers or comments
      1 out of time order, sorted
    host      www.example.com
    time      2018-07-02T22:22:48.364Z to 2019-12-04T21:02:31Z (12478h39m42s)
    methods   GET 2
    ");
}

#[test]
fn named_format_rejects_other_lines() {
    let of = |format: &str, text: &str| read_as(format, text).map(|log| log.format);
    assert_eq!(of("alb", ALB).unwrap(), "alb");
    assert_eq!(of("cloudfront", CLOUDFRONT).unwrap(), "cloudfront");
    assert_eq!(of("nginx", LINE).unwrap(), "nginx");
    assert!(of("nginx", ALB).is_err());
    assert!(of("alb", LINE).is_err());
    let headless = CLOUDFRONT.lines().last().unwrap();
    let error = of("cloudfront", headless).unwrap_err().to_string();
    assert!(error.contains("--format '#Fields: ...'"), "{error}");
    let fields = CLOUDFRONT.lines().nth(1).unwrap();
    assert_eq!(of(fields, headless).unwrap(), fields);
}

/// Escapes bytes like Apache does within quotes.
fn escaped(bytes: &[u8]) -> String {
    let one = |byte: &u8| match byte {
        b'"' => "\\\"".to_owned(),
        b'\\' => "\\\\".to_owned(),
        b' '..=b'~' => char::from(*byte).to_string(),
        _ => format!("\\x{byte:02x}"),
    };
    bytes.iter().map(one).collect()
}

/// Encodes what a target must not contain, as it is sent.
fn sent(path: &str) -> String {
    let encoded = |c: char| match c {
        '#' | '<' | '>' | '`' => format!("%{:02X}", u32::from(c)),
        c => c.to_string(),
    };
    path.chars().map(encoded).collect()
}

/// Returns whether a random path happened to contain a secret, which was masked.
fn is_masked(target: &str, path: &str) -> bool {
    path.contains('=') && target.contains("***") && !path.contains("***")
}

proptest! {
    #[test]
    fn never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = read(&bytes);
        let _ = Format::parse(&String::from_utf8_lossy(&bytes));
    }

    #[test]
    fn never_panics_on_damaged_aws_logs(
        cut in 0..ALB.len(),
        extra in r#"[ "\\#\t%:a-z0-9-]{0,12}"#,
        fields in r"(#Fields:)?((\t| )(date|time|timestamp|cs-uri-stem|cs-uri-query|sc-status|sc-bytes)){0,7}",
        line in r"[-0-9:%/a-f\t .]{0,60}",
    ) {
        let broken = format!("{}{extra}{}", &ALB[..cut], &ALB[cut..]);
        let cut = &ALB[..cut];
        let _ = read(format!("{broken}\n{cut}{extra}\n{fields}\n{line}\n{extra}").as_bytes());
        for format in ["alb", "cloudfront", "nginx", "har"] {
            let _ = read_as(format, &broken);
            let _ = read_as(format, &format!("{fields}\n{line}"));
        }
        let _ = Format::parse(&fields);
    }

    #[test]
    fn never_panics_on_damaged_nginx_formats(
        format in r#"(log_format m '|\$|\$\{|\}|\$time_local|\$msec|\$request|\$request_uri|\$args|\$host|\$status|"|'|;|\\|\[|\]| ){0,12}"#,
        line in r#"[-\["\\ /:0-9GETx+May.]{0,60}"#,
    ) {
        if let Ok(format) = Format::parse(&format) {
            let options = ReadOptions { format: Some(format), ..ReadOptions::default() };
            let _ = AccessLog::read_from(line.as_bytes(), "test.log", &options);
        }
    }

    #[test]
    fn reads_lines_as_aws_writes_them(
        at_ms in 0_i64..4_000_000_000_000,
        method in "[A-Z]{3,10}",
        path in r#"/[!-~&&[^"\\#?]]{0,40}"#,
        status in 200_u16..600,
        bytes in any::<u32>(),
    ) {
        let at = jiff::Timestamp::from_millisecond(at_ms).unwrap();
        let alb = format!(
            "h2 2000-01-01T00:00:00Z app/a 192.0.2.1:1 10.0.0.1:80 0 0 0 {status} 200 1 {bytes} \
             \"{method} https://a.example:443{path} HTTP/2.0\" \"-\" - - arn \"-\" \"-\" \"-\" 0 {at}"
        );
        // CloudFront encodes the viewer's bytes once more.
        let encoded = |c: char| match "%<>{}|^~[]`'".contains(c) {
            true => format!("%{:02X}", u32::from(c)),
            false => c.to_string(),
        };
        let stem: String = path.chars().map(encoded).collect();
        let cloudfront = format!(
            "#Fields: timestamp(ms) cs-method cs-uri-stem sc-status sc-bytes\n\
             {at_ms}\t{method}\t{stem}\t{status}\t{bytes}"
        );
        for (log, format) in [(alb, "alb"), (cloudfront, "cloudfront")] {
            let log = read(log.as_bytes()).unwrap();
            let record = log.records().next().unwrap();
            let request = record.request.unwrap();
            prop_assume!(!is_masked(request.target, &path));
            prop_assert_eq!(record.at_us, at_ms * 1_000);
            let target = sent(&path);
            prop_assert_eq!((request.method, request.target), (method.as_str(), target.as_str()));
            prop_assert_eq!((record.status, record.bytes), (Some(status), u64::from(bytes)));
            prop_assert_eq!((log.broken, log.format.as_str()), (0, format));
        }
    }

    #[test]
    fn never_panics_on_damaged_logs(
        lines in prop::collection::vec(r#"[-h\[\]"\\ /:0-9GETx+%May\n]{0,80}"#, 0..20),
        format in r#"[%{}trsUqmbx" \\>!0-9-]{0,30}"#,
    ) {
        let text = format!("{LINE}\n{}", lines.join("\n"));
        let log = read(text.as_bytes()).unwrap();
        let _ = log.summary().to_string();
        if let Ok(format) = Format::parse(&format) {
            let options = ReadOptions { format: Some(format), ..ReadOptions::default() };
            let _ = AccessLog::read_from(text.as_bytes(), "test.log", &options);
        }
    }

    #[test]
    fn reads_lines_as_servers_write_them(
        at in 0_i64..4_000_000_000,
        offset_minutes in -12 * 60_i32..14 * 60,
        method in "[A-Z]{3,10}",
        path in r#"/[!-~&&[^"\\]]{0,40}"#,
        status in 200_u16..600,
        bytes in any::<u32>(),
        agent in prop::collection::vec(any::<u8>(), 0..60),
        ip in prop::sample::select(vec!["127.0.0.1", "2001:db8::1", "host.example"]),
    ) {
        let offset = jiff::tz::Offset::from_seconds(offset_minutes * 60).unwrap();
        // Written independently of the reader, so that both can't share a mistake.
        let local = offset.to_datetime(jiff::Timestamp::from_second(at).unwrap());
        let (sign, minutes) = (if offset_minutes < 0 { '-' } else { '+' }, offset_minutes.abs());
        let zone = format!("{sign}{:02}{:02}", minutes / 60, minutes % 60);
        let time = format!("{} {zone}", local.strftime("%d/%b/%Y:%H:%M:%S"));
        let agent = escaped(&agent);
        let line = format!("{ip} - - [{time}] \"{method} {path} HTTP/1.1\" {status} {bytes} \"-\" \"{agent}\"\n");
        let log = read(line.as_bytes()).unwrap();
        let record = log.records().next().unwrap();
        let request = record.request.unwrap();
        prop_assume!(!is_masked(request.target, &path));
        prop_assert_eq!(record.at_us, at * 1_000_000);
        let target = sent(&path);
        prop_assert_eq!((request.method, request.target), (method.as_str(), target.as_str()));
        prop_assert_eq!((record.status, record.bytes), (Some(status), u64::from(bytes)));
        prop_assert_eq!((log.broken, log.cut_short, log.format.as_str()), (0, 0, "combined"));
    }

    #[test]
    fn reads_gzipped_and_plain_equally(seconds in prop::collection::vec(0_u32..60, 1..50)) {
        let line = |second: &u32| {
            format!("h - - [17/May/2015:10:05:{second:02} +0000] \"GET /{second} HTTP/1.1\" 200 1\n")
        };
        let log: String = seconds.iter().map(line).collect();
        let (plain, packed) = (read(log.as_bytes()).unwrap(), read(&gzipped(log.as_bytes())).unwrap());
        prop_assert_eq!(plain.summary(), packed.summary());
        prop_assert!(plain.records().eq(packed.records()));
        prop_assert!(plain.records().is_sorted_by_key(|record| record.at_us));
    }
}

#[test]
fn masks_secrets_in_every_format() {
    let target = "/a;jsessionid=TSLOG1?token=TSLOG1&q=1";
    let apache = format!(r#"h - - [17/May/2015:10:05:03 +0000] "GET {target} HTTP/1.1" 200 1"#);
    let combined = format!(r#"{apache} "-" "x""#);
    let alb = format!(
        r#"http 2018-07-02T22:23:00.186641Z app/lb/1 192.168.131.39:2817 10.0.0.1:80 0.000 0.001 0.000 200 200 34 366 "GET http://a.example:80{target} HTTP/1.1" "curl/7.46.0" - -"#
    );
    let cloudfront = "#Fields: date time cs-method cs-uri-stem cs-uri-query sc-status\n\
        2019-12-04\t21:02:31\tGET\t/a;jsessionid=TSLOG1\ttoken=TSLOG1&q=1\t200";
    let own = "1431857103.250 GET /a;jsessionid=TSLOG1 token=TSLOG1&q=1 200";
    let apache_own = "[17/May/2015:10:05:03 +0000] GET /a;jsessionid=TSLOG1?token=TSLOG1&q=1";
    for (format, line) in [
        (None, apache.as_str()),
        (None, &combined),
        (None, &alb),
        (None, cloudfront),
        (Some("common"), &apache),
        (Some("combined"), &combined),
        (Some("nginx"), &combined),
        (Some("alb"), &alb),
        (Some("cloudfront"), cloudfront),
        (Some("$msec $request_method $uri $args $status"), own),
        (Some("%t %m %U%q"), apache_own),
    ] {
        let options = ReadOptions {
            format: format.map(|format| Format::parse(format).unwrap()),
            ..ReadOptions::default()
        };
        let broken = format!("{line}\nbroken {target}\n");
        let log = AccessLog::read_from(broken.as_bytes(), "test.log", &options).unwrap();
        let request = log.records().next().unwrap().request.unwrap();
        assert_eq!(
            request.target, "/a;jsessionid=***?token=***&q=1",
            "{format:?}"
        );
        let summary = log.summary();
        assert_eq!(summary.broken, 1);
        let counted = [("path jsessionid", 1), ("query token", 1)]
            .map(|(name, count)| (name.to_owned(), count));
        assert_eq!(summary.masked, counted, "{format:?}");
        let shown = "  masked secrets: path jsessionid (1), query token (1)\n";
        assert!(summary.to_string().contains(shown), "{summary}");
        let shown = format!("{summary}{}", serde_json::to_string(&summary).unwrap());
        assert!(!shown.contains("TSLOG1"), "{shown}");
    }
    let error = read(format!("GET {target}").as_bytes())
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("***") && !error.contains("TSLOG1"),
        "{error}"
    );
}

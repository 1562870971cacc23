//! Several files as one log, hosts, wrong clocks, and sources that are not read.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use tenfold_record::{AccessLog, Format, LogError, LogReader, ReadOptions, TraceOptions, trace};

fn line(time: &str, target: &str) -> String {
    format!("h - - [{time} +0000] \"GET {target} HTTP/1.1\" 200 1\n")
}

fn read_with(files: &[(&str, &[u8])], options: &ReadOptions) -> Result<AccessLog, LogError> {
    let mut reader = LogReader::new(options);
    for (name, bytes) in files {
        reader.add(*bytes, name)?;
    }
    reader.finish()
}

fn read(files: &[(&str, &str)]) -> AccessLog {
    let files: Vec<_> = files
        .iter()
        .map(|(name, text)| (*name, text.as_bytes()))
        .collect();
    read_with(&files, &ReadOptions::default()).unwrap()
}

fn targets(log: &AccessLog) -> String {
    let requests = log.records().filter_map(|record| record.request);
    requests.map(|request| request.target).collect()
}

#[test]
fn merges_rotated_files_in_order_of_time() {
    let older = line("17/May/2024:10:05:01", "/a") + line("17/May/2024:10:05:03", "/b").as_str();
    let newer = line("17/May/2024:10:05:03", "/c") + line("17/May/2024:10:05:09", "/d").as_str();
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(older.as_bytes()).unwrap();
    let older_gz = gzip.finish().unwrap();
    // In the order of a shell's glob, which is not that of time.
    let files: [(&str, &[u8]); 2] = [
        ("access.log", newer.as_bytes()),
        ("access.log.1.gz", &older_gz),
    ];
    let log = read_with(&files, &ReadOptions::default()).unwrap();
    assert_eq!(targets(&log), "/a/b/c/d");
    assert_eq!((log.lines, log.out_of_order), (4, 0));
    insta::assert_snapshot!(log.summary().to_string().lines().take(5).collect::<Vec<_>>().join("\n"), @r"
    access.log and access.log.1.gz: 4 lines, 0 broken (common, detected)
      access.log.1.gz: 2
      access.log: 2
    time      2024-05-17T10:05:01Z to 2024-05-17T10:05:09Z (8s)
    methods   GET 4
    ");
}

#[test]
fn interleaves_files_that_overlap() {
    let one = line("17/May/2024:10:05:01", "/a") + line("17/May/2024:10:05:05", "/c").as_str();
    let other = line("17/May/2024:10:05:03", "/b")
        + "broken\n"
        + line("17/May/2024:10:05:09", "/d").as_str();
    let log = read(&[("one.log", &one), ("other.log", &other)]);
    assert_eq!((targets(&log).as_str(), log.out_of_order), ("/a/b/c/d", 0));
    assert!(
        log.first_broken[0]
            .to_string()
            .starts_with("other.log line 2: ")
    );
    let names = ["a", "b", "c", "d"];
    let many: Vec<_> = names.iter().map(|name| (*name, one.as_str())).collect();
    assert_eq!(read(&many).origin, "a and 3 more files");
}

#[test]
fn starts_each_file_with_its_own_headers() {
    let fields = "#Fields: date time cs-uri-stem\n2024-05-17 10:05:03 /a\n";
    let others = "\u{feff}#Fields: cs-uri-stem time date\n/b 10:05:04 2024-05-17\n";
    let log = read(&[("a.log", fields), ("b.log", others)]);
    assert_eq!((targets(&log).as_str(), log.broken), ("/a/b", 0));
    let har = r#"{"log":{"entries":[{"startedDateTime":"2024-05-17T10:05:03Z","request":{"method":"GET","url":"https://s.example/a"}}]}}"#;
    let later = har.replace(":03Z", ":01Z").replace("/a", "/b");
    let log = read(&[("a.har", har), ("b.har", &later)]);
    assert_eq!((targets(&log).as_str(), log.lines), ("/b/a", 2));
    let mixed = [("a.har", har.as_bytes()), ("a.log", fields.as_bytes())];
    let error = read_with(&mixed, &ReadOptions::default())
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "a.har is a HAR file and a.log is not; record them one by one"
    );
}

#[test]
fn rejects_the_same_file_twice() {
    let folder = tempfile::tempdir().unwrap();
    let (path, link) = (folder.path().join("a.log"), folder.path().join("b.log"));
    std::fs::write(&path, line("17/May/2024:10:05:01", "/a")).unwrap();
    std::os::unix::fs::symlink(&path, &link).unwrap();
    let options = ReadOptions::default();
    let mut reader = LogReader::new(&options);
    reader.add_file(&path).unwrap();
    let error = reader.add_file(&link).unwrap_err().to_string();
    assert!(error.contains("b.log is given twice"), "{error}");
}

#[test]
fn leaves_out_lines_of_a_wrong_clock() {
    let (now, later) = ("17/May/2024:10:05:03", "17/May/2024:10:05:04");
    let past = line("01/Jan/1970:00:00:12", "/boot");
    let future = line("01/Jan/2099:00:00:12", "/late");
    let log = past.clone()
        + line(later, "/b").as_str()
        + future.as_str()
        + line(now, "/a").as_str()
        + line(now, "/c").as_str();
    let log = read(&[("a.log", &log)]);
    assert_eq!((targets(&log).as_str(), log.clock_outliers), ("/a/c/b", 2));
    insta::assert_snapshot!(log.summary().to_string().lines().take(5).collect::<Vec<_>>().join("\n"), @r"
    a.log: 5 lines, 0 broken (common, detected)
      2 out of time order, sorted
      2 with a time far from that of all others, left out:
        line 1: 1970-01-01T00:00:12Z
        line 3: 2099-01-01T00:00:12Z
    ");
    let toml = trace(&log, &TraceOptions::default()).unwrap().toml;
    assert!(
        toml.contains("Left out: 2 lines that have a time far from"),
        "{toml}"
    );
    let log = read(&[
        ("a.log", &(line(now, "/a") + line(now, "/c").as_str())),
        ("b.log", &past),
    ]);
    assert_eq!(
        log.first_clock_outliers[0].to_string(),
        "b.log line 1: 1970-01-01T00:00:12Z"
    );
    let log = read(&[
        ("a.log", &line(now, "/a").repeat(5)),
        ("b.log", &line("06/Jun/2024:10:05:03", "/late")),
    ]);
    assert_eq!((log.records().len(), log.clock_outliers), (5, 1));
    assert_eq!(
        log.first_clock_outliers[0].to_string(),
        "b.log line 1: 2024-06-06T10:05:03Z"
    );
    let entry = |at: &str| {
        format!(
            r#"{{"startedDateTime":"{at}","request":{{"method":"GET","url":"https://s.example/"}}}}"#
        )
    };
    let entries = [
        entry("1970-01-01T00:00:12Z"),
        entry("2024-05-17T10:05:03Z"),
        entry("2024-05-17T10:05:04Z"),
    ];
    let har = format!(r#"{{"log":{{"entries":[{}]}}}}"#, entries.join(","));
    let log = read(&[("a.har", &har)]);
    assert_eq!((log.records().len(), log.clock_outliers), (2, 1));
}

#[test]
fn uses_the_most_frequent_host_or_the_given_one() {
    let alb = |host: &str, target: &str| {
        format!(
            "https 2024-05-17T10:05:03.9Z app/l/5 192.0.2.9:1 10.0.0.1:80 0 0 0 200 200 1 1 \
             \"GET https://{host}:443{target} HTTP/2.0\" \"t\"\n"
        )
    };
    let log = alb("b.example", "/1")
        + alb("a.example", "/2").as_str()
        + alb("A.example", "/3").as_str()
        + alb("c.example", "/4").as_str();
    let of = |host: Option<&str>| {
        let options = ReadOptions {
            host: host.map(str::to_owned),
            ..ReadOptions::default()
        };
        read_with(&[("a.log", log.as_bytes())], &options)
    };
    let most = of(None).unwrap();
    assert_eq!(targets(&most), "/2/3");
    let host = most.host.as_ref().unwrap();
    assert_eq!((host.host.as_str(), host.of_others), ("a.example", 2));
    assert_eq!(most.summary().distinct_targets, 2);
    assert_eq!(targets(&of(Some("B.EXAMPLE:443")).unwrap()), "/1");
    let error = of(Some("d.example")).unwrap_err().to_string();
    assert!(
        error.contains("a.example (2), b.example (1), c.example (1)"),
        "{error}"
    );
}

#[test]
fn finds_hosts_in_every_format() {
    for (format, lines) in [
        (
            "$host $msec $request_uri",
            ["a.example 1715940303.000 /1", "b.example 1715940303.000 /2"],
        ),
        (
            "$server_name $msec $request_uri",
            ["a.example 1715940303.000 /1", "b.example 1715940303.000 /2"],
        ),
        (
            "$msec $scheme://$host$request_uri x",
            [
                "1715940303.000 https://a.example/1 x",
                "1715940303.000 https://b.example/2 x",
            ],
        ),
        (
            "%v %{sec}t %U",
            ["a.example 1715940303 /1", "b.example 1715940303 /2"],
        ),
        (
            "%V %{sec}t %U",
            ["a.example 1715940303 /1", "b.example 1715940303 /2"],
        ),
        (
            "%{sec}t %U \"%{Host}i\"",
            ["1715940303 /1 \"a.example\"", "1715940303 /2 \"b.example\""],
        ),
        (
            "#Fields: date time cs-uri-stem cs(Host)",
            [
                "2024-05-17\t10:05:03\t/1\ta.example",
                "2024-05-17\t10:05:03\t/2\tb.example",
            ],
        ),
        (
            "caddy",
            [
                r#"{"ts":1715940303,"request":{"uri":"/1","host":"a.example"}}"#,
                r#"{"ts":1715940303,"request":{"uri":"/2","host":"b.example"}}"#,
            ],
        ),
        (
            "vhost_combined",
            [
                r#"a.example:443 ::1 - - [17/May/2024:10:05:03 +0000] "GET /1 HTTP/1.1" 200 1 "-" "-""#,
                r#"b.example:80 ::1 - - [17/May/2024:10:05:03 +0000] "GET /2 HTTP/1.1" 200 1 "-" "-""#,
            ],
        ),
    ] {
        let options = ReadOptions {
            format: Some(Format::parse(format).unwrap()),
            ..ReadOptions::default()
        };
        let log = read_with(&[("a.log", lines.join("\n").as_bytes())], &options).unwrap();
        let host = log
            .host
            .clone()
            .unwrap_or_else(|| panic!("{format} has no host"));
        assert_eq!(
            (host.host.as_str(), targets(&log).as_str()),
            ("a.example", "/1"),
            "{format}"
        );
        assert_eq!(host.others, [("b.example".to_owned(), 1)], "{format}");
    }
}

#[test]
fn leaves_out_probes_of_a_proxy() {
    let log = line("17/May/2024:10:05:03", "/a")
        + line("17/May/2024:10:05:03", "/b").as_str()
        + line("17/May/2024:10:05:04", "http://elsewhere.example/").as_str();
    let log = read(&[("a.log", &log)]);
    assert_eq!(targets(&log), "/a/b");
    let host = log.host.unwrap();
    assert_eq!((host.host.as_str(), host.of_others), ("-", 1));
}

#[test]
fn names_what_it_does_not_read() {
    let error = |name: &str, bytes: &[u8]| {
        read_with(&[(name, bytes)], &ReadOptions::default())
            .unwrap_err()
            .to_string()
    };
    let mut tar = vec![0; 512];
    tar[257..262].copy_from_slice(b"ustar");
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&tar).unwrap();
    let tar_gz = gzip.finish().unwrap();
    for (name, bytes, expected) in [
        (
            "a.bz2",
            b"BZh91AY&SY".as_slice(),
            "compressed with bzip2; decompress it first: bzip2 -dc a.bz2 | tenfold record -",
        ),
        ("a.xz", b"\xfd7zXZ\0", "xz -dc a.xz"),
        ("a.zst", b"\x28\xb5\x2f\xfd", "zstd -dc a.zst"),
        ("a.lz4", b"\x04\x22\x4d\x18", "lz4 -dc a.lz4"),
        ("a.zip", b"PK\x03\x04", "unzip -p a.zip"),
        ("a.Z", b"\x1f\x9d\x90", "gzip -dc a.Z"),
        (
            "a.tar.gz",
            &tar_gz,
            "compressed with tar; decompress it first: tar -xOf a.tar.gz",
        ),
        (
            "standard input",
            b"\xfd7zXZ\0",
            "xz -dc FILE | tenfold record -",
        ),
        ("a.log", b"\xff\xfeh\0 \0", "iconv -f UTF-16"),
        (
            "a.bin",
            b"\x7fELF\x02\x01\x01\0\0\0\0\x03\0>\0\x01\0",
            "is not text",
        ),
    ] {
        let shown = error(name, bytes);
        assert!(shown.contains(expected), "{shown}");
        assert!(!shown.contains(char::is_control), "{shown}");
    }
}

#[test]
fn skips_a_byte_order_mark_in_every_format() {
    for (name, text) in [
        ("a.log", line("17/May/2024:10:05:03", "/a")),
        ("b.log", "#Fields: date time cs-method cs-uri-stem sc-status\n2024-05-17\t10:05:03\tGET\t/a\t200\n".to_owned()),
        ("c.log", "{\"ts\":1715940303,\"uri\":\"/a\"}\n".to_owned()),
        ("d.har", r#"{"log":{"entries":[{"startedDateTime":"2024-05-17T10:05:03Z","request":{"method":"GET","url":"https://s.example/a"}}]}}"#.to_owned()),
        ("e.log", "http 2024-05-17T10:05:03Z a b c 0 0 0 200 200 1 1 \"GET http://a.example:80/a HTTP/1.1\" \"-\"\n".to_owned()),
    ] {
        let log = read(&[(name, &format!("\u{feff}{text}"))]);
        assert_eq!((targets(&log).as_str(), log.broken), ("/a", 0), "{name}");
    }
}

#[test]
fn reports_logs_without_requests() {
    let error = |text: &str| {
        let files = [("app.log", text.as_bytes())];
        read_with(&files, &ReadOptions::default())
            .unwrap_err()
            .to_string()
    };
    let shown = error(
        "{\"level\":\"info\",\"msg\":\"started\"}\n{\"level\":\"info\",\"msg\":\"stopped\"}\n",
    );
    assert!(
        shown.contains("any of the 2 lines of app.log (line 1: it has no time or no path"),
        "{shown}"
    );
    assert!(shown.contains("json:time=...,path=..."), "{shown}");
    let mixed = "{\"level\":\"info\",\"msg\":\"started\"}\n{\"ts\":1715940303,\"uri\":\"/a\"}\n";
    let log = read(&[("app.log", mixed)]);
    assert_eq!((log.messages, log.broken, log.records().len()), (1, 0, 1));
}

/// Logs of nginx 1.22 with the formats `combined`, `escape=json`, and JSON with the default escapes, of the same requests.
const NGINX: [&[u8]; 3] = [
    br#"127.0.0.1 - - [28/Nov/2026:20:24:16 +0000] "OPTIONS * HTTP/1.1" 400 157 "-" "-"
127.0.0.1 - - [28/Nov/2026:20:24:16 +0000] "\x16\x03\x01\x02\x00\x01\xFC" 400 157 "-" "-"
127.0.0.1 - - [28/Nov/2026:20:24:16 +0000] "CONNECT a:443 HTTP/1.1" 400 157 "-" "-"
127.0.0.1 - - [28/Nov/2026:20:24:16 +0000] "OPTIONS / RTSP/1.0" 400 157 "-" "-"
127.0.0.1 - - [28/Nov/2026:20:24:16 +0000] "PRI * HTTP/2.0" 400 157 "-" "-"
127.0.0.1 - - [28/Nov/2026:20:24:16 +0000] "GET /\xE9\x22 HTTP/1.1" 200 2 "-" "-"
127.0.0.1 - - [28/Nov/2026:20:24:16 +0000] "GET /a?q=%22x&z=\x22y\x22 HTTP/1.1" 200 2 "-" "say \x22hi\x22 \x5C \xC3\xA9"
"#,
    b"{\"time\":\"2026-11-28T20:24:16+00:00\",\"request\":\"OPTIONS * HTTP/1.1\",\"ua\":\"\",\"request_time\":\"0.000\"}
{\"time\":\"2026-11-28T20:24:16+00:00\",\"request\":\"\\u0016\\u0003\\u0001\\u0002\\u0000\\u0001\xfc\",\"ua\":\"\",\"request_time\":\"0.000\"}
{\"time\":\"2026-11-28T20:24:16+00:00\",\"request\":\"CONNECT a:443 HTTP/1.1\",\"ua\":\"\",\"request_time\":\"0.000\"}
{\"time\":\"2026-11-28T20:24:16+00:00\",\"request\":\"OPTIONS / RTSP/1.0\",\"ua\":\"\",\"request_time\":\"0.000\"}
{\"time\":\"2026-11-28T20:24:16+00:00\",\"request\":\"PRI * HTTP/2.0\",\"ua\":\"\",\"request_time\":\"0.001\"}
{\"time\":\"2026-11-28T20:24:16+00:00\",\"request\":\"GET /\xe9\\\" HTTP/1.1\",\"ua\":\"\",\"request_time\":\"0.000\"}
{\"time\":\"2026-11-28T20:24:16+00:00\",\"request\":\"GET /a?q=%22x&z=\\\"y\\\" HTTP/1.1\",\"ua\":\"say \\\"hi\\\" \\\\ \xc3\xa9\",\"request_time\":\"0.000\"}
",
    br#"{"msec":1795897456.876,"request_uri":"-","ua":"-"}
{"msec":1795897456.877,"request_uri":"-","ua":"-"}
{"msec":1795897456.877,"request_uri":"-","ua":"-"}
{"msec":1795897456.877,"request_uri":"-","ua":"-"}
{"msec":1795897456.877,"request_uri":"-","ua":"-"}
{"msec":1795897456.877,"request_uri":"/\xE9\x22","ua":"-"}
{"msec":1795897456.877,"request_uri":"/a?q=%22x&z=\x22y\x22","ua":"say \x22hi\x22 \x5C \xC3\xA9"}
"#,
];

#[test]
fn reads_what_nginx_writes_in_every_escape() {
    for text in NGINX {
        let log = read_with(&[("access.log", text)], &ReadOptions::default()).unwrap();
        let shown = String::from_utf8_lossy(text);
        assert_eq!(
            (log.lines, log.broken, log.without_request),
            (7, 0, 5),
            "{shown}"
        );
        assert_eq!(targets(&log), "/%E9%22/a?q=%22x&z=%22y%22", "{shown}");
    }
}

#[test]
fn reads_a_pasted_format_of_nginx_with_its_escapes() {
    // Directive and lines of nginx 1.22.
    let format = r#"log_format tab 'time:$time_local\t' 'method:$request_method\t'
        'uri:$request_uri\t' 'q:\x22$arg_q\x22 \'x\' "y" \\ z\t' 'status:$status' " $request_time";"#;
    let lines = "time:28/Nov/2026:20:23:48 +0000\tmethod:GET\turi:/a?q=%22x&z=\\x22y\\x22\tq:\\x22%22x\\x22 'x' \"y\" \\ z\tstatus:200 0.000\n\
                 time:28/Nov/2026:20:23:53 +0000\tmethod:GET\turi:/slow/x\tq:\\x22-\\x22 'x' \"y\" \\ z\tstatus:200 4.010\n";
    let options = ReadOptions {
        format: Some(Format::parse(format).unwrap()),
        ..ReadOptions::default()
    };
    let log = read_with(&[("access.log", lines.as_bytes())], &options).unwrap();
    assert_eq!(
        (log.broken, targets(&log).as_str()),
        (0, "/a?q=%22x&z=%22y%22/slow/x")
    );
    let times: Vec<i64> = log.records().map(|record| record.at_us).collect();
    assert_eq!(times[1] - times[0], 990_000);
}

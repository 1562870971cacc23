//! Times at which recorded requests are sent, in each format that has a duration.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use proptest::prelude::*;
use tenfold_record::{AccessLog, Format, ReadOptions, TraceOptions, trace};

/// Reads a log, and returns the milliseconds and targets of its trace.
fn arrivals(format: Option<&str>, log: &str) -> Vec<(f64, String)> {
    let log = read(format, log);
    let made = trace(&log, &TraceOptions::default()).unwrap();
    let mut lines = Vec::new();
    made.write_trace(&mut lines).unwrap();
    String::from_utf8(lines)
        .unwrap()
        .lines()
        .map(|line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            let target = line["target"].as_str().unwrap().to_owned();
            (line["at_ms"].as_f64().unwrap(), target)
        })
        .collect()
}

fn read(format: Option<&str>, log: &str) -> AccessLog {
    let options = ReadOptions {
        format: format.map(|format| Format::parse(format).unwrap()),
        ..ReadOptions::default()
    };
    AccessLog::read_from(log.as_bytes(), "test.log", &options).unwrap()
}

/// A request to `/fast` that ends after 10 ms, and 5 seconds later the end of one to `/slow` that took 6.5 seconds.
fn is_slow_first(format: Option<&str>, log: &str) {
    let expected = [(0.0, "/slow".to_owned()), (1_490.0, "/fast".to_owned())];
    assert_eq!(arrivals(format, log), expected, "{format:?}\n{log}");
}

#[test]
fn subtracts_durations_in_every_format() {
    is_slow_first(
        Some(r#"$msec "$request" $status $request_time"#),
        "1715940305.000 \"GET /fast HTTP/1.1\" 200 0.010\n1715940310.000 \"GET /slow HTTP/1.1\" 200 6.500\n",
    );
    for (directive, fast, slow) in [
        ("%D", "10000", "6500000"),
        ("%{us}T", "10000", "6500000"),
        ("%{ms}T", "10", "6500"),
    ] {
        is_slow_first(
            Some(&format!("%{{end:msec}}t \"%r\" %>s {directive}")),
            &format!(
                "1715940305000 \"GET /fast HTTP/1.1\" 200 {fast}\n\
                 1715940310000 \"GET /slow HTTP/1.1\" 200 {slow}\n"
            ),
        );
    }
    let alb = |time: &str, times: &str, target: &str| {
        format!(
            "http 2024-05-17T10:05:{time}Z app/a 192.0.2.1:1 10.0.0.1:80 {times} 200 200 1 1 \
             \"GET http://a.example:80{target} HTTP/1.1\" \"-\"\n"
        )
    };
    is_slow_first(
        None,
        &(alb("05.000", "0.001 0.008 0.001", "/fast")
            + alb("10.000", "-1 6.500 0", "/slow").as_str()),
    );
    is_slow_first(
        None,
        "#Fields: date time x-edge-location cs-uri-stem time-taken\n\
         2024-05-17\t10:05:05\tLAX1\t/fast\t0.010\n2024-05-17\t10:05:10\tLAX1\t/slow\t6.500\n",
    );
    is_slow_first(
        None,
        "#Fields: date time cs-uri-stem sc-win32-status time-taken\n\
         2024-05-17 10:05:05 /fast 0 10\n2024-05-17 10:05:10 /slow 0 6500\n",
    );
    is_slow_first(
        None,
        "{\"ts\":1715940305.0,\"request\":{\"method\":\"GET\",\"uri\":\"/fast\"},\"duration\":0.01}\n\
         {\"ts\":1715940310.0,\"request\":{\"method\":\"GET\",\"uri\":\"/slow\"},\"duration\":6.5}\n",
    );
    is_slow_first(
        None,
        "{\"time\":\"2024-05-17T10:05:05Z\",\"RequestPath\":\"/fast\",\"Duration\":10000000}\n\
         {\"time\":\"2024-05-17T10:05:10Z\",\"RequestPath\":\"/slow\",\"Duration\":6500000000}\n",
    );
    is_slow_first(
        None,
        "{\"time_iso8601\":\"2024-05-17T10:05:05+00:00\",\"request_uri\":\"/fast\",\"request_time\":\"0.010\"}\n\
         {\"time_iso8601\":\"2024-05-17T10:05:10+00:00\",\"request_uri\":\"/slow\",\"request_time\":\"6.500\"}\n",
    );
    is_slow_first(
        Some("json:time=t,duration=took:ms,path=p"),
        "{\"t\":1715940305,\"took\":10,\"p\":\"/fast\"}\n{\"t\":1715940310,\"took\":6500,\"p\":\"/slow\"}\n",
    );
}

#[test]
fn keeps_times_of_the_start() {
    let expected = [(0.0, "/a".to_owned()), (5_000.0, "/b".to_owned())];
    // Apache's %t is the time when the request was received.
    let apache = "[17/May/2024:10:05:05 +0000] \"GET /a HTTP/1.1\" 10000\n\
                  [17/May/2024:10:05:10 +0000] \"GET /b HTTP/1.1\" 6500000\n";
    assert_eq!(arrivals(Some("%t \"%r\" %D"), apache), expected);
    let envoy = "[2024-05-17T10:05:05.000Z] \"GET /a HTTP/1.1\" 200 - 0 1 10 9\n\
                 [2024-05-17T10:05:10.000Z] \"GET /b HTTP/1.1\" 200 - 0 1 6500 9\n";
    assert_eq!(arrivals(None, envoy), expected);
    let envoy = "{\"start_time\":\"2024-05-17T10:05:05Z\",\"path\":\"/a\",\"duration\":10,\"response_code\":200}\n\
                 {\"start_time\":\"2024-05-17T10:05:10Z\",\"path\":\"/b\",\"duration\":6500,\"response_code\":200}\n";
    assert_eq!(arrivals(None, envoy), expected);
    let log = read(Some("%t \"%r\" %D"), apache);
    assert_eq!(log.dated_by_duration, 0);
}

#[test]
fn spreads_ends_over_their_second_before_it_subtracts() {
    let log = "17/May/2024:10:05:05 +0000|/a|0.100\n17/May/2024:10:05:05 +0000|/b|0.000\n\
               17/May/2024:10:05:05 +0000|/c|1.000\n17/May/2024:10:05:05 +0000|/d|-\n";
    let format = "$time_local|$request_uri|$request_time";
    // Ends at 0, 250, 500 and 750 ms; starts at -100, 250, -500 and 750.
    assert_eq!(
        arrivals(Some(format), log),
        [
            (0.0, "/c".to_owned()),
            (400.0, "/a".to_owned()),
            (750.0, "/b".to_owned()),
            (1_250.0, "/d".to_owned()),
        ]
    );
    let log = read(Some(format), log);
    assert_eq!(
        (log.dated_by_duration, log.spread, log.out_of_order),
        (3, true, 0)
    );
    let toml = trace(&log, &TraceOptions::default()).unwrap().toml;
    assert!(
        toml.contains("written at the end of each request"),
        "{toml}"
    );
    let shown = log.summary().to_string();
    assert!(shown.contains("3 dated by their start"), "{shown}");
}

proptest! {
    #[test]
    fn arrives_at_the_end_minus_the_duration(requests in prop::collection::vec((0_i64..100_000_000, 0_i64..50_000), 1..30)) {
        let mut expected: Vec<i64> = requests.iter().map(|(start_ms, _)| 1_715_940_000_000_000 + start_ms * 1_000).collect();
        expected.sort_unstable();
        let ends = requests.iter().map(|(start_ms, took_ms)| {
            let end = 1_715_940_000_000 + start_ms + took_ms;
            (end, took_ms)
        });
        let nginx: String = ends
            .clone()
            .map(|(end, took)| format!("{}.{:03} / {}.{:03}\n", end / 1000, end % 1000, took / 1000, took % 1000))
            .collect();
        let json: String = ends.map(|(end, took)| format!("{{\"t\":{end},\"d\":{took},\"p\":\"/\"}}\n")).collect();
        for (format, log) in [("$msec $request_uri $request_time", nginx), ("json:time=t:ms,duration=d:ms,path=p", json)] {
            let log = read(Some(format), &log);
            // A log whose ends are whole seconds is spread.
            prop_assume!(!log.spread);
            prop_assert_eq!(log.records().map(|record| record.at_us).collect::<Vec<_>>(), expected.clone());
        }
    }
}

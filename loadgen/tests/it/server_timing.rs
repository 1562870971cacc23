//! Times that a service reports in `Server-Timing`.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use std::path::Path;

use tenfold_loadgen::{DialOptions, HttpVersion, Target};
use tenfold_run_dir::ServerTiming;
use tenfold_scenarios::Scenario;

use crate::support;
use crate::support::site::{Reply, Site};

/// Counted arrivals; ten more are warm-up.
const ARRIVALS: u64 = 20;

/// Runs one request; returns what the run directory has about its times.
fn timing(site: &Site, http2: bool, request: &str) -> Option<ServerTiming> {
    let text = format!(
        r#"
version = 1
name = "timing"
[load]
arrivals = "even"
users = 1
timeout = "5s"
[[phases]]
name = "warm-up"
kind = "constant"
rate = "100/s"
duration = "100ms"
warm_up = true
[[phases]]
name = "steady"
kind = "constant"
rate = "100/s"
duration = "200ms"
[[requests]]
name = "r"
kind = "read"
{request}
"#
    );
    let options = DialOptions {
        http: match http2 {
            true => HttpVersion::Http2,
            false => HttpVersion::Http1,
        },
        ..DialOptions::default()
    };
    let target: Target = format!("http://{}", site.address).parse().unwrap();
    let scenario = Scenario::parse(&text, Path::new("timing.toml")).unwrap();
    let ran = support::try_run(scenario, target.with(options).unwrap(), |_| ()).unwrap();
    ran.server_timing
}

#[test]
fn records_times_of_sampled_requests() {
    for http2 in [false, true] {
        let site = Site::start(http2, |_| {
            Reply::ok("x")
                .with("server-timing", "db;dur=0.002;desc=\"a, b\", miss")
                .with("server-timing", "cpu;dur=0.001, total;dur=0.004")
        });
        let timing = timing(&site, http2, "path = \"/\"\ntraceparent = true").unwrap();
        assert_eq!(timing.names, ["db", "cpu"]);
        let [request] = &timing.requests[..] else {
            panic!("one request: {timing:?}");
        };
        assert_eq!((request.count(), request.without_header), (ARRIVALS, 0));
        for bucket in &request.buckets {
            let count = bucket.count;
            assert_eq!(bucket.parts_ns, [2_000 * count, 1_000 * count]);
            assert_eq!((bucket.total_ns, bucket.with_total), (4_000 * count, count));
            assert!(bucket.service_ns > bucket.total_ns, "{bucket:?}");
            assert_eq!(
                bucket.response_ns,
                bucket.lag_ns + bucket.blocked_ns + bucket.service_ns
            );
        }
    }
}

#[test]
fn requests_without_header_are_counted() {
    let site = Site::start(false, |received| {
        match received.header("traceparent").ends_with("-01") {
            true => Reply::ok("").with("server-timing", "cdn;desc=HIT"),
            false => Reply::ok("").with("server-timing", "db;dur=1"),
        }
    });
    let timing = timing(&site, false, "path = \"/\"\ntraceparent = true").unwrap();
    assert_eq!(timing.requests[0].without_header, ARRIVALS);
    assert!(timing.names.is_empty() && timing.requests[0].buckets.is_empty());
}

#[test]
fn other_requests_write_no_file() {
    let site = Site::start(false, |received| match received.path.as_str() {
        "/from" => Reply::redirect(302, "/"),
        _ => Reply::ok("").with("server-timing", "db;dur=1"),
    });
    for request in [
        "path = \"/\"",
        "path = \"/\"\ntraceparent = 0.0",
        // The header of a redirected request covers one of its exchanges.
        "path = \"/from\"\nfollow = 1\ntraceparent = true",
        // Failed requests have no response time.
        "path = \"/\"\nexpect = [404]\ntraceparent = true",
    ] {
        assert_eq!(timing(&site, false, request), None, "{request}");
    }
}

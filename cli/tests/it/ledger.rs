//! The ledger of sampled requests: its parts add up to the wall time in a real run.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use crate::support;

use serde_json::Value;
use support::{Workplace, read_json};

/// Largest share of the time in the service that no part has. The goal is 5%; other work on the machine delays wake-ups.
const UNATTRIBUTED_MAX: f64 = 0.10;

const SCENARIO: &str = r#"
version = 1
name = "sampled"
seed = 5
[http]
traceparent = true
[[phases]]
name = "steady"
kind = "constant"
rate = "100/s"
duration = "5s"
[[requests]]
name = "read post"
kind = "read"
weight = 3
path = "/v1/posts/1"
[[requests]]
name = "read user"
kind = "read"
weight = 1
path = "/v1/users/1"
"#;

fn sum(times: &Value) -> f64 {
    let times = times.as_array().unwrap();
    times.iter().map(|ns| ns.as_f64().unwrap()).sum()
}

#[test]
fn parts_add_up_to_the_time_in_the_service() {
    let place = Workplace::new();
    place.write("sampled.toml", SCENARIO);
    let service = place.serve(&["--data-users", "50", "--data-posts", "200"]);
    let ended = place.run(&[
        "run",
        "sampled.toml",
        "--target",
        &service.url(),
        "--out",
        "run",
    ]);
    // On a busy machine the generator may be late, and the measurement invalid.
    assert!(matches!(ended.code, Some(0 | 120)), "{}", ended.stderr);
    let timing = read_json(&place.path("run/server_timing.json"));
    let (mut total, mut parts, mut sampled) = (0.0, 0.0, 0);
    for request in timing["requests"].as_array().unwrap() {
        assert_eq!(request["without_header"], 0, "{request:#}");
        for bucket in request["buckets"].as_array().unwrap() {
            assert_eq!(bucket["with_total"], bucket["count"], "{bucket:#}");
            sampled += bucket["count"].as_u64().unwrap();
            let own = (
                bucket["total_ns"].as_f64().unwrap(),
                sum(&bucket["parts_ns"]),
            );
            // The header has whole nanoseconds as decimals of milliseconds: each part may be rounded.
            assert!(own.1 <= own.0 + 1_000.0, "{bucket:#}");
            (total, parts) = (total + own.0, parts + own.1);
        }
    }
    assert!(sampled > 400, "{sampled} requests were sampled");
    let unattributed = 1.0 - parts / total;
    assert!(
        unattributed < UNATTRIBUTED_MAX,
        "{unattributed:.3} of the time is unattributed"
    );
}

//! The stall oracle: a service that stands still, against the closed form of what its users feel.
//!
//! With constant arrivals over a window W and a stall of L within it, the response time at quantile
//! q is `L - (1 - q) W` where that is positive, and the service time elsewhere. A generator that
//! omits what it did not get round to sending (coordinated omission) is off by orders of magnitude.

mod support;

use std::time::Duration;

use support::stall::StallServer;
use tenfold_run_dir::Metric;

const SERVICE: Duration = Duration::from_millis(1);
const WINDOW: Duration = Duration::from_secs(20);
const STALL: Duration = Duration::from_secs(2);
const STALL_FROM: Duration = Duration::from_secs(9);

fn oracle(rate: u64, arrivals: &str) {
    let server = StallServer::start(SERVICE);
    let scenario = format!(
        r#"
version = 1
name = "stall"
seed = 7
[load]
arrivals = "{arrivals}"
[[phases]]
name = "steady"
kind = "constant"
rate = "{rate}/s"
duration = "{}s"
[[requests]]
name = "get"
kind = "read"
weight = 1
path = "/"
"#,
        WINDOW.as_secs()
    );
    let stalling = server.clone();
    let ran = support::run(&scenario, server.address, move |start| {
        stalling.stall(start + STALL_FROM, STALL);
    });
    let total = ran.total();
    assert_eq!(total.dropped + total.failed, 0, "{total:?}");
    let response = ran.latency(Metric::Response);
    let lag = ran.latency(Metric::Lag);
    let ms = |ns: u64| ns as f64 / 1e6;
    println!(
        "{arrivals} {rate}/s: p50 {:.3} p90 {:.3} p95 {:.3} p99 {:.3} max {:.3} ms, lag p99 {:.3} max {:.3} ms, users {} n {}",
        ms(response.value_at_quantile(0.5)),
        ms(response.value_at_quantile(0.9)),
        ms(response.value_at_quantile(0.95)),
        ms(response.value_at_quantile(0.99)),
        ms(response.max()),
        ms(lag.value_at_quantile(0.99)),
        ms(lag.max()),
        ran.recording.counts.generator.users_used,
        response.len(),
    );
    for quantile in [0.95, 0.99] {
        let expected = STALL.as_secs_f64() - (1.0 - quantile) * WINDOW.as_secs_f64();
        let measured = response.value_at_quantile(quantile) as f64 / 1e9;
        let off = measured / expected - 1.0;
        assert!(
            off.abs() < 0.02,
            "p{}: {measured} s, closed form {expected} s",
            quantile * 100.0
        );
    }
    let p90 = Duration::from_nanos(response.value_at_quantile(0.90));
    assert!(p90 < SERVICE + Duration::from_millis(2), "p90 is {p90:?}");
}

#[test]
fn even_arrivals_200() {
    oracle(200, "even");
}

#[test]
fn even_arrivals_1000() {
    oracle(1_000, "even");
}

#[test]
fn even_arrivals_3000() {
    oracle(3_000, "even");
}

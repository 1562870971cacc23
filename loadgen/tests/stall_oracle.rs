//! The stall oracle: a service that stands still, against the closed form of what its users feel.
//!
//! With constant arrivals over a window W and a stall of L within it, the response time at quantile
//! q is `L - (1 - q) W` where that is positive, and the service time elsewhere. A generator that
//! omits what it did not get round to sending (coordinated omission) is off by orders of magnitude.
//!
//! The closed form has everything answered at once when the stall is over. A real server takes time
//! to write thousands of answers, some 8 us each; the server tells how long it took, and the closed
//! form is stretched by that.

#![allow(clippy::print_stdout, reason = "the figures are the point")]

mod support;

use std::time::Duration;

use support::stall::StallServer;
use tenfold_run_dir::Metric;

const SERVICE: Duration = Duration::from_millis(1);
const WINDOW: Duration = Duration::from_secs(20);
const STALL: Duration = Duration::from_secs(2);
const STALL_FROM: Duration = Duration::from_secs(9);

fn oracle(rate: u64) {
    let server = StallServer::start(SERVICE);
    let scenario = format!(
        r#"
version = 1
name = "stall"
seed = 7
[load]
users = 15000
arrivals = "even"
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
    let seconds = |quantile| response.value_at_quantile(quantile) as f64 / 1e9;
    let drained = server.drained_in();
    println!(
        "{rate}/s: p90 {:.4} p95 {:.4} p99 {:.4} s, service p50 {:.2} ms, lag p99 {:.2} max {:.2} ms, \
         the server took {drained:.1?} to answer what it held",
        seconds(0.90),
        seconds(0.95),
        seconds(0.99),
        ran.latency(Metric::Service).value_at_quantile(0.5) as f64 / 1e6,
        ran.latency(Metric::Lag).value_at_quantile(0.99) as f64 / 1e6,
        ran.latency(Metric::Lag).max() as f64 / 1e6,
    );
    for quantile in [0.95, 0.99] {
        let expected = STALL.as_secs_f64() - (1.0 - quantile) * WINDOW.as_secs_f64();
        // The newest is answered first, so one that has waited for the share x of the stall is
        // answered when the share x of the drain is over.
        let expected = expected * (1.0 + drained.as_secs_f64() / STALL.as_secs_f64());
        let off = seconds(quantile) / expected - 1.0;
        assert!(
            off.abs() < 0.02,
            "p{}: {off:+.3} off {expected} s",
            quantile * 100.0
        );
    }
    // At q = 0.90 itself the closed form has its kink: one late request in a thousand, of those that
    // came while the server was still answering what it had held, moves it by milliseconds.
    let service = ran.latency(Metric::Service).value_at_quantile(0.5) as f64 / 1e9;
    let before_the_kink = seconds(0.895);
    assert!(
        before_the_kink < service + 0.002,
        "p89.5 is {before_the_kink} s"
    );
}

#[test]
fn the_stall_oracle_holds_at_200() {
    oracle(200);
}

#[test]
fn the_stall_oracle_holds_at_1000() {
    oracle(1_000);
}

#[test]
fn the_stall_oracle_holds_at_3000() {
    oracle(3_000);
}

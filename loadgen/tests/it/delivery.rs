//! Connections per request, retries, trace context, the asterisk form, and addresses that do not answer.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use tenfold_loadgen::{DialOptions, HttpVersion, Target};
use tenfold_scenarios::Scenario;

use crate::support;
use crate::support::FinishedRun;
use crate::support::site::{Reply, Site};

const ARRIVALS: u64 = 20;

fn text(request: &str) -> String {
    format!(
        r#"
version = 1
name = "delivery"
[load]
arrivals = "even"
users = 1
timeout = "5s"
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
    )
}

fn options(http2: bool) -> DialOptions {
    DialOptions {
        http: match http2 {
            true => HttpVersion::Http2,
            false => HttpVersion::Http1,
        },
        ..DialOptions::default()
    }
}

fn run(site: &Site, http2: bool, request: &str) -> FinishedRun {
    let target: Target = format!("http://{}", site.address).parse().unwrap();
    let scenario = Scenario::parse(&text(request), Path::new("test.toml")).unwrap();
    support::try_run(scenario, target.with(options(http2)).unwrap(), |_| ()).unwrap()
}

#[test]
fn connection_close_opens_a_connection_for_each_request() {
    for http2 in [false, true] {
        let site = Site::start(http2, |_| Reply::ok("hello"));
        let ran = run(&site, http2, "path = \"/\"\nconnection = \"close\"");
        let total = ran.total();
        assert_eq!((total.completed, total.failed), (ARRIVALS, 0), "{total:?}");
        assert_eq!(total.travel.own_connections, ARRIVALS);
        let received = site.received();
        let connections: BTreeSet<u64> = received.iter().map(|one| one.connection).collect();
        assert_eq!(connections.len() as u64, ARRIVALS);
        let announced = if http2 { "" } else { "close" };
        assert!(
            received
                .iter()
                .all(|one| one.header("connection") == announced)
        );
        assert_eq!(ran.recording.counts.connections.unwrap().opened, ARRIVALS);
    }
}

#[test]
fn connection_close_leaves_the_connection_of_other_requests_open() {
    let site = Site::start(false, |_| Reply::ok(""));
    let both = "path = \"/kept\"\n[[requests]]\nname = \"own\"\nkind = \"read\"\npath = \"/own\"\n\
                connection = \"close\"";
    let total = run(&site, false, both).total();
    assert_eq!(total.completed, ARRIVALS);
    let received = site.received();
    let kept = received.iter().filter(|one| one.path == "/kept");
    let kept: BTreeSet<u64> = kept.map(|one| one.connection).collect();
    assert_eq!(kept.len(), 1, "{received:?}");
}

/// Answers the first request of each connection and hangs up on the second.
fn hangs_up_on_second(http2: bool) -> Site {
    Site::start(http2, |received| match received.on_connection {
        0 => Reply::ok("hello"),
        _ => Reply::hang_up(),
    })
}

#[test]
fn idempotent_requests_are_sent_again_once() {
    for http2 in [false, true] {
        for method in ["GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE"] {
            let site = hangs_up_on_second(http2);
            let request = format!("path = \"/\"\nmethod = \"{method}\"\nretry = \"idempotent\"");
            let total = run(&site, http2, &request).total();
            let retries = total.travel.retries;
            assert_eq!(
                (total.completed, total.failed),
                (ARRIVALS, 0),
                "{method}: {total:?}"
            );
            // All but the first find their connection used.
            assert_eq!(retries, ARRIVALS - 1, "{method}: {total:?}");
            assert_eq!(site.received().len() as u64, ARRIVALS + retries);
        }
    }
}

#[test]
fn other_requests_are_never_sent_again() {
    for http2 in [false, true] {
        for request in [
            "method = \"POST\"\nretry = \"idempotent\"",
            "method = \"PATCH\"\nretry = \"idempotent\"",
            "method = \"GET\"",
            "method = \"GET\"\nretry = \"off\"\nfollow = 1",
        ] {
            let site = hangs_up_on_second(http2);
            let total = run(&site, http2, &format!("path = \"/\"\n{request}")).total();
            assert_eq!(site.received().len() as u64, ARRIVALS, "{request}");
            assert_eq!(
                total.failures,
                BTreeMap::from([("closed_idle".to_owned(), ARRIVALS / 2)]),
                "{request}: {total:?}"
            );
            assert_eq!(total.travel.retries, 0);
        }
    }
}

#[test]
fn request_is_sent_again_only_once_and_only_on_a_used_connection() {
    // Hangs up on everything after the first request: the second attempt is on a new connection.
    let site = Site::start(false, |received| {
        match (received.connection, received.on_connection) {
            (0, 0) => Reply::ok(""),
            _ => Reply::hang_up(),
        }
    });
    let total = run(&site, false, "path = \"/\"\nretry = \"idempotent\"").total();
    assert_eq!((total.completed, total.travel.retries), (1, 1), "{total:?}");
    assert_eq!(
        total.failures,
        BTreeMap::from([("connection".to_owned(), ARRIVALS - 1)])
    );
    assert_eq!(site.received().len() as u64, ARRIVALS + 1);
}

#[test]
fn traceparent_identifies_each_request() {
    for http2 in [false, true] {
        let site = Site::start(http2, |received| match received.path.as_str() {
            "/a" => Reply::redirect(302, "/b"),
            _ => Reply::ok(""),
        });
        let ran = run(
            &site,
            http2,
            "path = \"/a\"\ntraceparent = true\nfollow = 1",
        );
        let counts = &ran.recording.counts;
        assert_eq!(ran.total().travel.traced, ARRIVALS);
        let fields: Vec<Vec<String>> = site
            .received()
            .iter()
            .map(|one| {
                one.header("traceparent")
                    .split('-')
                    .map(str::to_owned)
                    .collect()
            })
            .collect();
        assert!(
            fields
                .iter()
                .all(|fields| fields.len() == 4 && fields[3] == "01"),
            "{fields:?}"
        );
        let traces: BTreeSet<&str> = fields.iter().map(|fields| fields[1].as_str()).collect();
        let parents: BTreeSet<&str> = fields.iter().map(|fields| fields[2].as_str()).collect();
        assert_eq!(
            traces.len() as u64,
            ARRIVALS,
            "a redirect belongs to the trace of its request"
        );
        assert_eq!(
            parents.len() as u64,
            2 * ARRIVALS,
            "each exchange is a span"
        );
        // The slowest are kept, and can be found at the service.
        assert_eq!(counts.traces.len(), 5);
        for trace in &counts.traces {
            assert!(traces.contains(trace.trace_id.as_str()), "{trace:?}");
            assert!(trace.sampled && trace.status == Some(200));
        }
        assert!(
            counts
                .traces
                .is_sorted_by(|one, other| one.response_ns >= other.response_ns)
        );
    }
}

#[test]
fn traceparent_of_scenario_is_kept_and_share_sets_the_flag() {
    let site = Site::start(false, |_| Reply::ok(""));
    let own = "path = \"/\"\ntraceparent = true\nheaders = { traceparent = \"own\" }";
    let ran = run(&site, false, own);
    assert!(
        site.received()
            .iter()
            .all(|one| one.header("traceparent") == "own")
    );
    assert_eq!(ran.total().travel.traced, 0);
    let site = Site::start(false, |_| Reply::ok(""));
    run(&site, false, "path = \"/\"\ntraceparent = 0.0");
    assert!(
        site.received()
            .iter()
            .all(|one| one.header("traceparent").ends_with("-00"))
    );
}

#[test]
fn failed_requests_keep_their_trace_id() {
    let site = Site::start(false, |received| match received.path.as_str() {
        "/bad" => Reply::status(500),
        _ => Reply::hang_up(),
    });
    let both = "path = \"/bad\"\ntraceparent = true\n[[requests]]\nname = \"gone\"\nkind = \"read\"\n\
                path = \"/gone\"\ntraceparent = true";
    let ran = run(&site, false, both);
    let sent: Vec<String> = site
        .received()
        .iter()
        .map(|one| one.header("traceparent").to_owned())
        .collect();
    let is_sent = |id: &str| sent.iter().any(|header| header.contains(id));
    assert_eq!(ran.samples.len(), 3);
    assert!(
        ran.samples
            .iter()
            .all(|sample| is_sent(sample.trace_id.as_deref().unwrap()))
    );
    let traces = &ran.recording.counts.traces;
    let failures: BTreeSet<&str> = traces
        .iter()
        .map(|one| one.failure.as_deref().unwrap())
        .collect();
    assert!(
        failures.contains("unexpected_status") && failures.len() >= 2,
        "{failures:?}"
    );
    assert!(traces.iter().all(|trace| is_sent(&trace.trace_id)));
}

#[test]
fn asterisk_form_is_sent_without_the_prefix() {
    for http2 in [false, true] {
        let site = Site::start(http2, |_| Reply::ok(""));
        let target: Target = format!("http://{}/api", site.address).parse().unwrap();
        let request = "path = \"*\"\nmethod = \"OPTIONS\"";
        let scenario = Scenario::parse(&text(request), Path::new("test.toml")).unwrap();
        let target = target.with(options(http2)).unwrap();
        let total = support::try_run(scenario, target, |_| ()).unwrap().total();
        assert_eq!(total.completed, ARRIVALS, "{total:?}");
        assert!(
            site.lines().iter().all(|line| line == "OPTIONS *"),
            "{:?}",
            site.lines()
        );
    }
}

/// A name with several addresses.
fn named(port: u16, addresses: &str, request: &str) -> FinishedRun {
    let target: Target = format!("http://site.test:{port}").parse().unwrap();
    let options = DialOptions {
        resolve: vec![format!("site.test:{port}:{addresses}").parse().unwrap()],
        ..DialOptions::default()
    };
    let scenario = Scenario::parse(&text(request), Path::new("test.toml")).unwrap();
    support::try_run(scenario, target.with(options).unwrap(), |_| ()).unwrap()
}

#[test]
fn connections_are_spread_over_addresses_that_answer() {
    let site = Site::start_at("0.0.0.0:0", false, |_| Reply::ok(""));
    let ran = named(
        site.address.port(),
        "127.0.0.1,127.0.0.2,127.0.0.3",
        "path = \"/\"\nconnection = \"close\"",
    );
    assert_eq!(ran.total().completed, ARRIVALS);
    let connections = ran.recording.counts.connections.unwrap();
    assert_eq!(connections.addresses.len(), 3, "{connections:?}");
    assert_eq!((connections.opened, connections.fell_back), (ARRIVALS, 0));
}

#[test]
fn address_that_refuses_is_replaced_by_another() {
    // Nothing listens on the second and third address.
    let site = Site::start(false, |_| Reply::ok(""));
    let port = site.address.port();
    let ran = named(
        port,
        "127.0.0.2,[::1],127.0.0.1",
        "path = \"/\"\nconnection = \"close\"",
    );
    let total = ran.total();
    assert_eq!((total.completed, total.failed), (ARRIVALS, 0), "{total:?}");
    let connections = ran.recording.counts.connections.unwrap();
    assert_eq!(connections.addresses, [format!("127.0.0.1:{port}")]);
    assert_eq!((connections.opened, connections.failed), (ARRIVALS, 0));
}

#[test]
fn address_that_stops_listening_is_replaced_during_the_run() {
    // Both addresses accept before the run; the first stops with it.
    let keeps = Site::start(false, |_| Reply::ok(""));
    let port = keeps.address.port();
    let listener = std::net::TcpListener::bind(("127.0.0.2", port)).unwrap();
    let target: Target = format!("http://site.test:{port}").parse().unwrap();
    let options = DialOptions {
        resolve: vec![
            format!("site.test:{port}:127.0.0.1,127.0.0.2")
                .parse()
                .unwrap(),
        ],
        ..DialOptions::default()
    };
    let request = "path = \"/\"\nconnection = \"close\"";
    let scenario = Scenario::parse(&text(request), Path::new("test.toml")).unwrap();
    let target = target.with(options).unwrap();
    let ran = support::try_run(scenario, target, move |_| drop(listener)).unwrap();
    let total = ran.total();
    assert_eq!((total.completed, total.failed), (ARRIVALS, 0), "{total:?}");
    let connections = ran.recording.counts.connections.unwrap();
    assert_eq!(connections.addresses.len(), 2);
    assert_eq!(
        connections.fell_back,
        ARRIVALS / 2,
        "every second connection"
    );
}

#[test]
fn address_that_stays_silent_is_overtaken() {
    // A listener whose queue is full drops the packets that would open a connection, as a host behind a
    // firewall does.
    let site = Site::start(false, |_| Reply::ok(""));
    let port = site.address.port();
    let silent = rustix::net::socket(
        rustix::net::AddressFamily::INET,
        rustix::net::SocketType::STREAM,
        None,
    )
    .unwrap();
    let address: std::net::SocketAddrV4 = format!("127.0.0.2:{port}").parse().unwrap();
    rustix::net::bind(&silent, &address).unwrap();
    rustix::net::listen(&silent, 0).unwrap();
    let mut queue = Vec::new();
    loop {
        let wait = Duration::from_millis(200);
        match std::net::TcpStream::connect_timeout(&address.into(), wait) {
            Ok(stream) => queue.push(stream),
            Err(_) => break,
        }
    }
    let begun = std::time::Instant::now();
    let ran = named(port, "127.0.0.2,127.0.0.1", "path = \"/\"");
    let total = ran.total();
    assert_eq!((total.completed, total.failed), (ARRIVALS, 0), "{total:?}");
    let connections = ran.recording.counts.connections.unwrap();
    assert_eq!(connections.addresses, [format!("127.0.0.1:{port}")]);
    assert!(
        begun.elapsed() < Duration::from_secs(5),
        "{:?}",
        begun.elapsed()
    );
    drop(queue);
}

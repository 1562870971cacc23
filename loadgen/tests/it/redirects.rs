//! Redirects: followed by the rules of RFC 9110, counted, timed, and without credentials to other origins.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use tenfold_loadgen::{AuthScheme, Credentials, DialOptions, HostGuard, HttpVersion, Target};
use tenfold_run_dir::Metric;
use tenfold_scenarios::Scenario;

use crate::support;
use crate::support::FinishedRun;
use crate::support::site::{Received, Reply, Site};

/// One user and a few arrivals, one after another.
fn scenario(request: &str) -> Scenario {
    let text = format!(
        r#"
version = 1
name = "redirects"
[load]
arrivals = "even"
users = 1
timeout = "5s"
[[phases]]
name = "steady"
kind = "constant"
rate = "20/s"
duration = "250ms"
[[requests]]
name = "r"
kind = "read"
{request}
"#
    );
    Scenario::parse(&text, Path::new("test.toml")).unwrap()
}

const ARRIVALS: u64 = 5;

fn options(http2: bool) -> DialOptions {
    DialOptions {
        http: match http2 {
            true => HttpVersion::Http2,
            false => HttpVersion::Http1,
        },
        ..DialOptions::default()
    }
}

fn run(site: &Site, request: &str, options: DialOptions) -> FinishedRun {
    let target: Target = format!("http://{}", site.address).parse().unwrap();
    support::try_run(scenario(request), target.with(options).unwrap(), |_| ()).unwrap()
}

fn first_error(ran: &FinishedRun, class: &str) -> String {
    let connections = ran.recording.counts.connections.as_ref().unwrap();
    connections.first_errors[class].clone()
}

#[test]
fn follows_and_counts_each_hop() {
    for http2 in [false, true] {
        let site = Site::start(http2, |received| match received.path.as_str() {
            "/a" => {
                std::thread::sleep(Duration::from_millis(10));
                Reply::redirect(302, "/b/c?q=1#part")
            }
            "/b/c?q=1" => Reply::redirect(308, "../d"),
            "/d" => Reply::ok("done"),
            _ => Reply::status(404),
        });
        let ran = run(&site, "path = \"/a\"\nfollow = 5", options(http2));
        let total = ran.total();
        assert_eq!(
            (total.planned, total.completed),
            (ARRIVALS, ARRIVALS),
            "{total:?}"
        );
        assert_eq!(total.statuses, BTreeMap::from([(200, ARRIVALS)]));
        assert_eq!(
            total.body_bytes,
            4 * ARRIVALS,
            "only the last answer counts"
        );
        assert_eq!(
            (
                total.travel.redirected,
                total.travel.redirects,
                total.travel.elsewhere
            ),
            (ARRIVALS, 2 * ARRIVALS, 0)
        );
        assert_eq!(site.lines()[..3], ["GET /a", "GET /b/c?q=1", "GET /d"]);
        assert_eq!(site.lines().len() as u64, 3 * ARRIVALS);
        // Each exchange is timed, and the response time covers them all.
        let hops = &ran.recording.counts.hops;
        assert_eq!((hops.len(), hops[0].exchanges.len()), (1, 3));
        let summaries: Vec<_> = hops[0].exchanges.iter().map(|hop| hop.summary()).collect();
        assert!(
            summaries.iter().all(|summary| summary.count == ARRIVALS),
            "{summaries:?}"
        );
        assert!(summaries[0].p50 >= 9_900_000, "{summaries:?}");
        assert!(ran.latency(Metric::Service).min() >= 10_000_000);
        assert_eq!(ran.latency(Metric::Service).len(), ARRIVALS);
    }
}

#[test]
fn methods_and_bodies_follow_the_status() {
    for http2 in [false, true] {
        for (status, method, body) in [
            (301, "GET", ""),
            (302, "GET", ""),
            (303, "GET", ""),
            (307, "POST", "hello"),
            (308, "POST", "hello"),
        ] {
            let site = Site::start(http2, move |received| match received.path.as_str() {
                "/form" => Reply::redirect(status, "/next"),
                _ => Reply::ok(""),
            });
            let request = "path = \"/form\"\nmethod = \"POST\"\nbody = \"hello\"\nfollow = 1\n\
                           headers = { content-type = \"text/plain\", accept = \"x\" }";
            let ran = run(&site, request, options(http2));
            assert_eq!(ran.total().completed, ARRIVALS);
            let next = &site.received()[1];
            assert_eq!(
                (next.method.as_str(), next.body.as_str()),
                (method, body),
                "{status}"
            );
            assert_eq!(next.header("accept"), "x");
            let has_body = !body.is_empty();
            assert_eq!(
                next.headers.contains_key("content-type"),
                has_body,
                "{status}"
            );
            assert_eq!(
                next.headers.contains_key("content-length"),
                has_body,
                "{status}"
            );
        }
    }
}

#[test]
fn scenario_default_applies_unless_the_request_differs() {
    let text = |request: &str| {
        let scenario = r#"
version = 1
name = "default"
[http]
follow = 3
[load]
arrivals = "even"
users = 1
[[phases]]
name = "steady"
kind = "constant"
rate = "20/s"
duration = "250ms"
[[requests]]
name = "r"
kind = "read"
path = "/a"
"#;
        Scenario::parse(&format!("{scenario}{request}"), Path::new("test.toml")).unwrap()
    };
    let completed = |request: &str| {
        let site = Site::start(false, |received| match received.path.as_str() {
            "/a" => Reply::redirect(302, "/b"),
            _ => Reply::ok(""),
        });
        let total = support::run_scenario(text(request), site.address, |_| ()).total();
        (total.completed, site.lines().len() as u64)
    };
    assert_eq!(completed(""), (ARRIVALS, 2 * ARRIVALS));
    assert_eq!(completed("follow = 0"), (0, ARRIVALS));
    // A redirect that the request expects is its answer.
    assert_eq!(completed("expect = [302]"), (ARRIVALS, ARRIVALS));
}

#[test]
fn too_many_redirects_loops_and_unusable_locations_fail() {
    let endless = |received: &Received| {
        let number: u64 = received.path[1..].parse().unwrap_or(0);
        Reply::redirect(302, &format!("/{}", number + 1))
    };
    for (site, reason) in [
        (
            Site::start(false, endless),
            "it needs more than 3 redirects; the next leads to http://",
        ),
        (
            Site::start(false, |received| match received.path.as_str() {
                "/a" => Reply::redirect(302, "/b"),
                _ => Reply::redirect(302, "/a"),
            }),
            "it leads in a loop to GET http://",
        ),
        (
            Site::start(false, |_| Reply::redirect(302, "ftp://a.test/")),
            "its Location leads to ftp:, not to HTTP",
        ),
        (
            Site::start(false, |_| Reply::redirect(302, "")),
            "its Location is empty",
        ),
    ] {
        let ran = run(&site, "path = \"/a\"\nfollow = 3", options(false));
        let total = ran.total();
        assert_eq!(
            total.failures,
            BTreeMap::from([("redirect".to_owned(), ARRIVALS)])
        );
        let error = first_error(&ran, "redirect");
        assert!(error.contains(reason), "{error}");
    }
    // Without a location, the redirect is the answer.
    let site = Site::start(false, |_| Reply::status(302));
    let total = run(&site, "path = \"/a\"\nfollow = 3", options(false)).total();
    assert_eq!(
        total.failures,
        BTreeMap::from([("unexpected_status".to_owned(), ARRIVALS)])
    );
}

#[test]
fn secrets_in_locations_are_masked() {
    let site = Site::start(false, |_| Reply::redirect(302, "/login?token=s3cr3t-value"));
    let ran = run(&site, "path = \"/a\"\nfollow = 1", options(false));
    let error = first_error(&ran, "redirect");
    assert!(
        !error.contains("s3cr3t") && error.contains("token=***"),
        "{error}"
    );
}

#[test]
fn credentials_stay_with_their_origin() {
    for http2 in [false, true] {
        let other = Site::start(false, |_| Reply::ok("other"));
        let location = format!("http://{}/landing", other.address);
        let site = Site::start(http2, move |received| match received.path.as_str() {
            "/here" => Reply::redirect(302, "/there"),
            "/there" => Reply::redirect(307, &location),
            _ => Reply::status(404),
        });
        let request = "path = \"/here\"\nfollow = 5\nheaders = { cookie = \"sid=c00kie\", \
                       x-api-key = \"k3y-0123456789abcdef\", accept = \"x\" }";
        let credentials = Credentials::new(AuthScheme::Bearer, "t0ken", "a test").unwrap();
        let options = DialOptions {
            credentials: Some(credentials),
            ..options(http2)
        };
        let ran = run(&site, request, options);
        let total = ran.total();
        assert_eq!(total.completed, ARRIVALS, "{total:?}");
        assert_eq!(
            (total.travel.redirects, total.travel.elsewhere),
            (2 * ARRIVALS, ARRIVALS)
        );
        for received in site.received() {
            assert_eq!(
                received.header("authorization"),
                "Bearer t0ken",
                "{received:?}"
            );
            assert_eq!(received.header("cookie"), "sid=c00kie");
        }
        for received in other.received() {
            assert_eq!(received.line(), "GET /landing");
            assert_eq!(received.host, other.address.to_string());
            assert_eq!(received.header("accept"), "x");
            for name in ["authorization", "cookie", "x-api-key"] {
                assert!(!received.headers.contains_key(name), "{name}: {received:?}");
            }
        }
        assert_eq!(other.received().len() as u64, ARRIVALS);
        // The user keeps its connection to the other origin.
        assert!(
            other
                .received()
                .iter()
                .all(|received| received.connection == 0)
        );
    }
}

#[test]
fn names_of_the_target_are_the_target() {
    // A service behind `--host` redirects to its public name, and to the path of the target's prefix.
    let site = Site::start(false, |received| match received.path.as_str() {
        "/api/a" => Reply::redirect(302, "http://shop.test/b"),
        "/b" => Reply::ok(""),
        _ => Reply::status(404),
    });
    let target: Target = format!("http://{}/api", site.address).parse().unwrap();
    let options = DialOptions {
        host: Some("shop.test".to_owned()),
        ..options(false)
    };
    let scenario = scenario("path = \"/a\"\nfollow = 1");
    let ran = support::try_run(scenario, target.with(options).unwrap(), |_| ()).unwrap();
    assert_eq!(
        (ran.total().completed, ran.total().travel.elsewhere),
        (ARRIVALS, 0)
    );
    assert!(
        site.received()
            .iter()
            .all(|received| received.host == "shop.test")
    );
}

#[test]
fn host_without_permission_is_refused_and_named() {
    let site = Site::start(false, |_| {
        Reply::redirect(302, "http://other.test:81/x?token=s3cr3t")
    });
    let target: Target = format!("http://{}", site.address).parse().unwrap();
    let options = DialOptions {
        resolve: vec!["other.test:81:198.51.100.7".parse().unwrap()],
        ..options(false)
    };
    let target = target.with(options).unwrap();
    let refused = |target: Target| {
        let scenario = scenario("path = \"/a\"\nfollow = 5");
        let ran = support::try_run(scenario, target, |_| ()).unwrap();
        let total = ran.total();
        assert_eq!(
            total.failures,
            BTreeMap::from([("redirect_refused".to_owned(), ARRIVALS)])
        );
        first_error(&ran, "redirect_refused")
    };
    let error = refused(target.clone());
    assert!(
        error.contains("http://other.test:81: only the target's own addresses"),
        "{error}"
    );
    assert!(!error.contains("s3cr3t"), "{error}");
    let guard =
        HostGuard::new(|name, addresses| Err(format!("{name} is at {}", addresses[0].ip())));
    let error = refused(target.guarded_by(guard));
    assert!(
        error.ends_with("it leads to http://other.test:81: other.test is at 198.51.100.7"),
        "{error}"
    );
}

#[test]
fn other_origin_that_does_not_answer_fails_to_connect() {
    // The port of a client: nothing listens there, and no other test can take it.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let client = std::net::TcpStream::connect(listener.local_addr().unwrap()).unwrap();
    let dead = client.local_addr().unwrap();
    let site = Site::start(false, move |_| {
        Reply::redirect(302, &format!("http://{dead}/"))
    });
    let ran = run(&site, "path = \"/a\"\nfollow = 5", options(false));
    let total = ran.total();
    assert_eq!(
        total.failures,
        BTreeMap::from([("connect".to_owned(), ARRIVALS)])
    );
    assert_eq!(
        total.not_written, 0,
        "the first exchange reached the service"
    );
}

#[test]
fn timeout_covers_the_whole_chain() {
    let site = Site::start(false, |received| {
        std::thread::sleep(Duration::from_millis(40));
        match received.path.as_str() {
            "/a" => Reply::redirect(302, "/b"),
            "/b" => Reply::redirect(302, "/c"),
            _ => Reply::ok(""),
        }
    });
    let text = scenario("path = \"/a\"\nfollow = 5")
        .text
        .replace("timeout = \"5s\"", "timeout = \"60ms\"")
        .replace("20/s", "4/s");
    let total = support::run(&text, site.address, |_| ()).total();
    assert_eq!(
        total.failures,
        BTreeMap::from([("timeout".to_owned(), total.planned)])
    );
    assert_eq!(total.travel.redirects, total.planned);
}

#[test]
fn sample_names_the_address_that_answered() {
    let site = Site::start(false, |received| match received.path.as_str() {
        "/a" => Reply::redirect(302, "/b?token=s3cr3t-value&page=1"),
        _ => Reply::status(500),
    });
    let ran = run(&site, "path = \"/a\"\nfollow = 1", options(false));
    let url = ran.samples[0].url.as_deref();
    let expected = format!("http://{}/b?token=***&page=1", site.address);
    assert_eq!(
        (ran.samples[0].status, url),
        (Some(500), Some(expected.as_str()))
    );
    assert_eq!(ran.total().statuses, BTreeMap::from([(500, ARRIVALS)]));
}

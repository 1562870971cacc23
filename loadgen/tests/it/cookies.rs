//! Cookies: kept for each user, sent by domain and path, and masked.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use tenfold_loadgen::{DialOptions, HttpVersion, Target};
use tenfold_scenarios::Scenario;

use crate::support;
use crate::support::FinishedRun;
use crate::support::site::{Reply, Site};

fn run(site: &Site, http2: bool, text: &str) -> FinishedRun {
    let scenario = Scenario::parse(text, Path::new("test.toml")).unwrap();
    let target: Target = format!("http://{}", site.address).parse().unwrap();
    let options = DialOptions {
        http: match http2 {
            true => HttpVersion::Http2,
            false => HttpVersion::Http1,
        },
        ..DialOptions::default()
    };
    support::try_run(scenario, target.with(options).unwrap(), |_| ()).unwrap()
}

const CLOSED: &str = r#"
version = 1
name = "journeys"
[http]
cookies = true
follow = 5
[load]
model = "closed"
users = 3
hatch = "1000/s"
[[phases]]
name = "all"
kind = "users"
duration = "300ms"
[[journeys]]
name = "visit"
steps = ["login", "page", "page"]
pace = "100ms"
[[requests]]
name = "login"
kind = "write"
method = "POST"
path = "/login"
[[requests]]
name = "page"
kind = "read"
path = "/page"
"#;

/// Logs in with a new session, redirects to a page, and answers pages only to a session.
fn shop(http2: bool) -> Site {
    let sessions = AtomicU64::new(0);
    Site::start(http2, move |received| match received.path.as_str() {
        "/login" if !received.header("cookie").contains("sid=") => {
            let session = sessions.fetch_add(1, Ordering::SeqCst);
            Reply::redirect(303, "/page")
                .with(
                    "set-cookie",
                    &format!("sid=session-{session}; Path=/; HttpOnly"),
                )
                .with("set-cookie", "theme=dark")
                .with("set-cookie", "elsewhere=1; Domain=other.test")
                .with("set-cookie", "secure=1; Secure")
        }
        "/page" if received.header("cookie").contains("sid=session-") => Reply::ok("page"),
        _ => Reply::status(403),
    })
}

#[test]
fn each_journey_has_its_own_cookies() {
    for http2 in [false, true] {
        let site = shop(http2);
        let ran = run(&site, http2, CLOSED);
        let total = ran.total();
        assert!(total.completed >= 3, "{total:?}");
        assert_eq!(total.failed, 0, "{:?}", ran.samples);
        let received = site.received();
        let logins = received.iter().filter(|one| one.path == "/login");
        let mut count = 0;
        for login in logins {
            assert_eq!(
                login.header("cookie"),
                "",
                "a journey begins without cookies"
            );
            count += 1;
        }
        let cookies: BTreeSet<&str> = received
            .iter()
            .filter(|one| one.path == "/page")
            .map(|one| one.header("cookie"))
            .collect();
        assert_eq!(cookies.len(), count, "each login has a session of its own");
        // This machine counts as secure, as it does for browsers.
        assert!(
            cookies
                .iter()
                .all(|cookie| cookie.starts_with("secure=1; sid=session-")
                    && cookie.ends_with("; theme=dark")),
            "{cookies:?}"
        );
    }
}

#[test]
fn without_the_option_no_cookie_is_sent() {
    let site = shop(false);
    let ran = run(
        &site,
        false,
        &CLOSED.replace("cookies = true", "cookies = false"),
    );
    assert_eq!(ran.total().completed, 0);
    assert!(
        site.received()
            .iter()
            .all(|one| one.header("cookie").is_empty())
    );
}

#[test]
fn sessions_keep_the_cookies_of_their_login() {
    let text = |journeys: &str| {
        format!(
            r#"
version = 1
name = "sessions"
[http]
cookies = true
[load]
arrivals = "even"
[users]
count = 2
[sessions]
login = "login"
count = 2
[[phases]]
name = "all"
kind = "constant"
rate = "100/s"
duration = "200ms"
[[requests]]
name = "login"
kind = "write"
method = "POST"
path = "/login/{{user}}"
weight = 0
expect = [204]
capture = {{ who = "header:x-user" }}
[[requests]]
name = "page"
kind = "read"
path = "/page/{{who}}"
{journeys}
"#
        )
    };
    for journeys in [
        "",
        "[[journeys]]\nname = \"visit\"\nsteps = [\"page\", \"page\"]",
    ] {
        let site = Site::start(false, |received| {
            let user = received.path.rsplit('/').next().unwrap().to_owned();
            if received.path.starts_with("/login") {
                let cookie = format!("sid=user-{user}; Path=/");
                return Reply::status(204)
                    .with("set-cookie", &cookie)
                    .with("x-user", &user);
            }
            match received.header("cookie") == format!("sid=user-{user}") {
                true => Reply::ok(""),
                false => Reply::status(403),
            }
        });
        let ran = run(&site, false, &text(journeys));
        let total = ran.total();
        assert_eq!((total.failed, total.dropped), (0, 0), "{:?}", ran.samples);
        assert!(total.completed >= 20, "{total:?}");
    }
}

#[test]
fn cookies_are_masked_in_samples() {
    let site = Site::start(false, |received| match received.path.as_str() {
        "/login" => Reply::redirect(303, "/page").with("set-cookie", "plain=c00kie-value"),
        _ => Reply::ok("{\"echo\":\"c00kie-value\"}"),
    });
    let text = CLOSED.replace(
        "path = \"/login\"",
        "path = \"/login\"\nchecks = [{ json = \"/missing\", exists = true }]",
    );
    let ran = run(&site, false, &text);
    assert!(!ran.samples.is_empty());
    let written = serde_json::to_string(&ran.samples).unwrap();
    assert!(!written.contains("c00kie"), "{written}");
    assert!(written.contains("***"), "{written}");
}

#[test]
fn full_jar_is_bounded_and_counted() {
    let site = Site::start(false, |_| {
        let mut reply = Reply::ok("");
        for number in 0..60 {
            reply = reply.with("set-cookie", &format!("c{number}=1"));
        }
        reply
    });
    let ran = run(&site, false, CLOSED);
    let total = ran.total();
    assert!(total.completed >= 3, "{total:?}");
    assert_eq!(total.travel.cookies_refused, 10 * total.completed);
    let longest = site
        .received()
        .iter()
        .map(|one| one.header("cookie").split(';').count())
        .max();
    assert_eq!(longest, Some(50));
}

#[test]
fn closed_journeys_have_the_session_of_their_user() {
    let text = r#"
version = 1
name = "sessions"
[http]
cookies = true
[load]
model = "closed"
users = 4
hatch = "1000/s"
[users]
count = 2
[sessions]
login = "login"
count = 2
[[phases]]
name = "all"
kind = "users"
duration = "300ms"
[[journeys]]
name = "visit"
steps = ["page", "page"]
pace = "50ms"
[[requests]]
name = "login"
kind = "write"
method = "POST"
path = "/login/{user}"
expect = [204]
[[requests]]
name = "page"
kind = "read"
path = "/page"
"#;
    // A session without a captured value: its cookie is enough.
    let site = Site::start(false, |received| {
        if let Some(user) = received.path.strip_prefix("/login/") {
            let cookie = format!("sid=user-{user}; Path=/");
            return Reply::status(204).with("set-cookie", &cookie);
        }
        match received.header("cookie").starts_with("sid=user-") {
            true => Reply::ok(""),
            false => Reply::status(401),
        }
    });
    let ran = run(&site, false, text);
    let total = ran.total();
    assert_eq!(total.failed, 0, "{:?}", ran.samples);
    assert!(total.completed >= 8, "{total:?}");
    let received = site.received();
    let pages = received.iter().filter(|one| one.path == "/page");
    let cookies: BTreeSet<_> = pages.map(|one| one.header("cookie").to_owned()).collect();
    assert_eq!(cookies.len(), 2, "{cookies:?}");
}

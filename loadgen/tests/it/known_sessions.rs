//! Sessions that several runs share.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use tenfold_loadgen::KnownSessions;
use tenfold_scenarios::Scenario;

use crate::support::site::{Reply, Site};
use crate::support::try_run_knowing;

const TEXT: &str = r#"
version = 1
name = "sessions"
[load]
arrivals = "even"
[users]
count = 3
[sessions]
login = "login"
count = 3
[[phases]]
name = "all"
kind = "constant"
rate = "100/s"
duration = "200ms"
[[requests]]
name = "login"
kind = "write"
method = "POST"
path = "/login/{user}"
weight = 0
expect = [204]
capture = { token = "header:x-token" }
[[requests]]
name = "page"
kind = "read"
path = "/page/{token}"
"#;

#[test]
fn later_runs_send_no_logins() {
    let logins = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&logins);
    let site = Site::start(false, move |received| {
        let user = received.path.rsplit('/').next().unwrap().to_owned();
        if received.path.starts_with("/login") {
            counted.fetch_add(1, Ordering::Relaxed);
            return Reply::status(204).with("x-token", &format!("token-{user}"));
        }
        match user.starts_with("token-") {
            true => Reply::ok(""),
            false => Reply::status(401),
        }
    });
    let known = KnownSessions::default();
    let run = |known: &KnownSessions| {
        let scenario = Scenario::parse(TEXT, Path::new("test.toml")).unwrap();
        let target = format!("http://{}", site.address).parse().unwrap();
        let ran = try_run_knowing(scenario, (target, None), known.clone(), |_| ()).unwrap();
        let total = ran.total();
        assert_eq!(
            (total.failed, total.completed),
            (0, 20),
            "{:?}",
            ran.samples
        );
        ran.recording.counts.set_up_requests
    };
    assert_eq!(run(&known), 3);
    // The same tokens, of which none was asked for again.
    assert_eq!(run(&known), 0);
    assert_eq!(logins.load(Ordering::Relaxed), 3);
    known.forget();
    assert_eq!(run(&known), 3);
    assert_eq!(run(&KnownSessions::default()), 3);
    assert_eq!(logins.load(Ordering::Relaxed), 9);
    assert!(
        !format!("{known:?}").contains("token-"),
        "tokens are secrets"
    );
}

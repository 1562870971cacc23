//! Trials: each request once, shown in full.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use std::path::Path;

use tenfold_loadgen::{DialOptions, Exchange, Target, TrialOptions, trial};
use tenfold_scenarios::Scenario;
use tokio::sync::watch;

use crate::support::site::{Reply, Site};

const SCENARIO: &str = r#"
version = 1
name = "trial"
[http]
cookies = true
follow = 5
[[phases]]
name = "all"
kind = "constant"
rate = "1/s"
duration = "1s"
[[requests]]
name = "login"
kind = "write"
method = "POST"
path = "/login"
[[requests]]
name = "loop"
kind = "read"
path = "/loop"
[[requests]]
name = "nowhere"
kind = "read"
path = "/nowhere"
"#;

fn exchanges() -> Vec<Exchange> {
    let site = Site::start(false, |received| match received.path.as_str() {
        "/login" => Reply::redirect(303, "/page").with("set-cookie", "theme=dark"),
        "/page" => Reply::ok("page"),
        "/loop" => Reply::redirect(302, "/loop"),
        _ => Reply::redirect(302, "ftp://a.test/"),
    });
    let scenario = Scenario::parse(SCENARIO, Path::new("trial.toml")).unwrap();
    let target: Target = format!("http://{}", site.address).parse().unwrap();
    let (_end, interrupt) = watch::channel(false);
    let tried = trial(TrialOptions {
        scenario,
        target: target.with(DialOptions::default()).unwrap(),
        interrupt,
        on_exchange: Box::new(|_| ()),
    });
    tried.unwrap().exchanges
}

#[test]
fn redirects_are_shown_with_the_cookies_that_were_sent() {
    let login = &exchanges()[0];
    let [page] = login.redirects.as_slice() else {
        panic!("{login:?}");
    };
    assert_eq!((page.status, page.method.as_str()), (303, "GET"));
    assert!(page.url.ends_with("/page"), "{page:?}");
    let cookie = ("cookie".to_owned(), "theme=***".to_owned());
    assert!(page.headers.contains(&cookie), "{page:?}");
    assert!(!login.headers.iter().any(|(name, _)| name == "cookie"));
}

#[test]
fn failures_of_one_class_have_reasons_of_their_own() {
    let reasons: Vec<String> = exchanges()
        .into_iter()
        .filter(|exchange| exchange.failure.as_deref() == Some("redirect"))
        .map(|exchange| exchange.reason.unwrap())
        .collect();
    let [looping, nowhere] = reasons.as_slice() else {
        panic!("{reasons:?}");
    };
    assert!(looping.contains("leads in a loop"), "{looping}");
    assert!(nowhere.contains("leads to ftp:"), "{nowhere}");
}

//! The rows of the table in docs/verdicts.md for failures before the first request.

use super::table::Documented;
use super::{CASE, Case};
use crate::support::Workplace;
use crate::support::namespace::{in_namespace, ip};
use crate::support::raw_service::RawService;

/// A run that ends before its first request.
struct Early {
    key: &'static str,
    scenario: String,
    /// Its target and other arguments.
    arguments: Vec<String>,
    /// A part of its error.
    says: &'static str,
}

impl Early {
    fn new(key: &'static str, target: &str, says: &'static str) -> Self {
        Self {
            key,
            scenario: CASE.scenario(),
            arguments: vec!["--target".to_owned(), target.to_owned()],
            says,
        }
    }

    fn check(self) {
        let documented = Documented::row(self.key);
        assert_eq!(documented.measurement, "none");
        let place = Workplace::new();
        place.write("case.toml", &self.scenario);
        let mut arguments = vec!["run", "case.toml", "--no-live", "--out", "run"];
        arguments.extend(self.arguments.iter().map(String::as_str));
        let ended = place.run(&arguments).expect(documented.exit_code.unwrap());
        assert!(ended.stderr.contains(self.says), "{}", ended.stderr);
        let is_own = ended
            .stderr
            .contains("The generator's machine is the cause, not the service");
        assert_eq!(is_own, documented.side == "generator", "{}", ended.stderr);
        assert!(!place.path("run/summary.json").exists());
    }
}

const CONFIGURATION: &str = "a scenario, flag or log is wrong";
const NAME: &str = "the name of the target is not resolved";
const UNREACHABLE: &str = "nothing listens at the target, or no protocol is agreed on";
const LOG_IN: &str = "a session can't be logged in";
const SHORTAGE: &str = "this machine has no port, file, memory or route for the first connection";

/// The rows that these tests assert.
pub(super) const KEYS: &[&str] = &[CONFIGURATION, NAME, UNREACHABLE, LOG_IN, SHORTAGE];

#[test]
fn wrong_scenario() {
    let wrong = Early::new(CONFIGURATION, "http://127.0.0.1:1", "did you mean `path`?");
    Early {
        scenario: wrong.scenario.replace("path =", "paht ="),
        ..wrong
    }
    .check();
}

#[test]
fn name_that_is_not_resolved() {
    in_namespace(|| Early::new(NAME, "http://name.invalid", "name.invalid").check());
}

#[test]
fn nothing_listens() {
    Early::new(UNREACHABLE, "http://127.0.0.1:1", "is the service running?").check();
}

#[test]
fn no_common_protocol() {
    let url = format!("http://{}", RawService::default().start());
    let mut early = Early::new(UNREACHABLE, &url, "could not agree on");
    early
        .arguments
        .extend(["--http".to_owned(), "2".to_owned()]);
    early.check();
}

#[test]
fn failed_log_in() {
    let url = format!("http://{}", RawService::status("403 Forbidden").start());
    let request = "path = \"/\"\ncookies = true\n[sessions]\nlogin = \"get\"\ncount = 1";
    Early {
        scenario: Case { request, ..CASE }.scenario(),
        ..Early::new(LOG_IN, &url, "could not log in session 0")
    }
    .check();
}

#[test]
fn no_route_for_the_first_connection() {
    in_namespace(|| {
        let url = format!("http://{}", RawService::default().start());
        assert!(ip("addr del 127.0.0.1/8 dev lo"));
        Early::new(SHORTAGE, &url, "this machine has no route").check();
    });
}

//! Each row of the table in docs/verdicts.md with its real cause: the side, the verdicts, the exit code.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod early;
mod rows;
mod table;

use crate::support;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::{Duration, Instant};

use rustix::process::Pid;
use serde_json::Value;
use support::namespace::{in_namespace, mount_small_disk};
use support::raw_service::{CLOSE, RawService};
use support::{Ended, Workplace, read_json};

/// A scenario of 3 s.
#[derive(Debug, Clone, Copy)]
struct Case {
    rules: &'static str,
    load: &'static str,
    phase: &'static str,
    rate: &'static str,
    /// The request, and any tables after it.
    request: &'static str,
    scheme: &'static str,
    arguments: &'static [&'static str],
}

const CASE: Case = Case {
    rules: "'errors < 1%'",
    load: "users = 10\ntimeout = \"1s\"",
    phase: "kind = \"constant\"",
    rate: "50/s",
    request: "path = \"/\"",
    scheme: "http",
    arguments: &[],
};

impl Case {
    fn scenario(&self) -> String {
        let Self {
            rules,
            load,
            phase,
            request,
            ..
        } = self;
        let (arrivals, rate) = match load.contains("closed") {
            true => ("", String::new()),
            false => (
                "arrivals = \"even\"\n",
                format!("rate = \"{}\"\n", self.rate),
            ),
        };
        format!(
            "version = 1\nname = \"case\"\nseed = 5\nrules = [{rules}]\n[load]\n{arrivals}{load}\n\
             [[phases]]\nname = \"all\"\n{phase}\n{rate}duration = \"3s\"\n\
             [[requests]]\nname = \"get\"\nkind = \"read\"\n{request}\n"
        )
    }

    /// Runs it. `meanwhile` is called with the process a second after the first arrival.
    fn run_with(&self, service: SocketAddr, meanwhile: impl FnOnce(Pid)) -> Outcome {
        let place = Workplace::new();
        place.write("case.toml", &self.scenario());
        let url = format!("{}://{service}", self.scheme);
        let arguments = [
            "run",
            "case.toml",
            "--target",
            &url,
            "--no-live",
            "--out",
            "run",
        ];
        let mut generator = place
            .tenfold(&arguments)
            .args(["--http", "1.1"])
            .args(self.arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        let has_begun = || place.path("run/intervals.hlog").exists() || Instant::now() > deadline;
        while generator.try_wait().unwrap().is_none() && !has_begun() {
            std::thread::sleep(Duration::from_millis(10));
        }
        std::thread::sleep(Duration::from_secs(1));
        meanwhile(Pid::from_child(&generator));
        let ended = Ended::of(generator.wait_with_output().unwrap());
        let summary = place.path("run/summary.json");
        let summary = summary.exists().then(|| read_json(&summary));
        Outcome {
            ended,
            summary: summary.unwrap_or_default(),
        }
    }

    fn run(&self, service: SocketAddr, code: i32) -> Outcome {
        self.run_with(service, |_| ()).expect(code)
    }
}

struct Outcome {
    ended: Ended,
    summary: Value,
}

impl Outcome {
    fn expect(self, code: i32) -> Self {
        Self {
            ended: self.ended.expect(code),
            ..self
        }
    }

    /// Returns whether the generator had no processor when it needed one, which makes any measurement invalid.
    fn is_late(&self) -> bool {
        let reasons = self.summary["verdict"]["reasons"].to_string();
        reasons.contains("the generator was late") || reasons.contains("no CPU time to spare")
    }

    fn verdict(&self) -> (&str, &str) {
        let verdict = &self.summary["verdict"];
        let text = |name: &str| verdict[name].as_str().unwrap();
        (text("measurement"), text("slo"))
    }

    fn failed(&self, class: &str) -> u64 {
        self.summary["failures"][class].as_u64().unwrap_or(0)
    }

    /// Asserts that a class has failures, and that the results and the terminal blame a side for them.
    fn blames(&self, side: &str, class: &str) -> &Self {
        assert!(self.failed(class) > 0, "{:#}", self.summary["failures"]);
        let by_side = &self.summary["failed_by"];
        assert!(
            by_side[side].as_u64() >= Some(self.failed(class)),
            "{by_side}"
        );
        let row = self
            .ended
            .stdout
            .lines()
            .find(|line| line.trim_start().starts_with(class));
        assert!(row.unwrap().ends_with(side), "{}", self.ended.stdout);
        self
    }

    /// Asserts a part of the results on the terminal.
    fn says(&self, text: &str) {
        let stdout = &self.ended.stdout;
        assert!(stdout.contains(text), "no `{text}` in:\n{stdout}");
    }

    fn does_not_say(&self, text: &str) {
        let stdout = &self.ended.stdout;
        assert!(!stdout.contains(text), "`{text}` in:\n{stdout}");
    }

    fn advises(&self, advice: &str) {
        let next = self.summary["next"].as_str().unwrap();
        assert!(next.contains(advice), "{next}");
    }
}

fn missed(outcome: &Outcome) {
    // A debug build makes every measurement suspect at best.
    assert_ne!(
        outcome.verdict().0,
        "invalid",
        "{:#}",
        outcome.summary["verdict"]
    );
    assert_eq!(outcome.verdict().1, "missed");
}

#[test]
fn service_that_answers_503_missed() {
    for rules in ["'p90 < 1s'", ""] {
        let service = RawService::status("503 Service Unavailable").start();
        let outcome = Case { rules, ..CASE }.run(service, 99);
        missed(&outcome);
        outcome.blames("service", "unexpected_status");
        outcome.says("The service failed all");
    }
}

#[test]
fn percentile_among_timeouts_is_not_judged() {
    let service = RawService {
        takes: Duration::from_millis(400),
        at_a_time: 8,
        ..RawService::default()
    };
    let outcome = Case {
        load: "users = 400\ntimeout = \"1s\"",
        rules: "'p90 < 10s', 'errors < 100%'",
        ..CASE
    }
    .run(service.start(), 121);
    outcome.blames("service", "timeout");
    assert_eq!(outcome.verdict().1, "not_judged");
}

#[test]
fn lack_of_ports_does_not_abort() {
    in_namespace(|| {
        rows::few_ports();
        let service = RawService::answering(CLOSE);
        let rules = "'errors < 5%, abort'";
        let outcome = Case { rules, ..CASE }.run(service.start(), 120);
        outcome.blames("generator", "local_ports");
        assert!(
            !outcome.ended.stderr.contains("aborted"),
            "{}",
            outcome.ended.stderr
        );
    });
}

#[test]
fn waits_for_users_are_not_blamed_on_the_service() {
    let service = RawService {
        takes: Duration::from_millis(100),
        ..RawService::default()
    };
    let outcome = Case {
        load: "users = 5\ntimeout = \"2s\"\nwait = \"30s\"",
        rate: "70/s",
        rules: "'p50 < 150ms', 'p50 service < 150ms'",
        ..CASE
    }
    .run(service.start(), 121);
    assert_eq!(outcome.verdict(), ("suspect", "not_judged"));
    let [response, service] = [0, 1].map(|rule| &outcome.summary["rules"][rule]);
    assert_eq!(response["met"], Value::Null, "{response}");
    let why = response["why"].as_str().unwrap();
    assert!(why.contains("waited for an idle user"), "{why}");
    assert_eq!(service["met"], true, "{service}");
}

#[test]
fn full_disk_is_invalid() {
    in_namespace(|| {
        let service = RawService::default().start();
        let place = Workplace::new();
        mount_small_disk(&place.path("disk"));
        let scenario = CASE.scenario().replace("\"3s\"", "\"60s\"");
        place.write("case.toml", &scenario);
        std::fs::write(place.path("disk/filler"), vec![0; 200 << 10]).unwrap();
        let url = format!("http://{service}");
        let arguments = [
            "run",
            "case.toml",
            "--target",
            &url,
            "--no-live",
            "--out",
            "disk/run",
        ];
        let ended = place.run(&arguments).expect(120);
        assert!(
            ended.stderr.contains("No space left on device")
                && ended.stderr.contains("its measurement is invalid"),
            "{}",
            ended.stderr
        );
    });
}

#[test]
fn results_are_printed_although_their_disk_is_full() {
    in_namespace(|| {
        let service = RawService::default().start();
        let place = Workplace::new();
        mount_small_disk(&place.path("disk"));
        place.write("case.toml", &CASE.scenario());
        // The run itself fits, and its report does not.
        std::fs::write(place.path("disk/filler"), vec![0; 192 << 10]).unwrap();
        let url = format!("http://{service}");
        let arguments = [
            "run",
            "case.toml",
            "--target",
            &url,
            "--no-live",
            "--out",
            "disk/run",
        ];
        let ended = place.run(&arguments).expect(120);
        assert!(ended.stderr.contains("No space left"), "{}", ended.stderr);
        assert!(ended.stdout.contains("errors < 1%"), "{}", ended.stdout);
    });
}

#[test]
fn request_that_the_scenario_spoils_is_named_as_such() {
    let request = "path = \"/\"\nscript = '''fn before(vars) { vars.fail(\"no\"); }'''";
    let outcome = Case { request, ..CASE }.run(RawService::default().start(), 120);
    outcome.blames("scenario", "script");
    let reasons = outcome.summary["verdict"]["reasons"].to_string();
    assert!(reasons.contains("nothing was measured"), "{reasons}");
}

//! Each row of the table in docs/verdicts.md, with its real cause: who is blamed, the verdict, the exit code.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::net::SocketAddr;
use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};
use serde_json::Value;
use support::namespace::{in_namespace, ip, mount_small_disk, set};
use support::raw_service::RawService;
use support::{Ended, Workplace, read_json};
use tenfold_run_dir::counts::{FAILURE_CLASSES, blame};

/// An answer after which the client closes, so that its port stays in use for a minute (TIME_WAIT).
const CLOSE: &str = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

/// A scenario of 3 s at 50/s.
#[derive(Debug, Clone, Copy)]
struct Case {
    rules: &'static str,
    load: &'static str,
    rate: &'static str,
    request: &'static str,
    http: &'static str,
}

const CASE: Case = Case {
    rules: "'errors < 1%'",
    load: "users = 10\ntimeout = \"1s\"",
    rate: "50/s",
    request: "",
    http: "1.1",
};

impl Case {
    fn scenario(&self) -> String {
        let Self {
            rules,
            load,
            rate,
            request,
            ..
        } = self;
        format!(
            "version = 1\nname = \"case\"\nrules = [{rules}]\n[load]\narrivals = \"even\"\n{load}\n\
             [[phases]]\nname = \"all\"\nkind = \"constant\"\nrate = \"{rate}\"\nduration = \"3s\"\n\
             [[requests]]\nname = \"get\"\nkind = \"read\"\npath = \"/\"\n{request}\n"
        )
    }

    /// Runs it. `meanwhile` is called with the process a second after its start.
    fn run_with(&self, service: SocketAddr, code: i32, meanwhile: impl FnOnce(Pid)) -> Outcome {
        let place = Workplace::new();
        place.write("case.toml", &self.scenario());
        let url = format!("http://{service}");
        let arguments = [
            "run",
            "case.toml",
            "--target",
            &url,
            "--http",
            self.http,
            "--no-live",
            "--out",
            "run",
        ];
        let generator = place
            .tenfold(&arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let pid = Pid::from_child(&generator);
        std::thread::sleep(Duration::from_secs(1));
        meanwhile(pid);
        let ended = Ended::of(generator.wait_with_output().unwrap()).expect(code);
        let summary = read_json(&place.path("run/summary.json"));
        Outcome { ended, summary }
    }

    fn run(&self, service: SocketAddr, code: i32) -> Outcome {
        self.run_with(service, code, |_| ())
    }
}

struct Outcome {
    ended: Ended,
    summary: Value,
}

impl Outcome {
    fn verdict(&self) -> (&str, &str) {
        let verdict = &self.summary["verdict"];
        let text = |name: &str| verdict[name].as_str().unwrap();
        (text("measurement"), text("slo"))
    }

    fn failed(&self, class: &str) -> u64 {
        self.summary["failures"][class].as_u64().unwrap_or(0)
    }

    /// Asserts that a class has failures, the side that is blamed, and what the terminal says.
    fn blames(&self, side: &str, class: &str) -> &Self {
        assert!(self.failed(class) > 0, "{:#}", self.summary["failures"]);
        assert_eq!(blame(class).unwrap().name(), side);
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
    let rules = ["'errors < 1%'", "'p90 < 1s'", "", "'errors < 5%, abort'"];
    for rules in rules {
        let service = RawService::status("503 Service Unavailable").start();
        let outcome = Case { rules, ..CASE }.run(service, 99);
        missed(&outcome);
        outcome.blames("service", "unexpected_status");
        assert!(
            outcome.ended.stdout.contains("The service failed all"),
            "{}",
            outcome.ended.stdout
        );
    }
}

#[test]
fn service_whose_answers_fail_their_checks_missed() {
    let request = "checks = [{ body_contains = \"fine\" }]";
    let outcome = Case { request, ..CASE }.run(RawService::default().start(), 99);
    missed(&outcome);
    outcome.blames("service", "failed_check");
}

#[test]
fn service_that_dies_missed() {
    let service = RawService {
        closes: true,
        dies_after: Some(60),
        ..RawService::default()
    };
    let outcome = CASE.run(service.start(), 99);
    missed(&outcome);
    outcome.blames("service", "connect");
}

#[test]
fn service_that_hangs_missed() {
    let service = RawService {
        takes: Duration::from_secs(5),
        ..RawService::default()
    };
    let outcome = Case {
        load: "users = 200\ntimeout = \"500ms\"",
        // The limit is beyond the timeout, so the percentile says nothing.
        rules: "'p90 < 10s', 'errors < 100%'",
        ..CASE
    }
    .run(service.start(), 99);
    missed(&outcome);
    outcome.blames("service", "timeout");
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
fn service_that_closes_idle_connections_has_its_own_advice() {
    let service = RawService {
        closes: true,
        ..RawService::default()
    };
    let scenario = "version = 1\nname = \"case\"\nrules = ['errors < 1%']\n[load]\nmodel = \"closed\"\n\
                    users = 4\n[[phases]]\nname = \"all\"\nkind = \"users\"\nduration = \"2s\"\n\
                    [[journeys]]\nname = \"j\"\nsteps = [{ request = \"get\", repeat = 5 }]\npace = \"20ms\"\n\
                    [[requests]]\nname = \"get\"\nkind = \"read\"\npath = \"/\"\n";
    let place = Workplace::new();
    place.write("case.toml", scenario);
    let url = format!("http://{}", service.start());
    let ended = place
        .run(&["run", "case.toml", "--target", &url, "--out", "run"])
        .expect(99);
    let outcome = Outcome {
        ended,
        summary: read_json(&place.path("run/summary.json")),
    };
    missed(&outcome);
    outcome
        .blames("service", "closed_idle")
        .advises("keep-alive timeout");
}

#[test]
fn lack_of_ports_is_invalid() {
    in_namespace(|| {
        set("ip_local_port_range", "40000 40049");
        set("tcp_tw_reuse", "0");
        let service = RawService {
            answer: CLOSE.into(),
            ..RawService::default()
        };
        let outcome = CASE.run(service.start(), 120);
        assert_eq!(outcome.verdict().0, "invalid");
        outcome
            .blames("generator", "local_ports")
            .advises("net.ipv4.ip_local_port_range");
        assert_eq!(outcome.summary["failed_by"]["service"], 0);
    });
}

#[test]
fn lack_of_ports_does_not_abort() {
    in_namespace(|| {
        set("ip_local_port_range", "40000 40049");
        set("tcp_tw_reuse", "0");
        let service = RawService {
            answer: CLOSE.into(),
            ..RawService::default()
        };
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
fn lack_of_open_files_is_invalid() {
    let service = RawService {
        answer: CLOSE.into(),
        ..RawService::default()
    };
    let limit = |pid| {
        let few = Rlimit {
            current: Some(8),
            maximum: Some(8),
        };
        prlimit(Some(pid), Resource::Nofile, few).unwrap();
    };
    let outcome = CASE.run_with(service.start(), 120, limit);
    outcome
        .blames("generator", "open_files")
        .advises("ulimit -n");
}

#[test]
fn missing_route_is_invalid() {
    in_namespace(|| {
        let service = RawService {
            answer: CLOSE.into(),
            ..RawService::default()
        };
        let remove = |_| assert!(ip("addr del 127.0.0.1/8 dev lo"));
        let outcome = CASE.run_with(service.start(), 120, remove);
        outcome.blames("generator", "local_network");
    });
}

#[test]
fn policy_that_forbids_connections_is_invalid() {
    in_namespace(|| {
        let service = RawService {
            answer: CLOSE.into(),
            ..RawService::default()
        };
        assert!(ip("rule add pref 200 lookup local"));
        let forbid = |_| {
            assert!(ip("rule add pref 100 to 127.0.0.1 prohibit"));
            assert!(ip("rule del pref 0"));
        };
        let outcome = CASE.run_with(service.start(), 120, forbid);
        outcome.blames("generator", "local_denied");
    });
}

#[test]
fn unreachable_because_of_this_machine_exits_120() {
    in_namespace(|| {
        let service = RawService::default().start();
        assert!(ip("addr del 127.0.0.1/8 dev lo"));
        let place = Workplace::new();
        place.write("case.toml", &CASE.scenario());
        let url = format!("http://{service}");
        let ended = place
            .run(&["run", "case.toml", "--target", &url])
            .expect(120);
        assert!(
            ended
                .stderr
                .contains("The generator's machine is the cause"),
            "{}",
            ended.stderr
        );
    });
}

#[test]
fn answer_beyond_a_limit_of_the_generator_is_invalid() {
    let headers: String = (0..2_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
    let service = RawService {
        answer: format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n").into_bytes(),
        ..RawService::default()
    };
    let outcome = CASE.run(service.start(), 120);
    outcome.blames("generator", "generator_limit");
    let error = &outcome.summary["connections"]["first_errors"]["generator_limit"];
    assert!(error.as_str().unwrap().contains("1024 headers"), "{error}");
}

#[test]
fn too_few_users_leave_objectives_open() {
    let service = RawService {
        takes: Duration::from_millis(100),
        ..RawService::default()
    };
    let outcome = Case {
        load: "users = 10\ntimeout = \"2s\"\nwait = \"1s\"",
        rate: "500/s",
        rules: "'p90 < 10s', 'errors < 1%'",
        ..CASE
    }
    .run(service.start(), 121);
    assert_eq!(outcome.verdict(), ("suspect", "not_judged"));
    outcome.advises("Raise --users to");
    let stdout = &outcome.ended.stdout;
    assert!(stdout.contains("(500/s were offered)"), "{stdout}");
    assert!(!stdout.contains("at 500/s"), "{stdout}");
    let needed = outcome.summary["too_few_users"]["needed"].as_u64().unwrap();
    assert!((65..90).contains(&needed), "{needed}");
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
fn slow_service_is_blamed_for_dropped_arrivals() {
    let service = RawService {
        takes: Duration::from_millis(20),
        at_a_time: 1,
        ..RawService::default()
    };
    let outcome = Case {
        load: "users = 10\ntimeout = \"2s\"\nwait = \"500ms\"",
        rate: "500/s",
        rules: "'p90 < 400ms', 'errors < 1%'",
        ..CASE
    }
    .run(service.start(), 99);
    missed(&outcome);
    assert_eq!(outcome.summary["rules"][0]["met"], false);
    assert_eq!(outcome.summary["too_few_users"], Value::Null);
    assert!(
        !outcome.ended.stdout.contains("at 500/s"),
        "{}",
        outcome.ended.stdout
    );
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
    let request = "script = '''fn before(vars) { vars.fail(\"no\"); }'''";
    let outcome = Case { request, ..CASE }.run(RawService::default().start(), 120);
    outcome.blames("scenario", "script");
    let reasons = outcome.summary["verdict"]["reasons"].to_string();
    assert!(reasons.contains("nothing was measured"), "{reasons}");
}

/// A service that redirects every request to one place.
fn redirecting(location: &str) -> SocketAddr {
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    RawService {
        answer: answer.into_bytes(),
        ..RawService::default()
    }
    .start()
}

#[test]
fn service_that_redirects_in_a_loop_missed() {
    let request = "follow = 5";
    let outcome = Case { request, ..CASE }.run(redirecting("/"), 99);
    missed(&outcome);
    outcome.blames("service", "redirect").advises("by hand");
}

#[test]
fn redirect_to_host_without_permission_is_refused_and_named() {
    let request = "follow = 5";
    let outcome = Case { request, ..CASE }.run(redirecting("http://198.51.100.7/"), 120);
    outcome.blames("scenario", "redirect_refused");
    let named = "--i-may-test-this-host 198.51.100.7";
    assert!(
        outcome.ended.stdout.contains(named),
        "{}",
        outcome.ended.stdout
    );
}

/// The table has a row for each failure class, with the side that it is blamed on.
#[test]
fn table_names_every_failure_class() {
    let table = include_str!("../../../docs/verdicts.md");
    for (class, side) in FAILURE_CLASSES {
        let rows: Vec<&str> = table
            .lines()
            .filter(|line| line.starts_with('|') && line.contains(&format!("`{class}`")))
            .collect();
        assert!(!rows.is_empty(), "{class} is missing");
        for row in rows {
            assert!(row.contains(side.name()), "{class}: {row}");
        }
    }
}

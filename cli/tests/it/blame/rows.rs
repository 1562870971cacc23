//! The rows of the table in docs/verdicts.md for runs with requests: each with its real cause, and the results.

use std::net::SocketAddr;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, Signal, kill_process, prlimit};
use serde_json::Value;
use tenfold_run_dir::counts::blame;

use super::table::Documented;
use super::{CASE, Case, Outcome};
use crate::support::namespace::{in_namespace, ip, set};
use crate::support::raw_service::{CLOSE, RawService};
use crate::support::tls_service;

/// Number of runs, of which one must not be late: other processes may take the processor away.
const ATTEMPTS_MAX: usize = 5;

/// A row, its cause, and assertions beyond the documented columns.
struct Row {
    /// The failure class, or the text of the first column.
    key: &'static str,
    case: Case,
    service: fn() -> SocketAddr,
    /// Prepares the namespace of the run. `None` without a namespace.
    namespace: Option<fn()>,
    /// Called a second after the first arrival.
    meanwhile: fn(Pid),
    /// The verdict on the objectives.
    slo: &'static str,
    /// Parts of the results on the terminal.
    says: &'static [&'static str],
    /// A part of the recommended next step.
    advises: &'static str,
    /// Further assertions.
    also: fn(&Outcome),
}

/// A row of the service.
const SERVICE: Row = Row {
    key: "",
    case: CASE,
    service: || RawService::default().start(),
    namespace: None,
    meanwhile: |_| (),
    slo: "missed",
    says: &[],
    advises: "",
    also: |_| (),
};

/// A row of the generator: each request needs a connection, and 1 s passes without failures.
const GENERATOR: Row = Row {
    service: || RawService::answering(CLOSE).start(),
    slo: "not_judged",
    says: &["failed because of the generator, not of the service"],
    ..SERVICE
};

/// A row of the scenario, which spoils a part of the requests.
const SCENARIO: Row = Row {
    says: &["failed because of the scenario"],
    ..SERVICE
};

impl Row {
    fn check(self) {
        match self.namespace {
            None => self.judge(),
            Some(prepare) => in_namespace(move || {
                prepare();
                self.judge();
            }),
        }
    }

    fn judge(self) {
        let documented = Documented::row(self.key);
        let code = documented.exit_code.unwrap();
        let run = || self.case.run_with((self.service)(), self.meanwhile);
        let mut outcome = run();
        for _ in 1..ATTEMPTS_MAX {
            if documented.measurement == "invalid" || !outcome.is_late() {
                break;
            }
            outcome = run();
        }
        let outcome = outcome.expect(code);
        let (measurement, slo) = outcome.verdict();
        match documented.measurement {
            // A debug build makes every measurement suspect at best.
            "valid" | "as measured" => assert_ne!(measurement, "invalid", "{:#}", outcome.summary),
            worse => assert_eq!(measurement, worse, "{:#}", outcome.summary),
        }
        assert_eq!(slo, self.slo, "{:#}", outcome.summary);
        if let Some(class) = documented.class {
            assert_eq!(blame(class).unwrap().name(), documented.side);
            outcome.blames(documented.side, class);
        }
        if documented.side == "generator" {
            // A request that is in flight when the network goes times out.
            let by_service = outcome.summary["failed_by"]["service"].as_u64();
            assert!(by_service <= Some(2), "{:#}", outcome.summary["failures"]);
        }
        for text in self.says {
            outcome.says(text);
        }
        outcome.advises(self.advises);
        (self.also)(&outcome);
    }
}

/// Declares a test for each row.
macro_rules! rows {
    ($($name:ident: $row:expr,)*) => {
        /// The rows that these tests assert.
        pub(super) const KEYS: &[&str] = &[$({ const ROW: Row = $row; ROW.key }),*];
        $(
            #[test]
            fn $name() {
                const ROW: Row = $row;
                ROW.check();
            }
        )*
    };
}

rows! {
    refused_connections: Row {
        key: "connect",
        service: || RawService { closes: true, dies_after: Some(60), ..RawService::default() }.start(),
        says: &["The service missed its objective", "Connection refused"],
        advises: "still listens",
        ..SERVICE
    },
    failed_handshakes: Row {
        key: "tls",
        case: Case { scheme: "https", arguments: &["--insecure"], ..CASE },
        service: tls_service::start,
        says: &["The service missed its objective", "the response is not TLS"],
        advises: "curl -v",
        ..SERVICE
    },
    hanging_service: Row {
        key: "timeout",
        case: Case {
            load: "users = 200\ntimeout = \"500ms\"",
            // The limit is beyond the timeout, so the percentile says nothing.
            rules: "'p90 < 10s', 'errors < 100%'",
            ..CASE
        },
        service: || RawService { takes: Duration::from_secs(5), ..RawService::default() }.start(),
        says: &["The service failed all"],
        ..SERVICE
    },
    connection_closed_before_the_answer: Row {
        key: "connection",
        service: || RawService { closes: true, ..RawService::answering("") }.start(),
        says: &["The service failed all"],
        advises: "log of the service",
        ..SERVICE
    },
    kept_alive_connection_closed: Row {
        key: "closed_idle",
        case: Case {
            load: "model = \"closed\"\nusers = 4",
            phase: "kind = \"users\"",
            request: "path = \"/\"\n[[journeys]]\nname = \"all\"\npace = \"20ms\"\n\
                      steps = [{ request = \"get\", repeat = 5 }]",
            ..CASE
        },
        service: || RawService { closes: true, ..RawService::default() }.start(),
        says: &["The service missed its objective"],
        advises: "keep-alive timeout",
        ..SERVICE
    },
    body_cut_off: Row {
        key: "short_body",
        service: || {
            let answer = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nok";
            RawService { closes: true, ..RawService::answering(answer) }.start()
        },
        says: &["The service failed all"],
        ..SERVICE
    },
    malformed_answer: Row {
        key: "malformed",
        service: || RawService::answering("HTTP/1.1 200 OK\r\na name: x\r\n\r\n").start(),
        says: &["The service failed all", "invalid header name"],
        ..SERVICE
    },
    redirects_in_a_loop: Row {
        key: "redirect",
        case: Case { request: "path = \"/\"\nfollow = 5", ..CASE },
        service: || redirecting("/"),
        says: &["The service failed all"],
        advises: "by hand",
        ..SERVICE
    },
    unavailable_service: Row {
        key: "unexpected_status",
        service: || RawService::status("503 Service Unavailable").start(),
        says: &["The service failed all"],
        ..SERVICE
    },
    failed_checks: Row {
        key: "failed_check",
        case: Case { request: "path = \"/\"\nchecks = [{ body_contains = \"fine\" }]", ..CASE },
        says: &["The service failed all", "body contains"],
        ..SERVICE
    },
    missing_captures: Row {
        key: "missing_capture",
        case: Case { request: "path = \"/\"\ncapture = { id = \"json:/id\" }", ..CASE },
        says: &["The service failed all", "capture id"],
        ..SERVICE
    },
    answer_without_event_stream: Row {
        key: "event_stream",
        case: Case { request: "path = \"/\"\nstream = \"sse\"", ..CASE },
        says: &["The service failed all", "the answer is no stream of events"],
        ..SERVICE
    },
    answer_without_websocket: Row {
        key: "websocket",
        case: Case { request: "path = \"/\"\nwebsocket = { send = [\"a\"] }", ..CASE },
        service: || {
            let answer = "HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: upgrade\r\n\r\n";
            RawService::answering(answer).start()
        },
        says: &["The service failed all", "sec-websocket-accept"],
        ..SERVICE
    },
    slow_service_drops_arrivals: Row {
        key: "it is too slow for the rate, and arrivals wait for a user until they are dropped",
        case: Case {
            load: "users = 10\ntimeout = \"2s\"\nwait = \"500ms\"",
            // The first request finds the service idle, although other processes may delay it.
            rate: "100/s",
            rules: "'p90 < 400ms', 'errors < 1%'",
            ..CASE
        },
        service: || {
            let service = RawService { at_a_time: 1, ..RawService::default() };
            RawService { takes: Duration::from_millis(20), ..service }.start()
        },
        says: &["The service missed", "(100/s were offered)", " dropped"],
        also: |outcome| {
            assert_eq!(outcome.summary["rules"][0]["met"], false);
            assert_eq!(outcome.summary["too_few_users"], Value::Null);
            outcome.does_not_say("at 100/s");
        },
        ..SERVICE
    },
    aborting_rule: Row {
        key: "a rule with `abort` ends the run",
        case: Case { rules: "'errors < 5%, abort'", ..CASE },
        service: || RawService::status("503 Service Unavailable").start(),
        says: &["The service failed all", "ended early: aborted by rule"],
        ..SERVICE
    },
    lack_of_ports: Row {
        key: "local_ports",
        namespace: Some(few_ports),
        advises: "net.ipv4.ip_local_port_range",
        also: |outcome| assert_eq!(outcome.summary["failed_by"]["service"], 0),
        ..GENERATOR
    },
    lack_of_open_files: Row {
        key: "open_files",
        meanwhile: |pid| {
            let few = Rlimit { current: Some(8), maximum: Some(8) };
            prlimit(Some(pid), Resource::Nofile, few).unwrap();
        },
        advises: "ulimit -n",
        ..GENERATOR
    },
    missing_route: Row {
        key: "local_network",
        namespace: Some(|| ()),
        meanwhile: |_| assert!(ip("addr del 127.0.0.1/8 dev lo")),
        advises: "ip route get ADDRESS",
        ..GENERATOR
    },
    forbidden_connections: Row {
        key: "local_denied",
        namespace: Some(|| assert!(ip("rule add pref 200 lookup local"))),
        meanwhile: |_| {
            assert!(ip("rule add pref 100 to 127.0.0.1 prohibit"));
            assert!(ip("rule del pref 0"));
        },
        advises: "forbids the connection",
        ..GENERATOR
    },
    answer_beyond_a_limit: Row {
        key: "generator_limit",
        service: || {
            let headers: String = (0..2_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
            let answer = format!("HTTP/1.1 200 OK\r\n{headers}content-length: 0\r\n\r\n");
            RawService::answering(&answer).start()
        },
        says: &["failed because of the generator, not of the service", "more than 1024 headers"],
        ..GENERATOR
    },
    too_few_users: Row {
        key: "there are too few users, and the service answers as quickly as ever",
        case: Case {
            load: "users = 10\ntimeout = \"2s\"\nwait = \"1s\"",
            rate: "500/s",
            rules: "'p90 < 10s', 'errors < 1%'",
            ..CASE
        },
        service: || RawService { takes: Duration::from_millis(100), ..RawService::default() }.start(),
        says: &["all 10 users were busy", "(500/s were offered)"],
        advises: "Raise --users to",
        also: |outcome| {
            outcome.does_not_say("at 500/s");
            let needed = outcome.summary["too_few_users"]["needed"].as_u64().unwrap();
            assert!((65..90).contains(&needed), "{needed}");
        },
        ..GENERATOR
    },
    missing_variables: Row {
        key: "missing_variable",
        case: Case {
            request: "path = \"/\"\ncapture = { id = { from = \"json:/id\", optional = true } }\n\
                      [[requests]]\nname = \"use\"\nkind = \"read\"\npath = \"/{id}\"\n\
                      [[journeys]]\nname = \"all\"\nsteps = [\"get\", \"use\"]",
            ..CASE
        },
        advises: "find the value that `use` needs",
        ..SCENARIO
    },
    unsendable_requests: Row {
        key: "unsendable",
        case: Case {
            request: "path = \"/\"\nheaders = { x = \"{name}\" }\n\
                      [[requests]]\nname = \"other\"\nkind = \"read\"\npath = \"/\"\nweight = 9\n\
                      [variables]\nname = \"a\\r\\nb\"",
            ..CASE
        },
        advises: "Correct the scenario",
        ..SCENARIO
    },
    redirects_without_permission: Row {
        key: "redirect_refused",
        case: Case {
            request: "path = \"/\"\nfollow = 5\n\
                      [[requests]]\nname = \"other\"\nkind = \"read\"\npath = \"/\"\nweight = 9\nexpect = [302]",
            ..CASE
        },
        service: || redirecting("http://198.51.100.7/"),
        says: &["failed because of the scenario", "--i-may-test-this-host 198.51.100.7"],
        ..SCENARIO
    },
    failed_script: Row {
        key: "script",
        case: Case {
            request: "path = \"/\"\nscript = '''fn before(vars) { vars.fail(\"no\"); }'''\n\
                      [[requests]]\nname = \"other\"\nkind = \"read\"\npath = \"/\"\nweight = 9",
            ..CASE
        },
        advises: "correct the script",
        ..SCENARIO
    },
    slow_script: Row {
        key: "script_timeout",
        case: Case {
            request: "path = \"/\"\nscript = '''fn after(response, vars) {\n\
                      let text = \"\"; text.pad(60000, 'a'); loop { let upper = text.to_upper(); } }'''\n\
                      [[requests]]\nname = \"other\"\nkind = \"read\"\npath = \"/\"\nweight = 19",
            ..CASE
        },
        advises: "do less",
        ..SCENARIO
    },
    interrupted_run: Row {
        key: "the run is interrupted",
        meanwhile: |pid| kill_process(pid, Signal::INT).unwrap(),
        slo: "met",
        says: &["ended early: interrupted"],
        ..SERVICE
    },
}

/// Leaves 50 ports, of which each stays in use after its connection.
pub(super) fn few_ports() {
    set("ip_local_port_range", "40000 40049");
    set("tcp_tw_reuse", "0");
}

/// A service that redirects every request to one place.
fn redirecting(location: &str) -> SocketAddr {
    let answer = format!("HTTP/1.1 302 Found\r\nlocation: {location}\r\ncontent-length: 0\r\n\r\n");
    RawService::answering(&answer).start()
}

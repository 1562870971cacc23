//! Profiles of a service that knows nothing of Tenfold: a Python program.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use crate::support;

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, geteuid, kill_process};
use serde_json::Value;
use support::{Ended, Workplace, light_scenario, read_json, skip};

/// A server that computes in one function and sleeps in another, 20 ms a request.
const SERVER: &str = r#"
import http.server, time

def burn_in_python():
    return sum(n * n for n in range(40000))

def sleep_in_python():
    time.sleep(0.02)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        burn_in_python()
        sleep_in_python()
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *arguments):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// Seconds that a request sleeps.
const SLEEP_S: f64 = 0.02;

/// Requests per second.
const RATE: f64 = 20.0;

/// A running Python server. Killed when dropped.
struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts a program in Python with these options.
    fn start(place: &Workplace, python: &PathBuf, options: &[&str], program: &str) -> Self {
        let script = place.write("server.py", program);
        let mut child = Command::new(python)
            .args(options)
            .arg(script)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap())
            .read_line(&mut line)
            .unwrap();
        let port = line.trim().parse().unwrap();
        Self { child, port }
    }

    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn pid(&self) -> String {
        self.child.id().to_string()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
        // A Python with `-X perf` leaves it behind.
        let _ = fs::remove_file(format!("/tmp/perf-{}.map", self.child.id()));
    }
}

/// Returns whether a Python exits successfully with these arguments.
fn succeeds(python: &PathBuf, arguments: &[&str]) -> bool {
    let mut command = Command::new(python);
    let quiet = command.args(arguments).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// Returns the program of a Python, and whether it names its functions to profilers, as versions from 3.12 on do.
fn python() -> Option<(PathBuf, bool)> {
    let home = std::env::home_dir().unwrap_or_default();
    let versions = fs::read_dir(home.join(".pyenv/versions"));
    let of_pyenv = versions.into_iter().flatten().flatten();
    let of_pyenv = of_pyenv.map(|version| version.path().join("bin/python3"));
    let all: Vec<PathBuf> = [PathBuf::from("python3")]
        .into_iter()
        .chain(of_pyenv)
        .collect();
    let names = "import sys; sys.exit(not sys.is_stack_trampoline_active())";
    let naming = all
        .iter()
        .find(|python| succeeds(python, &["-X", "perf", "-c", names]));
    if let Some(naming) = naming {
        return Some((naming.clone(), true));
    }
    let any = all
        .into_iter()
        .find(|python| succeeds(python, &["-c", "import http.server"]));
    any.map(|any| (any, false))
}

/// Checks that a run was measured. On a busy machine, its figures may be invalid.
fn measured(ended: Ended) -> Ended {
    match ended.code {
        Some(120) => ended,
        _ => ended.expect(0),
    }
}

/// Returns the stacks of a folded file, each with its amount.
fn folded(place: &Workplace, name: &str) -> Vec<(String, f64)> {
    let text = fs::read_to_string(place.path("run/profile").join(name)).unwrap();
    let lines = text.lines().map(|line| line.rsplit_once(' ').unwrap());
    lines
        .map(|(stack, amount)| (stack.to_owned(), amount.parse().unwrap()))
        .collect()
}

/// Adds the amounts of the stacks that have all of these texts.
fn sum_of(stacks: &[(String, f64)], parts: &[&str]) -> f64 {
    let has = |stack: &String| parts.iter().all(|part| stack.contains(part));
    let with = stacks.iter().filter(|(stack, _)| has(stack));
    with.map(|(_, amount)| amount).sum()
}

fn seconds(document: &Value, name: &str) -> f64 {
    document[name].as_f64().unwrap() / 1e9
}

#[test]
fn names_functions_and_waits_of_a_foreign_process() {
    let Some((python, names)) = python() else {
        return skip("no python3");
    };
    let place = Workplace::profiled();
    let options: &[&str] = if names { &["-X", "perf"] } else { &[] };
    let server = Server::start(&place, &python, options, SERVER);
    place.write("python.toml", &light_scenario(&format!("{RATE}/s"), "8s"));
    let target = server.url();
    let ended = measured(place.run(&["run", "python.toml", "--target", &target, "--out", "run"]));
    let waits = read_json(&place.path("run/profile/off-cpu.json"));
    if waits["method"] != "perf-events" {
        return skip(&ended.stderr);
    }

    let info = read_json(&place.path("run/profile/profile.json"));
    let source = info["source"].as_str().unwrap();
    let process = format!("process {} (", server.pid());
    assert!(
        source.starts_with(&process) && source.ends_with("by perf events"),
        "{source}"
    );
    let (captured, expected) = (
        info["captured"].as_f64().unwrap(),
        info["expected"].as_f64().unwrap(),
    );
    assert!(
        captured >= 0.8 * expected - 10.0 && captured > 0.0,
        "{captured} of {expected} samples"
    );
    let samples = folded(&place, "stacks.folded");
    let all = sum_of(&samples, &[]);
    assert_eq!(sum_of(&samples, &["python"]), all, "{samples:?}");
    let burning = match names {
        true => sum_of(&samples, &["py::burn_in_python:"]),
        // Without its own names, the interpreter's.
        false => sum_of(&samples, &["_PyEval_EvalFrameDefault"]),
    };
    assert!(burning >= 0.6 * all, "{burning} of {samples:?}");
    assert!(place.path("run/profile/cpu.pb.gz").exists());

    assert!(waits["threads"].as_u64().unwrap() >= 1, "{waits:#}");
    let waited = folded(&place, "off-cpu.folded");
    let asleep = match names {
        true => sum_of(&waited, &["py::sleep_in_python:", ";[blocked: sleep]"]),
        false => sum_of(&waited, &[";[blocked: sleep]"]),
    };
    // Each sleep may be longer on a busy machine, and a request may come late.
    let asked = RATE * SLEEP_S * seconds(&waits, "duration_ns");
    let asleep = asleep / 1e9;
    assert!(
        asleep >= 0.8 * asked && asleep <= 2.0 * asked,
        "{asleep} s asleep, not {asked} s: {waited:?}"
    );

    let report = fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(report.contains("Time off the CPU") && report.contains("id=\"flame-off-cpu-t\""));
    assert!(report.contains("[blocked: sleep] ("));
}

/// Runs the binary without the permission to profile the server. `None` if this machine can't do that.
fn run_without_permission(place: &Workplace, server: &Server) -> Option<Ended> {
    let target = server.url();
    let mut arguments = vec!["run", "python.toml", "--target", &target, "--out", "run"];
    if !geteuid().is_root() {
        // The first process belongs to root.
        arguments.extend(["--pid", "1"]);
        return Some(place.run(&arguments));
    }
    let pid = server.pid();
    arguments.extend(["--pid", &pid]);
    // Others may not enter the directory of the build.
    let program = place.path("tenfold");
    let built = env!("CARGO_BIN_EXE_tenfold");
    if fs::hard_link(built, &program).is_err() {
        fs::copy(built, &program).unwrap();
    }
    fs::set_permissions(place.path("."), fs::Permissions::from_mode(0o777)).unwrap();
    let mut command = Command::new("setpriv");
    command
        .args(["--reuid", "65534", "--regid", "65534", "--clear-groups"])
        .args(["--inh-caps=-all", "--"])
        .arg(program)
        .args(&arguments);
    place.settle(&mut command);
    command.output().ok().map(Ended::of)
}

#[test]
fn says_what_to_set_without_permission() {
    let Some((python, _)) = python() else {
        return skip("no python3");
    };
    let place = Workplace::profiled();
    let server = Server::start(&place, &python, &[], SERVER);
    place.write("python.toml", &light_scenario("20/s", "4s"));
    let Some(ended) = run_without_permission(&place, &server) else {
        return skip("no setpriv");
    };
    let ended = measured(ended);
    for part in [
        "note: the profile has no functions: could not profile process",
        "kernel.perf_event_paranoid",
        "run as root, give the program the capabilities with `setcap cap_perfmon,cap_sys_ptrace+ep FILE`",
    ] {
        assert!(ended.stderr.contains(part), "{part} in\n{}", ended.stderr);
    }
    // States of threads take the place of stacks.
    let waits = read_json(&place.path("run/profile/off-cpu.json"));
    assert_eq!(waits["method"], "states");
    assert!(waits["limits"].to_string().contains("setcap"), "{waits:#}");
    assert!(!place.path("run/profile/cpu.pb.gz").exists());
    let report = fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(report.contains("setcap cap_perfmon"));
}

#[test]
fn profiles_nothing_with_no_profile_and_refuses_unknown_processes() {
    let place = Workplace::profiled();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("20/s", "3s"));
    let target = service.url();
    let run = ["run", "light.toml", "--target", &target, "--out"];
    measured(place.run(&[&run[..], &["none", "--no-profile"]].concat()));
    assert!(!place.path("none/profile").exists());
    // No Linux has processes with such ids.
    for (pid, reason) in [
        ("4194305", "no process of this machine has this id"),
        ("0", "no process of this machine has this id"),
        ("-1", "a process id is a whole number"),
        ("python3", "a process id is a whole number"),
    ] {
        let pid = format!("--pid={pid}");
        let ended = place.run(&[&run[..], &["refused", &pid]].concat());
        assert!(ended.expect(104).stderr.contains(reason));
    }
    assert!(!place.path("refused").exists());
}

/// A server that lets four requests at a time through to a sleep of 20 ms: 200/s.
const POOL: &str = r#"
import http.server, threading, time

pool = threading.Semaphore(4)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        with pool:
            time.sleep(0.02)
        self.send_response(200)
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *arguments):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    def handle_error(self, *arguments):
        pass

server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

#[test]
fn diagnosis_names_what_requests_wait_for() {
    let Some((python, names)) = python() else {
        return skip("no python3");
    };
    let place = Workplace::profiled();
    let options: &[&str] = if names { &["-X", "perf"] } else { &[] };
    let server = Server::start(&place, &python, options, POOL);
    place.write("pool.toml", &light_scenario("100/s", "8s"));
    let target = server.url();
    let profile = [
        "profile",
        "pool.toml",
        "--target",
        &target,
        "--rules",
        "p99 < 1s",
        "--json",
    ];
    let own = ["--budget", "12s", "--duration", "5s", "--out", "diagnosis"];
    let ended = place.run(&[&profile[..], &own].concat()).expect(0);
    let found = ended.json();
    assert_eq!(read_json(&place.path("diagnosis/diagnosis.json")), found);
    let sustained = found["diagnosis"]["sustained"].as_f64().unwrap();
    assert!((100.0..=215.0).contains(&sustained), "{found:#}");
    let waits = read_json(&place.path("diagnosis/above/profile/off-cpu.json"));
    if waits["method"] != "perf-events" {
        return skip(&ended.stderr);
    }
    let first = &found["diagnosis"]["bottlenecks"][0];
    let title = first["title"].as_str().unwrap();
    assert_eq!(first["resource"], "lock", "{first:#}");
    assert!(title.starts_with("Requests wait for a lock"), "{first:#}");
    if names {
        assert!(title.contains("`Handler.do_GET (server.py)`"), "{first:#}");
    }
    let report = fs::read_to_string(place.path("diagnosis/report.html")).unwrap();
    for part in [
        "./above/report.html",
        "./trial-01/report.html",
        "wait for a lock",
    ] {
        assert!(report.contains(part), "{part}");
    }
}

/// Reads of posts. With the data of `DATA`, all exist.
const POSTS: &str = r#"
version = 1
name = "posts"
rules = ["p99 < 1s"]
[[phases]]
name = "all"
kind = "constant"
rate = "1000/s"
duration = "10s"
[[keys]]
name = "posts"
count = 500
popularity = { kind = "uniform" }
[[requests]]
name = "read post"
kind = "read"
path = "/v1/posts/{key}"
keys = "posts"
"#;

/// A data set that is loaded in no time.
const DATA: [&str; 4] = ["--data-users", "100", "--data-posts", "500"];

/// Short runs: the experiment takes some twenty seconds.
const CONFIRM: [&str; 8] = [
    "--confirm",
    "--no-profile",
    "--json",
    "--budget",
    "5s",
    "-d",
    "3s",
    "--out",
];

/// The planted bottleneck is the small box of the reference service.
#[test]
fn experiment_confirms_a_planted_small_box() {
    let place = Workplace::profiled();
    place.write("posts.toml", POSTS);
    let profile = ["profile", "posts.toml", "--box", "web=0.2"];
    let ended = place.run(&[&profile[..], &DATA, &CONFIRM, &["found"]].concat());
    if ended.stderr.contains("boxes have no limits") {
        return skip(&ended.stderr);
    }
    let found = ended.expect(0).json();
    assert_eq!(
        found["diagnosis"]["bottlenecks"][0]["resource"], "box_cpu",
        "{found:#}"
    );
    let experiment = &found["confirmation"];
    assert_eq!(experiment["outcome"], "confirmed", "{experiment:#}");
    assert_eq!(experiment["steepest"], "box web");
    assert_eq!(experiment["named"], serde_json::json!(["box web"]));
    let report = fs::read_to_string(place.path("found/report.html")).unwrap();
    assert!(report.contains("Bottleneck, confirmed") && report.contains("Confirmed: 50.0% more"));
    assert!(report.contains("./confirm-above/report.html"));
}

/// A server with a pool of four connections to something slow, and another call that holds nothing. It can delay both.
const DELAYED_POOL: &str = r#"
import http.server, json, threading, time

pool, lock = threading.Semaphore(4), threading.Lock()
calls, busy, delay = {"db": 0, "peer": 0}, {"db": 0.0, "peer": 0.0}, {}

def note(line):
    with open(__file__ + ".log", "a") as log:
        log.write(line + "\n")

def call(name, seconds):
    began = time.monotonic()
    time.sleep(seconds)
    took = time.monotonic() - began
    with lock:
        calls[name] += 1
        busy[name] += took
        late = delay["us"] if delay.get("name") == name and time.monotonic() < delay["ends"] else 0
    if late:
        time.sleep(late / 1e6)

class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def answer(self, body, timing=""):
        self.send_response(200)
        self.send_header("Server-Timing", timing)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def status(self):
        with lock:
            self.answer(json.dumps({"components": [
                {"name": name, "kind": "wait", "parts": ["pool"] if name == "db" else [],
                 "calls": calls[name], "busy_us": busy[name] * 1e6}
                for name in calls], "delay_us_max": 60000}).encode())
    def do_GET(self):
        if self.path == "/debug/delay":
            return self.status()
        began = time.monotonic()
        call("peer", 0.01)
        asked = time.monotonic()
        with pool:
            waited = time.monotonic() - asked
            call("db", 0.02)
        total = time.monotonic() - began
        self.answer(b"ok", f"pool;dur={waited * 1e3:.3f}, total;dur={total * 1e3:.3f}")
    def do_PUT(self):
        wanted = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with lock:
            delay.update(name=wanted["component"], us=wanted["delay_us"],
                         ends=time.monotonic() + wanted["for_s"])
            note("PUT")
        self.status()
    def do_DELETE(self):
        with lock:
            delay.clear()
            note("DELETE")
        self.status()
    def log_message(self, *arguments):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 1024
    def handle_error(self, *arguments):
        pass

server = Server(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"#;

/// Any service can offer the delays. Both components are waits; one of them has a queue.
#[test]
fn experiment_finds_the_pool_of_a_foreign_service() {
    let Some((python, _)) = python() else {
        return skip("no python3");
    };
    let place = Workplace::profiled();
    let server = Server::start(&place, &python, &[], DELAYED_POOL);
    place.write("pool.toml", &light_scenario("250/s", "8s"));
    let target = server.url();
    let profile = [
        "profile",
        "pool.toml",
        "--target",
        &target,
        "--admin",
        &target,
    ];
    let rules = ["--rules", "p99 < 1s"];
    let ended = place.run(&[&profile[..], &rules, &CONFIRM, &["found"]].concat());
    let found = ended.json();
    let experiment = &found["confirmation"];
    assert_eq!(experiment["steepest"], "db", "{found:#}");
    // Other processes may fill a busy machine, which the diagnosis then names. The experiment is not misled.
    let first = &found["diagnosis"]["bottlenecks"][0];
    match first["resource"].as_str().unwrap() {
        "cpu" | "shared_cpu" => {
            assert_eq!(experiment["outcome"], "refuted", "{found:#}");
            assert_eq!(ended.code, Some(121));
        }
        "other_processes" => assert_eq!(experiment["outcome"], "not_decided"),
        _ => {
            assert_eq!(experiment["outcome"], "confirmed", "{found:#}");
            assert_eq!(ended.code, Some(0));
        }
    }
    let of = |name: &str| {
        let all = experiment["sensitivities"].as_array().unwrap().iter();
        let own = all.into_iter().find(|own| own["component"]["name"] == name);
        own.unwrap()["throughput"]["value"].as_f64().unwrap()
    };
    assert!((0.6..=1.4).contains(&of("db")), "{experiment:#}");
    assert!(of("peer") < 0.3, "{experiment:#}");
}

/// The service counts calls in the run at low load. An interrupt in it leaves nothing switched on.
#[test]
fn interrupt_ends_the_experiment_at_the_service() {
    let Some((python, _)) = python() else {
        return skip("no python3");
    };
    let place = Workplace::profiled();
    let server = Server::start(&place, &python, &[], DELAYED_POOL);
    place.write("pool.toml", &light_scenario("100/s", "8s"));
    let target = server.url();
    let profile = [
        "profile",
        "pool.toml",
        "--target",
        &target,
        "--admin",
        &target,
    ];
    let rules = ["--rules", "p99 < 1s", "--duration", "30s"];
    let confirm = [
        "--confirm",
        "--no-profile",
        "--budget",
        "4s",
        "--out",
        "found",
    ];
    let mut child = place
        .tenfold(&[&profile[..], &rules, &confirm].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let switched = || fs::read_to_string(place.path("server.py.log")).unwrap_or_default();
    let deadline = Instant::now() + Duration::from_secs(90);
    while switched().is_empty() {
        assert!(Instant::now() < deadline, "nothing was counted");
        std::thread::sleep(Duration::from_millis(100));
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let status = child.wait().unwrap();
    assert_eq!(status.code(), Some(105));
    assert_eq!(switched(), "PUT\nDELETE\n");
}

#[test]
fn confirm_refuses_a_service_without_levers_before_any_load() {
    let place = Workplace::profiled();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("20/s", "3s"));
    let (target, admin) = (service.url(), service.admin_url());
    let profile = [
        "profile",
        "light.toml",
        "--confirm",
        "--out",
        "none",
        "--target",
        &target,
    ];
    for (flags, reason) in [
        (&[][..], "--confirm slows one component after the other"),
        (&["--admin", &admin], "delays are not allowed"),
        (&["--admin", &target], "status 404"),
    ] {
        let told = place
            .run(&[&profile[..], flags].concat())
            .expect(104)
            .stderr;
        assert!(told.contains(reason), "{told}");
        assert!(told.contains("/debug/delay"), "{told}");
    }
    // The service would count only a part of its calls.
    let told = place
        .run(&[&profile[..], &["--admin", &admin, "--duration", "2m"]].concat())
        .expect(104)
        .stderr;
    assert!(told.contains("give a shorter --duration"), "{told}");
    assert!(!place.path("none").exists());
}

#[test]
fn compares_two_profiles_and_refuses_runs_without() {
    let place = Workplace::profiled();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("50/s", "3s"));
    let target = service.url();
    let admin = service.admin_url();
    let run = ["run", "light.toml", "--target", &target, "--admin", &admin];
    for (name, more) in [
        ("before", &[][..]),
        ("after", &[]),
        ("none", &["--no-profile"]),
    ] {
        measured(place.run(&[&run[..], &["--out", name], more].concat()));
    }
    place.run(&["profile", "before", "after"]).expect(0);
    let page = fs::read_to_string(place.path("comparison.html")).unwrap();
    assert!(page.contains("id=\"flame-appeared-t\"") && page.contains("id=\"flame-vanished-t\""));
    for (flags, named) in [
        (&["--budget", "5s"][..], "--budget"),
        (&["--target", "http://127.0.0.1:1"], "--target"),
        (&["-d", "5s"], "--duration"),
        (&["--confirm"], "--confirm"),
    ] {
        let ended = place.run(&[&["profile", "before", "after"], flags].concat());
        let told = ended.expect(104).stderr;
        assert!(told.contains(&format!("{named} is for a search")), "{told}");
    }
    let ended = place.run(&["profile", "before", "none"]).expect(104);
    assert!(
        ended.stderr.contains("the run in none has no profile"),
        "{}",
        ended.stderr
    );
}

//! `tenfold agent` and `tenfold run --agents`: one run of several machines, which are processes here, over a real NATS server.
//!
//! `scripts/agents` repeats the kills at random moments.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use crate::support;

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::nats::NatsServer;
use support::slow_link::SlowLink;
use support::{Ended, Workplace, light_scenario, read_json};

/// Longest time until a process has done something.
const SOON: Duration = Duration::from_secs(60);

/// An agent's process. Killed when dropped.
struct Agent {
    child: Child,
    log: std::path::PathBuf,
}

impl Agent {
    /// Starts an agent, and waits until it waits for runs.
    fn start(place: &Workplace, nats: &str, name: &str, more: &[&str]) -> Self {
        let agent = ["agent", "--nats", nats, "--name", name];
        Self::of(place, name, place.tenfold(&[&agent[..], more].concat()))
    }

    fn of(place: &Workplace, name: &str, mut command: Command) -> Self {
        let log = place.path(&format!("{name}.log"));
        command
            .env("TENFOLD_RECORDS", place.path(&format!("{name}.records")))
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(&log).unwrap());
        let child = command.spawn().unwrap();
        let agent = Self { child, log };
        agent.wait_for("waits for runs");
        agent
    }

    fn said(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it has said something.
    fn wait_for(&self, text: &str) {
        let deadline = Instant::now() + SOON;
        while !self.said().contains(text) {
            assert!(Instant::now() < deadline, "{text}? {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Starts a service that keeps every request line it gets.
fn recording_service() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || record(&stream, &kept));
        }
    });
    (address, lines)
}

/// Keeps the first line of each request, and the line with its credentials.
fn record(mut stream: &TcpStream, kept: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok()?;
            if line.to_ascii_lowercase().starts_with("authorization") {
                first.push_str(&line);
            }
        }
        kept.lock().unwrap().push(first);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .ok()?;
    }
}

fn run_command(place: &Workplace, nats: &str, target: &str, more: &[&str]) -> Command {
    let run = [
        "run",
        "light.toml",
        "--nats",
        nats,
        "--target",
        target,
        "--out",
        "run",
    ];
    let mut command = place.tenfold(&[&run[..], more].concat());
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Checks that a run was complete. On a busy machine, its generators may be too late for a valid measurement (120).
fn complete(ended: Ended) -> Ended {
    let code = match ended.code {
        Some(120) => 120,
        _ => 0,
    };
    ended.expect(code)
}

fn holds(summary: &Value) {
    for identity in summary["identities"].as_array().unwrap() {
        assert_ne!(identity["holds"], false, "{identity:#}");
    }
}

fn reasons(summary: &Value) -> String {
    summary["verdict"]["reasons"].to_string()
}

fn count(summary: &Value, pointer: &str) -> u64 {
    summary.pointer(pointer).and_then(Value::as_u64).unwrap()
}

/// Waits until the controller has a checkpoint of every generator at this second or later.
fn wait_for_checkpoints(run: &Path, count: u32, second: u64) {
    let deadline = Instant::now() + SOON;
    let recorded = |number: u32| -> Option<u64> {
        let counts = std::fs::read(run.join(format!("generators/{number}/counts.json"))).ok()?;
        let counts: Value = serde_json::from_slice(&counts).ok()?;
        counts["checkpoint"]["at_ns"].as_u64()
    };
    while (1..=count).any(|number| recorded(number) < Some(second * 1_000_000_000)) {
        assert!(Instant::now() < deadline, "nothing was kept in time");
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Whether any file below a directory contains a text.
fn is_stored(directory: &Path, text: &str) -> bool {
    let entries = std::fs::read_dir(directory).into_iter().flatten();
    entries.flatten().any(|entry| {
        let path = entry.path();
        match path.is_dir() {
            true => is_stored(&path, text),
            false => std::fs::read(&path).is_ok_and(|bytes| {
                bytes
                    .windows(text.len())
                    .any(|part| part == text.as_bytes())
            }),
        }
    })
}

#[test]
fn eight_agents_are_one_run() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let rows = (0..40)
        .map(|row| format!("name{row}\n"))
        .collect::<String>();
    std::fs::create_dir(place.path("data")).unwrap();
    place.write("data/people.csv", &format!("name\n{rows}"));
    std::fs::create_dir(place.path("scenarios")).unwrap();
    let text = light_scenario("300/s", "2s").replace("/healthz", "/{key}?as={own.name}&x={hex:12}")
        + "keys = \"posts\"\n[[keys]]\nname = \"posts\"\ncount = 1000\n\
           [users]\ncount = 40\n[data.own]\nfile = \"../data/people.csv\"\norder = \"unique-per-user\"\n";
    place.write("scenarios/rows.toml", &text);
    let agents: Vec<Agent> = (1..=8)
        .map(|number| {
            let name = format!("box{number}");
            Agent::start(&place, &nats.url(), &name, &["--label", "zone=east"])
        })
        .collect();
    let mut sent = Vec::new();
    let (url, ways) = (nats.url(), ["one", "eight"]);
    for way in ways {
        let (address, lines) = recording_service();
        let target = format!("http://{address}");
        let mut arguments = vec![
            "run",
            "scenarios/rows.toml",
            "--target",
            &target,
            "--out",
            way,
        ];
        if way == "eight" {
            arguments.extend(["--agent-label", "zone=east", "--nats", &url]);
        }
        let mut command = place.tenfold(&arguments);
        command.env("TENFOLD_AUTH_BEARER", "hunter2");
        let ended = complete(Ended::of(command.output().unwrap()));
        assert!(way == "one" || ended.stdout.contains("8 agents") || ended.stdout.contains("box8"));
        let mut lines = std::mem::take(&mut *lines.lock().unwrap());
        lines.sort();
        assert_eq!(lines.len(), 600);
        assert!(lines[0].contains("Bearer hunter2"), "{}", lines[0]);
        sent.push(lines);
    }
    assert!(sent[0] == sent[1], "the same requests");
    let (one, eight) = (place.path("one"), place.path("eight"));
    let read = |directory: &Path| read_json(&directory.join("summary.json"));
    let (of_one, of_eight) = (read(&one), read(&eight));
    holds(&of_eight);
    assert_eq!(
        of_one["arrivals"]["planned"],
        of_eight["arrivals"]["planned"]
    );
    assert_eq!(of_eight["generators"], 8);
    assert_eq!(of_eight["agents"]["names"].as_array().unwrap().len(), 8);
    assert_eq!(of_eight["agents"]["lost"], serde_json::json!([]));
    // The arrivals have the same times: every second of the time line plans as many.
    let planned = |directory: &Path| -> Vec<u64> {
        let timeline = read_json(&directory.join("timeline.json"));
        let rows = timeline["rows"].as_array().unwrap().iter();
        rows.map(|row| row["planned"].as_u64().unwrap()).collect()
    };
    assert_eq!(
        planned(&one).iter().sum::<u64>(),
        planned(&eight).iter().sum()
    );
    let parts = of_eight["merged_from"].as_array().unwrap();
    assert_eq!(parts.len(), 8);
    assert!(
        parts[2]["path"].as_str().unwrap().contains("(box3)"),
        "{parts:#?}"
    );
    assert_eq!(
        parts.iter().map(|part| count(part, "/sent")).sum::<u64>(),
        600
    );
    let clocks = read_json(&eight.join("agents.json"));
    for agent in clocks["agents"].as_array().unwrap() {
        let clock = &agent["clock"];
        assert!(
            clock["uncertainty_ns"].as_u64().unwrap() <= 25_000_000,
            "{clock:#}"
        );
        assert!(
            clock["start_error_ns"].as_i64().unwrap().abs() < 25_000_000,
            "{clock:#}"
        );
    }
    assert!(count(&of_eight, "/agents/start_spread_ns") < 50_000_000);
    // Nothing is left at the agents, and no secret anywhere.
    for agent in &agents {
        agent.wait_for("has ended");
        assert!(!agent.said().contains("hunter2"));
    }
    assert!(!is_stored(&place.path(""), "hunter2"));
    let left = std::fs::read_dir(place.path("box1.records"));
    assert_eq!(left.map_or(0, Iterator::count), 0);
}

#[test]
fn share_of_a_killed_agent_is_missing() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "7s"));
    let _one = Agent::start(&place, &nats.url(), "one", &[]);
    let two = Agent::start(&place, &nats.url(), "two", &[]);
    let running = run_command(&place, &nats.url(), &service.url(), &["--agents", "2"]);
    let running = { running }.spawn().unwrap();
    wait_for_checkpoints(&place.path("run"), 2, 2);
    drop(two);
    let ended = Ended::of(running.wait_with_output().unwrap()).expect(120);
    assert!(
        ended
            .stderr
            .contains("agent two (generator 2 of 2) has ended before the run"),
        "{}",
        ended.stderr
    );
    let summary = read_json(&place.path("run/summary.json"));
    let said = reasons(&summary);
    assert!(
        said.contains(
            "agent two (generator 2 of 2) ended before the others (it showed no sign of life for 4 s; recorded up to"
        ),
        "{said}"
    );
    assert!(said.contains("of all arrivals were not sent"), "{said}");
    assert_eq!(summary["verdict"]["measurement"], "invalid");
    assert_eq!(summary["agents"]["lost"], serde_json::json!(["two"]));
    holds(&summary);
    // The other one has sent its whole share, and no more.
    let parts = summary["merged_from"].as_array().unwrap();
    assert_eq!(count(&parts[0], "/sent"), 700);
    assert!(count(&parts[1], "/sent") < 700, "{parts:#?}");
}

#[test]
fn lost_agent_may_stop_the_run() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "60s"));
    let _one = Agent::start(&place, &nats.url(), "one", &[]);
    let link = SlowLink::start(nats.port, Duration::from_millis(2));
    let two = Agent::start(&place, &link.url(), "two", &[]);
    let arguments = ["--agents", "2", "--on-lost-agent", "stop"];
    let running = run_command(&place, &nats.url(), &service.url(), &arguments);
    let running = { running }.spawn().unwrap();
    wait_for_checkpoints(&place.path("run"), 2, 2);
    let cut = Instant::now();
    link.cut();
    let ended = Ended::of(running.wait_with_output().unwrap());
    let took = cut.elapsed();
    assert!(took < Duration::from_secs(15), "{took:?}");
    assert!(
        ended.stderr.contains("the others stop as well"),
        "{}",
        ended.stderr
    );
    let summary = read_json(&place.path("run/summary.json"));
    let said = reasons(&summary);
    assert!(
        said.contains("agent two (generator 2 of 2) ended before the others"),
        "{said}"
    );
    assert_ne!(summary["verdict"]["measurement"], "valid");
    let early = summary["ended_early"].as_str().unwrap();
    assert!(early.contains("stopped because agent two"), "{early}");
    // The agent that was cut off has stopped by itself, and keeps its record.
    two.wait_for("its record is kept");
    let kept = std::fs::read_dir(place.path("two.records")).unwrap();
    let kept = kept.flatten().next().unwrap().path();
    assert!(kept.join("generators/2/counts.json").exists());
    let counts = read_json(&kept.join("generators/2/counts.json"));
    let until = counts["elapsed_ns"].as_u64().unwrap();
    let of_run = read_json(&place.path("run/generators/2/counts.json"));
    assert!(until >= of_run["elapsed_ns"].as_u64().unwrap());
    link.heal();
}

#[test]
fn agents_stop_when_the_controller_is_killed_and_their_records_can_be_merged() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let (address, lines) = recording_service();
    place.write("light.toml", &light_scenario("200/s", "120s"));
    let agents = ["one", "two"].map(|name| Agent::start(&place, &nats.url(), name, &[]));
    let target = format!("http://{address}");
    let running = run_command(&place, &nats.url(), &target, &["--agents", "2"]);
    let mut running = { running }.spawn().unwrap();
    wait_for_checkpoints(&place.path("run"), 2, 2);
    running.kill().unwrap();
    running.wait().unwrap();
    let killed = Instant::now();
    let arrived = || lines.lock().unwrap().len();
    // No request arrives for a second: the last one came before.
    let mut last = (arrived(), Instant::now());
    while last.1.elapsed() < Duration::from_secs(1) {
        std::thread::sleep(Duration::from_millis(10));
        if arrived() != last.0 {
            last = (arrived(), Instant::now());
        }
        assert!(killed.elapsed() < SOON, "the agents go on");
    }
    let outlived = last.1.saturating_duration_since(killed);
    assert!(outlived < Duration::from_secs(5), "{outlived:?}");
    // The records of all agents together are the run.
    std::fs::create_dir(place.path("together")).unwrap();
    for (agent, name) in agents.iter().zip(["one", "two"]) {
        agent.wait_for("is kept");
        let records = std::fs::read_dir(place.path(&format!("{name}.records"))).unwrap();
        let record = records.flatten().next().unwrap().path().join(".");
        let copied = Command::new("cp")
            .arg("-r")
            .arg(record)
            .arg(place.path("together"))
            .status();
        assert!(copied.unwrap().success());
    }
    let summary = place
        .run(&["report", "together", "--json"])
        .expect(0)
        .json();
    assert_eq!(summary["ended_early"], "interrupted");
    assert_eq!(count(&summary, "/arrivals/sent"), arrived() as u64);
    assert_eq!(summary["merged_from"].as_array().unwrap().len(), 2);
    holds(&summary);
}

#[test]
fn interrupt_ends_all_agents_and_they_serve_the_next_run() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "60s"));
    let _agents = ["one", "two"].map(|name| Agent::start(&place, &nats.url(), name, &[]));
    let arguments = ["--agents", "2"];
    let running = run_command(&place, &nats.url(), &service.url(), &arguments);
    let running = { running }.spawn().unwrap();
    wait_for_checkpoints(&place.path("run"), 2, 2);
    let pid = rustix::process::Pid::from_child(&running);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).unwrap();
    let ended = Ended::of(running.wait_with_output().unwrap()).expect(105);
    assert!(
        ended.stdout.contains("ended early: interrupted"),
        "{}",
        ended.stdout
    );
    assert!(
        !ended.stdout.contains("ended before the others"),
        "{}",
        ended.stdout
    );
    let summary = read_json(&place.path("run/summary.json"));
    assert!(count(&summary, "/arrivals/sent") > 150);
    holds(&summary);
    // Rules that abort are judged by all agents together, in the next run of the same agents.
    let text = light_scenario("40/s", "60s")
        .replace("errors < 1%", "errors < 5%, abort")
        .replace("/healthz", "/nowhere");
    place.write("light.toml", &text);
    std::fs::rename(place.path("run"), place.path("before")).unwrap();
    let mut next = run_command(&place, &nats.url(), &service.url(), &arguments);
    let ended = Ended::of(next.output().unwrap()).expect(99);
    assert!(ended.stderr.contains("aborted by rule"), "{}", ended.stderr);
}

#[test]
fn clock_of_another_machine_counts_from_another_moment() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "2s"));
    // A machine that was started 11 days before.
    let url = nats.url();
    let mut skewed = Command::new("unshare");
    skewed
        .args([
            "--user",
            "--map-root-user",
            "--time",
            "--monotonic",
            "1000000",
            "--fork",
            "--kill-child",
        ])
        .arg(env!("CARGO_BIN_EXE_tenfold"))
        .args(["agent", "--nats", &url, "--name", "elder"]);
    place.settle(&mut skewed);
    let _elder = Agent::of(&place, "elder", skewed);
    let _young = Agent::start(&place, &url, "young", &[]);
    let mut run = run_command(&place, &url, &service.url(), &["--agents", "2"]);
    complete(Ended::of(run.output().unwrap()));
    let agents = read_json(&place.path("run/agents.json"));
    let offset = |index: usize| {
        agents["agents"][index]["clock"]["offset_ns"]
            .as_i64()
            .unwrap()
    };
    assert!(offset(0) > 999_999_000_000_000, "{agents:#}");
    assert!(offset(1).abs() < 100_000_000, "{agents:#}");
    let summary = read_json(&place.path("run/summary.json"));
    assert!(
        count(&summary, "/agents/start_spread_ns") < 50_000_000,
        "{summary:#}"
    );
    assert_eq!(count(&summary, "/arrivals/sent"), 400);
    // An agent whose clock can't be known well enough is refused.
    let link = SlowLink::start(nats.port, Duration::from_millis(60));
    let far = Agent::start(&place, &link.url(), "far", &["--label", "is=far"]);
    let refused = ["--agent-label", "is=far", "--out", "other"];
    let mut run = run_command(&place, &url, &service.url(), &refused[..2]);
    std::fs::rename(place.path("run"), place.path("before")).unwrap();
    let ended = Ended::of(run.output().unwrap()).expect(104);
    assert!(
        ended
            .stderr
            .contains("agent far: its clock is known to within")
            && ended.stderr.contains("--clock-error-max"),
        "{}",
        ended.stderr
    );
    assert!(!place.path("run").exists());
    // With a larger bound it is not, and a slow link holds no load up.
    let bound = ["--agent-label", "is=far", "--clock-error-max", "500ms"];
    let mut run = run_command(&place, &url, &service.url(), &bound);
    complete(Ended::of(run.output().unwrap()));
    far.wait_for("has ended");
    let summary = read_json(&place.path("run/summary.json"));
    assert_eq!(count(&summary, "/arrivals/sent"), 400);
}

#[test]
fn operator_of_an_agent_limits_its_runs() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "1s"));
    let (url, target) = (nats.url(), service.url());
    let limits = [
        "--allow-host",
        "127.0.0.1",
        "--max-rate",
        "60/s",
        "--max-users",
        "300",
    ];
    let _one = Agent::start(&place, &url, "one", &limits);
    let _two = Agent::start(&place, &url, "two", &["--allow-host", "app.example"]);
    let port = service.address.port();
    let by_name = format!("http://localhost:{port}");
    let public = ["--i-may-test-this-host", "198.51.100.7"];
    for (target, more, expected) in [
        (
            target.as_str(),
            &["--agents", "1"][..],
            "allows at most 60/s (--max-rate)",
        ),
        (
            &target,
            &["--agents", "1", "--rate", "50/s", "--users", "400"],
            "allows at most 300 users",
        ),
        (
            &by_name,
            &["--agents", "1", "--rate", "50/s"],
            "allows only 127.0.0.1 (--allow-host), not localhost",
        ),
        (
            &target,
            &["--agents", "2"],
            "agent two: its operator allows only app.example",
        ),
        (
            "http://198.51.100.7",
            &["--agents", "1", "--rate", "50/s", public[0], public[1]],
            "not 198.51.100.7",
        ),
    ] {
        let mut run = run_command(&place, &url, target, more);
        let ended = Ended::of(run.output().unwrap()).expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{more:?}: {}",
            ended.stderr
        );
        assert!(!place.path("run").exists(), "{more:?}");
    }
    let mut run = run_command(
        &place,
        &url,
        &target,
        &["--agents", "1", "--rate", "50/s", "--users", "300"],
    );
    complete(Ended::of(run.output().unwrap()));
}

/// A client of NATS that speaks just enough of its protocol to answer searches as a foreign agent.
fn foreign_agent(port: u16, offer: &'static str) {
    let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    stream
        .write_all(b"CONNECT {\"verbose\":false}\r\nSUB tenfold.find 1\r\nPING\r\n")
        .unwrap();
    std::thread::spawn(move || {
        let mut line = String::new();
        while reader.read_line(&mut line).is_ok_and(|read| read > 0) {
            if line.starts_with("PING") {
                stream.write_all(b"PONG\r\n").unwrap();
            }
            if let Some(message) = line.strip_prefix("MSG ") {
                let reply = message.split_whitespace().nth(2).unwrap();
                let text = format!("PUB {reply} {}\r\n{offer}\n\r\n", offer.len() + 1);
                stream.write_all(text.as_bytes()).unwrap();
            }
            line.clear();
        }
    });
}

#[test]
fn agents_that_can_not_be_used_are_named() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    place.write("light.toml", &light_scenario("100/s", "1s"));
    foreign_agent(
        nats.port,
        r#"{"id":"x","name":"old","tool":"0.0.7","labels":{"zone":"east"}}"#,
    );
    let target = "http://127.0.0.1:1";
    let mut run = run_command(&place, &nats.url(), target, &["--agent-label", "zone=east"]);
    let ended = Ended::of(run.output().unwrap()).expect(107);
    assert!(
        ended.stderr.contains("found 0 of 1 agents")
            && ended
                .stderr
                .contains("agent old has version 0.0.7 of tenfold"),
        "{}",
        ended.stderr
    );
    assert!(!place.path("run").exists());
    for (arguments, code, expected) in [
        (
            &["--agents", "2", "--generators", "2"][..],
            104,
            "--generators is for this machine alone",
        ),
        (&["--agents", "2", "--once"], 104, "--once"),
    ] {
        let mut run = run_command(&place, &nats.url(), target, arguments);
        let ended = Ended::of(run.output().unwrap()).expect(code);
        assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    }
    let ended = place
        .run(&["run", "light.toml", "--agents", "2", "--target", target])
        .expect(104);
    assert!(ended.stderr.contains("--nats"), "{}", ended.stderr);
    let ended = place
        .run(&[
            "run",
            "light.toml",
            "--agents",
            "2",
            "--nats",
            "nats://127.0.0.1:1",
        ])
        .expect(104);
    assert!(ended.stderr.contains("--target"), "{}", ended.stderr);
    let ended = place
        .run(&["agent", "--nats", "nats://127.0.0.1:1"])
        .expect(107);
    assert!(
        ended
            .stderr
            .contains("could not connect to NATS at nats://127.0.0.1:1"),
        "{}",
        ended.stderr
    );
}

//! `tenfold run --generators N`: one run of several generators, and its record if parts of it are killed.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use crate::support;

use std::path::Path;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use support::raw_service::RawService;
use support::recording_service::recording_service;
use support::{Ended, Workplace, light_scenario, read_json};

/// Longest time until a process has done something.
const SOON: Duration = Duration::from_secs(60);

/// Process ids of the generators of a run.
pub(crate) fn generators_of(run: &Child) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", run.id())).unwrap();
    let children =
        tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
    let children: Vec<i32> = children
        .flat_map(|list| {
            list.split_whitespace()
                .filter_map(|pid| pid.parse().ok())
                .collect::<Vec<_>>()
        })
        .collect();
    let is_generator = |pid: &i32| {
        let command = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        String::from_utf8_lossy(&command).split('\0').nth(1) == Some("generator")
    };
    children.into_iter().filter(is_generator).collect()
}

pub(crate) fn send(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).unwrap(), signal).unwrap();
}

/// Waits until every generator has a checkpoint at this second or later.
pub(crate) fn wait_for_checkpoints(run: &Path, count: u32, second: u64) {
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

/// Waits until a process runs no more. One that nobody has reaped runs no more either.
fn wait_until_gone(pid: i32) {
    let deadline = Instant::now() + SOON;
    loop {
        let state = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        if state.is_empty() || state.contains(") Z ") {
            return;
        }
        assert!(Instant::now() < deadline, "{pid} runs on");
        std::thread::sleep(Duration::from_millis(20));
    }
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

fn count(summary: &Value, pointer: &str) -> u64 {
    summary
        .pointer(pointer)
        .and_then(Value::as_u64)
        .unwrap_or_else(|| panic!("{pointer}: {summary:#}"))
}

#[test]
fn two_generators_are_one_run() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("400/s", "3s"));
    let (url, admin) = (service.url(), service.admin_url());
    let arguments = [
        "run",
        "light.toml",
        "--target",
        &url,
        "--admin",
        &admin,
        "--out",
        "run",
    ];
    let ended = complete(place.run(&[&arguments[..], &["--generators", "2"]].concat()));
    assert!(ended.stdout.contains("generators"), "{}", ended.stdout);
    let summary = read_json(&place.path("run/summary.json"));
    assert_eq!(summary["generators"], 2);
    assert_eq!(count(&summary, "/arrivals/planned"), 1_200);
    assert_eq!(count(&summary, "/arrivals/completed"), 1_200);
    // The service has counted the requests of both.
    holds(&summary);
    let names = summary["identities"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["name"].as_str().unwrap());
    assert!(
        names
            .into_iter()
            .any(|name| name == "the service counted the sent requests")
    );
    let parts = summary["merged_from"].as_array().unwrap();
    let sent: Vec<_> = parts
        .iter()
        .map(|part| part["sent"].as_u64().unwrap())
        .collect();
    assert_eq!(sent, [600, 600]);
    assert!(
        parts.iter().all(|part| part["lag_p99_ns"].is_u64()),
        "{parts:#?}"
    );
    assert!(!place.path("run/generators/1/generator.log").exists());
    // The sum of the logs is the log of the run.
    let manifest = read_json(&place.path("run/manifest.json"));
    assert_eq!(manifest["generators"], 2);
    let command = manifest["command"].as_array().unwrap();
    assert!(
        command.iter().any(|word| word == "--generators"),
        "{command:?}"
    );
    let page = std::fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(page.contains("generators/2"));
    // A report can be made again, and from the records of the generators alone.
    for name in ["counts.json", "timeline.json", "intervals.hlog"] {
        std::fs::remove_file(place.path("run").join(name)).unwrap();
    }
    let again = place.run(&["report", "run", "--json"]).expect(0).json();
    assert_eq!(again["arrivals"], summary["arrivals"]);
    assert_eq!(again["latency_ns"], summary["latency_ns"]);
}

#[test]
fn number_of_generators_changes_no_request() {
    let place = Workplace::new();
    let rows = (0..40)
        .map(|row| format!("name{row}\n"))
        .collect::<String>();
    place.write("people.csv", &format!("name\n{rows}"));
    let text = light_scenario("150/s", "2s").replace("/healthz", "/{key}?as={own.name}&x={hex:12}")
        + "keys = \"posts\"\n[[keys]]\nname = \"posts\"\ncount = 1000\n\
           [users]\ncount = 40\n[data.own]\nfile = \"people.csv\"\norder = \"unique-per-user\"\n";
    place.write("rows.toml", &text);
    let mut sent = Vec::new();
    for generators in ["1", "3"] {
        let (address, lines) = recording_service();
        let target = format!("http://{address}");
        let arguments = [
            "run",
            "rows.toml",
            "--target",
            &target,
            "--generators",
            generators,
        ];
        complete(place.run(&[&arguments[..], &["--out", generators]].concat()));
        let mut lines = std::mem::take(&mut *lines.lock().unwrap());
        lines.sort();
        assert_eq!(lines.len(), 300);
        sent.push(lines);
    }
    assert!(sent[0] == sent[1]);
}

#[test]
fn share_of_a_killed_generator_is_missing() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "8s"));
    let url = service.url();
    let running = place
        .tenfold(&[
            "run",
            "light.toml",
            "--target",
            &url,
            "--out",
            "run",
            "--generators",
            "2",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_checkpoints(&place.path("run"), 2, 3);
    let generators = generators_of(&running);
    assert_eq!(generators.len(), 2, "{generators:?}");
    send(generators[1], Signal::KILL);
    let ended = Ended::of(running.wait_with_output().unwrap()).expect(120);
    assert!(
        ended.stderr.contains("of 2 has ended before the run"),
        "{}",
        ended.stderr
    );
    let summary = read_json(&place.path("run/summary.json"));
    let reasons = summary["verdict"]["reasons"].to_string();
    assert!(
        reasons
            .contains("ended before the others (its process ended with signal 9; recorded up to"),
        "{reasons}"
    );
    assert!(
        reasons.contains("of all arrivals were not sent"),
        "{reasons}"
    );
    assert_eq!(summary["verdict"]["measurement"], "invalid");
    assert!(
        summary["ended_early"].is_null(),
        "the run did not end early"
    );
    holds(&summary);
    // The other one has sent its whole share.
    let parts = summary["merged_from"].as_array().unwrap();
    let mut sent: Vec<_> = parts
        .iter()
        .map(|part| part["sent"].as_u64().unwrap())
        .collect();
    sent.sort_unstable();
    assert!(sent[0] < 800 && sent[1] == 800, "{sent:?}");
}

#[test]
fn frozen_generator_is_named() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "6s"));
    let url = service.url();
    let arguments = ["run", "light.toml", "--target", &url, "--out", "run"];
    let running = place
        .tenfold(&[&arguments[..], &["--generators", "2"]].concat())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_checkpoints(&place.path("run"), 2, 2);
    let frozen = generators_of(&running)[0];
    send(frozen, Signal::STOP);
    std::thread::sleep(Duration::from_millis(1_500));
    send(frozen, Signal::CONT);
    Ended::of(running.wait_with_output().unwrap()).expect(120);
    let summary = read_json(&place.path("run/summary.json"));
    let reasons = summary["verdict"]["reasons"].as_array().unwrap();
    let named = |reason: &&Value| {
        let reason = reason.as_str().unwrap();
        reason.starts_with("generator ")
            && reason.contains("of 2 is invalid: the generator was late")
    };
    assert_eq!(reasons.iter().filter(named).count(), 1, "{reasons:#?}");
    assert_eq!(count(&summary, "/arrivals/sent"), 1_200);
    holds(&summary);
}

#[test]
fn interrupt_ends_all_generators_and_keeps_their_records() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "60s"));
    let url = service.url();
    let running = place
        .tenfold(&[
            "run",
            "light.toml",
            "--target",
            &url,
            "--out",
            "run",
            "--generators",
            "3",
        ])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_checkpoints(&place.path("run"), 3, 2);
    let generators = generators_of(&running);
    kill_process(Pid::from_child(&running), Signal::INT).unwrap();
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
    assert_eq!(generators.len(), 3);
    generators.into_iter().for_each(wait_until_gone);
    let summary = read_json(&place.path("run/summary.json"));
    assert!(count(&summary, "/arrivals/sent") > 300);
    holds(&summary);
}

#[test]
fn reports_run_whose_processes_were_killed() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "120s"));
    let url = service.url();
    let start = |out: &str| {
        place
            .tenfold(&[
                "run",
                "light.toml",
                "--target",
                &url,
                "--out",
                out,
                "--generators",
                "2",
            ])
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    };
    // Only the run is killed: its generators complete their records and end.
    let mut run = start("one");
    wait_for_checkpoints(&place.path("one"), 2, 2);
    let generators = generators_of(&run);
    let killed = Instant::now();
    run.kill().unwrap();
    run.wait().unwrap();
    assert_eq!(generators.len(), 2);
    generators.iter().copied().for_each(wait_until_gone);
    assert!(
        killed.elapsed() < Duration::from_secs(10),
        "{:?}",
        killed.elapsed()
    );
    let summary = place.run(&["report", "one", "--json"]).expect(0).json();
    assert_eq!(summary["ended_early"], "interrupted");
    assert!(count(&summary, "/arrivals/completed") > 200);
    holds(&summary);
    // Everything is killed: the checkpoints remain.
    let mut run = start("all");
    wait_for_checkpoints(&place.path("all"), 2, 3);
    let generators = generators_of(&run);
    generators.iter().for_each(|pid| send(*pid, Signal::STOP));
    run.kill().unwrap();
    run.wait().unwrap();
    generators.iter().for_each(|pid| send(*pid, Signal::KILL));
    let summary = place.run(&["report", "all", "--json"]).expect(0).json();
    let ended = summary["ended_early"].as_str().unwrap();
    assert!(
        ended.starts_with("the generator was killed or the machine stopped"),
        "{ended}"
    );
    assert!(count(&summary, "/arrivals/completed") > 300);
    holds(&summary);
}

#[test]
fn abort_rules_are_judged_by_all_generators_together() {
    let place = Workplace::new();
    let address = RawService::status("503 Service Unavailable").start();
    let text = light_scenario("40/s", "60s").replace("errors < 1%", "errors < 5%, abort");
    place.write("light.toml", &text);
    let target = format!("http://{address}");
    let started = Instant::now();
    let ended = place
        .run(&[
            "run",
            "light.toml",
            "--target",
            &target,
            "--out",
            "run",
            "--generators",
            "2",
        ])
        .expect(99);
    assert!(
        ended
            .stderr
            .contains("aborted by rule `errors < 5%, abort`"),
        "{}",
        ended.stderr
    );
    assert!(
        started.elapsed() < Duration::from_secs(30),
        "{:?}",
        started.elapsed()
    );
    let counts = read_json(&place.path("run/counts.json"));
    assert_eq!(counts["aborted"]["rule"], 0);
}

#[test]
fn users_of_a_closed_model_are_divided() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    let text = "version = 1\nname = \"closed\"\nrules = ['errors < 1%']\n\
                [load]\nmodel = \"closed\"\nusers = 5\nhatch = \"100/s\"\n\
                [[phases]]\nname = \"all\"\nkind = \"users\"\nduration = \"2s\"\n\
                [[journeys]]\nname = \"look\"\nthink = { min = \"50ms\", max = \"100ms\" }\nsteps = [\"health\"]\n\
                [[requests]]\nname = \"health\"\nkind = \"read\"\npath = \"/healthz\"\n";
    place.write("closed.toml", text);
    let url = service.url();
    let arguments = [
        "run",
        "closed.toml",
        "--target",
        &url,
        "--out",
        "run",
        "--generators",
        "2",
        "--json",
    ];
    let summary = complete(place.run(&arguments)).json();
    assert_eq!(count(&summary, "/generator/users_used"), 5);
    holds(&summary);
    let used = |number: u32| {
        let counts = read_json(&place.path(&format!("run/generators/{number}/counts.json")));
        counts["generator"]["users_used"].as_u64()
    };
    assert_eq!((used(1), used(2)), (Some(3), Some(2)));
}

#[test]
fn logs_each_session_in_once() {
    let place = Workplace::new();
    let service = place.serve(&["--data-users", "40", "--data-posts", "40"]);
    let text = "version = 1\nname = \"sessions\"\n[users]\ncount = 40\n\
                [sessions]\nlogin = \"log in\"\ncount = 9\n\
                [[phases]]\nname = \"all\"\nkind = \"constant\"\nrate = \"100/s\"\nduration = \"3s\"\n\
                [[requests]]\nname = \"log in\"\nkind = \"write\"\nweight = 0\nmethod = \"POST\"\n\
                path = \"/v1/sessions\"\nheaders = { content-type = \"application/json\" }\n\
                body = '{\"handle\":\"user{user+1}\",\"password\":\"tenfold\"}'\nexpect = [201]\n\
                capture = { token = \"json:/token\" }\n\
                [[requests]]\nname = \"read feed\"\nkind = \"read\"\nweight = 1\npath = \"/v1/feed?limit=5\"\n\
                headers = { authorization = \"Bearer {token}\" }\nexpect = [200]\n";
    place.write("sessions.toml", text);
    let (url, admin) = (service.url(), service.admin_url());
    let arguments = ["run", "sessions.toml", "--target", &url, "--admin", &admin];
    let several = ["--generators", "2", "--out", "run", "--json"];
    let summary = complete(place.run(&[&arguments[..], &several].concat())).json();
    assert_eq!(count(&summary, "/arrivals/failed"), 0, "{summary:#}");
    // The service's counter is read after all log-ins.
    for identity in summary["identities"].as_array().unwrap() {
        assert_eq!(identity["holds"], true, "{identity:#}");
    }
    let logged_in = |file: &str| read_json(&place.path(file))["set_up_requests"].as_u64();
    let parts = [1, 2].map(|number| logged_in(&format!("run/generators/{number}/counts.json")));
    assert_eq!(parts, [Some(5), Some(4)]);
    assert_eq!(logged_in("run/counts.json"), Some(9));
}

#[test]
fn refuses_what_can_not_be_divided() {
    let place = Workplace::new();
    place.write("light.toml", &light_scenario("10/s", "1s"));
    let run = ["run", "light.toml", "--out", "run"];
    for (arguments, code, expected) in [
        (
            &["--users", "3", "--generators", "4"][..],
            104,
            "at most 3 with --generators",
        ),
        (
            &["--check", "--users", "3", "--generators", "4"],
            104,
            "at most 3 with --generators",
        ),
        (&["--generators", "0"], 104, "--generators"),
        (
            &["--generators", "2", "--target", "http://127.0.0.1:1"],
            107,
            "could not reach http://127.0.0.1:1",
        ),
    ] {
        let target: &[&str] = match arguments.contains(&"--target") {
            true => &[],
            false => &["--target", "http://127.0.0.1:1"],
        };
        let ended = place.run(&[&run, target, arguments].concat()).expect(code);
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?}:\n{}",
            ended.stderr
        );
        assert!(!place.path("run").exists(), "{arguments:?}");
    }
}

#[test]
fn generator_without_a_job_says_nothing_to_a_person() {
    let place = Workplace::new();
    // Standard input is empty.
    let ended = place.run(&["generator"]).expect(105);
    assert!(
        ended.stdout.contains("nothing was measured"),
        "{}",
        ended.stdout
    );
    assert!(ended.stderr.is_empty(), "{}", ended.stderr);
}

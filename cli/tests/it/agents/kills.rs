//! Every part of a run with agents is killed, frozen or cut off at a random moment.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::*;

/// Runs without `TENFOLD_TEST_KILLS`; scripts/agents asks for 100.
const KILLS: u32 = 10;

/// Length of each run.
const RUN_S: f64 = 5.0;

/// Faults, in turn.
const BREAKS: [&str; 8] = [
    "agent ended",
    "agent killed",
    "generator killed",
    "controller killed",
    "agent frozen",
    "agent cut off",
    "nats killed",
    "controller interrupted",
];

/// Numbers from 0 to 1 that look random, from a seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> f64 {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// Process ids of the generators of an agent.
fn generators_of(agent: &Child) -> Vec<i32> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", agent.id()));
    let tasks = tasks.into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
    let lists: Vec<String> = lists.collect();
    let pids = lists.iter().flat_map(|list| list.split_whitespace());
    pids.filter_map(|pid| pid.parse().ok()).collect()
}

fn send(pid: u32, signal: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().and_then(Pid::from_raw) {
        let _ = kill_process(pid, signal);
    }
}

/// Puts the records that the agents have kept together in the run's directory.
fn put_together(place: &Workplace, agents: &[Agent]) {
    for (agent, name) in agents.iter().zip(["one", "two", "far"]) {
        let deadline = Instant::now() + SOON;
        let is_over = |said: &str| {
            let ends = ["is kept", "has ended", "took no part"];
            !said.contains("takes part") || ends.iter().any(|end| said.contains(end))
        };
        while !is_over(&agent.said()) {
            assert!(Instant::now() < deadline, "{}", agent.said());
            std::thread::sleep(Duration::from_millis(50));
        }
        let records = std::fs::read_dir(place.path(&format!("{name}.records")));
        for record in records.into_iter().flatten().flatten() {
            let copied = Command::new("cp")
                .arg("-r")
                .arg(record.path().join("."))
                .arg(place.path("run"))
                .status();
            assert!(copied.unwrap().success());
        }
    }
}

/// Counts each line.
fn counted(lines: &[String]) -> HashMap<&str, usize> {
    let mut counts = HashMap::new();
    for line in lines {
        *counts.entry(line.as_str()).or_insert(0) += 1;
    }
    counts
}

#[test]
#[ignore = "takes 10 s for each kill; scripts/agents runs it"]
fn random_kills_never_double_or_hide_a_request() {
    let kills = std::env::var("TENFOLD_TEST_KILLS").ok();
    let kills = kills.map_or(KILLS, |kills| kills.parse().unwrap());
    let seed = std::env::var("TENFOLD_TEST_SEED").ok();
    let seed = seed.map_or(7, |seed| seed.parse().unwrap());
    let mut random = Random(seed);
    let place = Workplace::new();
    let text = light_scenario("60/s", &format!("{RUN_S}s")).replace("/healthz", "/?x={hex:16}");
    place.write("light.toml", &text);
    let (address, lines) = recording_service();
    let target = format!("http://{address}");
    complete(place.run(&["run", "light.toml", "--target", &target, "--out", "one"]));
    let whole = std::mem::take(&mut *lines.lock().unwrap());
    let expected = counted(&whole);
    let Some(mut nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let link = SlowLink::start(nats.port, Duration::from_millis(1));
    let mut tally: HashMap<&str, [u32; 3]> = HashMap::new();
    for kill in 0..kills {
        let what = BREAKS[kill as usize % BREAKS.len()];
        let after = Duration::from_secs_f64(random.next() * (RUN_S + 1.0));
        let pause = Duration::from_secs_f64(0.3 + random.next() * 7.0);
        println!("{kill}: {what} after {after:.2?} for {pause:.2?}");
        let direct = nats.url();
        let urls = [&direct, &direct, &link.url()];
        let mut agents: Vec<Agent> = urls
            .iter()
            .zip(["one", "two", "far"])
            .map(|(url, name)| Agent::start(&place, url, name, &[]))
            .collect();
        for directory in ["run", "one.records", "two.records", "far.records"] {
            let _ = std::fs::remove_dir_all(place.path(directory));
        }
        let mut running = run_command(&place, &direct, &target, &["--agents", "3"])
            .spawn()
            .unwrap();
        std::thread::sleep(after);
        let far = agents[2].child.id();
        match what {
            "agent ended" => send(far, Signal::TERM),
            "agent killed" => send(far, Signal::KILL),
            "generator killed" => generators_of(&agents[0].child)
                .into_iter()
                .for_each(|pid| send(pid.unsigned_abs(), Signal::KILL)),
            "controller killed" => send(running.id(), Signal::KILL),
            "agent frozen" => send(far, Signal::STOP),
            "agent cut off" => link.cut(),
            "nats killed" => nats.kill(),
            _ => send(running.id(), Signal::INT),
        }
        let broken = Instant::now();
        if matches!(what, "agent frozen" | "agent cut off" | "nats killed") {
            std::thread::sleep(pause);
            match what {
                "agent frozen" => send(far, Signal::CONT),
                "agent cut off" => link.heal(),
                _ => nats.restart(&place.path("")),
            }
        }
        if what == "controller killed" {
            // Nothing is sent later than 5 s after its death.
            let until = broken + Duration::from_secs(5);
            std::thread::sleep(until.saturating_duration_since(Instant::now()));
            let then = lines.lock().unwrap().len();
            std::thread::sleep(Duration::from_secs(1));
            assert_eq!(
                lines.lock().unwrap().len(),
                then,
                "agents outlive their run"
            );
        }
        let deadline = Instant::now() + SOON;
        while running.try_wait().unwrap().is_none() {
            assert!(Instant::now() < deadline, "the run does not end");
            std::thread::sleep(Duration::from_millis(20));
        }
        let ended = Ended::of(running.wait_with_output().unwrap());
        // Messages on their way arrive.
        std::thread::sleep(Duration::from_millis(300));
        let sent = std::mem::take(&mut *lines.lock().unwrap());
        for (line, count) in counted(&sent) {
            let planned = expected.get(line).copied().unwrap_or(0);
            assert!(count <= planned, "{what}: {line} came {count} times");
        }
        if what == "controller killed" {
            put_together(&place, &agents);
        }
        let tally = tally.entry(what).or_default();
        tally[0] += 1;
        let report = place.run(&["report", "run", "--json"]);
        if report.code != Some(0) {
            // Before the first checkpoint, nothing is kept.
            assert!(
                sent.len() < 200,
                "{what}: {} {}",
                ended.stderr,
                report.stderr
            );
            tally[2] += 1;
            agents.clear();
            continue;
        }
        let summary = report.json();
        holds(&summary);
        let recorded = count(&summary, "/arrivals/completed") as usize;
        assert!(
            recorded <= sent.len(),
            "{what}: {recorded} of {}",
            sent.len()
        );
        if sent.len() < whole.len() {
            let verdict = &summary["verdict"]["measurement"];
            let said = reasons(&summary);
            let is_early = !summary["ended_early"].is_null();
            assert!(
                is_early || (*verdict != "valid" && said.contains("of all arrivals were not sent")),
                "{what}: {} of {}: {said}",
                sent.len(),
                whole.len()
            );
            tally[1] += 1;
        }
        agents.clear();
    }
    println!("broken part: runs, runs with fewer requests, runs without a record");
    for what in BREAKS {
        println!("{what}: {:?}", tally.get(what).unwrap_or(&[0; 3]));
    }
}

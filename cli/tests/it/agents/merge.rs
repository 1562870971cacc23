//! Several agents are one run.

use std::process::Command;
use std::time::Duration;

use super::*;

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
    // The time line has as many arrivals.
    let planned = |directory: &Path| -> Vec<u64> {
        let timeline = read_json(&directory.join("timeline.json"));
        let rows = timeline["rows"].as_array().unwrap().iter();
        rows.map(|row| row["planned"].as_u64().unwrap()).collect()
    };
    assert_eq!(
        planned(&one).iter().sum::<u64>(),
        planned(&eight).iter().sum::<u64>()
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
    let ended = Ended::of(next.output().unwrap());
    // On a busy machine, its generators may be too late.
    assert!(matches!(ended.code, Some(99 | 120)), "{}", ended.stderr);
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
        ended.stderr.contains(
            "agent far (generator 1 of 1) could not do its share: its clock is known to within"
        ) && ended.stderr.contains("--clock-error-max"),
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

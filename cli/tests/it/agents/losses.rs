//! Agents and controllers that die or are cut off.

use std::time::{Duration, Instant};

use super::*;

#[test]
fn share_of_a_killed_agent_is_missing() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "5s"));
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
    assert_eq!(count(&parts[0], "/sent"), 500);
    assert!(count(&parts[1], "/sent") < 500, "{parts:#?}");
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
    let _two = Agent::start(&place, &link.url(), "two", &[]);
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

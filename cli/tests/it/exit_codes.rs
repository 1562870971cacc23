//! Exit codes of runs with several results at once.

use crate::support;

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::{Ended, Workplace, light_scenario, read_json};

/// Scenario with a request that succeeds and one that always fails, so that the latter has no response times.
fn half_answered(rules: &str) -> String {
    let missing =
        "[[requests]]\nname = \"missing\"\nkind = \"read\"\nweight = 1\npath = \"/nowhere\"\n";
    light_scenario("400/s", "2s").replace("errors < 1%", rules) + missing
}

#[test]
fn unjudged_objective_exits_121() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    // The second rule replaces the default one, which this scenario would miss.
    let rules = "p90 < 10s for \"missing\"', 'errors < 100%";
    place.write("light.toml", &half_answered(rules));
    let url = service.url();
    let ended = place
        .run(&["run", "light.toml", "--target", &url, "--out", "run"])
        .expect(121);
    assert!(ended.stdout.contains("not judged"), "{}", ended.stdout);
    let summary = read_json(&place.path("run/summary.json"));
    assert_eq!(summary["verdict"]["slo"], "not_judged");
    assert_eq!(summary["rules"][0]["met"], serde_json::Value::Null);
}

#[test]
fn missed_objective_outweighs_unjudged_one() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    let rules = "errors < 1%', 'p90 < 10s for \"missing\"";
    place.write("light.toml", &half_answered(rules));
    let url = service.url();
    place
        .run(&["run", "light.toml", "--target", &url, "--out", "run"])
        .expect(99);
}

#[test]
fn abort_by_late_generator_is_invalid() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    let rule = "p90 < 300ms, abort after 1s";
    let scenario = light_scenario("200/s", "30s").replace("errors < 1%", rule);
    place.write("light.toml", &scenario);
    let url = service.url();
    let generator = place
        .tenfold(&["run", "light.toml", "--target", &url, "--out", "run"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let pid = Pid::from_child(&generator);
    std::thread::sleep(Duration::from_secs(3));
    kill_process(pid, Signal::STOP).expect("it runs");
    std::thread::sleep(Duration::from_secs(3));
    kill_process(pid, Signal::CONT).expect("it is stopped");
    let ended = Ended::of(generator.wait_with_output().expect("it ends")).expect(120);
    assert!(ended.stderr.contains("aborted by rule"), "{}", ended.stderr);
    let counts = read_json(&place.path("run/counts.json"));
    assert_eq!(counts["aborted"]["rule"], 0);
    let summary = read_json(&place.path("run/summary.json"));
    assert_eq!(summary["verdict"]["measurement"], "invalid");
}

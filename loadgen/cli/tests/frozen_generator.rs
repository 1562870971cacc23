//! The second oracle: the generator is frozen, not the service. The lag must show it, the
//! measurement is invalid, and the service is not blamed.

mod support;

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::{Ended, Workplace, light_scenario, read_json};

#[test]
fn a_frozen_generator_is_told_from_a_frozen_service() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "10s"));
    let url = service.url();
    let generator = place
        .tenfold(&["run", "light.toml", "--target", &url, "--out", "run"])
        .stdout(std::process::Stdio::piped())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let pid = Pid::from_child(&generator);
    std::thread::sleep(Duration::from_secs(5));
    kill_process(pid, Signal::STOP).unwrap();
    std::thread::sleep(Duration::from_secs(2));
    kill_process(pid, Signal::CONT).unwrap();
    let ended = Ended::of(generator.wait_with_output().unwrap()).expect(120);
    assert!(ended.stdout.contains("invalid"), "{}", ended.stdout);

    let summary = read_json(&place.path("run/summary.json"));
    let ns = |pointer: &str| summary.pointer(pointer).unwrap().as_f64().unwrap();
    assert_eq!(summary.pointer("/verdict/measurement").unwrap(), "invalid");
    let reasons = summary.pointer("/verdict/reasons").unwrap().to_string();
    assert!(reasons.contains("lag"), "{reasons}");
    // A fifth of the arrivals were due while the generator stood still.
    assert!(ns("/latency_ns/lag/p99") > 1.5e9, "{summary:#}");
    assert!(
        ns("/latency_ns/service/p99") < 0.3e9,
        "the service is blamed: {summary:#}"
    );
    assert_eq!(ns("/arrivals/planned"), 2_000.0, "no arrival is omitted");
}

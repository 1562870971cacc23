//! Oracle of a frozen generator: the lag must show it, the measurement must be invalid, and the service must not
//! be blamed.

use crate::support;

use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use support::{Ended, Workplace, light_scenario, read_json};

/// Generator that is frozen for 2 s of the 10 s of a run.
struct Frozen {
    rate: u32,
    arrivals: &'static str,
    /// Number of users. `None` for the scenario's own.
    users: Option<u32>,
}

impl Frozen {
    fn is_told_from_a_frozen_service(&self) {
        let Self { rate, users, .. } = *self;
        let place = Workplace::new();
        let service = place.serve(&["--empty"]);
        let users = users.map_or_else(String::new, |users| format!("users = {users}\n"));
        let load = format!("arrivals = \"{}\"\n{users}", self.arrivals);
        let scenario = light_scenario(&format!("{rate}/s"), "10s");
        let scenario = scenario.replace("arrivals = \"even\"\n", &load);
        assert!(scenario.contains(&load), "{scenario}");
        place.write("light.toml", &scenario);
        let url = service.url();
        let generator = place
            .tenfold(&["run", "light.toml", "--target", &url, "--out", "run"])
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .expect("it starts");
        let pid = Pid::from_child(&generator);
        std::thread::sleep(Duration::from_secs(5));
        kill_process(pid, Signal::STOP).expect("it runs");
        std::thread::sleep(Duration::from_secs(2));
        kill_process(pid, Signal::CONT).expect("it is stopped");
        let ended = Ended::of(generator.wait_with_output().expect("it ends")).expect(120);
        assert!(ended.stdout.contains("invalid"), "{}", ended.stdout);

        let summary = read_json(&place.path("run/summary.json"));
        let ns = |pointer: &str| {
            let value = summary.pointer(pointer).and_then(|value| value.as_f64());
            value.expect("it is reported")
        };
        let verdict = &summary["verdict"];
        assert_eq!(verdict["measurement"], "invalid");
        let reasons = verdict["reasons"].to_string();
        assert!(reasons.contains("lag"), "{reasons}");
        // A fifth of the arrivals were due while the generator was frozen.
        assert!(ns("/latency_ns/lag/p99") > 1.5e9, "{summary:#}");
        assert!(
            ns("/latency_ns/service/p99") < 0.3e9,
            "the service is blamed: {summary:#}"
        );
        // No arrival is omitted: even arrivals match the plan, random ones are within four standard deviations.
        let mean = f64::from(rate) * 10.0;
        let slack = match self.arrivals {
            "even" => 0.0,
            _ => 4.0 * mean.sqrt(),
        };
        let planned = ns("/arrivals/planned");
        assert!((planned - mean).abs() <= slack, "{planned} of {mean}");
    }
}

#[test]
fn distinguishes_frozen_generator_from_frozen_service() {
    Frozen {
        rate: 200,
        arrivals: "even",
        users: None,
    }
    .is_told_from_a_frozen_service();
}

#[test]
fn detects_frozen_generator_with_poisson_arrivals() {
    Frozen {
        rate: 100,
        arrivals: "poisson",
        users: Some(4),
    }
    .is_told_from_a_frozen_service();
}

#[test]
fn detects_frozen_generator_at_1000_per_second() {
    Frozen {
        rate: 1_000,
        arrivals: "poisson",
        users: Some(50),
    }
    .is_told_from_a_frozen_service();
}

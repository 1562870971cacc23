//! Health of agents' machines.

use super::*;

/// Processes that use a CPU each. Killed when dropped.
struct Burners(Vec<Child>);

impl Burners {
    fn start(count: usize) -> Self {
        let burner = || {
            let mut shell = Command::new("sh");
            shell.args(["-c", "while :; do :; done"]);
            shell.spawn().unwrap()
        };
        Self((0..count).map(|_| burner()).collect())
    }
}

impl Drop for Burners {
    fn drop(&mut self) {
        for burner in &mut self.0 {
            let _ = burner.kill();
            let _ = burner.wait();
        }
    }
}

#[test]
fn starved_agent_is_named() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "4s"));
    let _agents = ["one", "two"].map(|name| Agent::start(&place, &nats.url(), name, &[]));
    // More than a quarter of the cores.
    let cores = std::thread::available_parallelism().unwrap().get();
    let _burners = Burners::start(cores);
    let admin = service.admin_url();
    let more = ["--agents", "2", "--admin", &admin];
    let mut run = run_command(&place, &nats.url(), &service.url(), &more);
    // Beside the burners, the agents may be so late that the measurement is invalid.
    complete(Ended::of(run.output().unwrap()));
    let summary = read_json(&place.path("run/summary.json"));
    assert_ne!(summary["verdict"]["measurement"], "valid");
    let said = reasons(&summary);
    for (index, name) in ["one", "two"].into_iter().enumerate() {
        let who = format!("agent {name} (generator {} of 2) is ", index + 1);
        let reason = said.split('"').find(|own| own.starts_with(&who));
        let reason = reason.unwrap_or_else(|| panic!("{said}"));
        assert!(
            reason.contains("the host was busy: processes other than generator and service"),
            "{reason}"
        );
        let part = &summary["merged_from"][index];
        let others = part["cores_used_by_others"].as_f64().unwrap();
        assert!(others > 0.25 * cores as f64, "{part:#}");
        let host = read_json(&place.path(&format!("run/generators/{}/host.json", index + 1)));
        assert!(!host["samples"].as_array().unwrap().is_empty());
    }
    let agents = read_json(&place.path("run/agents.json"));
    assert_eq!(agents["machine"], agents["agents"][0]["machine"]);
    assert!(agents["machine"].is_string(), "{agents:#}");
}

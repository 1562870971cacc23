//! Run that starts its stage.

use super::stage::{lacks, summary};
use crate::support::{Workplace, read_json};

#[test]
fn run_starts_stage_and_uses_tls() {
    if lacks(&[
        "mariadbd",
        "mariabackup",
        "garbd",
        "haproxy",
        "nginx",
        "s3s-fs",
        "socat",
    ]) {
        return;
    }
    let place = Workplace::new();
    place.write(
        "reads.toml",
        r#"
version = 1
name = "reads"
seed = 1
[load]
users = 20
[[phases]]
name = "steady"
kind = "constant"
rate = "50/s"
duration = "3s"
[[requests]]
name = "read post"
kind = "read"
weight = 1
path = "/v1/posts/1"
"#,
    );
    for stage in ["separated", "balanced"] {
        let run = ["run", "reads.toml", "--stage", stage, "--out", stage];
        let small = ["--data-users", "50", "--data-posts", "200"];
        let ended = place.run(&[&run[..], &small].concat());
        // On a busy machine the generator may be late, and the measurement invalid.
        assert!(matches!(ended.code, Some(0 | 120)), "{}", ended.stderr);
        let summary = summary(&place, stage);
        let command = read_json(&place.path(stage).join("manifest.json"));
        let command = command["command"].as_array().unwrap();
        assert!(command.windows(4).any(|own| own == small), "{command:?}");
        assert_eq!(summary["stage"], stage);
        assert!(
            summary["target"].as_str().unwrap().starts_with("https://"),
            "{}",
            summary["target"]
        );
        assert_eq!(summary["arrivals"]["failed"], 0);
        // The service counts every request, unless its counter is not scraped.
        for identity in summary["identities"].as_array().unwrap() {
            assert_ne!(identity["holds"], false, "{identity:#}");
        }
        let boxes = read_json(&place.path(stage).join("boxes.json"));
        assert!(boxes.as_array().unwrap().len() >= 3, "{boxes:#}");
        let components = read_json(&place.path(stage).join("components.json"));
        let components = components.as_array().unwrap();
        let kinds = components.iter().map(|own| {
            assert_eq!(own["gaps"], serde_json::json!([]), "{own:#}");
            own["figures"]["kind"].as_str().unwrap()
        });
        let kinds: Vec<&str> = kinds.collect();
        let expected = match stage {
            "separated" => vec!["database"],
            _ => vec!["database", "database", "web_server", "web_server"],
        };
        assert_eq!(kinds, expected);
        let figures = &components[0]["figures"];
        assert!(
            figures["statements_s"].as_f64().unwrap() > 0.0,
            "{figures:#}"
        );
        assert!(figures["questions"].as_u64().unwrap() > 50, "{figures:#}");
        let balancers = read_json(&place.path(stage).join("balancers.json"));
        let balancers = balancers.as_array().unwrap();
        assert_eq!(balancers.is_empty(), stage == "separated");
        if let Some(edge) = balancers.iter().find(|own| own["name"] == "balancer") {
            let servers = edge["servers"].as_array().unwrap().iter();
            let sent: u64 = servers.map(|server| server["sent"].as_u64().unwrap()).sum();
            let asked = summary["arrivals"]["sent"].as_u64().unwrap();
            assert!(sent >= asked && sent <= asked + 20, "{sent} of {asked}");
            let report = std::fs::read_to_string(place.path(stage).join("report.html")).unwrap();
            assert!(report.contains("Distribution by the balancers"));
        }
    }
}

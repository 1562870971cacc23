//! What watches stage `autoscaled`, on real components: alerts fire and end, and the queries of the dashboard have figures.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

use super::load::Load;
use super::stage::{Stage, lacks};

/// Programs of the stage, and those that watch it.
const PROGRAMS: &[&str] = &[
    "mariadbd",
    "mariadb",
    "mariabackup",
    "garbd",
    "haproxy",
    "nginx",
    "prometheus",
    "prometheus-alertmanager",
    "prometheus-blackbox-exporter",
    "prometheus-node-exporter",
    "mtail",
    "redis-server",
    "s3s-fs",
    "socat",
];

/// The dashboard.
const DASHBOARD: &str = include_str!("../../../../server/lab/grafana/stage.json");

/// Longest time until an alert fires or ends, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(60);

impl Stage {
    /// Waits until an alert is in the status, or no more. Returns the status.
    async fn alert(&self, name: &str, fires: bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self
                .place
                .run(&["lab", "status", "--json"])
                .expect(0)
                .json();
            let alerts = status["watching"]["alerts"].as_array().unwrap();
            if alerts.iter().any(|alert| alert["name"] == name) == fires {
                return status;
            }
            assert!(Instant::now() < deadline, "{name}: {alerts:#?}");
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Waits until the log of incidents has a line of an alert with a status. Returns the line.
    async fn incident(&self, name: &str, status: &str) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(self.file("incidents.jsonl")).unwrap_or_default();
            let mut lines = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap());
            if let Some(line) = lines.find(|line| line["alert"] == name && line["status"] == status)
            {
                return line;
            }
            assert!(Instant::now() < deadline, "{name} {status}: {text}");
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Address of a box.
    fn address(&self, name: &str) -> String {
        self.own(name)["address"].as_str().unwrap().to_owned()
    }

    /// Evaluates a query in Prometheus. Returns the number of its series.
    async fn series(&self, query: &str) -> usize {
        let url = format!("http://{}/api/v1/query", self.address("prometheus"));
        let url = reqwest::Url::parse_with_params(&url, [("query", query)]).unwrap();
        let text = reqwest::get(url).await.unwrap().text().await.unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{query}: {text}");
        answer["data"]["result"].as_array().unwrap().len()
    }
}

/// Queries of a dashboard.
fn queries(dashboard: &str) -> Vec<String> {
    let dashboard: Value = serde_json::from_str(dashboard).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array())
        .flatten();
    targets
        .map(|target| target["expr"].as_str().unwrap().to_owned())
        .collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_zone_alerts_and_dashboard_has_figures() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("autoscaled", &[]);
    let pages = stage.place.run(&["lab", "open"]).expect(0).stdout;
    for shown in ["the service", "alertmanager: ", "prometheus: ", "mtail: "] {
        assert!(pages.contains(shown), "{pages}");
    }
    let status = stage.alert("ZoneLost", false).await;
    let missing = &status["watching"]["missing"];
    // Only the one that `scripts/setup` does not put on the PATH.
    let missing: Vec<&str> = missing
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own.as_str().unwrap())
        .collect();
    assert_eq!(
        missing,
        [
            "bugsink-manage is not installed (error reports, optional); install it with `pip install bugsink==2.6.2`"
        ]
    );

    // Long before anybody waits for it: the entrance is looked at every five seconds.
    stage.lab(&["rotate", "certificates", "--valid-for", "24h"]);
    let load = Load::begin(&stage).await;
    // Every query has figures once each rule and exporter was read a few times.
    let queries = queries(DASHBOARD);
    assert!(queries.len() > 15, "{}", queries.len());
    let deadline = Instant::now() + PATIENCE;
    for query in &queries {
        while stage.series(query).await == 0 {
            assert!(Instant::now() < deadline, "no series: {query}");
            sleep(Duration::from_millis(500)).await;
        }
    }

    stage.alert("CertificateExpires", true).await;
    stage.incident("CertificateExpires", "firing").await;
    stage.lab(&["rotate", "certificates"]);

    stage.lab(&["kill", "zone-a"]);
    let killed = Instant::now();
    let status = stage.alert("ZoneLost", true).await;
    println!(
        "the alert fired after {:.1} s",
        killed.elapsed().as_secs_f64()
    );
    let alerts = status["watching"]["alerts"].as_array().unwrap();
    let own = alerts.iter().find(|own| own["name"] == "ZoneLost").unwrap();
    assert_eq!(own["labels"]["zone"], "a");
    assert_eq!(own["runbook"], "docs/runbooks/zone-lost.md");
    let fired = stage.incident("ZoneLost", "firing").await;
    println!(
        "it was reported after {:.1} s",
        killed.elapsed().as_secs_f64()
    );
    assert_eq!(fired["summary"], "no box of zone a is ready");
    let shown = stage.place.run(&["lab", "status"]).expect(0).stdout;
    assert!(shown.contains("alert ZoneLost zone=a"), "{shown}");

    stage.lab(&["revive", "zone-a"]);
    stage.alert("ZoneLost", false).await;
    let resolved = stage.incident("ZoneLost", "resolved").await;
    assert_eq!(resolved["fingerprint"], fired["fingerprint"]);
    assert!(resolved["at_unix_ms"].as_u64() > fired["at_unix_ms"].as_u64());
    stage.alert("CertificateExpires", false).await;
    stage.incident("CertificateExpires", "resolved").await;
    load.end().await;
}

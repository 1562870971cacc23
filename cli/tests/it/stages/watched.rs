//! What watches stage `autoscaled`, on real components: alerts fire and end, and the queries of the dashboard have figures.

use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

use super::load::Load;
use super::stage::{Stage, lacks};

/// Programs of the stage, and those that watch it.
pub(super) const PROGRAMS: &[&str] = &[
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
    "goaccess",
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
    pub(super) async fn incident(&self, name: &str, status: &str) -> Value {
        let is_it = |line: &Value| line["alert"] == name && line["status"] == status;
        self.incident_that(&format!("{name} {status}"), is_it).await
    }

    /// Like [`Stage::incident`], of an alert with a label.
    pub(super) async fn incident_with(
        &self,
        name: &str,
        status: &str,
        label: &str,
        value: &str,
    ) -> Value {
        let is_it = |line: &Value| {
            line["alert"] == name && line["status"] == status && line["labels"][label] == value
        };
        self.incident_that(&format!("{name} {status} {label}={value}"), is_it)
            .await
    }

    async fn incident_that(&self, wanted: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let text = std::fs::read_to_string(self.file("incidents.jsonl")).unwrap_or_default();
            let mut lines = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap());
            if let Some(line) = lines.find(&is_it) {
                return line;
            }
            assert!(Instant::now() < deadline, "{wanted}: {text}");
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

/// Sends a number of requests to each of some paths, and waits until the page of the balancer's log has counted exactly these.
async fn page_counts_requests(stage: &Stage, pages: &str) {
    let client = stage.client();
    let sent = [
        ("/v1/posts/3", 200, 4),
        ("/v1/posts/5", 200, 7),
        ("/v1/posts/999999", 404, 2),
    ];
    for (path, status, times) in sent {
        for _ in 0..times {
            let url = stage.url(&format!("{path}?shown=never"));
            let answer = client.get(url).send().await.unwrap();
            assert_eq!(answer.status(), status, "{path}");
        }
    }
    let line = pages.lines().find(|line| line.contains("goaccess: "));
    let url = line.unwrap().split(' ').next().unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = reqwest::get(url).await.unwrap();
        let policy = answer.headers()["content-security-policy"].to_str();
        assert!(policy.unwrap().starts_with("default-src 'none'"));
        let page = answer.text().await.unwrap();
        let (_, data) = page.split_once("var json_data=").expect(&page);
        let data = serde_json::Deserializer::from_str(data).into_iter::<Value>();
        let data = data.take(1).next().unwrap().unwrap();
        let counted = |panel: &str, path: &str| {
            let rows = data[panel]["data"].as_array().into_iter().flatten();
            let rows = rows.filter(|row| row["data"] == path);
            rows.map(|row| row["hits"]["count"].as_u64().unwrap())
                .sum::<u64>()
        };
        let found = sent.map(|(path, status, times)| {
            let panel = if status == 404 {
                "not_found"
            } else {
                "requests"
            };
            (path, counted(panel, path), times)
        });
        assert!(!page.contains("shown=never"));
        if found.iter().all(|(_, counted, times)| counted == times) {
            // By server, too.
            let servers = ["web/web-1", "web/web-2"].map(|name| counted("vhosts", name));
            assert!(servers.iter().sum::<u64>() >= 13, "{servers:?}");
            return;
        }
        assert!(Instant::now() < deadline, "{found:?}");
        sleep(Duration::from_millis(500)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_zone_alerts_and_dashboard_has_figures() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("autoscaled", &[]);
    let pages = stage.place.run(&["lab", "open"]).expect(0).stdout;
    for shown in [
        "the service",
        "alertmanager: ",
        "prometheus: ",
        "mtail: ",
        "goaccess: ",
    ] {
        assert!(pages.contains(shown), "{pages}");
    }
    page_counts_requests(&stage, &pages).await;
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

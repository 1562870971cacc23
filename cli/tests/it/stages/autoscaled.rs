//! Stage `autoscaled` on real components: boxes come with the load and go without it, and no request is lost.

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::time::sleep;

use super::load::{Load, lost};
use super::stage::{Stage, User, lacks};

/// Programs of the stage.
const PROGRAMS: &[&str] = &[
    "mariadbd",
    "mariadb",
    "mariabackup",
    "garbd",
    "haproxy",
    "nginx",
    "prometheus",
    "prometheus-node-exporter",
    "redis-server",
    "s3s-fs",
    "socat",
];

/// Scales by requests per second, of which the test chooses the share that counts: the load itself never pauses.
const POLICY: &str = r#"
version = 1
interval = "1s"
[groups.app]
min_replicas = 2
max_replicas = 4
[[groups.app.metrics]]
type = "custom"
name = "request_rate"
target = 25
query = 'sum(rate(http_server_requests_total{group="app"}[5s])) * scalar(test_share)'
[groups.app.scale_down]
stabilization_window = "3s"
[groups.web]
min_replicas = 2
max_replicas = 3
[[groups.web.metrics]]
type = "custom"
name = "request_rate"
target = 30
query = 'sum(rate(http_server_requests_total{group="app"}[5s])) * scalar(test_share)'
[groups.web.scale_down]
stabilization_window = "3s"
[groups.sql-replica]
min_replicas = 2
max_replicas = 3
[[groups.sql-replica.metrics]]
type = "custom"
name = "request_rate"
target = 30
query = 'sum(rate(http_server_requests_total{group="app"}[5s])) * scalar(test_share)'
[groups.sql-replica.scale_down]
stabilization_window = "3s"
"#;

/// Longest time until the boxes have followed the load, on a busy machine.
const PATIENCE: Duration = Duration::from_secs(90);

impl Stage {
    /// Sets the share of the requests that counts.
    fn set_share(&self, share: u32) {
        let path = self.file("node-exporter").join("test.prom");
        std::fs::write(path, format!("test_share {share}\n")).unwrap();
    }

    /// Waits until each group has this many boxes, all ready, and the balancers know as many. Returns the status.
    async fn follows(&self, app: u64, web: u64) -> Value {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let status = self
                .place
                .run(&["lab", "status", "--json"])
                .expect(0)
                .json();
            let is_there = [("app", app), ("web", web)]
                .into_iter()
                .all(|(role, count)| {
                    let groups = status["groups"].as_array().unwrap();
                    let group = groups.iter().find(|own| own["name"] == role).unwrap();
                    group["boxes"] == count
                        && group["ready"] == count
                        && servers(&status, role).len() as u64 == count
                });
            if is_there {
                return status;
            }
            assert!(
                Instant::now() < deadline,
                "{:#}\n{}",
                status["groups"],
                std::fs::read_to_string(self.file("scaling.jsonl")).unwrap()
            );
            sleep(Duration::from_millis(500)).await;
        }
    }

    /// Waits until an event of a box was logged this many times.
    async fn awaits(&self, name: &str, event: &str, times: usize) {
        let deadline = Instant::now() + PATIENCE;
        let count = || self.events(name).iter().filter(|own| *own == event).count();
        while count() < times {
            assert!(Instant::now() < deadline, "{name}: {:?}", self.events(name));
            sleep(Duration::from_millis(300)).await;
        }
    }

    /// Oldest hundred posts of a database.
    fn posts(&self, name: &str) -> String {
        let socket = self.file(name).join("sql.sock");
        let query = "SELECT id, author_id, content FROM tenfold.posts ORDER BY id LIMIT 100";
        let client = Command::new("mariadb")
            .args(["--no-defaults", "--batch", "--execute", query])
            .arg(format!("--socket={}", socket.display()))
            .output()
            .unwrap();
        assert!(client.status.success(), "{client:?}");
        let posts = String::from_utf8(client.stdout).unwrap();
        assert!(posts.lines().count() > 100, "{posts}");
        posts
    }

    /// Events of a box, in order.
    fn events(&self, name: &str) -> Vec<String> {
        let text = std::fs::read_to_string(self.file("scaling.jsonl")).unwrap();
        let lines = text
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap());
        lines
            .filter(|line| line["box"] == name)
            .map(|line| line["event"].as_str().unwrap().to_owned())
            .collect()
    }
}

/// Servers of a list, with the number of requests that each got.
fn servers(status: &Value, list: &str) -> Vec<(String, u64)> {
    let balancers = status["balancers"].as_array().unwrap();
    let servers = balancers
        .iter()
        .flat_map(|own| own["servers"].as_array().unwrap());
    servers
        .filter(|server| server["list"] == list)
        .map(|server| {
            (
                server["name"].as_str().unwrap().to_owned(),
                server["sent"].as_u64().unwrap(),
            )
        })
        .collect()
}

fn times_down(status: &Value, name: &str) -> u64 {
    let balancers = status["balancers"].as_array().unwrap();
    let servers = balancers
        .iter()
        .flat_map(|own| own["servers"].as_array().unwrap());
    let mut of_name = servers.filter(|server| server["name"] == name);
    of_name.next().unwrap()["times_down"].as_u64().unwrap()
}

fn pid_of(status: &Value, name: &str) -> u64 {
    let boxes = status["boxes"].as_array().unwrap();
    let own = boxes.iter().find(|own| own["name"] == name).unwrap();
    own["pid"].as_u64().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn autoscaled_follows_load_and_loses_no_request() {
    if lacks(PROGRAMS) {
        return;
    }
    let policy = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(policy.path(), POLICY).unwrap();
    let stage = Stage::up("autoscaled", &["--policy", policy.path().to_str().unwrap()]);
    stage.set_share(1);
    stage.follows(2, 2).await;
    let user = User::new(&stage, "user").await;

    let load = Load::begin(&stage).await;
    let grown = stage.follows(4, 3).await;
    // The new boxes are in the zones in turn, and get requests.
    let boxes = grown["boxes"].as_array().unwrap();
    let zone = |name: &str| boxes.iter().find(|own| own["name"] == name).unwrap()["zone"].clone();
    assert_eq!(
        (zone("app-3"), zone("app-4"), zone("web-3")),
        ("a".into(), "b".into(), "a".into())
    );
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let status = stage.follows(4, 3).await;
        let all = [servers(&status, "app"), servers(&status, "web")].concat();
        if all.iter().all(|(_, sent)| *sent > 0) {
            break;
        }
        assert!(Instant::now() < deadline, "{all:?}");
        sleep(Duration::from_millis(500)).await;
    }
    let pid = pid_of(&grown, "app-3");
    // A replica takes longer: it copies another one, and catches up.
    stage.awaits("sql-replica-3", "first_request", 1).await;
    assert_eq!(stage.posts("sql-replica-3"), stage.posts("sql-replica-1"));

    let from = Instant::now();
    stage.set_share(0);
    stage.follows(2, 2).await;
    // Until the drained boxes have stopped.
    let deadline = Instant::now() + Duration::from_secs(30);
    while stage.events("app-3").last().map(String::as_str) != Some("stopped") {
        assert!(Instant::now() < deadline, "{:?}", stage.events("app-3"));
        sleep(Duration::from_millis(200)).await;
    }
    stage.awaits("sql-replica-3", "stopped", 1).await;
    sleep(Duration::from_secs(1)).await;
    let outcomes = load.outcomes(from, Instant::now());
    assert!(outcomes.len() > 100, "{}", outcomes.len());
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.failure.is_some())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    let acknowledged = load.end().await;
    assert!(acknowledged.len() > 50, "{}", acknowledged.len());
    assert_eq!(lost(&user, &acknowledged).await, []);

    let expected = [
        "start",
        "ready",
        "admitted",
        "first_request",
        "drain",
        "removed",
        "stopped",
    ];
    assert_eq!(stage.events("app-3"), expected);
    assert_eq!(stage.events("sql-replica-3"), expected);
    // Its balancer did not count that as a failure.
    let status = stage.place.run(&["lab", "status", "--json"]).expect(0);
    let replicas = servers(&status.json(), "sql-replicas");
    assert_eq!(replicas.len(), 3, "{replicas:?}");
    let down = times_down(&status.json(), "sql-replica-3");
    assert_eq!(down, 0);
    assert!(
        !Path::new(&format!("/proc/{pid}")).exists(),
        "app-3 is still there"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn autoscaled_replaces_killed_box_and_leaves_nothing_behind() {
    if lacks(PROGRAMS) {
        return;
    }
    let policy = tempfile::NamedTempFile::new().unwrap();
    // The clock alone: three boxes all day.
    let always = r#"
version = 1
interval = "1s"
[groups.app]
min_replicas = 2
max_replicas = 4
[[groups.app.schedules]]
name = "day"
from = "00:00"
to = "12:00"
replicas = 3
[[groups.app.schedules]]
name = "evening"
from = "12:00"
to = "00:00"
replicas = 3
"#;
    std::fs::write(policy.path(), always).unwrap();
    let arguments = [
        "--policy",
        policy.path().to_str().unwrap(),
        "--count",
        "web=1",
    ];
    let stage = Stage::up("autoscaled", &arguments);
    let is_up = |status: &Value| servers(status, "app").len() == 3;
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        let status = stage
            .place
            .run(&["lab", "status", "--json"])
            .expect(0)
            .json();
        if is_up(&status) {
            break status;
        }
        assert!(Instant::now() < deadline, "{:#}", status["groups"]);
        sleep(Duration::from_millis(300)).await;
    };
    let groups = status["groups"].as_array().unwrap();
    assert_eq!(
        groups.len(),
        1,
        "the number of web boxes is given: {groups:?}"
    );
    let pid = pid_of(&status, "app-3");
    stage.lab(&["kill", "app-3"]);
    // Another box takes its place, and the other way round.
    stage.awaits("app-4", "admitted", 1).await;
    stage.lab(&["kill", "app-4"]);
    stage.awaits("app-3", "admitted", 2).await;
    // So does one for a box of the minimum, until that is back.
    stage.lab(&["kill", "app-1"]);
    stage.awaits("app-4", "admitted", 2).await;
    stage.lab(&["revive", "app-1"]);
    stage.awaits("app-4", "stopped", 1).await;
    // A box that is drained by hand stays away.
    stage.lab(&["drain", "app-3"]);
    stage.awaits("app-3", "stopped", 1).await;
    stage.awaits("app-4", "admitted", 3).await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(
        stage.events("app-3").last().map(String::as_str),
        Some("stopped")
    );
    stage.lab(&["revive", "app-3"]);
    stage.lab(&["drain", "zone-b"]);
    stage.awaits("app-4", "stopped", 2).await;
    stage.awaits("app-3", "admitted", 3).await;
    stage.lab(&["revive", "zone-b"]);
    let status = stage
        .place
        .run(&["lab", "status", "--json"])
        .expect(0)
        .json();
    let again = pid_of(&status, "app-3");
    assert_ne!(pid, again);
    stage.down();
    for pid in [
        pid,
        again,
        pid_of(&status, "prometheus"),
        pid_of(&status, "node-exporter"),
    ] {
        assert!(
            !Path::new(&format!("/proc/{pid}")).exists(),
            "{pid} is still there"
        );
    }
}

#[test]
fn autoscaled_refuses_policy_that_does_not_fit() {
    let policy = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(policy.path(), POLICY.replace("groups.web", "groups.sql")).unwrap();
    let place = crate::support::Workplace::new();
    let path = policy.path().to_str().unwrap();
    let ended = place
        .run(&["lab", "up", "--stage", "autoscaled", "--policy", path])
        .expect(104);
    assert!(
        ended.stderr.contains("it can scale app, web, sql-replica"),
        "{}",
        ended.stderr
    );
    let ended = place
        .run(&["lab", "up", "--stage", "cached", "--policy", path])
        .expect(104);
    assert!(
        ended.stderr.contains("stage `cached` does not scale"),
        "{}",
        ended.stderr
    );
}

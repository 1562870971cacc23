//! Stage `cached` on real components: reads come from memory and replicas, and are never too old.

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
    "redis-server",
    "s3s-fs",
    "socat",
];

/// Longest time that another process may serve an old value, by the defaults of the stage.
const STALENESS: Duration = Duration::from_secs(1);

impl Stage {
    /// Returns a metric, summed over the application servers.
    async fn figure(&self, name: &str) -> f64 {
        let mut sum = 0.0;
        for own in ["app-1", "app-2"] {
            let admin = self.own(own)["admin"].as_str().unwrap();
            let answer = reqwest::get(format!("http://{admin}/metrics"))
                .await
                .unwrap();
            let text = answer.text().await.unwrap();
            let lines = text.lines().filter_map(|line| line.strip_prefix(name));
            sum += lines
                .filter_map(|rest| rest.trim().parse::<f64>().ok())
                .sum::<f64>();
        }
        sum
    }
}

async fn edit(user: &User, post: u64, content: &str) {
    let (status, body) = user.edit(post, content).await.unwrap();
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
}

fn status_shows_use_of_unconfined_boxes(stage: &Stage) {
    let status = stage
        .place
        .run(&["lab", "status", "--json"])
        .expect(0)
        .json();
    for own in status["boxes"].as_array().unwrap() {
        assert_eq!(own["allowance"], Value::Null);
        let memory = own["usage"]["memory_bytes"].as_u64().unwrap();
        assert!(memory > 100_000, "{own:#}");
    }
    let table = stage.place.run(&["lab", "status"]).expect(0);
    assert!(table.stdout.contains("sql-replica-2"), "{}", table.stdout);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn cached_reads_stay_within_staleness_bound() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("cached", &[]);
    status_shows_use_of_unconfined_boxes(&stage);
    let user = User::new(&stage, "user").await;

    // Replicas follow the primary, and can be read.
    let deadline = Instant::now() + Duration::from_secs(20);
    while stage.figure("tenfold_replica_in_use{replica=\"1\"}").await < 2.0 {
        assert!(Instant::now() < deadline, "the replicas do not follow");
        sleep(Duration::from_millis(200)).await;
    }
    for post in 1..100 {
        assert!(user.content(post).await.unwrap().is_some());
    }
    let from_replicas = stage
        .figure("tenfold_replica_reads_total{replica=\"1\"}")
        .await;
    assert!(from_replicas >= 50.0, "{from_replicas}");

    // Repeated reads come from memory.
    let loads = stage.figure("tenfold_cache_loads_total").await;
    for post in 1..100 {
        assert!(user.content(post).await.unwrap().is_some());
    }
    let more = stage.figure("tenfold_cache_loads_total").await - loads;
    assert!(more <= 5.0, "{more} of 99 posts were loaded again");
    let shared = stage
        .figure("tenfold_cache_hits_total{layer=\"shared\"}")
        .await;
    let local = stage
        .figure("tenfold_cache_hits_total{layer=\"local\"}")
        .await;
    println!("{local} hits in the processes, {shared} in Redis");
    assert!(local + shared >= 90.0);

    // Every server shows a change within the staleness bound.
    let post = user.post("as it was").await.unwrap();
    for number in 0..5 {
        let content = format!("edit {number}");
        edit(&user, post, &content).await;
        sleep(STALENESS + Duration::from_millis(300)).await;
        for _ in 0..4 {
            assert_eq!(
                user.content(post).await.unwrap().as_deref(),
                Some(content.as_str())
            );
        }
    }

    // The loss of the cache loses no data, and causes no errors.
    let load = Load::begin(&stage).await;
    sleep(Duration::from_secs(1)).await;
    for part in ["cache", "sql-replica-1", "zone-a"] {
        let killed = Instant::now();
        stage.lab(&["kill", part]);
        let writes = load.writes_again(killed, Duration::from_secs(15)).await;
        sleep(Duration::from_secs(3)).await;
        let now = Instant::now();
        let outcomes = load.outcomes(killed, now);
        let failed: Vec<_> = outcomes
            .iter()
            .filter(|outcome| !outcome.is_write && outcome.failure.is_some())
            .collect();
        println!(
            "{part}: writes after {writes:?}, {} of {} reads failed",
            failed.len(),
            outcomes.iter().filter(|outcome| !outcome.is_write).count()
        );
        assert!(writes.is_some(), "no writes without {part}");
        assert!(failed.is_empty(), "{failed:#?}");
        stage.lab(&["revive", part]);
        sleep(Duration::from_secs(1)).await;
    }
    let acknowledged = load.end().await;
    assert!(acknowledged.len() > 100);
    assert_eq!(lost(&user, &acknowledged).await, []);
}

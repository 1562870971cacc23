//! Optional stores of stage `partitioned`, on real components: sessions in a Redis cluster, which outlive each of its boxes.

use std::time::{Duration, Instant};

use super::stage::{Stage, User, lacks};
use crate::support::Workplace;

/// Programs of the stage with its Redis cluster.
const PROGRAMS: &[&str] = &[
    "mariadbd",
    "haproxy",
    "redis-server",
    "s3s-fs",
    "nats-server",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sessions_outlive_boxes_of_redis_cluster() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("partitioned", &["--with", "redis-cluster"]);
    let mut users = Vec::new();
    for number in 0..6 {
        users.push(User::new(&stage, &format!("clustered{number}")).await);
    }
    for user in &users {
        assert_eq!(user.get("/v1/feed").await.unwrap().0, 401);
        assert_eq!(user.get_own("/v1/feed").await.unwrap().0, 200);
    }
    // Each session is on disk before it is acknowledged.
    for name in ["redis-cluster-1", "redis-cluster-2", "redis-cluster-3"] {
        stage.lab(&["kill", name]);
        stage.lab(&["revive", name]);
    }
    let begun = Instant::now();
    for user in &users {
        loop {
            let (status, _) = user.get_own("/v1/feed").await.unwrap();
            if status == 200 {
                break;
            }
            assert!(status >= 500, "the session is gone: {status}");
            assert!(begun.elapsed() < Duration::from_secs(30), "{status}");
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    }
    stage.down();
}

#[test]
fn unknown_optional_box_is_refused() {
    let place = Workplace::new();
    let up = ["lab", "up", "--stage", "partitioned", "--with", "mongodb"];
    let refused = place.run(&up).expect(104);
    assert!(
        refused.stderr.contains(
            "its optional boxes: redis-cluster, cassandra, arcadedb, clickhouse, services, cdn"
        ),
        "{}",
        refused.stderr
    );
}

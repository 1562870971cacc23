//! Stage `partitioned` on real components: posts on several databases, which can be lost one by one, and grow.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::load::{Load, lost};
use super::stage::{Stage, User, lacks};
use crate::support::{Ended, Workplace};

/// Smallest PNG, of one pixel.
const PHOTO: &[u8] = include_bytes!("pixel.png");

/// Programs of the stage.
const PROGRAMS: &[&str] = &[
    "mariadbd",
    "haproxy",
    "redis-server",
    "s3s-fs",
    "nats-server",
];

impl Stage {
    /// Returns the shards as an application server knows them.
    async fn shards(&self) -> Value {
        let admin = self.own("app-1")["admin"].as_str().unwrap();
        let answer = reqwest::get(format!("http://{admin}/shards"))
            .await
            .unwrap();
        serde_json::from_str(&answer.text().await.unwrap()).unwrap()
    }
}

/// Logs in as a user of the data set, and follows the first twenty. Returns the token.
async fn follower(stage: &Stage) -> String {
    let client = stage.client();
    let login = json!({"handle": "user50", "password": "tenfold"}).to_string();
    let answer = client
        .post(stage.url("/v1/sessions"))
        .header("content-type", "application/json")
        .body(login)
        .send()
        .await
        .unwrap();
    let session: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    let token = session["token"].as_str().unwrap().to_owned();
    for followee in 1..=20 {
        let answer = client
            .put(stage.url(&format!("/v1/following/{followee}")))
            .bearer_auth(&token)
            .send()
            .await
            .unwrap();
        assert!(answer.status().is_success(), "{}", answer.status());
    }
    token
}

/// Reads a page of a feed that is not cached. Returns whether it is marked as incomplete, and the number of posts.
async fn feed(stage: &Stage, token: &str) -> (bool, usize) {
    let answer = stage
        .client()
        .get(stage.url("/v1/feed?limit=100&cursor=1000"))
        .bearer_auth(token)
        .send()
        .await
        .unwrap();
    assert_eq!(answer.status(), 200);
    let is_incomplete = answer
        .headers()
        .get("feed-incomplete")
        .is_some_and(|value| value == "?1");
    let page: Value = serde_json::from_str(&answer.text().await.unwrap()).unwrap();
    (is_incomplete, page["posts"].as_array().unwrap().len())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn lost_shard_costs_its_own_authors() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("partitioned", &[]);
    let boxes = stage.status["boxes"].as_array().unwrap().iter();
    let names: Vec<_> = boxes.map(|own| own["name"].as_str().unwrap()).collect();
    let expected = [
        "sql-users",
        "sql-posts-1",
        "sql-posts-2",
        "cache",
        "files",
        "queue",
        "app-1",
        "app-2",
        "worker-1",
        "balancer",
    ];
    assert_eq!(names, expected);
    let shards = stage.shards().await;
    assert_eq!(shards["shards"][0]["buckets"], 512, "{shards:#}");

    // Each shard has posts of the data set.
    let user = User::new(&stage, "user").await;
    let token = follower(&stage).await;
    for post in 1..=200 {
        assert!(user.content(post).await.unwrap().is_some(), "{post}");
    }
    let (is_incomplete, all) = feed(&stage, &token).await;
    assert!(!is_incomplete && all > 0, "{all} posts");

    // A photo goes through the queue.
    let post = user.post("with a photo").await.unwrap();
    assert_eq!(user.photo(post, "image/png", PHOTO.to_vec()).await, 202);
    let deadline = Instant::now() + Duration::from_secs(20);
    let path = format!("/v1/posts/{post}/photo");
    while user.get(&path).await.unwrap() != (200, PHOTO.to_vec()) {
        assert!(Instant::now() < deadline, "no worker did the job");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let queue = stage.place.run(&["lab", "queue", "--json"]).expect(0);
    assert_eq!(queue.json()["dead"], 0, "{}", queue.stdout);

    // Without one, some posts are missing, and the feed says so. The others are there.
    stage.lab(&["kill", "sql-posts-2"]);
    // Posts that are in the cache outlive their shard for some time.
    tokio::time::sleep(Duration::from_secs(32)).await;
    let (mut there, mut missing) = (0, 0);
    for post in (1..=200).step_by(5) {
        match user.content(post).await {
            Ok(Some(_)) => there += 1,
            Ok(None) => panic!("post {post} counts as deleted"),
            Err(error) => {
                assert!(error.starts_with("503"), "{error}");
                missing += 1;
            }
        }
    }
    assert!(
        there > 10 && missing > 4,
        "{there} there, {missing} missing"
    );
    let (is_incomplete, some) = feed(&stage, &token).await;
    assert!(
        is_incomplete && some > 0 && some < all,
        "{some} of {all} posts"
    );
    // People can log in, and those of the other shard can write.
    let mut written = 0;
    for number in 0..8 {
        let user = User::new(&stage, &format!("later_{number}")).await;
        written += usize::from(user.post("still here").await.is_ok());
    }
    assert!((1..8).contains(&written), "{written} of 8 could write");

    stage.lab(&["revive", "sql-posts-2"]);
    let deadline = Instant::now() + Duration::from_secs(10);
    while feed(&stage, &token).await != (false, all) {
        assert!(Instant::now() < deadline, "the shard is not used again");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    stage.down();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn posts_move_to_new_shard_under_load() {
    if lacks(PROGRAMS) {
        return;
    }
    let mut stage = Stage::up("partitioned", &[]);
    stage.down();
    // A third database has no posts until some are moved.
    stage.again("partitioned", &["--count", "sql-posts=3"]);
    let shards = stage.shards().await;
    assert_eq!(shards["shards"][2]["buckets"], 0, "{shards:#}");

    let load = Load::begin(&stage).await;
    tokio::time::sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    let moved = stage
        .place
        .run(&["lab", "reshard", "--json"])
        .expect(0)
        .json();
    let ended = Instant::now();
    tokio::time::sleep(Duration::from_secs(1)).await;
    println!("{moved:#}");
    let sizes: Vec<u64> = moved["shards"]
        .as_array()
        .unwrap()
        .iter()
        .map(|own| own["buckets"].as_u64().unwrap())
        .collect();
    assert_eq!(sizes.iter().sum::<u64>(), 1_024);
    assert!(
        sizes.iter().all(|size| (341..=342).contains(size)),
        "{sizes:?}"
    );
    assert_eq!(moved["spreading"]["buckets"], 341);

    let outcomes = load.outcomes(began, ended);
    let failed: Vec<_> = outcomes
        .iter()
        .filter(|own| own.failure.is_some())
        .collect();
    assert!(failed.is_empty(), "{failed:#?}");
    // No second without an acknowledged write.
    let mut writes: Vec<Instant> = outcomes
        .iter()
        .filter(|own| own.is_write)
        .map(|own| own.ended)
        .collect();
    writes.sort_unstable();
    let gap = writes.windows(2).map(|own| own[1] - own[0]).max().unwrap();
    println!(
        "{} requests, longest time between two writes {gap:?}",
        outcomes.len()
    );
    assert!(gap < Duration::from_secs(1), "{gap:?} without a write");

    let user = User::new(&stage, "user").await;
    let acknowledged = load.end().await;
    assert!(acknowledged.len() > 50);
    assert_eq!(lost(&user, &acknowledged).await, []);
    for post in 1..=200 {
        assert!(user.content(post).await.unwrap().is_some(), "{post}");
    }
    let wrong = stage.place.run(&["lab", "reshard", "nowhere"]).expect(107);
    assert!(
        wrong.stderr.contains("there is no shard `nowhere`"),
        "{}",
        wrong.stderr
    );
    stage.down();
}

#[test]
fn names_missing_component_with_its_package() {
    if lacks(PROGRAMS) {
        return;
    }
    let place = Workplace::new();
    // A path with everything but Redis.
    let path = place.path("bin");
    std::fs::create_dir(&path).unwrap();
    std::os::unix::fs::symlink("/bin/sh", path.join("sh")).unwrap();
    for program in [
        "mariadbd",
        "mariadb-install-db",
        "haproxy",
        "s3s-fs",
        "nats-server",
    ] {
        let path_of = std::env::var_os("PATH").unwrap_or_default();
        let places = std::env::split_paths(&path_of).chain(["/usr/sbin".into()]);
        let found = places
            .map(|own| own.join(program))
            .find(|own| own.is_file());
        if let Some(found) = found {
            std::os::unix::fs::symlink(found, path.join(program)).unwrap();
        }
    }
    let mut command = place.tenfold(&["lab", "up", "--stage", "partitioned"]);
    let ended = Ended::of(command.env("PATH", &path).output().unwrap()).expect(107);
    let expected = "could not find redis-server";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert!(
        ended.stderr.contains("apt-get install redis-server"),
        "{}",
        ended.stderr
    );
}

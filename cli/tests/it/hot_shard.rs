//! A shard with an author who has a fifth of the traffic, found by a run, and relieved.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::time::{Duration, Instant};

use serde_json::Value;
use tenfold_scenarios::LIBRARY;

use crate::support::{Service, Workplace};

const USERS: u32 = 2_000;
const POSTS: u32 = 5_000;

/// Starts a service with two shards.
fn serve(place: &Workplace) -> Service {
    let url = |name: &str| format!("sqlite:{}", place.path(name).display());
    let shards = ["posts-1", "posts-2"].map(|name| format!("{name}={}", url(name)));
    let [users, posts] = [USERS, POSTS].map(|count| count.to_string());
    place.serve(&[
        "--store",
        &url("users"),
        "--shard",
        &shards[0],
        "--shard",
        &shards[1],
        "--data-users",
        &users,
        "--data-posts",
        &posts,
    ])
}

async fn shards(service: &Service) -> Value {
    let answer = reqwest::get(format!("{}/shards", service.admin_url()));
    let text = answer.await.unwrap().text().await.unwrap();
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hot_author_is_found_and_their_shard_relieved() {
    // The HTTP client of the tests uses the provider of the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let place = Workplace::new();
    let service = serve(&place);
    let (_, text) = LIBRARY.iter().find(|own| own.0 == "hot-author").unwrap();
    // The same, for fewer users and posts.
    let text = text
        .replace("count = 9999", &format!("count = {}", USERS - 1))
        .replace("count = 100000", &format!("count = {POSTS}"))
        .replace("count = 64", "count = 4")
        .replace("100001..", &format!("{}..", POSTS + 1));
    let scenario = place.write("hot-author.toml", &text);
    let run = place.run(&[
        "run",
        scenario.to_str().unwrap(),
        "--target",
        &service.url(),
        "--admin",
        &service.admin_url(),
        "--rate",
        "300/s",
        "--duration",
        "6s",
        "--no-profile",
        "--json",
    ]);
    let summary: Value = serde_json::from_str(&run.stdout).unwrap();
    let findings = summary["findings"].as_array().unwrap();
    let hot = findings
        .iter()
        .find(|own| own["title"].as_str().unwrap().contains(" is hot: "));
    let hot = hot.unwrap_or_else(|| panic!("{findings:#?}"));
    let title = hot["title"].as_str().unwrap();
    assert!(title.ends_with("many of them for author 1"), "{title}");
    let shard = title.split_whitespace().nth(1).unwrap();
    let advice = format!("tenfold lab reshard --away-from {shard}");
    assert!(hot["advice"].as_str().unwrap().contains(&advice), "{hot}");

    // The step that it names: the shard keeps its busiest bucket, and fewer others.
    let client = reqwest::Client::new();
    let begun = client
        .post(format!("{}/shards", service.admin_url()))
        .body(format!("{{\"away_from\":\"{shard}\"}}"))
        .send();
    assert_eq!(begun.await.unwrap().status(), 202);
    let deadline = Instant::now() + Duration::from_secs(30);
    let ended = loop {
        let now = shards(&service).await;
        if now["spreading"]["state"] != "running" {
            break now;
        }
        assert!(Instant::now() < deadline, "{now:#}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(ended["spreading"]["state"], "done", "{ended:#}");
    let buckets = |name: &str| {
        let mut all = ended["shards"].as_array().unwrap().iter();
        all.find(|own| own["name"] == name).unwrap()["buckets"]
            .as_u64()
            .unwrap()
    };
    let kept = buckets(shard);
    assert!((200..500).contains(&kept), "{ended:#}");
    assert_eq!(buckets("posts-1") + buckets("posts-2"), 1_024);
}

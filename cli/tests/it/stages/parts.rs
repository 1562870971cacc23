//! Stage `partitioned` with the service in parts: the balancer sends each path to its part, and the parts call each other.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::stage::{Stage, User, lacks};

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

/// Requests until the answer has this status.
async fn settles(user: &User, path: &str, status: u16) -> Vec<u8> {
    let begun = Instant::now();
    loop {
        let answer = user.get_own(path).await;
        match answer {
            Ok((found, body)) if found == status => return body,
            answer => assert!(
                begun.elapsed() < Duration::from_secs(20),
                "{path}: {answer:?}"
            ),
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn parts_serve_their_paths_and_fail_alone() {
    if lacks(PROGRAMS) {
        return;
    }
    let arguments = ["--with", "services", "--count", "feeds=2"];
    let stage = Stage::up("partitioned", &arguments);
    let boxes = stage.status["boxes"].as_array().unwrap();
    let count = |role: &str| boxes.iter().filter(|own| own["role"] == role).count();
    let roles = ["users", "posts", "photos", "feeds", "app"];
    assert_eq!(roles.map(count), [1, 1, 1, 2, 0]);

    let (ada, bob) = (
        User::new(&stage, "ada").await,
        User::new(&stage, "bob").await,
    );
    let post = ada.post("divided").await.unwrap();
    let photo = ada.photo(post, "image/png", PHOTO.to_vec()).await;
    assert!([202, 204].contains(&photo), "{photo}");
    // The worker is no part: it makes the thumbnail as before.
    settles(&bob, &format!("/v1/posts/{post}/thumbnail"), 200).await;
    let page = settles(&bob, &format!("/v1/posts/{post}"), 200).await;
    let page: Value = serde_json::from_slice(&page).unwrap();
    let author = page["author"]["id"].as_u64().unwrap();
    bob.follow(author).await;
    let feed: Value = serde_json::from_slice(&settles(&bob, "/v1/feed", 200).await).unwrap();
    assert_eq!(feed["posts"][0]["id"], post, "{feed}");
    // Calls between the parts are not for clients.
    assert_eq!(bob.get_own("/internal/calls").await.unwrap().0, 404);

    // Without the part with the feeds, everything else works.
    stage.lab(&["kill", "feeds-1"]);
    stage.lab(&["kill", "feeds-2"]);
    settles(&bob, "/v1/feed", 503).await;
    assert!(ada.post("still here").await.is_ok());
    stage.lab(&["revive", "feeds-1"]);
    settles(&bob, "/v1/feed", 200).await;
    // Without the users, nobody is known, but posts can be read.
    stage.lab(&["kill", "users-1"]);
    assert_eq!(ada.content(post).await.unwrap().as_deref(), Some("divided"));
    settles(&bob, "/v1/feed?limit=20", 503).await;
    stage.lab(&["revive", "users-1"]);
    settles(&bob, "/v1/feed?limit=20", 200).await;
    stage.down();
}

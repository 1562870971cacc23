//! The live feed: posts as Server-Sent Events.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::time::Duration;

use reqwest::Response;
use serde_json::Value;
use support::{problem, service};

/// Reads events until there are `count`; returns their contents.
async fn events(response: &mut Response, count: usize) -> Vec<String> {
    let mut text = String::new();
    while text.matches("\n\n").count() < count {
        let piece = tokio::time::timeout(Duration::from_secs(10), response.chunk()).await;
        text.push_str(std::str::from_utf8(&piece.unwrap().unwrap().unwrap()).unwrap());
    }
    let event = |event: &str| {
        assert!(event.starts_with("event: post\n"), "{event}");
        assert!(event.contains("\nid: "), "{event}");
        let data = event
            .lines()
            .find_map(|line| line.strip_prefix("data: "))
            .unwrap();
        let post: Value = serde_json::from_str(data).unwrap();
        post["content"].as_str().unwrap().to_owned()
    };
    text.split("\n\n")
        .filter(|part| !part.is_empty())
        .map(event)
        .collect()
}

#[tokio::test]
async fn sends_newest_posts_and_then_new_ones() {
    let service = service().await;
    let (author, author_token) = service.user("ada").await;
    let (_, reader_token) = service.user("bob").await;
    let follow = format!("/v1/following/{author}");
    let followed = service
        .request(reqwest::Method::PUT, &follow)
        .bearer_auth(&reader_token);
    assert_eq!(followed.send().await.unwrap().status(), 204);
    for content in ["one", "two", "three"] {
        service.post_by(&author_token, content).await;
    }
    let live = service
        .get("/v1/feed/live?limit=2")
        .bearer_auth(&reader_token);
    let mut live = live.send().await.unwrap();
    assert_eq!(live.status(), 200);
    assert_eq!(live.headers()["content-type"], "text/event-stream");
    assert_eq!(events(&mut live, 2).await, ["two", "three"]);
    service.post_by(&author_token, "four").await;
    assert_eq!(events(&mut live, 1).await, ["four"]);

    let resumed = service
        .get("/v1/feed/live")
        .header("last-event-id", "2")
        .bearer_auth(&reader_token);
    let mut resumed = resumed.send().await.unwrap();
    assert_eq!(events(&mut resumed, 2).await, ["three", "four"]);
}

#[tokio::test]
async fn rejects_strangers_and_bad_identifiers() {
    let service = service().await;
    let stranger = service.get("/v1/feed/live").send().await.unwrap();
    problem(stranger, 401).await;
    let (_, token) = service.user("ada").await;
    let bad = service
        .get("/v1/feed/live")
        .header("last-event-id", "x")
        .bearer_auth(&token);
    let detail = problem(bad.send().await.unwrap(), 400).await;
    assert!(detail.contains("Last-Event-ID"), "{detail}");
}

#[tokio::test]
async fn ends_when_service_stops() {
    let mut service = service().await;
    let (_, token) = service.user("ada").await;
    let mut live = service
        .get("/v1/feed/live")
        .bearer_auth(&token)
        .send()
        .await
        .unwrap();
    service.stop();
    let end = tokio::time::timeout(Duration::from_secs(5), live.chunk()).await;
    assert_eq!(end.unwrap().unwrap(), None);
    service.stopped().await;
}

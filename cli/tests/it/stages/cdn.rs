//! Stage `partitioned` with caches at the edge: they answer by themselves, forget what changes, and answer while the service is away.

use std::time::{Duration, Instant};

use serde_json::Value;

use super::stage::{Stage, User, lacks};

/// Programs of the stage.
const PROGRAMS: &[&str] = &[
    "mariadbd",
    "haproxy",
    "redis-server",
    "s3s-fs",
    "nats-server",
    "varnishd",
];

/// Staleness of the caches of the service (1 s by default), and what the documentation allows for the purge.
const STALE_MAX: Duration = Duration::from_millis(1_500);

/// Longest time until both edges have a response.
const WARM_MAX: Duration = Duration::from_secs(20);

struct Answer {
    status: u16,
    /// True if an edge had it. `None` if no edge answered.
    is_hit: Option<bool>,
    headers: reqwest::header::HeaderMap,
    body: Vec<u8>,
}

async fn get(client: &reqwest::Client, url: &str, etag: Option<&str>) -> Answer {
    let mut request = client.get(url);
    if let Some(etag) = etag {
        request = request.header("if-none-match", etag);
    }
    let answer = request.send().await.unwrap();
    Answer {
        status: answer.status().as_u16(),
        is_hit: answer.headers().get("x-cache").map(|value| value == "hit"),
        headers: answer.headers().clone(),
        body: answer.bytes().await.unwrap().to_vec(),
    }
}

/// Reads until an edge has the response: each of the two keeps its own.
async fn warm(client: &reqwest::Client, url: &str) -> Answer {
    let mut hits = 0;
    let begun = Instant::now();
    // Until the check of the balancer has found the edges, others answer.
    while begun.elapsed() < WARM_MAX {
        let answer = get(client, url, None).await;
        assert_eq!(answer.status, 200, "{url}");
        hits = if answer.is_hit == Some(true) {
            hits + 1
        } else {
            0
        };
        // Requests go to the edges in turn.
        if hits == 4 {
            return answer;
        }
    }
    panic!("the edges do not keep {url}");
}

fn content(body: &[u8]) -> String {
    let post: Value = serde_json::from_slice(body).unwrap();
    post["content"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn edges_answer_are_purged_and_outlive_the_service() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("partitioned", &["--with", "cdn"]);
    let client = stage.client();
    let ada = User::new(&stage, "ada").await;
    let post = ada.post("first").await.unwrap();
    let url = stage.url(&format!("/v1/posts/{post}"));

    // An edge answers; a client with the same version gets no body.
    let kept = warm(&client, &url).await;
    assert_eq!(kept.headers["cache-control"], "no-cache");
    for hidden in ["xkey", "cdn-cache-control", "x-varnish"] {
        assert!(!kept.headers.contains_key(hidden), "{hidden}");
    }
    let etag = kept.headers["etag"].to_str().unwrap().to_owned();
    let same = get(&client, &url, Some(&etag)).await;
    assert_eq!((same.status, same.is_hit), (304, Some(true)));
    // A feed is for one user: no edge is asked.
    let feed = client.get(stage.url("/v1/feed")).send().await.unwrap();
    assert_eq!(feed.status(), 401);
    assert!(!feed.headers().contains_key("x-cache"));
    // Files by their version never change.
    let page = warm(&client, &stage.url("/static/index.html")).await;
    let page = String::from_utf8(page.body).unwrap();
    let (_, rest) = page.split_once("href=\"/static/").unwrap();
    let (icon, _) = rest.split_once('"').unwrap();
    assert!(icon.ends_with("/logo.svg"), "{icon}");
    let icon = get(&client, &stage.url(&format!("/static/{icon}")), None).await;
    let directives = icon.headers["cache-control"].to_str().unwrap();
    assert!(directives.contains("immutable"), "{directives}");

    // A change is seen within the stated time, by each edge, and from then on.
    for (number, text) in ["second", "third"].into_iter().enumerate() {
        warm(&client, &url).await;
        let edited = ada.edit(post, text).await.unwrap();
        assert_eq!(edited.0, 200);
        let begun = Instant::now();
        let mut seen_at = None;
        while begun.elapsed() < 2 * STALE_MAX {
            let answer = get(&client, &url, None).await;
            let is_new = content(&answer.body) == text;
            match (is_new, seen_at) {
                (true, None) => seen_at = Some(begun.elapsed()),
                (false, _) => seen_at = None,
                (true, Some(_)) => {}
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let seen_at = seen_at.unwrap();
        assert!(seen_at < STALE_MAX, "change {number}: {seen_at:?}");
    }
    // A client with the earlier version gets the new one.
    let changed = get(&client, &url, Some(&etag)).await;
    assert_eq!(
        (changed.status, content(&changed.body)),
        (200, "third".to_owned())
    );

    // Without the service, the edges still answer.
    warm(&client, &url).await;
    for own in ["app-1", "app-2"] {
        stage.lab(&["kill", own]);
    }
    // Even after a purge: the new version can't be read anyway.
    let key = std::fs::read_to_string(stage.file("secrets/edges-key")).unwrap();
    for edge in ["edge-1", "edge-2"] {
        let address = stage.own(edge)["address"].as_str().unwrap();
        let purge = reqwest::Method::from_bytes(b"PURGE").unwrap();
        let purge = client.request(purge, format!("http://{address}/"));
        let purge = purge.header("purge-changed", format!("post:{post}"));
        let refused = purge.try_clone().unwrap().send().await.unwrap();
        assert_eq!(refused.status(), 403);
        let purged = purge.header("edge-key", key.trim()).send().await.unwrap();
        assert_eq!(purged.status(), 200);
    }
    for _ in 0..10 {
        let answer = get(&client, &url, None).await;
        let body = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, 200, "{:?} {body}", answer.headers);
        assert_eq!(content(&answer.body), "third");
    }
    let unknown = get(&client, &stage.url("/v1/posts/1"), None).await;
    assert!(unknown.status >= 500, "{}", unknown.status);
    // Without an edge, the other one answers; without both, the service.
    stage.lab(&["revive", "app-1"]);
    stage.lab(&["kill", "edge-1"]);
    let begun = Instant::now();
    while get(&client, &url, None).await.status != 200 {
        assert!(begun.elapsed() < Duration::from_secs(10));
    }
    stage.lab(&["kill", "edge-2"]);
    loop {
        let answer = get(&client, &url, None).await;
        if (answer.status, answer.is_hit) == (200, None) {
            break;
        }
        assert!(
            begun.elapsed() < Duration::from_secs(20),
            "{}",
            answer.status
        );
    }
    stage.down();
}

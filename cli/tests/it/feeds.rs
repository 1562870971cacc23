//! Written feeds, while the process that writes them is killed at any moment: no acknowledged post is missing.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::time::{Duration, Instant};

use reqwest::{Client, Method};
use serde_json::{Value, json};

use crate::support::{Service, Workplace};

const PASSWORD: &str = "correct horse";
/// Kills while somebody posts.
const KILLS: usize = 3;
const ARGUMENTS: &[&str] = &["--empty", "--feeds", "write", "--queue", "memory:"];

/// A service with a SQLite file, and a queue in memory that each kill empties.
struct Scene {
    place: Workplace,
    service: Service,
    client: Client,
}

impl Scene {
    fn new() -> Self {
        // The HTTP client of the tests uses the provider of the process.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let place = Workplace::new();
        Self {
            service: place.serve(ARGUMENTS),
            place,
            client: Client::builder()
                .timeout(Duration::from_secs(10))
                .build()
                .unwrap(),
        }
    }

    /// Kills the process, and starts another one with the same data.
    fn kill_and_restart(&mut self) {
        self.service.child.kill().unwrap();
        self.service.child.wait().unwrap();
        self.service = self.place.serve(ARGUMENTS);
    }

    async fn send(
        &self,
        method: Method,
        path: &str,
        token: &str,
        body: Option<Value>,
    ) -> reqwest::Result<Value> {
        let url = format!("{}{path}", self.service.url());
        let mut request = self.client.request(method, url).bearer_auth(token);
        if let Some(body) = body {
            request = request
                .header("content-type", "application/json")
                .body(body.to_string());
        }
        let answer = request.send().await?.error_for_status()?;
        let text = answer.text().await?;
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// Signs up and logs in. Returns identifier and token.
    async fn user(&self, handle: &str) -> (i64, String) {
        let login = json!({"handle": handle, "password": PASSWORD});
        let user = self.send(Method::POST, "/v1/users", "", Some(login.clone()));
        let id = user.await.unwrap()["id"].as_i64().unwrap();
        let session = self.send(Method::POST, "/v1/sessions", "", Some(login));
        let token = session.await.unwrap()["token"].as_str().unwrap().to_owned();
        (id, token)
    }

    async fn post(&self, token: &str) -> reqwest::Result<i64> {
        let body = json!({"content": "x"});
        let post = self.send(Method::POST, "/v1/posts", token, Some(body));
        Ok(post.await?["id"].as_i64().unwrap())
    }

    /// Returns the identifiers of a page of posts.
    async fn page(&self, path: &str, token: &str) -> Vec<i64> {
        let page = self.send(Method::GET, path, token, None).await.unwrap();
        // That of a user is beside the user.
        let page = page.get("page").unwrap_or(&page);
        let posts = page["posts"].as_array().unwrap().iter();
        posts.map(|post| post["id"].as_i64().unwrap()).collect()
    }

    /// Returns the number of feeds that were read as they are written.
    async fn written_reads(&self) -> f64 {
        let text = self
            .client
            .get(format!("{}/metrics", self.service.admin_url()));
        let text = text.send().await.unwrap().text().await.unwrap();
        let name = "tenfold_feed_events_total{event=\"read-written\"} ";
        let line = text.lines().find_map(|line| line.strip_prefix(name));
        line.unwrap().parse().unwrap()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn killed_process_leaves_no_post_out_of_feeds() {
    let mut scene = Scene::new();
    let (author, posting) = scene.user("author").await;
    let (_, reading) = scene.user("reader").await;
    let follow = format!("/v1/following/{author}");
    let followed = scene.send(Method::PUT, &follow, &reading, None).await;
    followed.unwrap();
    // The first read has the feed written.
    let deadline = Instant::now() + Duration::from_secs(10);
    while scene.written_reads().await < 1.0 {
        assert!(Instant::now() < deadline, "the feed is not written");
        scene.page("/v1/feed", &reading).await;
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let mut acknowledged = Vec::new();
    for kill in 0..KILLS {
        let posts = async {
            loop {
                // A post without an answer may be there.
                match scene.post(&posting).await {
                    Ok(post) => acknowledged.push(post),
                    Err(_) => return,
                }
            }
        };
        // At any moment of a post or of its job.
        let time = Duration::from_millis(150 + 37 * kill as u64);
        let _ = tokio::time::timeout(time, posts).await;
        scene.kill_and_restart();
    }
    assert!(acknowledged.len() > KILLS, "{acknowledged:?}");
    let of_author = format!("/v1/users/{author}?limit=100");
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let posts = scene.page(&of_author, "").await;
        let feed = scene.page("/v1/feed?limit=100", &reading).await;
        if feed == posts {
            break;
        }
        assert!(Instant::now() < deadline, "{feed:?}\n{posts:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(scene.written_reads().await >= 1.0);
    acknowledged.reverse();
    acknowledged.truncate(90);
    let feed = scene.page("/v1/feed?limit=100", &reading).await;
    for post in acknowledged {
        assert!(feed.contains(&post), "{post} is missing");
    }
    // The check finds nothing to repair.
    let admin = scene.service.admin_url();
    let checked = scene
        .place
        .run(&["lab", "feeds", "--repair", "--json", "--admin", &admin])
        .expect(0);
    let repair = &checked.json()["repair"];
    assert_eq!(repair["users"], 2, "{repair}");
    for faults in ["counters", "added", "removed"] {
        assert_eq!(repair[faults], 0, "{repair}");
    }
}

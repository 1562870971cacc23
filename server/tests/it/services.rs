//! The service in four parts, each a server of its own, on SQLite.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::net::{SocketAddr, TcpListener};

use reqwest::Method;
use serde_json::json;
use tenfold_server::{Config, FeedMode, Role, ServeError, Server, start};

use crate::support::{PASSWORD, body, http_client, problem};

const KEY: &str = "a-key-of-the-parts";

/// Returns an address that was free a moment ago.
fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// The parts, and the addresses of users and posts.
struct Parts {
    folder: tempfile::TempDir,
    users: SocketAddr,
    posts: SocketAddr,
}

impl Parts {
    fn new() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            users: free_address(),
            posts: free_address(),
        }
    }

    fn config(&self, role: Role) -> Config {
        let url = |name: &str| format!("sqlite:{}", self.folder.path().join(name).display());
        let files = self.folder.path().join("files");
        let mut config = Config::new(url("users"), format!("file:{}", files.display()));
        if role == Role::Posts {
            config.shards = ["one", "two"]
                .map(|name| format!("{name}={}", url(name)))
                .into();
        }
        config.admin = None;
        config.role = role;
        config.services.key = Some(KEY.to_owned());
        config.services.users = Some(format!("http://{}", self.users));
        config.services.posts = Some(format!("http://{}", self.posts));
        match role {
            Role::Users => config.listen = self.users,
            Role::Posts => config.listen = self.posts,
            _ => {}
        }
        config
    }

    async fn start(&self, role: Role) -> Server {
        start(self.config(role)).await.unwrap()
    }
}

fn url(server: &Server, path: &str) -> String {
    format!("http://{}{path}", server.address)
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_serve_their_own_paths_and_ask_each_other() {
    let parts = Parts::new();
    // The part with the posts makes the shard map.
    let posts = parts.start(Role::Posts).await;
    let users = parts.start(Role::Users).await;
    let feeds = parts.start(Role::Feeds).await;
    let photos = parts.start(Role::Photos).await;
    let client = http_client();
    let send = async |method: Method, server: &Server, path: &str, token: &str, content: String| {
        let request = client
            .request(method, url(server, path))
            .header("content-type", "application/json");
        let request = match token {
            "" => request,
            token => request.bearer_auth(token),
        };
        request.body(content).send().await.unwrap()
    };
    let login = |handle: &str| json!({"handle": handle, "password": PASSWORD}).to_string();
    let mut tokens = Vec::new();
    for handle in ["ada", "bob"] {
        let made = send(Method::POST, &users, "/v1/users", "", login(handle)).await;
        assert_eq!(made.status(), 201);
        let session = send(Method::POST, &users, "/v1/sessions", "", login(handle)).await;
        tokens.push(body(session).await["token"].as_str().unwrap().to_owned());
    }
    let followed = send(
        Method::PUT,
        &users,
        "/v1/following/1",
        &tokens[1],
        String::new(),
    )
    .await;
    assert_eq!(followed.status(), 204);
    // The session is asked for.
    let content = json!({"content": "divided"}).to_string();
    let post = send(
        Method::POST,
        &posts,
        "/v1/posts",
        &tokens[0],
        content.clone(),
    )
    .await;
    assert_eq!(post.status(), 201);
    let id = body(post).await["id"].as_i64().unwrap();
    let unknown = send(Method::POST, &posts, "/v1/posts", &"x".repeat(43), content).await;
    problem(unknown, 401).await;
    // The feed asks both other parts.
    let read = async |server: &Server, path: &str, token: &str| {
        body(send(Method::GET, server, path, token, String::new()).await).await
    };
    let feed = read(&feeds, "/v1/feed", &tokens[1]).await;
    assert_eq!(feed["posts"][0]["id"], json!(id), "{feed}");
    let page = read(&users, "/v1/users/1", "").await;
    assert_eq!(page["user"]["post_count"], 1, "{page}");
    assert_eq!(page["user"]["followers"], 1, "{page}");
    assert_eq!(page["page"]["posts"][0]["content"], "divided", "{page}");
    // A photo, in the part of its own.
    let path = format!("/v1/posts/{id}/photo");
    let png = crate::back_pressure::pixel();
    let put = client
        .put(url(&photos, &path))
        .bearer_auth(&tokens[0])
        .header("content-type", "image/png");
    let put = put.body(png.clone()).send().await.unwrap();
    assert_eq!(put.status(), 204);
    let photo = client.get(url(&photos, &path)).send().await.unwrap();
    assert_eq!(*photo.bytes().await.unwrap(), png);
    let seen = read(&posts, &format!("/v1/posts/{id}"), "").await;
    assert_eq!(seen["has_photo"], true, "{seen}");
    // Another part's path, and a call without the key.
    for (server, path) in [
        (&users, format!("/v1/posts/{id}")),
        (&posts, path),
        (&photos, "/v1/feed".to_owned()),
        (&feeds, "/v1/users/1".to_owned()),
    ] {
        let misdirected = client.get(url(server, &path)).send().await.unwrap();
        problem(misdirected, 421).await;
    }
    let call = json!({"followees": {"user": 2, "limit": 10}}).to_string();
    let refused = send(
        Method::POST,
        &users,
        "/internal/calls",
        &tokens[0],
        call.clone(),
    )
    .await;
    problem(refused, 403).await;
    let absent = send(Method::POST, &feeds, "/internal/calls", "", call).await;
    assert_eq!(absent.status(), 404);
    // Without the users, posts can still be read.
    drop(users);
    let seen = read(&posts, &format!("/v1/posts/{id}"), "").await;
    assert_eq!(seen["content"], "divided");
    let began = std::time::Instant::now();
    loop {
        let feed = send(Method::GET, &feeds, "/v1/feed", &tokens[1], String::new()).await;
        if feed.status() != 200 {
            problem(feed, 503).await;
            break;
        }
        assert!(began.elapsed().as_secs() < 10, "the users still answer");
    }
}

#[tokio::test]
async fn part_without_the_others_is_refused() {
    let parts = Parts::new();
    let mut config = parts.config(Role::Feeds);
    config.services.users = None;
    let error = start(config).await.unwrap_err();
    assert!(
        matches!(error, ServeError::PartWithoutService { needs: "users", .. }),
        "{error}"
    );
    let mut config = parts.config(Role::Photos);
    config.feeds.mode = FeedMode::Hybrid;
    let error = start(config).await.unwrap_err();
    assert!(matches!(error, ServeError::FeedsOfParts), "{error}");
}

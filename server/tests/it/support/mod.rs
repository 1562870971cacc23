//! Service to test against.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "not every module uses everything, and a failed step is a failed test"
)]

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use tenfold_server::store::{MemoryStore, Store};
use tenfold_server::{Config, Server, start_with};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

#[cfg(all(feature = "clickhouse", feature = "mysql"))]
pub(crate) mod clickhouse;
pub(crate) mod failing_store;
#[cfg(all(feature = "clickhouse", feature = "mysql"))]
pub(crate) mod mariadb;

/// Password of all users in these tests.
pub(crate) const PASSWORD: &str = "correct horse";

/// Returns a client with a time limit of 30 s.
pub(crate) fn http_client() -> reqwest::Client {
    // With the feature `s3`, the client has TLS, and uses the provider of the process.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(Duration::from_secs(30))
        .build()
        .unwrap()
}

/// Service on a free port in this process.
pub(crate) struct Service {
    pub(crate) address: SocketAddr,
    admin: Option<SocketAddr>,
    pub(crate) store: Arc<dyn Store>,
    client: reqwest::Client,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<Result<(), tenfold_server::ServeError>>,
    _folder: TempDir,
}

/// Starts a service on a memory store, without an admin listener: preparing its profiler takes longer than most tests.
pub(crate) async fn service() -> Service {
    service_with(Arc::new(MemoryStore::default()), |config| {
        config.admin = None;
    })
    .await
}

/// Starts a service on a memory store, with an admin listener.
pub(crate) async fn observed_service() -> Service {
    service_with(Arc::new(MemoryStore::default()), |_| {}).await
}

/// Starts a service on a store, with a modified configuration.
pub(crate) async fn service_with(
    store: Arc<dyn Store>,
    change: impl FnOnce(&mut Config),
) -> Service {
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new(
        "memory:",
        format!("file:{}", folder.path().join("files").display()),
    );
    change(&mut config);
    let server: Server = start_with(config, store.clone()).await.unwrap();
    let (address, admin) = (server.address, server.admin_address);
    let (stop, stopped) = oneshot::channel::<()>();
    let task = tokio::spawn(server.run_until(async {
        let _ = stopped.await;
    }));
    Service {
        address,
        admin,
        store,
        client: http_client(),
        stop: Some(stop),
        task,
        _folder: folder,
    }
}

impl Service {
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client
            .request(method, format!("http://{}{path}", self.address))
    }

    pub(crate) fn get(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, path)
    }

    pub(crate) fn post(&self, path: &str, body: &Value) -> RequestBuilder {
        json_body(self.request(Method::POST, path), body)
    }

    pub(crate) fn put(&self, path: &str, body: &Value) -> RequestBuilder {
        json_body(self.request(Method::PUT, path), body)
    }

    pub(crate) fn delete(&self, path: &str) -> RequestBuilder {
        self.request(Method::DELETE, path)
    }

    pub(crate) fn admin(&self, path: &str) -> RequestBuilder {
        let admin = self.admin.expect("the service has an admin listener");
        self.client.get(format!("http://{admin}{path}"))
    }

    /// Signs up and logs in; returns identifier and token.
    pub(crate) async fn user(&self, handle: &str) -> (i64, String) {
        let login = json!({"handle": handle, "password": PASSWORD});
        let signed_up = self.post("/v1/users", &login).send().await.unwrap();
        assert_eq!(signed_up.status(), 201);
        let session = self.post("/v1/sessions", &login).send().await.unwrap();
        assert_eq!(session.status(), 201);
        let session = body(session).await;
        (
            session["user_id"].as_i64().unwrap(),
            session["token"].as_str().unwrap().to_owned(),
        )
    }

    /// Creates a post; returns its identifier.
    pub(crate) async fn post_by(&self, token: &str, content: &str) -> i64 {
        let post = self.post("/v1/posts", &json!({"content": content}));
        let post = post.bearer_auth(token).send().await.unwrap();
        assert_eq!(post.status(), 201);
        body(post).await["id"].as_i64().unwrap()
    }

    /// Returns the value of a metric without labels.
    pub(crate) async fn metric(&self, name: &str) -> f64 {
        let text = self.admin("/metrics").send().await.unwrap();
        let text = text.text().await.unwrap();
        let line = text
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.unwrap().parse().unwrap()
    }

    /// Starts the shutdown.
    pub(crate) fn stop(&mut self) {
        let _ = self.stop.take().unwrap().send(());
    }

    /// Waits for the shutdown to complete.
    pub(crate) async fn stopped(self) {
        self.task.await.unwrap().unwrap();
    }
}

fn json_body(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request
        .header("content-type", "application/json")
        .body(body.to_string())
}

/// Parses the body as JSON.
pub(crate) async fn body(response: Response) -> Value {
    serde_json::from_slice(&response.bytes().await.unwrap()).unwrap()
}

/// Asserts that the response is a problem document with this status; returns its detail.
#[track_caller]
pub(crate) fn problem(response: Response, status: u16) -> impl Future<Output = String> {
    assert_eq!(response.status(), status);
    assert_eq!(
        response.headers()["content-type"],
        "application/problem+json"
    );
    async move {
        let problem = body(response).await;
        assert_eq!(problem["status"], status);
        assert_eq!(problem["type"], "about:blank");
        assert!(problem["title"].is_string());
        problem["detail"].as_str().unwrap().to_owned()
    }
}

//! Delays of components, switched on the admin listener.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use reqwest::{Method, Response};
use serde_json::{Value, json};
use support::{body, http_client, observed_service, problem, service_with};
use tempfile::TempDir;
use tenfold_server::{Config, start};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Service with a SQLite store that allows delays.
struct Delayed {
    client: reqwest::Client,
    address: SocketAddr,
    admin: SocketAddr,
    stop: oneshot::Sender<()>,
    task: JoinHandle<()>,
    _folder: TempDir,
}

impl Delayed {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let url = |kind: &str, name: &str| format!("{kind}:{}", folder.path().join(name).display());
        let mut config = Config::new(url("sqlite", "a.db"), url("file", "files"));
        config.delays = Some(Arc::default());
        config.cache_url = Some("memory:".to_owned());
        let server = start(config).await.unwrap();
        let (address, admin) = (server.address, server.admin_address.unwrap());
        let (stop, stopped) = oneshot::channel::<()>();
        let task = tokio::spawn(async move {
            let stopped = async { drop(stopped.await) };
            server.run_until(stopped).await.unwrap();
        });
        Self {
            client: http_client(),
            address,
            admin,
            stop,
            task,
            _folder: folder,
        }
    }

    async fn switch(&self, method: Method, wanted: Option<Value>) -> Response {
        let url = format!("http://{}/debug/delay", self.admin);
        let mut request = self.client.request(method, url);
        if let Some(wanted) = wanted {
            request = request.body(wanted.to_string());
        }
        request.send().await.unwrap()
    }

    async fn delay(&self, component: &str, delay_us: u64, for_s: u64) -> Value {
        let wanted = json!({"component": component, "delay_us": delay_us, "for_s": for_s});
        let set = self.switch(Method::PUT, Some(wanted)).await;
        assert_eq!(set.status(), 200);
        body(set).await
    }

    /// Time of a request for a post that does not exist, which no cache answers.
    async fn read(&self, id: u32) -> Duration {
        let began = Instant::now();
        let url = format!("http://{}/v1/posts/{id}", self.address);
        let found = self.client.get(url).send().await.unwrap();
        assert_eq!(found.status(), 404);
        began.elapsed()
    }
}

fn calls(status: &Value, name: &str) -> u64 {
    let components = status["components"].as_array().unwrap();
    let own = components.iter().find(|own| own["name"] == name).unwrap();
    own["calls"].as_u64().unwrap()
}

const DELAY: Duration = Duration::from_millis(60);

#[tokio::test]
async fn delays_a_component_until_the_experiment_ends() {
    let service = Delayed::start().await;
    let shown = body(service.switch(Method::GET, None).await).await;
    assert_eq!(shown["delay"], Value::Null);
    assert!(service.read(1).await < DELAY);

    let shown = service.delay("store.point", 60_000, 30).await;
    assert_eq!(shown["delay"]["component"], "store.point");
    assert_eq!(shown["delay"]["delay_us"], 60_000.0);
    assert!(service.read(2).await >= DELAY);
    // Another component instead.
    service.delay("store.write", 60_000, 30).await;
    assert!(service.read(3).await < DELAY);
    service.delay("cpu", 60_000, 30).await;
    assert!(service.read(4).await >= DELAY);
    service.delay("cache", 60_000, 30).await;
    assert!(service.read(5).await >= DELAY);
    let stopped = body(service.switch(Method::DELETE, None).await).await;
    assert_eq!(stopped["delay"], Value::Null);
    assert!(service.read(6).await < DELAY);
    // Those outside of experiments are not counted.
    assert_eq!(calls(&stopped, "store.point"), 4);
    assert_eq!(calls(&stopped, "cpu"), 4);

    // A client that is killed leaves no slow service behind.
    service.delay("store.point", 60_000, 1).await;
    tokio::time::sleep(Duration::from_millis(1_050)).await;
    assert!(service.read(7).await < DELAY);
    let shown = body(service.switch(Method::GET, None).await).await;
    assert_eq!(shown["delay"], Value::Null);
    service.stop.send(()).unwrap();
    service.task.await.unwrap();
}

#[tokio::test]
async fn refuses_delays_that_are_out_of_bounds() {
    let service = Delayed::start().await;
    for (wanted, named) in [
        (json!({"component": "disk", "delay_us": 1}), "store.point"),
        (json!({"component": "cache", "delay_us": 100_001}), "100000"),
        (
            json!({"component": "cache", "delay_us": 1, "for_s": 61}),
            "60",
        ),
    ] {
        let refused = service.switch(Method::PUT, Some(wanted)).await;
        let detail = problem(refused, 422).await;
        assert!(detail.contains(named), "{detail}");
    }
    let status = service.switch(Method::POST, None).await.status();
    assert_eq!(status, 405);
    let long = json!({"component": "x".repeat(5_000), "delay_us": 1});
    let refused = service.switch(Method::PUT, Some(long)).await;
    let detail = problem(refused, 413).await;
    assert!(detail.contains("at most 4096 bytes"), "{detail}");
}

#[tokio::test]
async fn refuses_delays_unless_they_are_allowed_and_on_the_public_listener() {
    let service = observed_service().await;
    let refused = service.admin("/debug/delay").send().await.unwrap();
    let detail = problem(refused, 403).await;
    assert!(detail.contains("--allow-delays"), "{detail}");
    let store = Arc::clone(&service.store);
    let open = service_with(store, |config| config.delays = Some(Arc::default())).await;
    let wanted = json!({"component": "cpu", "delay_us": 1});
    for service in [&service, &open] {
        let refused = service.put("/debug/delay", &wanted).send().await.unwrap();
        problem(refused, 404).await;
    }
}

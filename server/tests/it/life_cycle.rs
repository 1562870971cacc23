//! Starting and stopping.

use crate::support;

use std::net::TcpListener;
use std::sync::Arc;
use std::time::{Duration, Instant};

use support::failing_store::{FailingStore, Faults};
use support::{observed_service, problem, service_with};
use tenfold_server::{Config, ServeError, start};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpStream, UnixStream};

#[tokio::test]
async fn shutdown_finishes_requests_in_flight() {
    let store = Arc::new(FailingStore::default());
    let mut service = service_with(store.clone(), |_| {}).await;
    let (_, token) = service.user("ada").await;
    service.post_by(&token, "hello").await;
    store.set(Faults {
        delay: Duration::from_millis(500),
        ..Faults::default()
    });
    let mut idle = TcpStream::connect(service.address).await.unwrap();
    let address = service.address;
    let slow = tokio::spawn(service.get("/v1/posts/1").send());
    while service.metric("http_server_requests_in_flight").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    let began = Instant::now();
    service.stop();
    let slow = slow.await.unwrap().unwrap();
    assert_eq!(slow.status(), 200);
    service.stopped().await;
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert_eq!(idle.read(&mut [0; 8]).await.unwrap(), 0);
    assert!(TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn unix_socket_is_served_counted_and_deleted() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("app.sock");
    let store = Arc::new(FailingStore::default());
    let mut service = service_with(store, |config| {
        config.listen_unix = Some(path.clone());
    })
    .await;
    let arrived = service.metric("http_server_requests_total").await;
    let mut stream = UnixStream::connect(&path).await.unwrap();
    let request = b"GET /healthz HTTP/1.1\r\nhost: app\r\nconnection: close\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut response = String::new();
    stream.read_to_string(&mut response).await.unwrap();
    assert!(response.starts_with("HTTP/1.1 200"), "{response}");
    let now = service.metric("http_server_requests_total").await;
    assert!((now - arrived - 1.0).abs() < 0.5, "{arrived} {now}");
    // A second service cannot listen there.
    let mut config = Config::new("memory:", format!("file:{}", folder.path().display()));
    config.listen_unix = Some(path.clone());
    let error = start(config).await.unwrap_err();
    assert!(matches!(error, ServeError::ListenUnix { .. }), "{error}");
    assert!(error.to_string().contains("app.sock"), "{error}");
    service.stop();
    service.stopped().await;
    assert!(!path.exists());
}

#[tokio::test]
async fn shutdown_abandons_requests_after_grace_period() {
    let store = Arc::new(FailingStore::default());
    let grace = Duration::from_millis(200);
    let mut service = service_with(store.clone(), |config| config.shutdown_grace = grace).await;
    store.set(Faults {
        delay: Duration::from_secs(600),
        ..Faults::default()
    });
    let stuck = tokio::spawn(service.get("/v1/posts/1").send());
    while service.metric("http_server_requests_in_flight").await < 1.0 {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    service.stop();
    tokio::time::timeout(Duration::from_secs(5), service.stopped())
        .await
        .unwrap();
    stuck.abort();
}

#[tokio::test]
async fn error_names_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut config = Config::new("memory:", format!("file:{}", folder.path().display()));
    config.listen = address;
    let error = start(config).await.unwrap_err();
    assert!(matches!(error, ServeError::Listen { .. }));
    assert!(error.to_string().contains(&address.to_string()), "{error}");
}

#[tokio::test]
async fn rejects_unknown_store_without_printing_password() {
    let folder = tempfile::tempdir().unwrap();
    let config = Config::new(
        "oracle://root:hunter2@h/d",
        format!("file:{}", folder.path().display()),
    );
    let error = start(config).await.unwrap_err().to_string();
    assert!(!error.contains("hunter2"), "{error}");
}

#[tokio::test]
async fn missing_body_times_out() {
    let store = Arc::new(FailingStore::default());
    let timeout = Duration::from_millis(200);
    let service = service_with(store, |config| config.body_timeout = timeout).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    let head = "POST /v1/users HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n\
                content-length: 100\r\n\r\n{";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut response = vec![0; 64];
    let read = stream.read(&mut response).await.unwrap();
    assert!(response[..read].starts_with(b"HTTP/1.1 408"));
}

#[tokio::test]
async fn missing_head_times_out() {
    let store = Arc::new(FailingStore::default());
    let timeout = Duration::from_millis(200);
    let service = service_with(store, |config| config.idle_timeout = timeout).await;
    let mut stream = TcpStream::connect(service.address).await.unwrap();
    stream.write_all(b"GET /healthz HTT").await.unwrap();
    let mut response = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut response));
    closed.await.unwrap().unwrap();
    assert_eq!(service.metric("http_server_requests_total").await, 0.0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accepts_thousands_of_connections_at_once() {
    let service = observed_service().await;
    let mut streams = Vec::new();
    for _ in 0..3_000 {
        streams.push(TcpStream::connect(service.address).await.unwrap());
    }
    for stream in &mut streams {
        let request = b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n";
        stream.write_all(request).await.unwrap();
    }
    for stream in &mut streams {
        let mut response = [0; 12];
        stream.read_exact(&mut response).await.unwrap();
        assert_eq!(&response, b"HTTP/1.1 200");
    }
    assert_eq!(service.metric("http_server_requests_total").await, 3_000.0);
}

#[tokio::test]
async fn excess_log_ins_are_rejected() {
    let service = Arc::new(observed_service().await);
    service.user("ada").await;
    let login = serde_json::json!({"handle": "ada", "password": "wrong horse"});
    let attempts: Vec<_> = (0..300)
        .map(|_| tokio::spawn(service.post("/v1/sessions", &login).send()))
        .collect();
    let (mut wrong, mut busy) = (0, 0);
    for attempt in attempts {
        let response = attempt.await.unwrap().unwrap();
        match response.status().as_u16() {
            401 => wrong += 1,
            503 => {
                busy += 1;
                problem(response, 503).await;
            }
            status => panic!("{status}"),
        }
    }
    assert!(wrong > 0 && busy > 0, "{wrong} wrong, {busy} rejected");
}

//! Error reports as they are sent: a failed request arrives with its identifier, and without personal data.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use serde_json::Value;
use tenfold_server::store::StoreError;

use crate::support::failing_store::{FailingStore, Faults};
use crate::support::{problem, service_with};

/// Longest time until a report arrives.
const PATIENCE: Duration = Duration::from_secs(20);

/// Receives reports as a server of Sentry's protocol does. Returns its address, and the bodies and heads of the reports.
fn receiver() -> (SocketAddr, mpsc::Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let (sender, received) = mpsc::channel();
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut bytes = Vec::new();
            let mut buffer = [0; 4096];
            loop {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                if let Some((head, body)) = text.split_once("\r\n\r\n") {
                    let length = head.lines().find_map(|line| {
                        let (name, value) = line.split_once(':')?;
                        let is_it = name.eq_ignore_ascii_case("content-length");
                        is_it.then(|| value.trim().parse::<usize>().unwrap())
                    });
                    if body.len() >= length.unwrap_or(0) {
                        break;
                    }
                }
                match stream.read(&mut buffer).unwrap() {
                    0 => break,
                    read => bytes.extend_from_slice(&buffer[..read]),
                }
            }
            let answer = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\nconnection: close\r\n\r\n{}";
            let _ = stream.write_all(answer);
            if sender
                .send(String::from_utf8_lossy(&bytes).into_owned())
                .is_err()
            {
                return;
            }
        }
    });
    (address, received)
}

/// Returns the event in a request: the third line of the envelope.
fn event(request: &str) -> Value {
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("POST /api/7/envelope/"), "{head}");
    assert!(head.contains("sentry_key=key"), "{head}");
    serde_json::from_str(body.lines().nth(2).unwrap()).unwrap()
}

#[tokio::test]
async fn failed_requests_arrive_without_personal_data() {
    let (address, received) = receiver();
    let store = Arc::new(FailingStore::default());
    let service = service_with(store.clone(), |config| {
        config.admin = None;
        config.error_reports = Some(format!("http://key@{address}/7"));
    })
    .await;
    let (_, token) = service.user("alice_wonderland").await;
    let read = |id: &'static str| {
        service
            .get("/v1/posts/4711?secret=looking_glass")
            .bearer_auth(&token)
            .header("x-request-id", id)
            .header("x-forwarded-for", "198.51.100.23")
    };
    let mut reports = Vec::new();
    for (faults, id) in [
        (
            Faults {
                reads: Some(StoreError::Other("no row of alice_wonderland".to_owned())),
                ..Faults::default()
            },
            "request-1",
        ),
        (
            Faults {
                panics: Some(("out of tea", true)),
                ..Faults::default()
            },
            "request-2",
        ),
        (
            Faults {
                panics: Some(("no user alice_wonderland", false)),
                ..Faults::default()
            },
            "request-3",
        ),
    ] {
        store.set(faults);
        let response = read(id).send().await.unwrap();
        assert_eq!(response.headers()["x-request-id"], id);
        problem(response, 500).await;
        let request = received.recv_timeout(PATIENCE).unwrap();
        for personal in [
            "alice",
            "4711",
            "looking_glass",
            "198.51.100.23",
            token.as_str(),
        ] {
            assert!(!request.contains(personal), "{personal}: {request}");
        }
        reports.push(event(&request));
    }
    for (report, id) in reports.iter().zip(["request-1", "request-2", "request-3"]) {
        assert_eq!(report["tags"]["request_id"], id, "{report:#}");
        assert_eq!(report["tags"]["route"], "/v1/posts/{id}", "{report:#}");
        assert_eq!(report["transaction"], "GET /v1/posts/{id}", "{report:#}");
        for field in ["user", "request", "breadcrumbs", "contexts", "extra"] {
            let own = &report[field];
            let is_empty =
                own.is_null() || *own == serde_json::json!({}) || *own == serde_json::json!([]);
            assert!(is_empty, "{field}: {report:#}");
        }
    }
    let exception = |report: &Value, field: &str| report["exception"]["values"][0][field].clone();
    assert_eq!(exception(&reports[0], "type"), "InternalError");
    assert_eq!(exception(&reports[1], "type"), "Panic");
    assert_eq!(exception(&reports[1], "value"), "out of tea");
    let location = reports[1]["tags"]["location"].as_str().unwrap();
    assert!(location.contains("failing_store.rs:"), "{location}");

    // Other failures are not reported, and the connection serves on.
    store.set(Faults::default());
    let response = read("request-4").send().await.unwrap();
    assert_eq!(response.status(), 404);
    assert!(!response.headers().contains_key("x-request-id"));
    assert!(received.try_recv().is_err());
}

#[tokio::test]
async fn silent_receiver_delays_no_response() {
    // It accepts connections, and never answers.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let store = Arc::new(FailingStore::default());
    let service = service_with(store.clone(), |config| {
        config.admin = None;
        config.error_reports = Some(format!("http://key@{address}/7"));
    })
    .await;
    store.set(Faults {
        reads: Some(StoreError::Other("broken".to_owned())),
        ..Faults::default()
    });
    let began = std::time::Instant::now();
    for _ in 0..200 {
        let response = service.get("/v1/posts/1").send().await.unwrap();
        assert_eq!(response.status(), 500);
    }
    assert!(began.elapsed() < PATIENCE, "{:?}", began.elapsed());
}

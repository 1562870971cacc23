//! Ledgers of sampled requests.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::Response;
use serde_json::json;
use tenfold_server::store::{MemoryStore, Store};

use crate::support::{PASSWORD, Service, service_with};

/// Parts in milliseconds, with `total`.
type Parts = BTreeMap<String, f64>;

/// Trace context of a request with these flags.
fn traceparent(flags: &str) -> String {
    format!("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-{flags}")
}

fn parts(response: &Response) -> Parts {
    let text = response.headers()["server-timing"].to_str().unwrap();
    let parts = text.split(", ").map(|part| {
        let (name, ms) = part.split_once(";dur=").unwrap();
        (name.to_owned(), ms.parse().unwrap())
    });
    parts.collect()
}

/// Sends a mix of requests from several tasks at once; returns the ledger of each by name.
async fn short_run(store: Arc<dyn Store>) -> Vec<(&'static str, Parts)> {
    const TASKS: usize = 12;
    const ROUNDS: usize = 25;
    let service = Arc::new(service_with(store, |_| {}).await);
    let (user, token) = service.user("ada").await;
    for _ in 0..20 {
        service.post_by(&token, "hello").await;
    }
    let tasks = (0..TASKS).map(|task| {
        let (service, token) = (Arc::clone(&service), token.clone());
        tokio::spawn(async move {
            let mut ledgers = Vec::new();
            for round in 0..ROUNDS {
                ledgers.extend(one_of_each(&service, &token, user, task * ROUNDS + round).await);
            }
            ledgers
        })
    });
    let mut ledgers = Vec::new();
    for task in tasks.collect::<Vec<_>>() {
        ledgers.extend(task.await.unwrap());
    }
    assert_eq!(ledgers.len(), TASKS * ROUNDS * 6);
    ledgers
}

async fn one_of_each(
    service: &Service,
    token: &str,
    user: i64,
    number: usize,
) -> Vec<(&'static str, Parts)> {
    let post = service.post("/v1/posts", &json!({"content": format!("post {number}")}));
    // Few log-ins, of an unknown user, whose password is hashed as well.
    let login = json!({"handle": "nobody", "password": PASSWORD});
    let post_path = format!("/v1/posts/{}", number % 20 + 1);
    let requests = [
        ("read post", service.get(&post_path)),
        ("read user", service.get(&format!("/v1/users/{user}"))),
        ("read feed", service.get("/v1/feed")),
        ("write post", post),
        ("unknown", service.get("/nowhere")),
        (
            "log in",
            match number % 10 {
                0 => service.post("/v1/sessions", &login),
                _ => service.get("/healthz"),
            },
        ),
    ];
    let mut ledgers = Vec::new();
    for (name, request) in requests {
        let request = request.bearer_auth(token);
        let request = request.header("traceparent", traceparent("01"));
        let response = request.send().await.unwrap();
        assert!(response.status().as_u16() < 500, "{name}: {response:?}");
        ledgers.push((name, parts(&response)));
        response.bytes().await.unwrap();
    }
    ledgers
}

/// Asserts that the parts of each request add up to its total, and that less than 5% is in no part.
fn assert_complete(ledgers: &[(&str, Parts)]) {
    let (mut rest, mut total) = (0.0, 0.0);
    for (name, parts) in ledgers {
        let sum: f64 = parts
            .iter()
            .filter(|(part, _)| *part != "total")
            .map(|(_, ms)| ms)
            .sum();
        let unattributed = parts["total"] - sum;
        // All nanoseconds are in the header: only the sum of fractions is rounded.
        assert!(unattributed > -1e-6, "{name}: {parts:?}");
        assert!(parts["total"] > 0.0, "{name}: {parts:?}");
        rest += unattributed.max(0.0);
        total += parts["total"];
    }
    let share = rest / total;
    assert!(share < 0.05, "{share} of {total} ms is in no part");
}

fn has(ledgers: &[(&str, Parts)], request: &str, part: &str) -> bool {
    let of_request = ledgers.iter().filter(|(name, _)| *name == request);
    let mut parts = of_request.map(|(_, parts)| parts);
    parts.any(|parts| parts.contains_key(part))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledgers_on_memory_store_are_complete() {
    let ledgers = short_run(Arc::new(MemoryStore::default())).await;
    assert_complete(&ledgers);
    assert!(has(&ledgers, "read post", "serialize"));
    assert!(has(&ledgers, "write post", "sched"));
    assert!(has(&ledgers, "log in", "cpu"));
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledgers_on_sqlite_are_complete() {
    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("data.db").display());
    let store = tenfold_server::store::resolve(&url).await.unwrap();
    let ledgers = short_run(store).await;
    assert_complete(&ledgers);
    for (request, part) in [
        ("read post", "sql"),
        ("read user", "pool"),
        ("read feed", "sched"),
        ("write post", "queue"),
        ("write post", "sql"),
        ("write post", "commit"),
    ] {
        assert!(has(&ledgers, request, part), "{part} of {request}");
    }
    assert!(!has(&ledgers, "unknown", "sql"));
}

#[cfg(feature = "sqlite")]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ledgers_with_cache_are_complete() {
    use tenfold_server::cache::MemoryCache;
    use tenfold_server::store::{CacheOptions, CachedStore};

    let folder = tempfile::tempdir().unwrap();
    let url = format!("sqlite:{}", folder.path().join("data.db").display());
    let store = tenfold_server::store::resolve(&url).await.unwrap();
    let cache = Arc::new(MemoryCache::default());
    let cached = CachedStore::new(store, cache, CacheOptions::default());
    let ledgers = short_run(Arc::new(cached)).await;
    assert_complete(&ledgers);
    // Posts are loaded by the first reader, in a task of its own, and found by the others.
    for (request, part) in [
        ("read post", "cache"),
        ("read post", "sql"),
        ("write post", "commit"),
    ] {
        assert!(has(&ledgers, request, part), "{part} of {request}");
    }
}

#[tokio::test]
async fn other_requests_have_no_ledger() {
    let service = service_with(Arc::new(MemoryStore::default()), |_| {}).await;
    let get = |traceparent: Option<String>| {
        let request = service.get("/healthz");
        match traceparent {
            Some(value) => request.header("traceparent", value),
            None => request,
        }
    };
    for value in [
        None,
        Some(traceparent("00")),
        Some(traceparent("02")),
        Some("own".to_owned()),
    ] {
        let response = get(value).send().await.unwrap();
        assert!(
            !response.headers().contains_key("server-timing"),
            "{response:?}"
        );
    }
    let response = get(Some(traceparent("03"))).send().await.unwrap();
    assert!(parts(&response)["total"] > 0.0);
}

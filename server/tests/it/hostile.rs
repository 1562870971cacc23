//! Arbitrary requests never cause a 500.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::sync::OnceLock;

use proptest::prelude::*;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Service, service};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::runtime::Runtime;

fn running() -> &'static (Runtime, Service, String) {
    static RUNNING: OnceLock<(Runtime, Service, String)> = OnceLock::new();
    RUNNING.get_or_init(|| {
        let runtime = Runtime::new().unwrap();
        let (service, token) = runtime.block_on(async {
            let service = service().await;
            let (_, token) = service.user("ada").await;
            service.post_by(&token, "hello").await;
            (service, token)
        });
        (runtime, service, token)
    })
}

/// Generates JSON, often of nearly the right shape.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        ".{0,40}".prop_map(Value::from),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        let key = prop_oneof!["content", "handle", "password", ".{0,8}"];
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::btree_map(key, inner, 0..4)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

fn target() -> impl Strategy<Value = (Method, &'static str)> {
    prop_oneof![
        Just((Method::POST, "/v1/users")),
        Just((Method::POST, "/v1/sessions")),
        Just((Method::POST, "/v1/posts")),
        Just((Method::PUT, "/v1/posts/1")),
        Just((Method::PUT, "/v1/posts/1/photo")),
    ]
}

fn send(method: Method, path: &str, media_type: &str, body: Vec<u8>) -> u16 {
    let (runtime, service, token) = running();
    let request = service.request(method, path).bearer_auth(token);
    let request = request.header("content-type", media_type).body(body);
    runtime.block_on(async { request.send().await.unwrap().status().as_u16() })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn survives_any_json((method, path) in target(), body in any_json()) {
        let status = send(method, path, "application/json", body.to_string().into_bytes());
        prop_assert!(status < 500, "{status}");
    }

    #[test]
    fn survives_any_bytes(
        (method, path) in target(),
        body in prop::collection::vec(any::<u8>(), 0..2_000),
        media_type in prop_oneof!["application/json", "image/png", "image/jpeg", "[!-~]{0,20}"],
    ) {
        let status = send(method, path, &media_type, body);
        prop_assert!((400..500).contains(&status), "{status}");
    }

    #[test]
    fn content_is_stored_unchanged_or_rejected(content in "(?s).{0,300}") {
        let (runtime, service, token) = running();
        let post = service.post("/v1/posts", &json!({"content": content})).bearer_auth(token);
        let response = runtime.block_on(async { post.send().await }).unwrap();
        if response.status() == 201 {
            let post = runtime.block_on(support::body(response));
            prop_assert_eq!(post["content"].as_str(), Some(content.as_str()));
        } else {
            prop_assert_eq!(response.status(), 422);
        }
    }

    #[test]
    fn survives_any_path(path in "(/[!-~]{0,12}){1,4}", query in "[!-~]{0,20}") {
        let (runtime, service, token) = running();
        // Written to a socket, since an HTTP client would reject some of it.
        let target = format!("{path}?{query}").replace('#', "%23");
        let request = format!(
            "GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\n\
             connection: close\r\n\r\n"
        );
        let response = runtime.block_on(async {
            let mut stream = TcpStream::connect(service.address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
                let mut response = Vec::new();
                stream.read_to_end(&mut response).await.unwrap();
                String::from_utf8_lossy(&response).into_owned()
            });
            let status: u16 = response[9..12].parse().unwrap();
            prop_assert!(status < 500, "{target}: {response}");
    }
}

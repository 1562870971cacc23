//! Logs never contain secrets, at any level.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::fmt::{Debug, Write};
use std::sync::{Arc, Mutex};

use serde_json::json;
use support::{PASSWORD, service};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Subscriber that records every field of every event.
#[derive(Clone, Default)]
struct Recorded(Arc<Mutex<String>>);

impl Visit for Recorded {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let mut text = self.0.lock().unwrap();
        writeln!(text, "{field}={value:?}").unwrap();
    }
}

impl Subscriber for Recorded {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, span: &Attributes<'_>) -> Id {
        span.record(&mut self.clone());
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut self.clone());
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        event.record(&mut self.clone());
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

#[tokio::test]
async fn logs_contain_no_password_or_token() {
    let recorded = Recorded::default();
    tracing::subscriber::set_global_default(recorded.clone()).unwrap();
    let service = service().await;
    let (_, token) = service.user("ada").await;
    service.post_by(&token, "hello").await;
    let wrong = json!({"handle": "ada", "password": "wrong horse"});
    service.post("/v1/sessions", &wrong).send().await.unwrap();
    let feed = service
        .get("/v1/feed")
        .header("cookie", format!("session={token}"))
        .header(
            "traceparent",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        );
    assert_eq!(feed.send().await.unwrap().status(), 200);
    let text = recorded.0.lock().unwrap().clone();
    assert!(text.contains("4bf92f3577b34da6a3ce929d0e0e4736"), "{text}");
    for secret in [PASSWORD, "wrong horse", &token, "argon2id"] {
        assert!(!text.contains(secret), "{secret}");
    }
}

//! Successful answers.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::problem::Problem;
use crate::store::StoreError;
use crate::telemetry::StoreWait;

/// What a handler answers.
pub(super) type Answer = Result<Response, Problem>;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Adds up the time that a request spends in the store.
#[derive(Debug, Default)]
pub(super) struct Timing {
    store: Duration,
}

impl Timing {
    /// Waits for the store and counts the wait.
    pub(super) async fn store<T>(
        &mut self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let done = call.await;
        self.store += began.elapsed();
        done
    }

    /// Answers with JSON.
    pub(super) fn json(&self, status: StatusCode, value: &impl Serialize) -> Answer {
        Ok(self.written(status, written(value)?))
    }

    /// Answers with JSON that has been written already.
    pub(super) fn written(&self, status: StatusCode, body: Bytes) -> Response {
        let mut response = self.response(status, Body::from(body));
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response
    }

    /// Answers without a body.
    pub(super) fn no_content(&self) -> Response {
        self.response(StatusCode::NO_CONTENT, Body::empty())
    }

    fn response(&self, status: StatusCode, body: Body) -> Response {
        let mut response = Response::new(body);
        *response.status_mut() = status;
        if let Some(value) = server_timing(self.store) {
            response.headers_mut().insert(SERVER_TIMING, value);
        }
        if !self.store.is_zero() {
            response.extensions_mut().insert(StoreWait(self.store));
        }
        response
    }
}

/// Writes JSON.
pub(super) fn written(value: &impl Serialize) -> Result<Bytes, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "an answer could not be written as JSON");
        Problem::internal()
    })?;
    Ok(body.into())
}

/// `db;dur=` in milliseconds, to the microsecond.
fn server_timing(store: Duration) -> Option<HeaderValue> {
    let us = store.as_micros();
    let text = format!("db;dur={}.{:03}", us / 1_000, us % 1_000);
    HeaderValue::try_from(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_timing_is_in_milliseconds() {
        let value = server_timing(Duration::from_micros(12_034)).unwrap();
        assert_eq!(value, "db;dur=12.034");
    }
}

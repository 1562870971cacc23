//! Successful responses.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use bytes::{BufMut, BytesMut};
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::problem::Problem;
use crate::store::StoreError;
use crate::telemetry::StoreWaits;

/// Result of a handler.
pub(super) type HandlerResult = Result<Response, Problem>;

const SERVER_TIMING: HeaderName = HeaderName::from_static("server-timing");
const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Sum of a request's waits for the store.
#[derive(Debug)]
pub(super) struct Timing<'a> {
    waits: &'a StoreWaits,
    store: Duration,
}

impl<'a> Timing<'a> {
    /// Creates a sum of zero. It is added to `waits` when the response is built.
    pub(super) fn new(waits: &'a StoreWaits) -> Self {
        Self {
            waits,
            store: Duration::ZERO,
        }
    }

    /// Awaits a call to the store and adds its duration.
    pub(super) async fn store<T>(
        &mut self,
        call: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        let began = Instant::now();
        let done = call.await;
        self.store += began.elapsed();
        done
    }

    /// Builds a response from a value, as JSON.
    pub(super) fn json(&self, status: StatusCode, value: &impl Serialize) -> HandlerResult {
        Ok(self.json_bytes(status, to_json(value)?))
    }

    /// Builds a response from serialised JSON.
    pub(super) fn json_bytes(&self, status: StatusCode, body: Bytes) -> Response {
        let mut response = self.response(status, Body::from(body));
        response.headers_mut().insert(CONTENT_TYPE, JSON);
        response
    }

    /// Builds a response without a body.
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
            self.waits.add(self.store);
        }
        response
    }
}

/// Serialises a value as JSON.
pub(super) fn to_json(value: &impl Serialize) -> Result<Bytes, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "could not serialise a response");
        Problem::internal()
    })?;
    Ok(body.into())
}

/// Formats `db;dur=` in milliseconds, to the microsecond.
///
/// Runs for each response, so it avoids the cost of `format!`.
fn server_timing(store: Duration) -> Option<HeaderValue> {
    let us = u64::try_from(store.as_micros()).unwrap_or(u64::MAX);
    let digit = |value: u64| b'0' + (value % 10) as u8;
    let mut text = BytesMut::with_capacity(32);
    text.put_slice(b"db;dur=");
    text.put_slice(itoa::Buffer::new().format(us / 1_000).as_bytes());
    text.put_slice(&[b'.', digit(us / 100), digit(us / 10), digit(us)]);
    HeaderValue::from_maybe_shared(text.freeze()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn server_timing_is_in_milliseconds() {
        for (us, text) in [
            (0, "db;dur=0.000"),
            (7, "db;dur=0.007"),
            (12_034, "db;dur=12.034"),
            (3_600_000_000, "db;dur=3600000.000"),
        ] {
            assert_eq!(server_timing(Duration::from_micros(us)).unwrap(), text);
        }
        assert!(server_timing(Duration::MAX).is_some());
    }
}

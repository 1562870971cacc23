//! Successful responses.

use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::delays::{Component, Delays};
use crate::ledger::{self, Part};
use crate::problem::Problem;
use crate::store::StoreError;
use crate::telemetry::StoreWaits;

/// Result of a handler.
pub(super) type HandlerResult = Result<Response, Problem>;

const JSON: HeaderValue = HeaderValue::from_static("application/json");

/// Sum of a request's waits for the store.
#[derive(Debug)]
pub(super) struct Timing<'a> {
    waits: &'a StoreWaits,
    delays: Option<&'a Delays>,
    store: Duration,
}

impl<'a> Timing<'a> {
    /// Creates a sum of zero. It is added to `waits` when the response is built.
    pub(super) fn new(waits: &'a StoreWaits, delays: Option<&'a Delays>) -> Self {
        Self {
            waits,
            delays,
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
        let body = self.serialized(|| to_json(value))?;
        Ok(self.json_bytes(status, body))
    }

    /// Serialises a response, after its delay if it has one.
    pub(super) fn serialized<T>(&self, serialize: impl FnOnce() -> T) -> T {
        match self.delays {
            Some(delays) => delays.spent(Component::Serialize, serialize),
            None => serialize(),
        }
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
        if !self.store.is_zero() {
            self.waits.add(self.store);
        }
        response
    }
}

/// Serialises a value as JSON.
pub(super) fn to_json(value: &impl Serialize) -> Result<Bytes, Problem> {
    let _span = ledger::enter(Part::Serialize);
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "could not serialise a response");
        Problem::internal()
    })?;
    Ok(body.into())
}

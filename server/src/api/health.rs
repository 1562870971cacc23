//! Liveness and readiness.

use axum::extract::State;
use http::StatusCode;

use super::Shared;
use super::response::HandlerResult;
use super::view::HealthView;
use crate::problem::{Problem, ProblemDocument};

/// Reports that the process responds.
#[utoipa::path(
    get, path = "/healthz", tag = "health",
    responses((status = 200, description = "The process responds", body = HealthView))
)]
pub(super) async fn alive(State(app): State<Shared>) -> HandlerResult {
    app.timing()
        .json(StatusCode::OK, &HealthView { status: "ok" })
}

/// Reports that the store responds.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "The store responds", body = HealthView),
        (status = 503, description = "The store does not respond", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn ready(State(app): State<Shared>) -> HandlerResult {
    let mut timing = app.timing();
    timing.store(app.store.ping()).await.map_err(|error| {
        tracing::warn!(%error, "not ready");
        Problem::unavailable("the store does not respond")
    })?;
    timing.json(StatusCode::OK, &HealthView { status: "ok" })
}

//! Whether the service is alive, and whether it is ready.

use axum::extract::State;
use http::StatusCode;

use super::Shared;
use super::answer::Answer;
use super::view::HealthView;
use crate::problem::{Problem, ProblemDocument};

/// Tells that the process answers.
#[utoipa::path(
    get, path = "/healthz", tag = "health",
    responses((status = 200, description = "The process answers", body = HealthView))
)]
pub(super) async fn alive(State(app): State<Shared>) -> Answer {
    app.timing()
        .json(StatusCode::OK, &HealthView { status: "ok" })
}

/// Tells that the store answers too.
#[utoipa::path(
    get, path = "/readyz", tag = "health",
    responses(
        (status = 200, description = "The store answers", body = HealthView),
        (status = 503, description = "It does not", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn ready(State(app): State<Shared>) -> Answer {
    let mut timing = app.timing();
    timing.store(app.store.ping()).await.map_err(|error| {
        tracing::warn!(%error, "not ready");
        Problem::unavailable("the store does not answer")
    })?;
    timing.json(StatusCode::OK, &HealthView { status: "ok" })
}

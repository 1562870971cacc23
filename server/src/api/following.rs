//! Following other users.

use axum::extract::State;

use super::Shared;
use super::extract::{Id, Session, now};
use super::response::HandlerResult;
use crate::model::UserId;
use crate::problem::ProblemDocument;

/// Follows a user. Idempotent.
#[utoipa::path(
    put, path = "/v1/following/{id}", tag = "following",
    params(("id" = i64, Path, description = "Identifier of the user")),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "Followed"),
        (status = 422, description = "The user is oneself", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn follow(
    State(app): State<Shared>,
    Id(id): Id,
    session: Session,
) -> HandlerResult {
    let mut timing = app.timing();
    let followed = app.store.follow(session.user, UserId(id), now());
    timing.store(followed).await?;
    Ok(timing.no_content())
}

/// Unfollows a user. Idempotent.
#[utoipa::path(
    delete, path = "/v1/following/{id}", tag = "following",
    params(("id" = i64, Path, description = "Identifier of the user")),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "Unfollowed"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn unfollow(
    State(app): State<Shared>,
    Id(id): Id,
    session: Session,
) -> HandlerResult {
    let mut timing = app.timing();
    let unfollowed = app.store.unfollow(session.user, UserId(id));
    timing.store(unfollowed).await?;
    Ok(timing.no_content())
}

//! Following other users.

use axum::extract::State;

use super::Shared;
use super::answer::Answer;
use super::extract::{Id, Session, now};
use crate::model::UserId;
use crate::problem::ProblemDocument;

/// Follows a user; doing so again changes nothing.
#[utoipa::path(
    put, path = "/v1/following/{id}", tag = "following",
    params(("id" = i64, Path, description = "The number of the user to follow")),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "Followed"),
        (status = 422, description = "Oneself", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn follow(State(app): State<Shared>, Id(id): Id, session: Session) -> Answer {
    let mut timing = app.timing();
    let followed = app.store.follow(session.user, UserId(id), now());
    timing.store(followed).await?;
    Ok(timing.no_content())
}

/// Follows a user no longer; doing so again changes nothing.
#[utoipa::path(
    delete, path = "/v1/following/{id}", tag = "following",
    params(("id" = i64, Path, description = "The number of the user")),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "Not followed any more"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn unfollow(State(app): State<Shared>, Id(id): Id, session: Session) -> Answer {
    let mut timing = app.timing();
    let unfollowed = app.store.unfollow(session.user, UserId(id));
    timing.store(unfollowed).await?;
    Ok(timing.no_content())
}

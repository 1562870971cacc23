//! The feed: what those whom one follows have written.

use axum::extract::State;
use http::StatusCode;

use super::Shared;
use super::answer::Answer;
use super::extract::{Paging, Session};
use super::view::PageView;
use crate::problem::ProblemDocument;

/// Shows the posts of all whom one follows, newest first.
#[utoipa::path(
    get, path = "/v1/feed", tag = "feed",
    params(
        ("cursor" = Option<i64>, Query, description = "The `next` of the page before"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 10 by default"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, description = "A page of the feed", body = PageView<'static>),
        (status = 401, description = "Not logged in", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(
    State(app): State<Shared>,
    session: Session,
    Paging(page): Paging,
) -> Answer {
    let mut timing = app.timing();
    let posts = app.store.shared_feed(session.user, page);
    let posts = timing.store(posts).await?;
    let body = posts.body(|posts| PageView::written(posts, page.limit()))?;
    Ok(timing.written(StatusCode::OK, body))
}

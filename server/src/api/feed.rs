//! Feed: the posts of followed users.

use axum::extract::State;
use http::StatusCode;

use super::Shared;
use super::extract::{Paging, Session};
use super::response::HandlerResult;
use super::view::PageView;
use crate::problem::ProblemDocument;

/// Returns the posts of all followed users, newest first.
#[utoipa::path(
    get, path = "/v1/feed", tag = "feed",
    params(
        ("cursor" = Option<i64>, Query, description = "Value of `next` in the previous page"),
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
) -> HandlerResult {
    let mut timing = app.timing();
    let posts = app.store.shared_feed(session.user, page);
    let posts = timing.store(posts).await?;
    let body = posts.body(|posts| timing.serialized(|| PageView::json(posts, page.limit())))?;
    Ok(timing.json_bytes(StatusCode::OK, body))
}

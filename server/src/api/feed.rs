//! Feed: the posts of followed users.

use std::sync::Arc;

use axum::extract::State;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::Shared;
use super::extract::{Format, Paging, Session};
use super::freshness::Version;
use super::response::HandlerResult;
use super::view::PageView;
use crate::problem::ProblemDocument;
use crate::store::{PostList, StoreError};

/// `?1`, a boolean of RFC 9651, if posts of some authors are missing.
const FEED_INCOMPLETE: HeaderName = HeaderName::from_static("feed-incomplete");

/// Returns the posts of all followed users, newest first.
#[utoipa::path(
    get, path = "/v1/feed", tag = "feed",
    params(
        ("cursor" = Option<i64>, Query, description = "Value of `next` in the previous page"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 10 by default"),
        ("content" = Option<String>, Query, description = "`markdown` or `html` for one of them only; both by default"),
    ),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, description = "A page of the feed", body = PageView<'static>,
            headers(("feed-incomplete" = String,
                description = "`?1` if posts of some authors are missing, because their database did not \
                    answer in time; absent otherwise"))),
        (status = 304, description = "The client's copy is fresh"),
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
    Format(format): Format,
    headers: HeaderMap,
) -> HandlerResult {
    let mut timing = app.timing();
    let posts = app.store.shared_feed(session.user, page);
    let posts = match timing.store(posts).await {
        Err(StoreError::Incomplete(posts)) => {
            let posts = PostList::new(Arc::unwrap_or_clone(posts));
            let body = timing.serialized(|| PageView::json(&posts, page.limit(), format))?;
            let mut response = timing.json_bytes(StatusCode::OK, body);
            let yes = HeaderValue::from_static("?1");
            response.headers_mut().insert(FEED_INCOMPLETE, yes);
            return Ok(response);
        }
        posts => posts?,
    };
    let version = Version::of_feed(session.user, &posts, format);
    if let Some(unchanged) = app.unchanged(&headers, &version) {
        return Ok(unchanged);
    }
    let body = posts.body(format, |posts| {
        timing.serialized(|| PageView::json(posts, page.limit(), format))
    })?;
    Ok(app.versioned(timing.json_bytes(StatusCode::OK, body), &version))
}

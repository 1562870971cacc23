//! Creating, reading, editing and deleting posts.

use axum::extract::State;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::extract::{Format, Id, Json, Session, now};
use super::freshness::Version;
use super::response::HandlerResult;
use super::view::PostView;
use super::{Shared, photo};
use crate::markdown;
use crate::model::{CONTENT_BYTES_MAX, NewPost, PostEdit, PostId};
use crate::photo_keys::{self, failure_key};
use crate::problem::{Problem, ProblemDocument};

/// Content of a post.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PostContent)]
pub(super) struct PostContent {
    /// Markdown, 1 to 1,024 bytes, not only white space.
    content: String,
}

impl PostContent {
    /// Validates and renders the content.
    fn render(self) -> Result<(String, String), Problem> {
        let bytes = self.content.len();
        if bytes > CONTENT_BYTES_MAX || self.content.trim().is_empty() {
            return Err(Problem::unprocessable(format!(
                "the content of a post must be 1 to {CONTENT_BYTES_MAX} bytes and not only white \
                 space; this one has {bytes}"
            )));
        }
        let html = markdown::render(&self.content);
        Ok((self.content, html))
    }
}

/// Creates a post.
#[utoipa::path(
    post, path = "/v1/posts", tag = "posts", request_body = PostContent,
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 201, description = "Created", body = PostView<'static>),
        (status = 401, description = "Not logged in", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn create(
    State(app): State<Shared>,
    session: Session,
    Json(content): Json<PostContent>,
) -> HandlerResult {
    let (content, html) = content.render()?;
    let new = NewPost {
        author: session.user,
        content,
        html,
        created_at: now(),
    };
    let mut timing = app.timing();
    let post = timing.store(app.store.create_post(new)).await?;
    let location = format!("/v1/posts/{}", post.id);
    let mut response = timing.json(StatusCode::CREATED, &PostView::from(&post))?;
    if let Ok(location) = location.try_into() {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Returns a post.
#[utoipa::path(
    get, path = "/v1/posts/{id}", tag = "posts",
    params(
        ("id" = i64, Path, description = "Identifier of the post"),
        ("content" = Option<String>, Query, description = "`markdown` or `html` for one of them only; both by default"),
    ),
    responses(
        (status = 200, description = "The post", body = PostView<'static>),
        (status = 304, description = "The client's copy is fresh"),
        (status = 404, description = "Post not found", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(
    State(app): State<Shared>,
    Id(id): Id,
    Format(format): Format,
    headers: HeaderMap,
) -> HandlerResult {
    let mut timing = app.timing();
    let post = timing.store(app.store.shared_post(PostId(id))).await?;
    let version = Version::of_post(&post, format);
    if let Some(unchanged) = app.unchanged(&headers, &version) {
        return Ok(unchanged);
    }
    let body = timing.serialized(|| PostView::json(&post, format))?;
    Ok(app.versioned(timing.json_bytes(StatusCode::OK, body), &version))
}

/// Edits one's own post.
#[utoipa::path(
    put, path = "/v1/posts/{id}", tag = "posts", request_body = PostContent,
    params(("id" = i64, Path, description = "Identifier of the post")),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, description = "Edited", body = PostView<'static>),
        (status = 403, description = "The post of another user", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn update(
    State(app): State<Shared>,
    Id(id): Id,
    session: Session,
    Json(content): Json<PostContent>,
) -> HandlerResult {
    let (content, html) = content.render()?;
    let edit = PostEdit {
        content,
        html,
        updated_at: now(),
    };
    let mut timing = app.timing();
    let changed = app.store.update_post(session.user, PostId(id), edit);
    let post = timing.store(changed).await?;
    timing.json(StatusCode::OK, &PostView::from(&post))
}

/// Deletes one's own post and its photo.
#[utoipa::path(
    delete, path = "/v1/posts/{id}", tag = "posts",
    params(("id" = i64, Path, description = "Identifier of the post")),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "Deleted"),
        (status = 403, description = "The post of another user", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn delete(
    State(app): State<Shared>,
    Id(id): Id,
    session: Session,
) -> HandlerResult {
    let mut timing = app.timing();
    let deleted = app.store.delete_post(session.user, PostId(id));
    if let Some(photo) = timing.store(deleted).await? {
        photo::delete_files(&app, &photo).await;
    }
    if app.jobs.is_some()
        && let Ok(note) = failure_key(PostId(id))
    {
        photo_keys::delete(&*app.files, &note).await;
    }
    Ok(timing.no_content())
}

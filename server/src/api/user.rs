//! Signing up, and looking at a user.

use axum::extract::State;
use http::StatusCode;
use http::header::LOCATION;
use serde::Deserialize;
use utoipa::ToSchema;

use super::Shared;
use super::answer::{Answer, written};
use super::extract::{Id, Json, Paging, now};
use super::view::{PageView, UserPageView, UserView};
use crate::model::{HANDLE_BYTES_MAX, NewUser, UserId};
use crate::password::PasswordError;
use crate::problem::{Problem, ProblemDocument};
use crate::secret::Secret;

/// The shortest password, in bytes.
const PASSWORD_BYTES_MIN: usize = 8;
/// The longest password, in bytes: hashing more would only cost time.
pub(super) const PASSWORD_BYTES_MAX: usize = 256;

/// Who signs up or logs in.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Login)]
pub(super) struct Login {
    /// The unique name: 1 to 32 characters of a-z, 0-9 and _.
    pub(super) handle: String,
    /// The password: 8 to 256 bytes.
    pub(super) password: Secret,
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::unavailable("too many log-ins at once"),
            error => {
                tracing::error!(%error, "a password was not hashed");
                Self::internal()
            }
        }
    }
}

/// Signs up.
#[utoipa::path(
    post, path = "/v1/users", tag = "users", request_body = Login,
    responses(
        (status = 201, description = "Signed up", body = UserView<'static>),
        (status = 409, description = "The handle is taken", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn sign_up(State(app): State<Shared>, Json(login): Json<Login>) -> Answer {
    let bytes = login.password.reveal().len();
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&bytes) {
        return Err(Problem::unprocessable(format!(
            "a password has {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes, not {bytes}"
        )));
    }
    let mut new = NewUser {
        handle: login.handle,
        // Stands in until the handle is known to be good: hashing costs much.
        password_hash: "-".to_owned(),
        created_at: now(),
    };
    new.check()?;
    new.password_hash = app.passwords.hash(login.password).await?;
    let mut timing = app.timing();
    let user = timing.store(app.store.create_user(new)).await?;
    let location = format!("/v1/users/{}", user.id);
    let mut response = timing.json(StatusCode::CREATED, &UserView::from(&user))?;
    if let Ok(location) = location.try_into() {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// Shows a user with recent posts.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "users",
    params(
        ("id" = i64, Path, description = "The number of the user"),
        ("before" = Option<i64>, Query, description = "Posts older than this one"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 10 by default"),
    ),
    responses(
        (status = 200, description = "The user", body = UserPageView<'static>),
        (status = 404, description = "No such user", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(State(app): State<Shared>, Id(id): Id, Paging(page): Paging) -> Answer {
    let mut timing = app.timing();
    let user = timing.store(app.store.shared_user(UserId(id))).await?;
    let posts = app.store.shared_posts_by(user.id, page);
    let posts = timing.store(posts).await?;
    let body = posts.body_with(&user, || {
        let user = user.body(|user| written(&UserView::from(user)))?;
        let page = written(&PageView::new(&posts, page.limit()))?;
        Ok::<_, Problem>(UserPageView::written(&user, &page))
    })?;
    Ok(timing.written(StatusCode::OK, body))
}

/// Whether a handle could be anybody's.
pub(super) fn is_handle(handle: &str) -> bool {
    (1..=HANDLE_BYTES_MAX).contains(&handle.len())
}

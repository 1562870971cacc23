//! Signing up and reading users.

use axum::extract::State;
use http::header::LOCATION;
use http::{HeaderMap, StatusCode};
use serde::Deserialize;
use utoipa::ToSchema;

use super::Shared;
use super::extract::{Format, Id, Json, Paging, now};
use super::freshness::Version;
use super::response::{HandlerResult, to_json};
use super::view::{PageView, UserPageView, UserView};
use crate::model::{ContentFormat, HANDLE_BYTES_MAX, NewUser, UserId};
use crate::password::PasswordError;
use crate::problem::{Problem, ProblemDocument};
use crate::secret::Secret;

/// Minimum length of a password, in bytes.
const PASSWORD_BYTES_MIN: usize = 8;
/// Maximum length of a password, in bytes: a longer one would only cost time to hash.
pub(super) const PASSWORD_BYTES_MAX: usize = 256;

/// Credentials of a user.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Login)]
pub(super) struct Login {
    /// Unique name: 1 to 32 characters of a-z, 0-9 and _.
    pub(super) handle: String,
    /// Password: 8 to 256 bytes.
    pub(super) password: Secret,
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Self {
        match error {
            PasswordError::Busy => Self::unavailable(error.to_string()),
            error => {
                tracing::error!(%error, "could not hash a password");
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
pub(super) async fn sign_up(State(app): State<Shared>, Json(login): Json<Login>) -> HandlerResult {
    let bytes = login.password.reveal().len();
    if !(PASSWORD_BYTES_MIN..=PASSWORD_BYTES_MAX).contains(&bytes) {
        return Err(Problem::unprocessable(format!(
            "a password must be {PASSWORD_BYTES_MIN} to {PASSWORD_BYTES_MAX} bytes long, not {bytes}"
        )));
    }
    let mut new = NewUser {
        handle: login.handle,
        // A placeholder until the handle is validated: hashing is expensive.
        password_hash: "-".to_owned(),
        created_at: now(),
    };
    new.check().map_err(crate::store::StoreError::from)?;
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

/// Returns a user with recent posts.
#[utoipa::path(
    get, path = "/v1/users/{id}", tag = "users",
    params(
        ("id" = i64, Path, description = "Identifier of the user"),
        ("before" = Option<i64>, Query, description = "Returns posts older than this one"),
        ("limit" = Option<u32>, Query, description = "1 to 100, 10 by default"),
        ("content" = Option<String>, Query, description = "`markdown` or `html` for one of them only; both by default"),
    ),
    responses(
        (status = 200, description = "The user", body = UserPageView<'static>),
        (status = 304, description = "The client's copy is fresh"),
        (status = 404, description = "User not found", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(
    State(app): State<Shared>,
    Id(id): Id,
    Paging(page): Paging,
    Format(format): Format,
    headers: HeaderMap,
) -> HandlerResult {
    let mut timing = app.timing();
    let user = timing.store(app.store.shared_user(UserId(id))).await?;
    let posts = app.store.shared_posts_by(user.id, page);
    let posts = timing.store(posts).await?;
    let version = Version::of_user(&user, &posts, format);
    if let Some(unchanged) = app.unchanged(&headers, &version) {
        return Ok(unchanged);
    }
    let serialize = || {
        let user = user.body(ContentFormat::All, |user| to_json(&UserView::from(user)))?;
        let page = to_json(&PageView::new(&posts, page.limit(), format))?;
        Ok::<_, Problem>(UserPageView::join(&user, &page))
    };
    let body = posts.body_with(format, &user, || timing.serialized(serialize))?;
    Ok(app.versioned(timing.json_bytes(StatusCode::OK, body), &version))
}

/// Returns true if the length of a handle is valid.
pub(super) fn is_handle(handle: &str) -> bool {
    (1..=HANDLE_BYTES_MAX).contains(&handle.len())
}

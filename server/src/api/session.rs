//! Logging in and out.

use axum::extract::State;
use axum::response::Response;
use http::header::{CACHE_CONTROL, SET_COOKIE};
use http::{HeaderValue, StatusCode};

use super::Shared;
use super::extract::{Json, SESSION_COOKIE, Session, now};
use super::response::HandlerResult;
use super::user::{Login, PASSWORD_BYTES_MAX, is_handle};
use super::view::SessionView;
use crate::model::{NewSession, Timestamp};
use crate::problem::{Problem, ProblemDocument};
use crate::store::StoreError;
use crate::token::Token;

/// Logs in.
#[utoipa::path(
    post, path = "/v1/sessions", tag = "sessions", request_body = Login,
    responses(
        (status = 201, description = "Logged in; the cookie `session` contains the token too",
            body = SessionView<'static>),
        (status = 401, description = "Wrong handle or password", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn log_in(State(app): State<Shared>, Json(login): Json<Login>) -> HandlerResult {
    let wrong = || Problem::unauthorized("the handle or the password is wrong", "Bearer");
    if !is_handle(&login.handle) || login.password.reveal().len() > PASSWORD_BYTES_MAX {
        return Err(wrong());
    }
    let mut timing = app.timing();
    let credentials = match timing.store(app.store.credentials(&login.handle)).await {
        Ok(credentials) => Some(credentials),
        Err(StoreError::NotFound) => None,
        Err(error) => return Err(error.into()),
    };
    let (user, hash) = credentials
        .map(|credentials| (credentials.user, credentials.password_hash))
        .unzip();
    let right = app.passwords.verify(login.password, hash).await?;
    let user = user.filter(|_| right).ok_or_else(wrong)?;

    let token = Token::generate().map_err(|error| {
        tracing::error!(%error, "could not generate a session token");
        Problem::internal()
    })?;
    let created_at = now();
    let ttl_ms = i64::try_from(app.session_ttl.as_millis()).unwrap_or(i64::MAX);
    let expires_at = Timestamp(created_at.0.saturating_add(ttl_ms));
    let session = NewSession {
        token: token.digest(),
        user,
        created_at,
        expires_at,
    };
    timing.store(app.sessions.create_session(&session)).await?;
    let view = SessionView {
        token: token.reveal(),
        user_id: user.0,
        expires_at: expires_at.0,
    };
    let mut response = timing.json(StatusCode::CREATED, &view)?;
    set_cookie(&mut response, token.reveal(), app.session_ttl.as_secs());
    let no_store = HeaderValue::from_static("no-store");
    response.headers_mut().insert(CACHE_CONTROL, no_store);
    Ok(response)
}

/// Logs out.
#[utoipa::path(
    delete, path = "/v1/sessions/current", tag = "sessions",
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "Logged out"),
        (status = 401, description = "Not logged in", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn log_out(State(app): State<Shared>, session: Session) -> HandlerResult {
    let mut timing = app.timing();
    timing
        .store(app.sessions.delete_session(&session.token))
        .await?;
    let mut response = timing.no_content();
    set_cookie(&mut response, "", 0);
    Ok(response)
}

/// Sets the cookie. It is not `Secure`: the single box has no TLS; later stages terminate it.
fn set_cookie(response: &mut Response, token: &str, age_s: u64) {
    let cookie =
        format!("{SESSION_COOKIE}={token}; Path=/; Max-Age={age_s}; HttpOnly; SameSite=Strict");
    if let Ok(mut value) = HeaderValue::try_from(cookie) {
        value.set_sensitive(true);
        response.headers_mut().insert(SET_COOKIE, value);
    }
}

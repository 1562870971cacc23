//! OpenAPI document of the API.

use std::sync::LazyLock;

use axum::body::{Body, Bytes};
use axum::response::Response;
use http::HeaderValue;
use http::header::CONTENT_TYPE;
use utoipa::openapi::security::{ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use super::response::HandlerResult;
use super::{asset, feed, following, health, job, live_feed, photo, post, session, user};
use crate::problem::Problem;

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Tenfold's reference service",
        description = "A small social service, built to be load-tested."
    ),
    paths(
        user::sign_up, user::read,
        session::log_in, session::log_out,
        post::create, post::read, post::update, post::delete,
        photo::write, photo::read, photo::thumbnail, job::read,
        following::follow, following::unfollow,
        feed::read, live_feed::read,
        asset::read,
        health::alive, health::ready,
        document,
    ),
    modifiers(&Sessions),
)]
struct Document;

/// Security schemes: ways to send a session token.
struct Sessions;

impl Modify for Sessions {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        let components = document.components.get_or_insert_default();
        let bearer = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        components.add_security_scheme("bearer", SecurityScheme::Http(bearer));
        let cookie = ApiKey::Cookie(ApiKeyValue::new(super::extract::SESSION_COOKIE));
        components.add_security_scheme("cookie", SecurityScheme::ApiKey(cookie));
    }
}

static JSON: LazyLock<Option<Bytes>> = LazyLock::new(|| {
    serde_json::to_vec(&Document::openapi())
        .ok()
        .map(Bytes::from)
});

/// Returns this document.
#[utoipa::path(
    get, path = "/openapi.json", tag = "openapi",
    responses((status = 200, description = "OpenAPI 3.1", content_type = "application/json"))
)]
pub(super) async fn document() -> HandlerResult {
    let json = JSON.clone().ok_or_else(Problem::internal)?;
    let mut response = Response::new(Body::from(json));
    let media_type = HeaderValue::from_static("application/json");
    response.headers_mut().insert(CONTENT_TYPE, media_type);
    Ok(response)
}

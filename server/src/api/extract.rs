//! Extractors: identifiers, pages, sessions and bodies.

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, FromRequestParts, RawPathParams};
use http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, COOKIE};
use http::request::Parts;
use http::{HeaderMap, Request, StatusCode};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;
use serde_json::error::Category;

use super::{App, Shared};
use crate::ledger::{self, Part};
use crate::model::{ContentFormat, PAGE_POSTS_MAX, Page, PostId, Timestamp, TokenDigest, UserId};
use crate::problem::Problem;
use crate::store::StoreError;
use crate::token;

/// Default number of posts in a page.
const PAGE_POSTS: u32 = 10;
/// Name of the session cookie.
pub(super) const SESSION_COOKIE: &str = "session";

/// Identifier in the path. Anything but an integer from 1 is rejected with 404.
#[derive(Debug)]
pub(super) struct Id(pub(super) i64);

impl<S: Send + Sync> FromRequestParts<S> for Id {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let not_found = || Problem::not_found("not found; identifiers are integers from 1");
        let params = RawPathParams::from_request_parts(parts, state)
            .await
            .map_err(|_| not_found())?;
        let (_, text) = params.iter().next().ok_or_else(not_found)?;
        let digits = text.bytes().all(|c| c.is_ascii_digit()) && !text.starts_with('0');
        match text.parse() {
            Ok(id) if digits => Ok(Self(id)),
            _ => Err(not_found()),
        }
    }
}

/// Page in the query: `limit`, and `before` or its synonym `cursor`.
#[derive(Debug)]
pub(super) struct Paging(pub(super) Page);

impl<S: Send + Sync> FromRequestParts<S> for Paging {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        page(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn page(query: &str) -> Result<Page, Problem> {
    let (mut before, mut limit) = (None, PAGE_POSTS);
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        match name {
            "before" | "cursor" => match value.parse() {
                Ok(id) if id >= 1 => before = Some(PostId(id)),
                _ => {
                    return Err(Problem::bad_request(format!(
                        "`{name}` must be the identifier of a post"
                    )));
                }
            },
            "limit" => match value.parse() {
                Ok(count) if (1..=PAGE_POSTS_MAX).contains(&count) => limit = count,
                _ => {
                    return Err(Problem::bad_request(format!(
                        "`limit` must be 1 to {PAGE_POSTS_MAX}"
                    )));
                }
            },
            // Other parameters may be meant for a proxy.
            _ => {}
        }
    }
    Ok(Page::new(before, limit))
}

/// `content` in the query: `markdown` or `html`. Both if it is absent.
#[derive(Debug)]
pub(super) struct Format(pub(super) ContentFormat);

impl<S: Send + Sync> FromRequestParts<S> for Format {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        format(parts.uri.query().unwrap_or_default()).map(Self)
    }
}

fn format(query: &str) -> Result<ContentFormat, Problem> {
    let mut format = ContentFormat::All;
    for pair in query.split('&') {
        match pair.split_once('=').unwrap_or((pair, "")) {
            ("content", "markdown") => format = ContentFormat::Markdown,
            ("content", "html") => format = ContentFormat::Html,
            ("content", _) => {
                return Err(Problem::bad_request(
                    "`content` must be `markdown` or `html`",
                ));
            }
            _ => {}
        }
    }
    Ok(format)
}

/// Session of a request, by bearer token or cookie.
#[derive(Debug)]
pub(super) struct Session {
    /// The logged-in user.
    pub(super) user: UserId,
    /// Digest of the token.
    pub(super) token: TokenDigest,
}

impl FromRequestParts<Shared> for Session {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &Shared) -> Result<Self, Problem> {
        let (text, from_cookie) = match bearer(&parts.headers)? {
            Some(text) => (text, false),
            None => match cookie(&parts.headers) {
                Some(text) => (text, true),
                None => {
                    let detail = "log in first: POST /v1/sessions";
                    return Err(Problem::unauthorized(detail, "Bearer"));
                }
            },
        };
        // The cookie is `SameSite=Strict`; this protects users of browsers that ignore it.
        if from_cookie && !parts.method.is_safe() && is_foreign(&parts.headers) {
            return Err(Problem::forbidden("the request comes from another site"));
        }
        let invalid = || {
            let challenge = "Bearer error=\"invalid_token\"";
            Problem::unauthorized("the session is unknown or has expired", challenge)
        };
        let token = token::digest(text).ok_or_else(invalid)?;
        match app.sessions.session(&token, now()).await {
            Ok(session) => Ok(Self {
                user: session.user,
                token,
            }),
            Err(StoreError::NotFound) => Err(invalid()),
            Err(error) => Err(error.into()),
        }
    }
}

fn bearer(headers: &HeaderMap) -> Result<Option<&str>, Problem> {
    let Some(value) = headers.get(AUTHORIZATION) else {
        return Ok(None);
    };
    let token = value.to_str().ok().and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
    });
    token.map(Some).ok_or_else(|| {
        Problem::unauthorized("`Authorization` must be `Bearer` and a token", "Bearer")
    })
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|cookies| cookies.split(';'))
        .filter_map(|cookie| cookie.trim().split_once('='))
        .find(|(name, _)| *name == SESSION_COOKIE)
        .map(|(_, token)| token)
}

fn is_foreign(headers: &HeaderMap) -> bool {
    let site = headers.get("sec-fetch-site");
    site.is_some_and(|site| site == "cross-site" || site == "same-site")
}

/// Returns the current time.
pub(super) fn now() -> Timestamp {
    Timestamp::now()
}

/// JSON body.
#[derive(Debug)]
pub(super) struct Json<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequest<Shared> for Json<T> {
    type Rejection = Problem;

    async fn from_request(request: Request<Body>, app: &Shared) -> Result<Self, Problem> {
        let media_type = content_type(request.headers());
        if !media_type.eq_ignore_ascii_case("application/json") {
            return Err(Problem::unsupported(
                "send `Content-Type: application/json`",
            ));
        }
        let body = read(request, app.body_limit, app).await?;
        // serde accepts an array for an object with fields in that order; /openapi.json does not.
        if body.trim_ascii_start().first() == Some(&b'[') {
            return Err(Problem::unprocessable(
                "the JSON is an array instead of an object; see /openapi.json",
            ));
        }
        serde_json::from_slice(&body).map(Self).map_err(|error| {
            // The message locates the error without quoting the text, which may contain a password.
            let place = format!("line {}, column {}", error.line(), error.column());
            match error.classify() {
                Category::Data => Problem::unprocessable(format!(
                    "the JSON does not match the schema in /openapi.json: {place}"
                )),
                _ => Problem::bad_request(format!("the body is not valid JSON: {place}")),
            }
        })
    }
}

/// Returns the media type of the body, without parameters.
pub(super) fn content_type(headers: &HeaderMap) -> &str {
    headers
        .get(CONTENT_TYPE)
        .and_then(|value| value.to_str().ok())
        .and_then(|text| text.split(';').next())
        .unwrap_or_default()
        .trim()
}

/// Reads a body of at most `limit` bytes.
pub(super) async fn read(
    request: Request<Body>,
    limit: usize,
    app: &App,
) -> Result<Bytes, Problem> {
    let length = request.headers().get(CONTENT_LENGTH);
    let length = length.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if length.is_some_and(|length| length > limit as u64) {
        return Err(Problem::too_large(limit));
    }
    let _span = ledger::enter(Part::Body);
    let body = Limited::new(request.into_body(), limit).collect();
    match tokio::time::timeout(app.body_timeout, body).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => Err(Problem::too_large(limit)),
        Ok(Err(_)) => Err(Problem::bad_request("the body ended early")),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "the body took too long to arrive",
        )),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn parses_page_from_query() {
        let read = |query| page(query).map(|page| (page.before().map(|id| id.0), page.limit()));
        assert_eq!(read("").unwrap(), (None, PAGE_POSTS));
        assert_eq!(read("limit=3&before=7").unwrap(), (Some(7), 3));
        assert_eq!(read("cursor=9&other=x").unwrap(), (Some(9), PAGE_POSTS));
        for bad in [
            "limit=0",
            "limit=101",
            "limit=x",
            "limit",
            "before=0",
            "cursor=-1",
        ] {
            assert_eq!(read(bad).unwrap_err().status(), 400, "{bad}");
        }
    }

    #[test]
    fn parses_content_format_from_query() {
        let formats = [
            ("", ContentFormat::All),
            ("limit=3", ContentFormat::All),
            ("limit=3&content=html", ContentFormat::Html),
            ("content=markdown&other=x", ContentFormat::Markdown),
        ];
        for (query, expected) in formats {
            assert_eq!(format(query).unwrap(), expected, "{query}");
        }
        for bad in [
            "content",
            "content=",
            "content=HTML",
            "content=html,markdown",
        ] {
            assert_eq!(format(bad).unwrap_err().status(), 400, "{bad}");
        }
    }

    #[test]
    fn finds_token_in_header_or_cookie() {
        let mut headers = HeaderMap::new();
        assert!(bearer(&headers).unwrap().is_none());
        headers.insert(COOKIE, HeaderValue::from_static("a=b; session=abc; c=d"));
        assert_eq!(cookie(&headers), Some("abc"));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("bearer xyz"));
        assert_eq!(bearer(&headers).unwrap(), Some("xyz"));
        headers.insert(AUTHORIZATION, HeaderValue::from_static("Basic eDp5"));
        assert_eq!(bearer(&headers).unwrap_err().status(), 401);
    }
}

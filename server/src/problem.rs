//! Errors as the client sees them: RFC 9457 problem documents.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::files::FilesError;
use crate::store::StoreError;

/// The media type of a problem document.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// How long a client is asked to wait before it tries again, in seconds.
const RETRY_AFTER_S: &str = "1";

/// An error response.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// The body of an error response.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// Always `about:blank`: the status says what kind of problem it is.
    r#type: &'static str,
    /// The status in words.
    title: &'a str,
    /// The HTTP status.
    status: u16,
    /// What was wrong with this request, and what would be right.
    detail: &'a str,
}

impl Problem {
    /// Makes a problem of a status and what a person should know.
    pub(crate) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            header: None,
        }
    }

    /// 400: the request could not be understood.
    pub(crate) fn bad_request(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, detail)
    }

    /// 401: no valid session; `challenge` is the value of `WWW-Authenticate`.
    pub(crate) fn unauthorized(detail: &'static str, challenge: &'static str) -> Self {
        Self {
            header: Some((WWW_AUTHENTICATE, HeaderValue::from_static(challenge))),
            ..Self::new(StatusCode::UNAUTHORIZED, detail)
        }
    }

    /// 403: understood, but not for this user.
    pub(crate) fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: no such thing.
    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 413: the body has more than `limit` bytes.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body has more than {limit} bytes"),
        )
    }

    /// 415: the body is of a media type that is not read here.
    pub(crate) fn unsupported(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 422: well-formed, but not acceptable.
    pub(crate) fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 500: something here is broken. The cause belongs in the log, not in the answer.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "the service could not do this; its log says why",
        )
    }

    /// 503: try again later.
    pub(crate) fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            header: Some((RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S))),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// The HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found("there is no such thing"),
            StoreError::Conflict(why) => Self::new(StatusCode::CONFLICT, why),
            StoreError::Forbidden => Self::forbidden("only its author may change a post"),
            StoreError::Invalid(why) => Self::unprocessable(why),
            error @ StoreError::Full(_) => {
                tracing::warn!(%error, "nothing was stored");
                Self::unavailable("the store is full; nothing was stored")
            }
            error @ StoreError::Unavailable(_) => {
                tracing::warn!(%error, "the store does not answer");
                Self::unavailable("the store does not answer in time")
            }
            error => {
                tracing::error!(%error, "the store failed");
                Self::internal()
            }
        }
    }
}

impl From<FilesError> for Problem {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::NotFound => Self::not_found("there is no such file"),
            FilesError::Full => {
                tracing::warn!("the disk is full; nothing was stored");
                Self::unavailable("the disk is full; nothing was stored")
            }
            error => {
                tracing::error!(%error, "the files failed");
                Self::internal()
            }
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let document = ProblemDocument {
            r#type: "about:blank",
            title: self.status.canonical_reason().unwrap_or("Error"),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let body = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(MEDIA_TYPE));
        if let Some((name, value)) = self.header {
            headers.insert(name, value);
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn store_errors_get_their_status() {
        for (error, status) in [
            (StoreError::NotFound, 404),
            (StoreError::Conflict("taken".to_owned()), 409),
            (StoreError::Forbidden, 403),
            (StoreError::Invalid("too long".to_owned()), 422),
            (StoreError::Full("disk".to_owned()), 503),
            (StoreError::Unavailable("queue".to_owned()), 503),
            (StoreError::Other("secret".to_owned()), 500),
        ] {
            let problem = Problem::from(error);
            assert_eq!(problem.status().as_u16(), status);
            assert!(!problem.detail.contains("secret"));
        }
    }

    #[test]
    fn unavailable_says_when_to_try_again() {
        let of_the_store = StoreError::Unavailable("failover".to_owned());
        for problem in [Problem::unavailable("busy"), of_the_store.into()] {
            let response = problem.into_response();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()[RETRY_AFTER], RETRY_AFTER_S);
            assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE);
        }
    }
}

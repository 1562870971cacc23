//! Error responses: problem documents as of RFC 9457.

use std::borrow::Cow;

use axum::response::{IntoResponse, Response};
use http::header::{CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use http::{HeaderName, HeaderValue, StatusCode};
use serde::Serialize;

use crate::files::FilesError;
use crate::queue::QueueError;
use crate::store::StoreError;

/// The media type of a problem document.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";

/// Value of `Retry-After`, in seconds.
const RETRY_AFTER_S: &str = "1";

/// An error response.
#[derive(Debug)]
pub(crate) struct Problem {
    status: StatusCode,
    detail: Cow<'static, str>,
    header: Option<(HeaderName, HeaderValue)>,
}

/// Body of an error response.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// Always `about:blank`: the status identifies the kind of problem.
    r#type: &'static str,
    /// Reason phrase of the status.
    title: &'a str,
    /// HTTP status.
    status: u16,
    /// Problem with this request, and how to correct it.
    detail: &'a str,
}

impl Problem {
    /// Creates a problem with a status and a detail for people.
    pub(crate) fn new(status: StatusCode, detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            status,
            detail: detail.into(),
            header: None,
        }
    }

    /// 400: the request is malformed.
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

    /// 403: valid, but not allowed for this user.
    pub(crate) fn forbidden(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::FORBIDDEN, detail)
    }

    /// 404: the resource does not exist.
    pub(crate) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::NOT_FOUND, detail)
    }

    /// 413: the body has more than `limit` bytes.
    pub(crate) fn too_large(limit: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body exceeds {limit} bytes"),
        )
    }

    /// 415: the media type of the body is not supported.
    pub(crate) fn unsupported(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail)
    }

    /// 422: well-formed, but not valid.
    pub(crate) fn unprocessable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, detail)
    }

    /// 500: internal failure. The cause belongs in the log, not in the response.
    pub(crate) fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal error; see the log of the service",
        )
    }

    /// 503: temporarily unavailable; retry later.
    pub(crate) fn unavailable(detail: impl Into<Cow<'static, str>>) -> Self {
        Self {
            header: Some((RETRY_AFTER, HeaderValue::from_static(RETRY_AFTER_S))),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, detail)
        }
    }

    /// 504: the client's deadline passed before the response.
    pub(crate) fn deadline_passed() -> Self {
        Self::new(
            StatusCode::GATEWAY_TIMEOUT,
            "the request did not end within its `Request-Timeout-Ms`",
        )
    }

    /// Returns the HTTP status.
    pub(crate) fn status(&self) -> StatusCode {
        self.status
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound => Self::not_found("not found"),
            StoreError::Conflict(why) => Self::new(StatusCode::CONFLICT, why),
            StoreError::Forbidden => Self::forbidden("only the author may edit a post"),
            StoreError::Invalid(why) => Self::unprocessable(why),
            error @ StoreError::Full(_) => {
                tracing::warn!(%error, "store is full");
                Self::unavailable("the store is full; nothing was stored")
            }
            error @ StoreError::Busy(_) => {
                // Many a second in an overload, whose begin and end are logged.
                tracing::debug!(%error, "store is busy");
                Self::unavailable("too many requests wait for the store; nothing was stored")
            }
            error @ StoreError::Unavailable(_) => {
                tracing::warn!(%error, "store is unavailable");
                Self::unavailable("the store did not respond in time")
            }
            error => {
                tracing::error!(%error, "store failed");
                Self::internal()
            }
        }
    }
}

impl From<FilesError> for Problem {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::NotFound => Self::not_found("file not found"),
            FilesError::Full => {
                tracing::warn!("file store is full");
                Self::unavailable("the disk is full; nothing was stored")
            }
            error @ FilesError::Unavailable(_) => {
                tracing::warn!(%error, "file store is unavailable");
                Self::unavailable("the file store does not respond")
            }
            error => {
                tracing::error!(%error, "file store failed");
                Self::internal()
            }
        }
    }
}

impl From<QueueError> for Problem {
    fn from(error: QueueError) -> Self {
        match error {
            QueueError::Full => Self::unavailable("too many photos are waiting; try again later"),
            error @ (QueueError::Unavailable(_) | QueueError::Refused(_)) => {
                tracing::warn!(%error, "queue is unavailable");
                Self::unavailable("the queue did not respond in time")
            }
            error => {
                tracing::error!(%error, "queue failed");
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
    fn maps_store_errors_to_statuses() {
        for (error, status) in [
            (StoreError::NotFound, 404),
            (StoreError::Conflict("taken".to_owned()), 409),
            (StoreError::Forbidden, 403),
            (StoreError::Invalid("too long".to_owned()), 422),
            (StoreError::Full("disk".to_owned()), 503),
            (StoreError::Busy("queue".to_owned()), 503),
            (StoreError::Unavailable("outage".to_owned()), 503),
            (StoreError::Other("secret".to_owned()), 500),
        ] {
            let problem = Problem::from(error);
            assert_eq!(problem.status().as_u16(), status);
            assert!(!problem.detail.contains("secret"));
        }
    }

    #[test]
    fn unavailable_has_retry_after() {
        let from_store = StoreError::Unavailable("failover".to_owned());
        for problem in [Problem::unavailable("busy"), from_store.into()] {
            let response = problem.into_response();
            assert_eq!(response.status(), 503);
            assert_eq!(response.headers()[RETRY_AFTER], RETRY_AFTER_S);
            assert_eq!(response.headers()[CONTENT_TYPE], MEDIA_TYPE);
        }
    }
}

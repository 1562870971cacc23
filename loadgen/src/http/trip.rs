//! The way of one request that is not plain: its redirects, retries, connections and trace.

use std::sync::Arc;

use http::{HeaderName, HeaderValue, Method};
use url::Url;

use crate::http::cookie_jar::CookieJar;
use crate::http::trace_context::{ExchangeSpan, TraceContext};

/// The way of one request that is not plain. Kept even if the request fails or times out.
#[derive(Debug, Default)]
pub(crate) struct Trip {
    /// Durations of its complete exchanges, in nanoseconds: several if it was redirected.
    pub(crate) exchanges_ns: Vec<u64>,
    /// Redirects followed.
    pub(crate) redirects: u64,
    /// Redirects that led to another origin.
    pub(crate) elsewhere: u64,
    /// Times that it was sent again, because the service had closed the connection.
    pub(crate) retries: u64,
    /// Connections that were opened for it alone.
    pub(crate) own_connections: u64,
    /// Cookies that could not be kept.
    pub(crate) cookies_refused: u64,
    /// The address of the last answer, if it is not that of the request: it was redirected.
    pub(crate) url: Option<Url>,
    /// The trace that it began. `None` without a `traceparent`.
    pub(crate) trace: Option<TraceContext>,
    /// The exchanges of a sampled trace, complete or not.
    pub(crate) spans: Vec<ExchangeSpan>,
    /// Names and nanoseconds in the `Server-Timing` of the last answer, if the trace is sampled. `None` without
    /// that header.
    pub(crate) server_timing: Option<Vec<(String, u64)>>,
    /// The cookies of its user. `None` if cookies are not kept.
    pub(crate) jar: Option<Arc<CookieJar>>,
    /// The requests sent, several if it was redirected. Set in trials only.
    pub(crate) hops: Option<Vec<Hop>>,
}

/// One request of a way.
#[derive(Debug)]
pub(crate) struct Hop {
    /// Its method.
    pub(crate) method: Method,
    /// Its address. `None` if the target has none, as for `OPTIONS *`.
    pub(crate) url: Option<Url>,
    /// Its headers, with the cookies and the trace of its user.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    /// Status of its answer. `None` without one.
    pub(crate) status: Option<u16>,
}

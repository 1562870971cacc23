//! Routes of the admin listener: `/metrics`, `/debug/pprof`, `/debug/delay`, `/debug/queue`, `/debug/feeds`, `/shards` and `/warehouse`.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{DefaultBodyLimit, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderValue, StatusCode};

use super::cpu_profile::{self, ProfileError};
use super::prometheus_text::MEDIA_TYPE;
use super::requests::Requests;
use super::{
    FeedDesk, delay_switch, exposition, feed_desk, heap_profile, job_desk, shard_admin,
    warehouse_desk,
};
use crate::delays::Delays;
use crate::problem::Problem;
use crate::queue::Jobs;
use crate::store::Store;
use crate::store::sharded::ShardedStore;
use crate::warehouse::Archive;

/// Default duration of a profile, as in Go.
const SECONDS: u32 = 30;
/// Maximum duration of a profile.
const SECONDS_MAX: u32 = 600;
/// Default sampling rate. Not a divisor of 100, to avoid lockstep with periodic work.
const HZ: u32 = 99;
/// Maximum sampling rate: above it, the profiler mostly samples itself.
const HZ_MAX: u32 = 1_000;

/// Largest body that is read, in bytes: that of a delay has less than a hundred.
const BODY_MAX: usize = 4_096;

/// Shared state of the routes.
#[derive(Clone, Debug)]
struct Admin {
    requests: Arc<Requests>,
    store: Arc<dyn Store>,
    /// `None` if delays are not allowed.
    delays: Option<Arc<Delays>>,
    /// `None` without a queue.
    jobs: Option<Jobs>,
    /// `None` if the store has no shards.
    sharded: Option<Arc<ShardedStore>>,
    /// `None` if old posts stay in the store.
    archive: Option<Arc<Archive>>,
    /// `None` if feeds are not written.
    feeds: Option<FeedDesk>,
}

/// Builds the router of the admin listener.
pub(crate) fn router(
    requests: Arc<Requests>,
    store: Arc<dyn Store>,
    delays: Option<Arc<Delays>>,
    jobs: Option<Jobs>,
    sharded: Option<Arc<ShardedStore>>,
    archive: Option<Arc<Archive>>,
    feeds: Option<FeedDesk>,
) -> Router {
    let delay = get(async |State(admin): State<Admin>| delay_switch::show(admin.delays.as_ref()))
        .put(
            async |State(admin): State<Admin>, body: Result<Bytes, BytesRejection>| {
                let body = body.map_err(|error| unreadable(&error))?;
                delay_switch::start(admin.delays.as_ref(), &body)
            },
        )
        .delete(async |State(admin): State<Admin>| delay_switch::stop(admin.delays.as_ref()));
    let queue = get(async |State(admin): State<Admin>| job_desk::show(admin.jobs.as_ref()).await)
        .post(
            async |State(admin): State<Admin>, RawQuery(query): RawQuery| {
                job_desk::retry(admin.jobs.as_ref(), query.as_deref()).await
            },
        );
    let shards = get(async |State(admin): State<Admin>| shard_admin::show(admin.sharded.as_ref()))
        .post(async |State(admin): State<Admin>, body: Bytes| {
            shard_admin::spread(admin.sharded.as_ref(), &body)
        });
    let warehouse = get(
        async |State(admin): State<Admin>, RawQuery(query): RawQuery| {
            warehouse_desk::show(admin.archive.as_ref(), query.as_deref()).await
        },
    )
    .post(async |State(admin): State<Admin>| warehouse_desk::begin(admin.archive.as_ref()));
    let feed_routes =
        get(async |State(admin): State<Admin>| feed_desk::show(admin.feeds.as_ref()).await)
            .post(async |State(admin): State<Admin>| feed_desk::check(admin.feeds.as_ref()).await);
    Router::new()
        .route("/shards", shards)
        .route("/warehouse", warehouse)
        .route("/metrics", get(metrics))
        .route("/debug/pprof/profile", get(profile))
        .route("/debug/pprof/heap", get(heap))
        .route("/debug/pprof/cmdline", get(cmdline))
        .route("/debug/delay", delay.layer(DefaultBodyLimit::max(BODY_MAX)))
        .route("/debug/queue", queue)
        .route("/debug/feeds", feed_routes)
        .method_not_allowed_fallback(async || {
            Problem::new(
                StatusCode::METHOD_NOT_ALLOWED,
                "method not allowed; see the header `Allow`",
            )
        })
        .fallback(async || {
            Problem::not_found("not found; try /metrics, /debug/pprof/profile or /debug/pprof/heap")
        })
        .with_state(Admin {
            requests,
            store,
            delays,
            jobs,
            sharded,
            archive,
            feeds,
        })
}

/// Returns the response to a body that can't be read.
fn unreadable(error: &BytesRejection) -> Problem {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            format!("the body must have at most {BODY_MAX} bytes"),
        ),
        status => Problem::new(status, error.body_text()),
    }
}

async fn metrics(State(admin): State<Admin>) -> Response {
    let jobs = match &admin.jobs {
        Some(jobs) => Some((jobs, job_desk::stats(jobs).await)),
        None => None,
    };
    let feeds = match &admin.feeds {
        Some(feeds) => Some((feeds, feeds.stats().await)),
        None => None,
    };
    let text = exposition::exposition(&exposition::Sources {
        requests: &admin.requests,
        store: &*admin.store,
        jobs,
        feeds,
        sharded: admin.sharded.as_deref(),
    });
    ([(CONTENT_TYPE, MEDIA_TYPE)], text).into_response()
}

/// Returns the command line, its arguments separated by NUL as in Go, without passwords in URLs.
async fn cmdline() -> Response {
    let arguments: Vec<String> = std::env::args_os()
        .map(|argument| without_password(&argument.to_string_lossy()))
        .collect();
    let headers = [
        (CONTENT_TYPE, "text/plain; charset=utf-8"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, arguments.join("\0")).into_response()
}

/// Replaces the password in `scheme://user:password@host`.
fn without_password(argument: &str) -> String {
    let hide = || {
        let (scheme, rest) = argument.split_once("://")?;
        let (account, host) = rest.rsplit_once('@')?;
        let (user, _) = account.split_once(':')?;
        Some(format!("{scheme}://{user}:***@{host}"))
    };
    hide().unwrap_or_else(|| argument.to_owned())
}

async fn profile(RawQuery(query): RawQuery) -> Result<Response, Problem> {
    let query = query.unwrap_or_default();
    let seconds = number(&query, "seconds", SECONDS, SECONDS_MAX)?;
    let hz = number(&query, "hz", HZ, HZ_MAX)?;
    let captured = cpu_profile::capture(seconds, i32::try_from(hz).unwrap_or(i32::MAX)).await;
    let captured = captured.map_err(|error| match error {
        ProfileError::Busy => Problem::new(StatusCode::CONFLICT, error.to_string()),
        error => {
            tracing::error!(%error, "could not capture a profile");
            Problem::internal()
        }
    })?;
    let mut response = attachment(captured.gzipped, "attachment; filename=\"profile\"");
    let headers = response.headers_mut();
    headers.insert("tenfold-profile-samples", captured.samples.into());
    headers.insert("tenfold-profile-hz", hz.into());
    let cpu_s = format!("{:.6}", captured.cpu_time.as_secs_f64());
    if let Ok(cpu_s) = cpu_s.try_into() {
        headers.insert("tenfold-profile-cpu-seconds", cpu_s);
    }
    Ok(response)
}

/// Returns the heap profile. With `gc` or `debug`, which Go has, it is the same.
async fn heap() -> Result<Response, Problem> {
    let captured = heap_profile::capture().await;
    let gzipped = captured.map_err(|error| {
        if error.is_off() {
            return Problem::new(StatusCode::NOT_IMPLEMENTED, error.to_string());
        }
        tracing::error!(%error, "could not capture a heap profile");
        Problem::internal()
    })?;
    Ok(attachment(gzipped, "attachment; filename=\"heap\""))
}

/// Returns a file for download.
fn attachment(bytes: Vec<u8>, disposition: &'static str) -> Response {
    let mut response = bytes.into_response();
    let headers = response.headers_mut();
    let octets = HeaderValue::from_static("application/octet-stream");
    headers.insert(CONTENT_TYPE, octets);
    headers.insert(CONTENT_DISPOSITION, HeaderValue::from_static(disposition));
    response
}

/// Parses a number from 1 to `max` in the query.
fn number(query: &str, name: &str, default: u32, max: u32) -> Result<u32, Problem> {
    let value = query
        .split('&')
        .filter_map(|pair| pair.split_once('='))
        .find(|(key, _)| *key == name);
    match value.map(|(_, value)| value.parse()) {
        None => Ok(default),
        Some(Ok(number)) if (1..=max).contains(&number) => Ok(number),
        Some(_) => Err(Problem::bad_request(format!("`{name}` must be 1 to {max}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn query_numbers_are_bounded() {
        assert_eq!(number("", "seconds", 30, 600).unwrap(), 30);
        assert_eq!(number("hz=7&seconds=2", "seconds", 30, 600).unwrap(), 2);
        for bad in ["seconds=0", "seconds=601", "seconds=x", "seconds=-1"] {
            assert_eq!(number(bad, "seconds", 30, 600).unwrap_err().status(), 400);
        }
    }

    #[test]
    fn cmdline_omits_passwords() {
        for (argument, shown) in [
            (
                "mysql://root:hun@ter2@db:3306/t",
                "mysql://root:***@db:3306/t",
            ),
            ("--store=mysql://u:p@h/d", "--store=mysql://u:***@h/d"),
            ("sqlite:path@x", "sqlite:path@x"),
        ] {
            assert_eq!(without_password(argument), shown);
        }
    }
}

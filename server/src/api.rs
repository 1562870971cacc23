//! HTTP API: routes and handlers.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::routing::{MethodRouter, any, get, post, put};
use tokio::sync::{Semaphore, watch};

use self::response::Timing;
use crate::config::{Config, Role};
use crate::delays::Delays;
use crate::feeds::FeedMode;
use crate::files::Files;
use crate::password::Passwords;
use crate::polyglot::Sessions;
use crate::problem::Problem;
use crate::queue::Intake;
use crate::services;
use crate::store::Store;
use crate::telemetry::StoreWaits;

pub(crate) mod asset;
mod extract;
mod feed;
mod following;
mod freshness;
mod health;
mod internal;
mod job;
mod live_feed;
mod openapi;
mod photo;
mod post;
mod response;
mod session;
mod user;
mod view;

/// Maximum number of photos processed at once: each holds its pixels, up to about 100 MB.
const PHOTOS_PROCESSED_MAX: usize = 2;
/// Maximum number of photos received or processed at once: each holds its body.
const PHOTOS_ADMITTED_MAX: usize = 16;
/// Maximum number of requests that wait for their job; others are answered at once.
const JOB_WAITERS_MAX: usize = 256;

/// Shared state of the handlers.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) store: Arc<dyn Store>,
    /// The same without the cache in front of it.
    beneath_cache: Arc<dyn Store>,
    pub(crate) sessions: Arc<dyn Sessions>,
    pub(crate) store_waits: Arc<StoreWaits>,
    pub(crate) files: Arc<dyn Files>,
    /// `None` if delays are not allowed.
    delays: Option<Arc<Delays>>,
    /// Serves static assets from the file store too.
    pub(crate) assets_in_files: bool,
    assets: asset::AssetCache,
    pub(crate) passwords: Passwords,
    pub(crate) photos_processed: Arc<Semaphore>,
    pub(crate) photos_admitted: Semaphore,
    /// Queue of photos whose thumbnails workers make. `None` if requests make them.
    jobs: Option<Intake>,
    /// Requests that may wait for their job at once.
    job_waiters: Semaphore,
    /// Workers write posts to feeds, so that some appear late.
    has_written_feeds: bool,
    /// Responses have validators, so that clients need not load them again.
    has_validators: bool,
    /// Edges keep responses.
    has_edges: bool,
    /// Part of the service that this process runs.
    role: Role,
    /// Key of calls by other parts. `None` refuses them.
    services_key: Option<String>,
    pub(crate) session_ttl: Duration,
    pub(crate) body_limit: usize,
    pub(crate) photo_limit: usize,
    pub(crate) body_timeout: Duration,
    /// Becomes true when the service stops, so that streams end.
    pub(crate) stopped: watch::Receiver<bool>,
}

impl App {
    /// Creates the state, with a store and the one beneath its cache.
    pub(crate) fn new(
        config: &Config,
        (store, beneath_cache): (Arc<dyn Store>, Arc<dyn Store>),
        sessions: Arc<dyn Sessions>,
        files: Arc<dyn Files>,
        jobs: Option<Intake>,
        store_waits: &Arc<StoreWaits>,
        stopped: watch::Receiver<bool>,
    ) -> Self {
        Self {
            store,
            beneath_cache,
            sessions,
            store_waits: Arc::clone(store_waits),
            files,
            delays: config.delays.clone(),
            assets_in_files: config.assets_in_files,
            assets: asset::AssetCache::default(),
            passwords: Passwords::new(),
            photos_processed: Arc::new(Semaphore::new(PHOTOS_PROCESSED_MAX)),
            photos_admitted: Semaphore::new(PHOTOS_ADMITTED_MAX),
            jobs,
            job_waiters: Semaphore::new(JOB_WAITERS_MAX),
            has_written_feeds: config.feeds.mode != FeedMode::Read,
            has_validators: config.has_validators,
            has_edges: !config.edges.urls.is_empty(),
            role: config.role,
            services_key: config.services.key.clone(),
            session_ttl: config.session_ttl,
            body_limit: config.body_limit,
            photo_limit: config.photo_limit,
            body_timeout: config.body_timeout,
            stopped,
        }
    }

    /// Starts to time a request's waits for the store.
    fn timing(&self) -> Timing<'_> {
        Timing::new(&self.store_waits, self.delays.as_deref())
    }
}

/// State of the router.
type Shared = Arc<App>;

/// Returns each path with the part of the service that serves it, and its methods. `GET` also serves `HEAD`. A path without a
/// part is served by each.
fn routes() -> Vec<(&'static str, Option<Role>, MethodRouter<Shared>)> {
    let [users, posts, photos, feeds] =
        [Role::Users, Role::Posts, Role::Photos, Role::Feeds].map(Some);
    vec![
        ("/v1/users", users, post(user::sign_up)),
        ("/v1/users/{id}", users, get(user::read)),
        ("/v1/sessions", users, post(session::log_in)),
        (
            "/v1/sessions/current",
            users,
            axum::routing::delete(session::log_out),
        ),
        ("/v1/posts", posts, post(post::create)),
        (
            "/v1/posts/{id}",
            posts,
            get(post::read).put(post::update).delete(post::delete),
        ),
        (
            "/v1/posts/{id}/photo",
            photos,
            get(photo::read).put(photo::write),
        ),
        ("/v1/posts/{id}/thumbnail", photos, get(photo::thumbnail)),
        ("/v1/jobs/{id}", photos, get(job::read)),
        (
            "/v1/following/{id}",
            users,
            put(following::follow).delete(following::unfollow),
        ),
        ("/v1/feed", feeds, get(feed::read)),
        ("/v1/feed/live", feeds, get(live_feed::read)),
        ("/static/{*path}", None, get(asset::read)),
        ("/healthz", None, get(health::alive)),
        ("/readyz", None, get(health::ready)),
        ("/openapi.json", None, get(openapi::document)),
    ]
}

/// Returns the paths of all routes, with their placeholders.
pub fn paths() -> impl Iterator<Item = &'static str> {
    routes().into_iter().map(|(path, _, _)| path)
}

/// Builds the router of a process that serves no users: its health alone.
pub(crate) fn health_router(app: Shared) -> Router {
    Router::new()
        .route("/healthz", get(health::alive))
        .route("/readyz", get(health::ready))
        .fallback(async || {
            Problem::not_found("this process is a worker; it serves /healthz and /readyz")
        })
        .with_state(app)
}

/// Builds the router.
pub(crate) fn router(app: Shared) -> Router {
    let delays = app.delays.clone();
    let router = plain_router(app);
    let Some(delays) = delays else {
        return router;
    };
    router.layer(axum::middleware::map_request(
        move |request: http::Request<axum::body::Body>| {
            delays.request();
            std::future::ready(request)
        },
    ))
}

fn plain_router(app: Shared) -> Router {
    let role = app.role;
    let mut router = Router::new();
    for (path, part, methods) in routes() {
        let is_served = !role.is_part() || part.is_none_or(|part| part == role);
        router = match is_served {
            true => router.route(path, methods),
            false => router.route(path, any(misdirected)),
        };
    }
    if app.services_key.is_some() && role.answers_calls() {
        router = router.route(services::PATH, post(internal::answer));
    }
    router
        .method_not_allowed_fallback(async || {
            Problem::new(
                http::StatusCode::METHOD_NOT_ALLOWED,
                "method not allowed; see the header `Allow`",
            )
        })
        .fallback(async || Problem::not_found("resource not found; see /openapi.json"))
        .with_state(app)
}

/// 421: a balancer sent the request to the wrong part of the service.
async fn misdirected(State(app): State<Shared>) -> Problem {
    Problem::new(
        http::StatusCode::MISDIRECTED_REQUEST,
        format!(
            "another part of the service has this path; this process serves {}",
            app.role
        ),
    )
}

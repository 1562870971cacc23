//! Serves the progress of a run to Prometheus, on a thread of its own.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use axum::routing::get;
use tenfold_loadgen::Progress;
use tokio::sync::oneshot;

use super::exposition;
use crate::exit::UsageError;
use crate::output::print;

/// Content type of the Prometheus text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Server of `/metrics`. Dropping it stops the server.
pub(crate) struct MetricsServer {
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    scenario: String,
    phases: Vec<String>,
    progress: Mutex<Progress>,
}

impl MetricsServer {
    /// Starts to serve at an address.
    ///
    /// # Errors
    /// Fails if the address can't be bound.
    pub(crate) fn start(
        address: SocketAddr,
        scenario: &str,
        phases: Vec<String>,
    ) -> anyhow::Result<Self> {
        let could_not = |error: std::io::Error| {
            UsageError(format!(
                "could not serve metrics at {address}: {error}; choose another address with \
                 --metrics-listen"
            ))
        };
        let listener = std::net::TcpListener::bind(address).map_err(could_not)?;
        listener.set_nonblocking(true).map_err(could_not)?;
        let address = listener.local_addr().map_err(could_not)?;
        let shared = Arc::new(Shared {
            scenario: scenario.to_owned(),
            phases,
            progress: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let shared_with_thread = Arc::clone(&shared);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(could_not)?;
        let thread = std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || {
                // The run continues even if it can no longer be watched.
                let _ = runtime.block_on(serve(listener, shared_with_thread, stopped));
            })
            .map_err(could_not)?;
        print::note(&format!("metrics: http://{address}/metrics"));
        Ok(Self {
            shared,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Serves this progress from now on.
    pub(crate) fn update(&self, progress: &Progress) {
        let served = &self.shared.progress;
        let mut served = served.lock().unwrap_or_else(PoisonError::into_inner);
        served.clone_from(progress);
    }
}

impl Drop for MetricsServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    listener: std::net::TcpListener,
    shared: Arc<Shared>,
    stopped: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = Router::new()
        .route("/metrics", get(metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "see /metrics\n") })
        .with_state(shared);
    // Does not wait for keep-alive connections.
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served,
        _ = stopped => Ok(()),
    }
}

async fn metrics(State(shared): State<Arc<Shared>>) -> impl IntoResponse {
    let progress = shared
        .progress
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let text = exposition::render(&progress, &shared.scenario, &shared.phases);
    ([(CONTENT_TYPE, TEXT)], text)
}

//! Serves how a run stands to Prometheus, on a thread of its own.

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
use crate::exit::Misuse;
use crate::print;

/// Prometheus' text format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Serves `/metrics` until it is dropped.
pub(crate) struct MetricsServer {
    told: Arc<Told>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Told {
    scenario: String,
    phases: Vec<String>,
    progress: Mutex<Progress>,
}

impl MetricsServer {
    /// Starts to serve at an address.
    ///
    /// # Errors
    /// Fails where nobody may listen there.
    pub(crate) fn start(
        address: SocketAddr,
        scenario: &str,
        phases: Vec<String>,
    ) -> anyhow::Result<Self> {
        let could_not = |error: std::io::Error| {
            Misuse(format!(
                "could not serve metrics at {address}: {error}; give another address with \
                 --metrics-listen"
            ))
        };
        let listener = std::net::TcpListener::bind(address).map_err(could_not)?;
        listener.set_nonblocking(true).map_err(could_not)?;
        let address = listener.local_addr().map_err(could_not)?;
        let told = Arc::new(Told {
            scenario: scenario.to_owned(),
            phases,
            progress: Mutex::default(),
        });
        let (stop, stopped) = oneshot::channel();
        let of_thread = Arc::clone(&told);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(could_not)?;
        let thread = std::thread::Builder::new()
            .name("metrics".into())
            .spawn(move || {
                // A run is not ended because nobody can watch it any more.
                let _ = runtime.block_on(serve(listener, of_thread, stopped));
            })
            .map_err(could_not)?;
        print::note(&format!("metrics: http://{address}/metrics"));
        Ok(Self {
            told,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Serves this from now on.
    pub(crate) fn update(&self, progress: &Progress) {
        let told = &self.told.progress;
        let mut told = told.lock().unwrap_or_else(PoisonError::into_inner);
        told.clone_from(progress);
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
    told: Arc<Told>,
    stopped: oneshot::Receiver<()>,
) -> std::io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(listener)?;
    let router = Router::new()
        .route("/metrics", get(metrics))
        .fallback(|| async { (StatusCode::NOT_FOUND, "see /metrics\n") })
        .with_state(told);
    // Connections that are kept alive are not waited for.
    tokio::select! {
        served = axum::serve(listener, router).into_future() => served,
        _ = stopped => Ok(()),
    }
}

async fn metrics(State(told): State<Arc<Told>>) -> impl IntoResponse {
    let progress = told
        .progress
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .clone();
    let text = exposition::render(&progress, &told.scenario, &told.phases);
    ([(CONTENT_TYPE, TEXT)], text)
}

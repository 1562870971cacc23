//! A listener and its connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::Response;
use http::Request;
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::watch;
use tower_service::Service;

use super::door::Door;
use super::edge::Edge;
use super::head_timer::HeadTimer;
use crate::telemetry::Requests;

/// How long to wait after a connection could not be accepted, which mostly means that there are
/// too many.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// A listener with what answers its requests.
pub(super) struct Listener<E: Edge> {
    pub(super) listener: E::Door,
    pub(super) edge: E,
    pub(super) router: Router,
    /// Where its requests are counted.
    pub(super) requests: Option<Arc<Requests>>,
    pub(super) idle_timeout: Duration,
    pub(super) shutdown_grace: Duration,
}

impl<E: Edge> Listener<E> {
    /// Accepts connections until told to stop (or until nobody can tell any more), then finishes
    /// what is in flight.
    pub(super) async fn run(self, mut stopped: watch::Receiver<bool>) {
        let mut http = http1::Builder::new();
        http.header_read_timeout(self.idle_timeout);
        let graceful = GracefulShutdown::new();
        loop {
            let (ticket, accepted) = tokio::select! {
                accepted = self.accept() => accepted,
                _ = stopped.wait_for(|stopped| *stopped) => break,
            };
            let stream = match accepted {
                Ok(stream) => stream,
                Err(error) => {
                    tracing::warn!(%error, "a connection could not be accepted");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (router, requests) = (self.router.clone(), self.requests.clone());
            let service =
                service_fn(move |request| answer::<E>(router.clone(), requests.clone(), request));
            let (edge, mut http, watcher) = (self.edge.clone(), http.clone(), graceful.watcher());
            http.timer(HeadTimer::default());
            let mut stopped = stopped.clone();
            tokio::spawn(async move {
                let opened = tokio::select! {
                    biased;
                    opened = edge.open(ticket, stream) => opened,
                    // Whoever has not got as far as asking is not answered.
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                };
                let stream = match opened {
                    Ok(stream) => stream,
                    Err(error) => {
                        tracing::debug!(%error, "a connection could not be opened");
                        return;
                    }
                };
                let connection = http.serve_connection(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(%error, "a connection broke");
                }
            });
        }
        drop(self.listener);
        let finished = tokio::time::timeout(self.shutdown_grace, graceful.shutdown()).await;
        if finished.is_err() {
            tracing::warn!("stopped with requests in flight, which took longer than the grace");
        }
    }

    /// Accepts a connection once it may be opened.
    async fn accept(&self) -> (E::Ticket, std::io::Result<<E::Door as Door>::Stream>) {
        let ticket = self.edge.admit().await;
        (ticket, self.listener.accept().await)
    }
}

/// Counts and answers a request. This runs for each one: it formats nothing.
async fn answer<E: Edge>(
    mut router: Router,
    requests: Option<Arc<Requests>>,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let in_flight = requests
        .as_ref()
        .map(|requests| requests.arrive(request.method(), request.uri().path()));
    if tracing::enabled!(tracing::Level::DEBUG) {
        let traceparent = request.headers().get("traceparent");
        tracing::debug!(method = %request.method(), path = request.uri().path(), ?traceparent);
    }
    let request = request.map(|body| {
        if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(body)
        }
    });
    let mut response = router.call(request).await?;
    E::mark(&mut response);
    if let Some(in_flight) = in_flight {
        in_flight.answer(response.status());
    }
    Ok(response)
}

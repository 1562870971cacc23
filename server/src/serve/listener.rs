//! Listener and its connections.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderValue, Request, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use hyper_util::server::graceful::GracefulShutdown;
use tokio::sync::watch;
use tower_service::Service;

use super::acceptor::Acceptor;
use super::head_timer::HeadTimer;
use super::transport::Transport;
use crate::error_reports::{
    self, ErrorKind, ErrorReport, ErrorReports, Panicked, REQUEST_ID, caught,
};
use crate::ledger::{self, Lane, WakeClock};
use crate::limits::deadline;
use crate::problem::Problem;
use crate::telemetry::{InFlight, Requests};

/// Pause after a failure to accept a connection, which is mostly due to too many of them.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);

/// Listener with the router for its requests.
pub(super) struct Listener<T: Transport> {
    pub(super) acceptor: T::Acceptor,
    pub(super) transport: T,
    pub(super) router: Router,
    /// Counters of its requests.
    pub(super) requests: Option<Arc<Requests>>,
    /// Receiver of error reports.
    pub(super) reports: Option<Arc<dyn ErrorReports>>,
    pub(super) idle_timeout: Duration,
    pub(super) shutdown_grace: Duration,
}

impl<T: Transport> Listener<T> {
    /// Accepts connections until `stopped` is true or its sender is dropped, then finishes requests in
    /// flight.
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
                    tracing::warn!(%error, "could not accept a connection");
                    tokio::time::sleep(ACCEPT_PAUSE).await;
                    continue;
                }
            };
            let (router, requests) = (self.router.clone(), self.requests.clone());
            let reports = self.reports.clone();
            let clock = WakeClock::new();
            let connection_clock = Arc::clone(&clock);
            let service = service_fn(move |request| {
                let counted = (requests.clone(), reports.clone());
                respond::<T>(router.clone(), counted, clock.clone(), request)
            });
            let (transport, mut http, watcher) =
                (self.transport.clone(), http.clone(), graceful.watcher());
            http.timer(HeadTimer::default());
            let mut stopped = stopped.clone();
            tokio::spawn(connection_clock.watch(async move {
                let opened = tokio::select! {
                    biased;
                    opened = transport.open(ticket, stream) => opened,
                    // A connection without a request is closed at shutdown.
                    _ = stopped.wait_for(|stopped| *stopped) => return,
                };
                let stream = match opened {
                    Ok(stream) => stream,
                    Err(error) => {
                        tracing::debug!(%error, "could not open a connection");
                        return;
                    }
                };
                let connection = http.serve_connection(TokioIo::new(stream), service);
                if let Err(error) = watcher.watch(connection).await {
                    tracing::debug!(%error, "connection failed");
                }
            }));
        }
        drop(self.acceptor);
        let finished = tokio::time::timeout(self.shutdown_grace, graceful.shutdown()).await;
        if finished.is_err() {
            tracing::warn!("stopped with requests in flight: they exceeded the grace period");
        }
    }

    /// Accepts a connection once the transport permits another.
    async fn accept(
        &self,
    ) -> (
        T::Ticket,
        std::io::Result<<T::Acceptor as Acceptor>::Stream>,
    ) {
        let ticket = self.transport.admit().await;
        (ticket, self.acceptor.accept().await)
    }
}

/// Answers a request, within its deadline if it has one. A panic is answered with status 500, and noted in the response.
async fn answer(router: &mut Router, request: Request<Body>) -> Result<Response, Infallible> {
    match caught(answer_in_time(router, request)).await {
        Ok(answered) => answered,
        Err(panicked) => {
            let mut response = Problem::internal().into_response();
            response.extensions_mut().insert(panicked);
            Ok(response)
        }
    }
}

async fn answer_in_time(
    router: &mut Router,
    request: Request<Body>,
) -> Result<Response, Infallible> {
    match deadline::timeout(request.headers()) {
        Ok(None) => router.call(request).await,
        Ok(Some(timeout)) => match deadline::within(timeout, router.call(request)).await {
            Some(answered) => answered,
            None => Ok(Problem::deadline_passed().into_response()),
        },
        Err(deadline::InvalidTimeout) => Ok(Problem::bad_request(
            "`Request-Timeout-Ms` must be a number of milliseconds from 1",
        )
        .into_response()),
    }
}

/// Reports a failed request, and adds its identifier to the response.
fn report(
    reports: &dyn ErrorReports,
    in_flight: &InFlight,
    request_id: Option<HeaderValue>,
    response: &mut Response,
) {
    let (method, route) = in_flight.labels();
    let request_id = error_reports::request_id(request_id.as_ref());
    if let Ok(value) = HeaderValue::from_str(&request_id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    let panicked = response.extensions_mut().remove::<Panicked>();
    reports.report(&ErrorReport {
        kind: panicked.map_or(ErrorKind::Internal, |own| ErrorKind::Panic {
            location: own.location,
            message: own.message,
        }),
        method,
        route,
        request_id,
    });
}

/// Counts and answers a request. Runs for each request, so it formats nothing. A request with a sampled trace
/// context gets its ledger in the response.
async fn respond<T: Transport>(
    mut router: Router,
    (requests, reports): (Option<Arc<Requests>>, Option<Arc<dyn ErrorReports>>),
    clock: Arc<WakeClock>,
    request: Request<Incoming>,
) -> Result<Response, Infallible> {
    let in_flight = requests
        .as_ref()
        .map(|requests| requests.arrive(request.method(), request.uri().path()));
    if tracing::enabled!(tracing::Level::DEBUG) {
        let traceparent = request.headers().get("traceparent");
        tracing::debug!(method = %request.method(), path = request.uri().path(), ?traceparent);
    }
    let request_id = reports
        .as_ref()
        .map(|_| request.headers().get(REQUEST_ID).cloned());
    let request = request.map(|body| {
        if body.is_end_stream() {
            Body::empty()
        } else {
            Body::new(body)
        }
    });
    let mut response = if ledger::is_sampled(request.headers()) {
        let (answered, entries) = Lane::new(answer(&mut router, request), clock).await;
        let mut response = answered?;
        if let Some(timing) = ledger::server_timing(&entries) {
            let headers = response.headers_mut();
            headers.insert(ledger::SERVER_TIMING, timing);
        }
        response
    } else {
        answer(&mut router, request).await?
    };
    T::mark(&mut response);
    if response.status() == StatusCode::INTERNAL_SERVER_ERROR
        && let (Some(reports), Some(in_flight)) = (&reports, &in_flight)
    {
        report(&**reports, in_flight, request_id.flatten(), &mut response);
    }
    if let Some(in_flight) = in_flight {
        in_flight.complete(response.status());
    }
    Ok(response)
}

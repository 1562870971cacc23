//! `tenfold lab receive-alerts`: keep a log of the alerts that an Alertmanager reports.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::StatusCode;
use axum::routing::post;
use tenfold_lab::IncidentLog;

use crate::arguments::lab::ReceiveAlertsArguments;
use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::output::print;

/// Largest message, in bytes.
const BYTES_MAX: usize = 1 << 20;

type Shared = Arc<Mutex<IncidentLog>>;

/// Receives alerts until it is interrupted.
pub(crate) fn receive_alerts(arguments: &ReceiveAlertsArguments) -> anyhow::Result<Exit> {
    let log =
        IncidentLog::open(&arguments.log).map_err(|error| could_not_log(&arguments.log, &error))?;
    let mut stop = interrupt::catch()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("could not start a runtime")?;
    let address = arguments.listen;
    runtime.block_on(async {
        let listener = tokio::net::TcpListener::bind(address)
            .await
            .map_err(|error| could_not_listen(address, &error))?;
        let router = Router::new()
            .route("/alerts", post(receive))
            .fallback(|| async { (StatusCode::NOT_FOUND, "send alerts to /alerts\n") })
            .layer(DefaultBodyLimit::max(BYTES_MAX))
            .with_state(Arc::new(Mutex::new(log)));
        print::note(&format!("alerts are received at http://{address}/alerts"));
        tokio::select! {
            served = axum::serve(listener, router).into_future() => served.context("could not receive alerts"),
            _ = stop.wait_for(|stopped| *stopped) => Ok(()),
        }
    })?;
    Ok(Exit::Met)
}

async fn receive(State(log): State<Shared>, message: Bytes) -> (StatusCode, String) {
    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
    match log.append(&message) {
        Ok(_) => (StatusCode::OK, String::new()),
        Err(error) if error.kind() == ErrorKind::InvalidData => (
            StatusCode::BAD_REQUEST,
            format!("this is no message of Alertmanager: {error}\n"),
        ),
        // Alertmanager sends it again.
        Err(error) => (
            StatusCode::INTERNAL_SERVER_ERROR,
            format!("could not write the log: {error}\n"),
        ),
    }
}

fn could_not_log(path: &Path, error: &std::io::Error) -> UsageError {
    UsageError(format!(
        "could not open the log {}: {error}; choose another file with --log",
        path.display()
    ))
}

fn could_not_listen(address: SocketAddr, error: &std::io::Error) -> UsageError {
    UsageError(format!(
        "could not receive alerts at {address}: {error}; choose another address with --listen"
    ))
}

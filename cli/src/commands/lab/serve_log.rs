//! `tenfold lab serve-log`: keep the latest lines of a balancer's log, and serve a page of its requests.

use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use tenfold_lab::{RequestLog, request_page};
use tokio::net::{TcpListener, UnixDatagram};

use crate::arguments::lab::ServeLogArguments;
use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::output::print;

/// Largest datagram, in bytes.
const LINE_BYTES_MAX: usize = 64 << 10;

/// Time for which a page is served again before a new one is made.
const PAGE_AGE_MAX: Duration = Duration::from_secs(5);

/// Headers of the page. It has scripts of its own, and needs nothing from elsewhere.
const HEADERS: [(HeaderName, &str); 4] = [
    (header::CONTENT_TYPE, "text/html; charset=utf-8"),
    (header::CACHE_CONTROL, "no-store"),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'unsafe-inline' 'unsafe-eval'; style-src 'unsafe-inline'; img-src data:; font-src data:; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
];

/// The log, and the page that was made last.
struct Shared {
    program: PathBuf,
    log: Mutex<RequestLog>,
    page: tokio::sync::Mutex<Option<(Instant, Bytes)>>,
}

/// Receives lines and serves the page until it is interrupted.
pub(crate) fn serve_log(arguments: &ServeLogArguments) -> anyhow::Result<Exit> {
    let mut stop = interrupt::catch()?;
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .max_blocking_threads(1)
        .enable_all()
        .build()
        .context("could not start a runtime")?;
    let (address, socket) = (arguments.listen, &arguments.socket);
    runtime.block_on(async {
        let lines = bind(socket).map_err(|error| could_not_receive(socket, &error))?;
        let listener = TcpListener::bind(address)
            .await
            .map_err(|error| could_not_listen(address, &error))?;
        let shared = Arc::new(Shared {
            program: arguments.goaccess.clone(),
            log: Mutex::default(),
            page: tokio::sync::Mutex::default(),
        });
        let router = Router::new()
            .route("/", get(serve))
            .with_state(shared.clone());
        print::note(&format!("the page is at http://{address}/"));
        tokio::select! {
            served = axum::serve(listener, router).into_future() => served.context("could not serve the page"),
            received = receive(&lines, &shared) => received.context("could not receive the log"),
            _ = stop.wait_for(|stopped| *stopped) => Ok(()),
        }
    })?;
    Ok(Exit::Met)
}

/// Binds the socket, in place of one that a killed process left behind.
fn bind(path: &Path) -> io::Result<UnixDatagram> {
    match std::fs::symlink_metadata(path) {
        Ok(found) if found.file_type().is_socket() => std::fs::remove_file(path)?,
        Ok(_) => return Err(ErrorKind::AlreadyExists.into()),
        Err(error) if error.kind() == ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    UnixDatagram::bind(path)
}

async fn receive(lines: &UnixDatagram, shared: &Shared) -> io::Result<()> {
    let mut line = vec![0; LINE_BYTES_MAX];
    loop {
        let count = lines.recv(&mut line).await?;
        shared.log().push(line.get(..count).unwrap_or_default());
    }
}

impl Shared {
    fn log(&self) -> MutexGuard<'_, RequestLog> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn serve(State(shared): State<Arc<Shared>>) -> Response {
    // Others wait for the page that is being made.
    let mut last = shared.page.lock().await;
    if let Some((made, page)) = &*last
        && made.elapsed() < PAGE_AGE_MAX
    {
        return (HEADERS, page.clone()).into_response();
    }
    let own = shared.clone();
    let made = tokio::task::spawn_blocking(move || {
        let log = own.log().clone();
        request_page(&own.program, &log)
    });
    let made = made.await.map_err(io::Error::other).and_then(|made| made);
    match made {
        Ok(page) => {
            let page = Bytes::from(page);
            *last = Some((Instant::now(), page.clone()));
            (HEADERS, page).into_response()
        }
        Err(error) => {
            let name = shared.program.display();
            let why = format!("could not make the page with {name}: {error}\n");
            (StatusCode::INTERNAL_SERVER_ERROR, why).into_response()
        }
    }
}

fn could_not_receive(path: &Path, error: &io::Error) -> UsageError {
    UsageError(format!(
        "could not receive a log at {}: {error}; choose another path with --socket",
        path.display()
    ))
}

fn could_not_listen(address: SocketAddr, error: &io::Error) -> UsageError {
    UsageError(format!(
        "could not serve the page at {address}: {error}; choose another address with --listen"
    ))
}

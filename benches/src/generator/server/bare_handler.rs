//! A bare axum handler with 1 KB responses: about as fast as a server can be.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{Method, StatusCode};
use axum::serve::ListenerExt as _;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use crate::generator::server::BODY_BYTES;

/// Addresses of the handler, printed as one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// Address of the service.
    pub(crate) address: SocketAddr,
    /// Address of the request count, at `/status`.
    pub(crate) status: SocketAddr,
}

#[derive(Debug)]
struct Shared {
    count: AtomicU64,
    body: Bytes,
}

/// Serves on one thread until standard input closes.
pub(crate) fn serve() -> anyhow::Result<()> {
    tenfold_probe::limits::raise_open_files();
    std::thread::spawn(|| {
        // The pipe closes once the benchmark ends, normally or not.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(listen())
}

async fn listen() -> anyhow::Result<()> {
    let shared = Arc::new(Shared {
        count: AtomicU64::new(0),
        body: Bytes::from(vec![b'x'; BODY_BYTES]),
    });
    let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
    let (requests, status) = (bind().await?, bind().await?);
    let listening = Listening {
        address: requests.local_addr()?,
        status: status.local_addr()?,
    };
    announce(&listening).context("could not print the addresses")?;
    let requests = requests.tap_io(|stream| {
        // Without this option the stream is slower, but still correct.
        let _ = stream.set_nodelay(true);
    });
    let answers = Router::new()
        .fallback(answer)
        .with_state(Arc::clone(&shared));
    let counts = Router::new().fallback(count).with_state(shared);
    tokio::try_join!(
        IntoFuture::into_future(axum::serve(requests, answers)),
        IntoFuture::into_future(axum::serve(status, counts)),
    )?;
    Ok(())
}

pub(super) fn announce(listening: &Listening) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut line = serde_json::to_string(listening)?;
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes())?;
    Ok(std::io::stdout().flush()?)
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    // An unread body would prevent reuse of the connection.
    _body: Bytes,
) -> (StatusCode, Bytes) {
    shared.count.fetch_add(1, Ordering::Relaxed);
    if method == Method::GET {
        (StatusCode::OK, shared.body.clone())
    } else {
        (StatusCode::CREATED, Bytes::new())
    }
}

async fn count(State(shared): State<Arc<Shared>>) -> String {
    shared.count.load(Ordering::Relaxed).to_string()
}

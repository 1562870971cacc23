//! A bare axum handler that answers with 1 KB: about the fastest server there is.

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

/// Where the handler listens; it tells so in one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// Where it answers.
    pub(crate) address: SocketAddr,
    /// Where it tells how many requests it has answered, at `/status`.
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
        // Whoever started it holds the other end, until it is done or dead.
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
    tell(&listening).context("could not tell where it listens")?;
    let requests = requests.tap_io(|stream| {
        // A stream that refuses is slower, not wrong.
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

fn tell(listening: &Listening) -> anyhow::Result<()> {
    use std::io::Write as _;
    let mut line = serde_json::to_string(listening)?;
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes())?;
    Ok(std::io::stdout().flush()?)
}

async fn answer(
    State(shared): State<Arc<Shared>>,
    method: Method,
    // Read to its end, or the connection could not be used again.
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

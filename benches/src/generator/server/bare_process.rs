//! Frame of every bare server: one thread, its count of requests at `/status`, and an end with its standard input.

use std::io::Write as _;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

/// Addresses of the server, printed as one line of JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Listening {
    /// Address of the service.
    pub(crate) address: SocketAddr,
    /// Address of the request count, at `/status`.
    pub(crate) status: SocketAddr,
}

/// Number of requests so far.
#[derive(Debug, Clone, Default)]
pub(super) struct Counter(Arc<AtomicU64>);

impl Counter {
    pub(super) fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

/// Serves on one thread until standard input closes. `answer` accepts connections and returns only if it can accept no more.
pub(super) fn serve<F>(answer: impl FnOnce(TcpListener, Counter) -> F) -> anyhow::Result<()>
where
    F: Future<Output = std::io::Result<()>>,
{
    tenfold_probe::limits::raise_open_files();
    std::thread::spawn(|| {
        // The pipe closes once the benchmark ends, normally or not.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(async {
        let bind = || TcpListener::bind((Ipv4Addr::LOCALHOST, 0));
        let (requests, status) = (bind().await?, bind().await?);
        let listening = Listening {
            address: requests.local_addr()?,
            status: status.local_addr()?,
        };
        announce(&listening).context("could not print the addresses")?;
        let counter = Counter::default();
        let counts = Router::new().fallback(count).with_state(counter.clone());
        tokio::try_join!(
            answer(requests, counter),
            IntoFuture::into_future(axum::serve(status, counts)),
        )?;
        Ok(())
    })
}

fn announce(listening: &Listening) -> anyhow::Result<()> {
    let mut line = serde_json::to_string(listening)?;
    line.push('\n');
    std::io::stdout().write_all(line.as_bytes())?;
    Ok(std::io::stdout().flush()?)
}

async fn count(State(counter): State<Counter>) -> String {
    counter.0.load(Ordering::Relaxed).to_string()
}

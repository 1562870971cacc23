//! The server of the stall oracle: it answers in a fixed time with unlimited parallelism, but
//! stands still for a while, and then answers all that it held.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::sync::oneshot;

/// How many held requests are let go at a time, so that those that come meanwhile get their turn.
const LET_GO_AT_A_TIME: usize = 8;

/// A server that stands still once.
#[derive(Debug, Clone)]
pub(crate) struct StallServer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    service_time: Duration,
    stall: OnceLock<(Instant, Instant)>,
    held: Mutex<Vec<oneshot::Sender<()>>>,
}

impl StallServer {
    /// Starts a server that answers in `service_time`, on a thread of its own.
    pub(crate) fn start(service_time: Duration) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            service_time,
            stall: OnceLock::new(),
            held: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_io_events_per_tick(64)
                .event_interval(16)
                .build()
                .unwrap()
                .block_on(serve(listener, serving));
        });
        Self { address, state }
    }

    /// Stands still from `from` for `length`.
    pub(crate) fn stall(&self, from: Instant, length: Duration) {
        self.state.stall.set((from, from + length)).unwrap();
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<State>) {
    let listener = TcpListener::from_std(listener).unwrap();
    tokio::spawn(let_go(Arc::clone(&state)));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let service = service_fn(|_request: Request<Incoming>| {
                let state = Arc::clone(&state);
                async move {
                    state.hold_or_serve().await;
                    Ok::<_, Infallible>(Response::new(Full::new(Bytes::from_static(b"ok"))))
                }
            });
            let _ = hyper::server::conn::http1::Builder::new()
                .serve_connection(TokioIo::new(stream), service)
                .await;
        });
    }
}

impl State {
    async fn hold_or_serve(&self) {
        let now = Instant::now();
        if let Some((from, until)) = self.stall.get()
            && (*from..*until).contains(&now)
        {
            let (let_go, held) = oneshot::channel();
            self.held.lock().unwrap().push(let_go);
            let _ = held.await;
            return;
        }
        tokio::time::sleep(self.service_time).await;
    }
}

/// Lets everything held go when the stall is over, the newest first.
async fn let_go(state: Arc<State>) {
    let until = loop {
        if let Some((_, until)) = state.stall.get() {
            break *until;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    tokio::time::sleep_until(until.into()).await;
    let mut held = std::mem::take(&mut *state.held.lock().unwrap());
    while !held.is_empty() {
        let from = held.len().saturating_sub(LET_GO_AT_A_TIME);
        for let_go in held.drain(from..).rev() {
            let _ = let_go.send(());
        }
        tokio::task::yield_now().await;
    }
}

//! The server of the stall oracle: it answers in a fixed time with unlimited parallelism, but
//! stands still for a while, and then answers all that it held.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::{Duration, Instant};

use tokio::net::{TcpListener, TcpStream};

/// How many held requests are answered at a time, so that those that come meanwhile get their turn.
const ANSWERED_AT_A_TIME: usize = 16;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server that stands still once.
///
/// It speaks just enough HTTP for requests without a body, and answers what it held with one write
/// each: what it costs to let thousands go at once is the error of the oracle.
#[derive(Debug, Clone)]
pub(crate) struct StallServer {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    service_time: Duration,
    stall: OnceLock<(Instant, Instant)>,
    held: Mutex<Vec<Arc<TcpStream>>>,
}

impl StallServer {
    /// Starts a server that answers in `service_time`, on a thread of its own.
    pub(crate) fn start(service_time: Duration) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let stall = OnceLock::new();
        let state = Arc::new(State {
            service_time,
            stall,
            held: Mutex::default(),
        });
        let serving = Arc::clone(&state);
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .max_io_events_per_tick(16)
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
    tokio::spawn(answer_held(Arc::clone(&state)));
    loop {
        let (stream, _) = listener.accept().await.unwrap();
        stream.set_nodelay(true).unwrap();
        tokio::spawn(serve_connection(Arc::new(stream), Arc::clone(&state)));
    }
}

async fn serve_connection(stream: Arc<TcpStream>, state: Arc<State>) {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        stream.readable().await.unwrap();
        match stream.try_read(&mut buffer) {
            Ok(0) => return,
            Ok(read) => head.extend_from_slice(&buffer[..read]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => continue,
            Err(_) => return,
        }
        if !head.ends_with(b"\r\n\r\n") {
            continue;
        }
        head.clear();
        let now = Instant::now();
        if state
            .stall
            .get()
            .is_some_and(|(from, until)| (*from..*until).contains(&now))
        {
            state.held.lock().unwrap().push(Arc::clone(&stream));
        } else {
            tokio::time::sleep(state.service_time).await;
            answer(&stream);
        }
    }
}

fn answer(stream: &TcpStream) {
    // A client that has gone away takes no answer, and there is room for one so short.
    let _ = stream.try_write(ANSWER);
}

/// Answers everything held when the stall is over, the newest first.
async fn answer_held(state: Arc<State>) {
    let until = loop {
        if let Some((_, until)) = state.stall.get() {
            break *until;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    tokio::time::sleep_until(until.into()).await;
    let mut held = std::mem::take(&mut *state.held.lock().unwrap());
    while !held.is_empty() {
        let from = held.len().saturating_sub(ANSWERED_AT_A_TIME);
        for stream in held.drain(from..).rev() {
            answer(&stream);
        }
        tokio::task::yield_now().await;
    }
}

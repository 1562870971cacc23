//! A server that answers with arbitrary bytes.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The action after an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AfterAnswer {
    /// Read the next request.
    KeepAlive,
    /// Close the connection.
    Close,
    /// Reset the connection.
    Reset,
    /// Neither answer nor close.
    Hang,
    /// Close the connection and stop listening: later connections are refused.
    Vanish,
}

/// A step of an answer.
#[derive(Debug, Clone)]
pub(crate) enum Action {
    /// Write these bytes at once.
    Write(Vec<u8>),
    /// Write these bytes one by one, each in its own packet.
    Dribble(Vec<u8>),
    /// Wait.
    Wait(Duration),
    /// Write these bytes repeatedly, with a pause, until the peer closes or this many bytes are written.
    Flood(Vec<u8>, Duration, u64),
}

/// The steps for one request, and the action after them.
pub(crate) type Script = (Vec<Action>, AfterAnswer);

/// A server that answers with arbitrary bytes.
#[derive(Debug, Clone)]
pub(crate) struct RawServer {
    pub(crate) address: SocketAddr,
    tallies: Arc<Tallies>,
}

#[derive(Debug, Default)]
struct Tallies {
    requests: AtomicU64,
    connections: AtomicU64,
    flooded: AtomicU64,
}

impl RawServer {
    /// Starts a server that answers the n-th request, from 0, with `answer(n)`.
    pub(crate) fn start(
        answer: impl Fn(u64) -> (Vec<u8>, AfterAnswer) + Send + Sync + 'static,
    ) -> Self {
        Self::script(move |number| {
            let (bytes, then) = answer(number);
            (vec![Action::Write(bytes)], then)
        })
    }

    /// Starts a server that answers every request with the same bytes.
    pub(crate) fn always(bytes: &[u8], then: AfterAnswer) -> Self {
        let bytes = bytes.to_vec();
        Self::start(move |_| (bytes.clone(), then))
    }

    /// Starts a server that performs `answer(n)` for the n-th request, from 0.
    pub(crate) fn script(answer: impl Fn(u64) -> Script + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let tallies = Arc::new(Tallies::default());
        let of_server = Arc::clone(&tallies);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            let listener = Arc::new(listener);
            while let Ok((stream, _)) = listener.accept() {
                let (answer, tallies) = (Arc::clone(&answer), Arc::clone(&of_server));
                let listener = Arc::clone(&listener);
                std::thread::spawn(move || {
                    if serve(&stream, &*answer, &tallies) == Some(AfterAnswer::Vanish) {
                        // Wakes the accepting thread with an error.
                        let _ = rustix::net::shutdown(&*listener, rustix::net::Shutdown::Both);
                    }
                });
            }
        });
        Self { address, tallies }
    }

    /// Requests with a head that was read.
    pub(crate) fn requests(&self) -> u64 {
        self.tallies.requests.load(Ordering::SeqCst)
    }

    /// Connections with at least one request.
    pub(crate) fn connections(&self) -> u64 {
        self.tallies.connections.load(Ordering::SeqCst)
    }

    /// Bytes of floods that were written.
    pub(crate) fn flooded(&self) -> u64 {
        self.tallies.flooded.load(Ordering::SeqCst)
    }
}

/// Serves a connection. Returns the action that ended it, or `None` if the peer closed it.
fn serve(
    stream: &TcpStream,
    answer: &dyn Fn(u64) -> Script,
    tallies: &Tallies,
) -> Option<AfterAnswer> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    let mut is_new = true;
    while read_head(&mut reader) {
        if std::mem::take(&mut is_new) {
            tallies.connections.fetch_add(1, Ordering::SeqCst);
        }
        let (acts, then) = answer(tallies.requests.fetch_add(1, Ordering::SeqCst));
        for act in acts {
            perform(stream, act, tallies).ok()?;
        }
        match then {
            AfterAnswer::KeepAlive => {}
            AfterAnswer::Hang => std::thread::sleep(Duration::from_secs(60)),
            AfterAnswer::Reset => {
                let at_once = Some(Duration::ZERO);
                rustix::net::sockopt::set_socket_linger(stream, at_once).ok()?;
                return Some(then);
            }
            AfterAnswer::Close | AfterAnswer::Vanish => return Some(then),
        }
    }
    None
}

fn perform(mut stream: &TcpStream, act: Action, tallies: &Tallies) -> std::io::Result<()> {
    match act {
        Action::Write(bytes) => stream.write_all(&bytes),
        Action::Dribble(bytes) => bytes.iter().try_for_each(|byte| {
            std::thread::yield_now();
            stream.write_all(&[*byte])
        }),
        Action::Wait(time) => {
            std::thread::sleep(time);
            Ok(())
        }
        Action::Flood(bytes, pause, most) => {
            // A peer that doesn't read must not block the test.
            stream.set_write_timeout(Some(Duration::from_secs(2)))?;
            let mut written = 0;
            while written < most {
                stream.write_all(&bytes)?;
                written += bytes.len() as u64;
                tallies
                    .flooded
                    .fetch_add(bytes.len() as u64, Ordering::SeqCst);
                if !pause.is_zero() {
                    std::thread::sleep(pause);
                }
            }
            Ok(())
        }
    }
}

/// Reads a request's head. The tests send no bodies.
fn read_head(reader: &mut impl BufRead) -> bool {
    let mut line = String::new();
    loop {
        line.clear();
        match reader.read_line(&mut line) {
            Ok(0) | Err(_) => return false,
            Ok(_) if line == "\r\n" => return true,
            Ok(_) => {}
        }
    }
}

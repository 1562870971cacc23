//! A service that answers each request with the same bytes, or stops doing so.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

/// An answer after which the client closes, so that its port stays in use for a minute (TIME_WAIT).
pub(crate) const CLOSE: &str =
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok";

/// The behaviour of a service.
#[derive(Debug, Clone)]
pub(crate) struct RawService {
    /// The answer to each request.
    pub(crate) answer: Vec<u8>,
    /// Time before each answer.
    pub(crate) takes: Duration,
    /// Requests that are answered at a time.
    pub(crate) at_a_time: usize,
    /// True to close each connection after its answer.
    pub(crate) closes: bool,
    /// Requests after which it stops listening and closes everything. `None` if it never does.
    pub(crate) dies_after: Option<u64>,
}

impl Default for RawService {
    fn default() -> Self {
        Self {
            answer: b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok".to_vec(),
            takes: Duration::ZERO,
            at_a_time: usize::MAX,
            closes: false,
            dies_after: None,
        }
    }
}

/// Slots of a service for requests.
struct Slots {
    free: std::sync::Mutex<usize>,
    freed: std::sync::Condvar,
}

impl RawService {
    /// A service that answers every request with a status.
    pub(crate) fn status(status: &str) -> Self {
        Self::answering(&format!("HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\nno"))
    }

    /// A service that answers every request with the same bytes.
    pub(crate) fn answering(answer: &str) -> Self {
        Self {
            answer: answer.into(),
            ..Self::default()
        }
    }

    /// Starts it. It ends with the test.
    pub(crate) fn start(self) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let is_dead = Arc::new(AtomicBool::new(false));
        let slots = Arc::new(Slots {
            free: std::sync::Mutex::new(self.at_a_time),
            freed: std::sync::Condvar::new(),
        });
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                if is_dead.load(Ordering::SeqCst) {
                    return;
                }
                let (service, is_dead) = (self.clone(), Arc::clone(&is_dead));
                let (requests, slots) = (Arc::clone(&requests), Arc::clone(&slots));
                std::thread::spawn(move || {
                    if service.serve(&stream, &requests, &slots) == Some(Dead) {
                        is_dead.store(true, Ordering::SeqCst);
                        // Wakes the accepting thread, which then closes the listener.
                        let _ = TcpStream::connect(address);
                    }
                });
            }
        });
        address
    }

    /// Serves a connection. Returns `Dead` if the service is to stop.
    fn serve(&self, mut stream: &TcpStream, requests: &AtomicU64, slots: &Slots) -> Option<Dead> {
        stream.set_nodelay(true).ok()?;
        let mut reader = BufReader::new(stream);
        let mut line = String::new();
        loop {
            line.clear();
            if reader.read_line(&mut line).ok()? == 0 {
                return None;
            }
            if line != "\r\n" {
                continue;
            }
            let number = requests.fetch_add(1, Ordering::SeqCst);
            if self.dies_after.is_some_and(|after| number >= after) {
                return Some(Dead);
            }
            {
                let free = slots.free.lock().unwrap();
                let mut free = slots.freed.wait_while(free, |free| *free == 0).unwrap();
                *free -= 1;
            }
            std::thread::sleep(self.takes);
            *slots.free.lock().unwrap() += 1;
            slots.freed.notify_one();
            stream.write_all(&self.answer).ok()?;
            if self.closes {
                return None;
            }
        }
    }
}

/// The service is to stop.
#[derive(Debug, PartialEq, Eq)]
struct Dead;

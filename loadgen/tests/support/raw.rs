//! A server that writes whatever bytes a test wants, to see what the generator makes of them.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What to do after an answer has been written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Read the next request.
    KeepAlive,
    /// Close the connection.
    Close,
    /// Neither answer nor close.
    Hang,
}

/// A server of raw bytes.
#[derive(Debug, Clone)]
pub(crate) struct RawServer {
    pub(crate) address: SocketAddr,
    requests: Arc<AtomicU64>,
}

impl RawServer {
    /// Starts a server that answers the n-th request, from 0, with what `answer` gives for it.
    pub(crate) fn start(answer: impl Fn(u64) -> (Vec<u8>, Then) + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&requests);
        let answer = Arc::new(answer);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let (answer, counter) = (Arc::clone(&answer), Arc::clone(&counter));
                std::thread::spawn(move || serve(&stream, &*answer, &counter));
            }
        });
        Self { address, requests }
    }

    /// Starts a server that answers every request with the same.
    pub(crate) fn always(bytes: &[u8], then: Then) -> Self {
        let bytes = bytes.to_vec();
        Self::start(move |_| (bytes.clone(), then))
    }

    /// Requests whose head has been read.
    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }
}

fn serve(stream: &TcpStream, answer: &dyn Fn(u64) -> (Vec<u8>, Then), counter: &AtomicU64) {
    let mut reader = BufReader::new(stream);
    while read_head(&mut reader) {
        let (bytes, then) = answer(counter.fetch_add(1, Ordering::SeqCst));
        let mut writer = stream;
        if writer.write_all(&bytes).is_err() {
            return;
        }
        match then {
            Then::KeepAlive => {}
            Then::Close => return,
            Then::Hang => std::thread::sleep(std::time::Duration::from_secs(60)),
        }
    }
}

/// Reads a request's head; the tests send no bodies.
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

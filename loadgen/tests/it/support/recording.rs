//! A server that records its requests, with their bodies.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as it arrived.
#[derive(Debug, Clone, Default)]
pub(crate) struct Recorded {
    /// Method and target, separated by a blank.
    pub(crate) line: String,
    /// Names in lower case, and values.
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Recorded {
    /// The value of a header; empty if absent.
    pub(crate) fn header(&self, name: &str) -> &str {
        let found = self.headers.iter().find(|(known, _)| known == name);
        found.map_or("", |(_, value)| value)
    }
}

/// A server that records its requests.
#[derive(Debug, Clone)]
pub(crate) struct RecordingServer {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<Recorded>>>,
}

impl RecordingServer {
    /// Starts a server that answers each request with the bytes that `answer` returns.
    pub(crate) fn start(answer: impl Fn(&Recorded) -> Vec<u8> + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (of_server, answer) = (Arc::clone(&requests), Arc::new(answer));
        std::thread::spawn(move || {
            while let Ok((stream, _)) = listener.accept() {
                let (requests, answer) = (Arc::clone(&of_server), Arc::clone(&answer));
                std::thread::spawn(move || serve(&stream, &*answer, &requests));
            }
        });
        Self { address, requests }
    }

    /// The requests so far whose line starts with `prefix`.
    pub(crate) fn requests(&self, prefix: &str) -> Vec<Recorded> {
        let requests = self.requests.lock().unwrap();
        let wanted = |request: &&Recorded| request.line.starts_with(prefix);
        requests.iter().filter(wanted).cloned().collect()
    }
}

fn serve(
    mut stream: &TcpStream,
    answer: &dyn Fn(&Recorded) -> Vec<u8>,
    requests: &Mutex<Vec<Recorded>>,
) -> Option<()> {
    stream.set_nodelay(true).ok()?;
    let mut reader = BufReader::new(stream);
    loop {
        let request = read(&mut reader)?;
        let bytes = answer(&request);
        requests.lock().unwrap().push(request);
        stream.write_all(&bytes).ok()?;
    }
}

fn read(reader: &mut impl BufRead) -> Option<Recorded> {
    let mut request = Recorded::default();
    let mut line = String::new();
    loop {
        line.clear();
        if reader.read_line(&mut line).ok()? == 0 {
            return None;
        }
        let text = line.trim_end();
        match text.split_once(": ") {
            _ if text.is_empty() => break,
            _ if request.line.is_empty() => {
                request.line = text.trim_end_matches(" HTTP/1.1").to_owned();
            }
            Some((name, value)) => request
                .headers
                .push((name.to_ascii_lowercase(), value.to_owned())),
            None => {}
        }
    }
    let length = request.header("content-length").parse().unwrap_or(0);
    request.body.resize(length, 0);
    reader.read_exact(&mut request.body).ok()?;
    Some(request)
}

/// An answer with a status, headers and a body.
pub(crate) fn answer(head: &str, body: &[u8]) -> Vec<u8> {
    let length = body.len();
    let mut bytes = format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n").into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

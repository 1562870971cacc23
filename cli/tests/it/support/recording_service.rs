//! Service that keeps the requests that it gets.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Starts a service that keeps the first line of every request, and its credentials.
pub(crate) fn recording_service() -> (SocketAddr, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    std::thread::spawn(move || {
        while let Ok((stream, _)) = listener.accept() {
            let kept = Arc::clone(&kept);
            std::thread::spawn(move || record(&stream, &kept));
        }
    });
    (address, lines)
}

/// Keeps the first line of each request, and the line with its credentials.
fn record(mut stream: &TcpStream, kept: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream);
    loop {
        let mut first = String::new();
        if reader.read_line(&mut first).ok()? == 0 {
            return None;
        }
        let mut line = String::new();
        while line != "\r\n" {
            line.clear();
            reader.read_line(&mut line).ok()?;
            if line.to_ascii_lowercase().starts_with("authorization") {
                first.push_str(&line);
            }
        }
        kept.lock().unwrap().push(first);
        stream
            .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok")
            .ok()?;
    }
}

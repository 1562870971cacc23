//! Returning browsers: each keeps responses, and revalidates those that may have changed.

use std::collections::HashMap;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// Time limit of a read of a connection.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Maximum length of a line of a response's head, in bytes.
const LINE_BYTES_MAX: u64 = 16_384;
/// Responses that a browser keeps, at most.
const KEPT_MAX: usize = 2_000;

/// Place at which a read ended, as far as a browser can tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    /// In the browser, without a request.
    Browser,
    /// At an edge.
    Edge,
    /// Behind the edges.
    Service,
}

/// A read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    pub(crate) end: End,
    /// True if the browser had the body already.
    pub(crate) is_unchanged: bool,
    /// True if it failed.
    pub(crate) is_failed: bool,
    /// Time until the last byte.
    pub(crate) took: Duration,
    /// Bytes of the body that were sent.
    pub(crate) bytes: u64,
}

/// A kept response.
#[derive(Debug)]
struct Kept {
    etag: Option<String>,
    /// Time until which no request is needed.
    fresh_until: Option<Instant>,
}

/// Connection that several browsers share, one after the other.
pub(crate) struct Connection {
    address: SocketAddr,
    stream: Option<BufReader<TcpStream>>,
}

/// A browser with its cache.
#[derive(Debug, Default)]
pub(crate) struct Browser {
    kept: HashMap<String, Kept>,
}

/// Head of a response.
#[derive(Debug, Default, PartialEq, Eq)]
struct Head {
    status: u16,
    length: Option<u64>,
    etag: Option<String>,
    cache_control: String,
    is_hit: bool,
    closes: bool,
}

impl Connection {
    /// Prepares a connection.
    pub(crate) fn to(address: SocketAddr) -> Self {
        Self {
            address,
            stream: None,
        }
    }

    /// Sends a request, and reads the response. A connection that was closed meanwhile is opened again.
    fn ask(&mut self, path: &str, etag: Option<&str>) -> anyhow::Result<(Head, u64)> {
        let condition = etag.map_or_else(String::new, |etag| format!("if-none-match: {etag}\r\n"));
        let request = format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\n{condition}\r\n",
            self.address
        );
        let is_new = self.stream.is_none();
        match self.send(&request) {
            Ok(answer) => Ok(answer),
            Err(error) => {
                self.stream = None;
                if is_new {
                    return Err(error);
                }
                self.send(&request)
            }
        }
    }

    fn send(&mut self, request: &str) -> anyhow::Result<(Head, u64)> {
        let stream = match &mut self.stream {
            Some(stream) => stream,
            none => {
                let stream = TcpStream::connect_timeout(&self.address, TIMEOUT)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                stream.set_nodelay(true)?;
                none.insert(BufReader::new(stream))
            }
        };
        stream.get_mut().write_all(request.as_bytes())?;
        let head = head(stream)?;
        let bytes = match head.status {
            304 => 0,
            _ => head.length.context("a response without content-length")?,
        };
        let read = std::io::copy(&mut stream.take(bytes), &mut std::io::sink())?;
        if read < bytes {
            bail!("a response ended early");
        }
        if head.closes {
            self.stream = None;
        }
        Ok((head, bytes))
    }
}

fn head(stream: &mut impl std::io::BufRead) -> anyhow::Result<Head> {
    let mut head = Head::default();
    let mut line = String::new();
    loop {
        line.clear();
        stream.by_ref().take(LINE_BYTES_MAX).read_line(&mut line)?;
        let text = line.trim_end();
        if text.is_empty() {
            break;
        }
        if head.status == 0 {
            let status = text
                .split(' ')
                .nth(1)
                .and_then(|status| status.parse().ok());
            head.status = status.with_context(|| format!("no status in {text:?}"))?;
            continue;
        }
        let (name, value) = text.split_once(':').unwrap_or((text, ""));
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.parse().ok(),
            "etag" => head.etag = Some(value.to_owned()),
            "cache-control" => head.cache_control = value.to_ascii_lowercase(),
            "x-cache" => head.is_hit = value == "hit",
            "connection" => head.closes = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    if head.status == 0 {
        bail!("the connection was closed");
    }
    Ok(head)
}

impl Head {
    /// Returns how long the response may be used without a request. `None` if it has to be asked for.
    fn fresh_for(&self) -> Option<Duration> {
        let directives = || self.cache_control.split(',').map(str::trim);
        if directives().any(|own| own == "no-cache" || own == "no-store") {
            return None;
        }
        let age = directives().find_map(|own| own.strip_prefix("max-age="))?;
        Some(Duration::from_secs(age.parse().ok()?))
    }
}

impl Browser {
    /// Reads a path. Without `keeps`, the browser has no cache.
    pub(crate) fn read(&mut self, connection: &mut Connection, path: &str, keeps: bool) -> Read {
        let began = Instant::now();
        let kept = self.kept.get(path).filter(|_| keeps);
        if kept.is_some_and(|kept| kept.fresh_until.is_some_and(|until| began < until)) {
            return Read {
                end: End::Browser,
                is_unchanged: true,
                is_failed: false,
                took: began.elapsed(),
                bytes: 0,
            };
        }
        let etag = kept.and_then(|kept| kept.etag.clone());
        let answer = connection.ask(path, etag.as_deref());
        let took = began.elapsed();
        let Ok((head, bytes)) = answer else {
            return Read {
                end: End::Service,
                is_unchanged: false,
                is_failed: true,
                took,
                bytes: 0,
            };
        };
        if keeps && [200, 304].contains(&head.status) {
            if self.kept.len() >= KEPT_MAX {
                self.kept.clear();
            }
            let kept = Kept {
                fresh_until: head.fresh_for().map(|time| began + time),
                etag: head.etag.or(etag),
            };
            self.kept.insert(path.to_owned(), kept);
        }
        Read {
            end: if head.is_hit { End::Edge } else { End::Service },
            is_unchanged: head.status == 304,
            is_failed: ![200, 304].contains(&head.status),
            took,
            bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn browser_asks_only_for_what_may_have_changed() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connection = Connection::to(listener.local_addr().unwrap());
        let server = std::thread::spawn(move || {
            let (stream, _) = listener.accept().unwrap();
            let mut requests = Vec::new();
            let mut stream = BufReader::new(stream);
            for answer in [
                "HTTP/1.1 200 OK\r\ncontent-length: 3\r\netag: W/\"1\"\r\ncache-control: no-cache\r\n\r\nabc",
                "HTTP/1.1 304 Not Modified\r\nx-cache: hit\r\ncache-control: no-cache\r\n\r\n",
                "HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncache-control: public, max-age=60, immutable\r\n\r\nx",
            ] {
                let mut request = String::new();
                while !request.ends_with("\r\n\r\n") {
                    stream.read_line(&mut request).unwrap();
                }
                requests.push(request);
                stream.get_mut().write_all(answer.as_bytes()).unwrap();
            }
            requests
        });
        let mut browser = Browser::default();
        let first = browser.read(&mut connection, "/post", true);
        assert_eq!(
            (first.end, first.is_unchanged, first.bytes),
            (End::Service, false, 3)
        );
        let again = browser.read(&mut connection, "/post", true);
        assert_eq!(
            (again.end, again.is_unchanged, again.bytes),
            (End::Edge, true, 0)
        );
        for expected in [End::Service, End::Browser, End::Browser] {
            let file = browser.read(&mut connection, "/file", true);
            assert_eq!((file.end, file.is_failed), (expected, false));
        }
        let requests = server.join().unwrap();
        assert!(!requests[0].contains("if-none-match"));
        assert!(
            requests[1].contains("if-none-match: W/\"1\""),
            "{}",
            requests[1]
        );
        // The connection is closed: the next read fails.
        assert!(browser.read(&mut connection, "/other", true).is_failed);
    }
}

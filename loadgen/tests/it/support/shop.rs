//! A small shop: an HTTP server with a login, a catalog of pages and orders.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request to the shop.
#[derive(Debug, Clone, Default)]
pub(crate) struct ShopRequest {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// The shop. Its catalog has three pages. Orders require a token.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) address: SocketAddr,
    requests: Arc<Mutex<Vec<ShopRequest>>>,
}

impl Shop {
    pub(crate) fn start() -> Self {
        Self::with_tokens("token-of")
    }

    /// Starts a shop with this prefix for tokens.
    pub(crate) fn with_tokens(prefix: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&requests);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let log = Arc::clone(&log);
                std::thread::spawn(move || serve(&stream, &log, prefix));
            }
        });
        Self { address, requests }
    }

    /// The requests so far, as `METHOD /path`.
    fn request_lines(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .map(|request| format!("{} {}", request.method, request.path))
            .collect()
    }

    /// The credentials of all orders.
    pub(crate) fn credentials(&self) -> Vec<String> {
        let requests = self.requests.lock().unwrap();
        requests
            .iter()
            .filter(|request| request.path == "/orders")
            .map(|request| request.headers.get("authorization").cloned())
            .map(Option::unwrap_or_default)
            .collect()
    }

    /// The number of requests with this prefix, as in `GET /items`.
    pub(crate) fn count(&self, prefix: &str) -> u64 {
        self.request_lines()
            .iter()
            .filter(|line| line.starts_with(prefix))
            .count() as u64
    }
}

fn serve(stream: &TcpStream, log: &Mutex<Vec<ShopRequest>>, prefix: &str) {
    let mut reader = BufReader::new(stream);
    while let Some(request) = read(&mut reader) {
        log.lock().unwrap().push(request.clone());
        let (status, extra, body) = answer(&request, prefix);
        let head = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/json\r\ncontent-length: {}\r\n{extra}\r\n",
            body.len()
        );
        let mut writer = stream;
        if writer
            .write_all((format!("{head}{body}")).as_bytes())
            .is_err()
        {
            return;
        }
    }
}

fn answer(request: &ShopRequest, prefix: &str) -> (u16, String, String) {
    let (path, query) = request.path.split_once('?').unwrap_or((&request.path, ""));
    match (request.method.as_str(), path) {
        ("POST", "/login") => {
            let user: serde_json::Value = serde_json::from_str(&request.body).unwrap_or_default();
            let name = user["name"].as_str().unwrap_or("nobody").to_owned();
            let token = format!("{prefix}-{name}");
            let cookie = format!("set-cookie: sid={token}; HttpOnly\r\n");
            (
                201,
                cookie,
                format!(r#"{{"token":"{token}","name":"{name}"}}"#),
            )
        }
        ("GET", "/items") => {
            let page: u32 = query.trim_start_matches("page=").parse().unwrap_or(1);
            let next = if page < 3 {
                (page + 1).to_string()
            } else {
                String::new()
            };
            let body =
                format!(r#"{{"items":[{{"id":{page}1}},{{"id":{page}2}}],"next":"{next}"}}"#);
            (200, String::new(), body)
        }
        ("POST", "/orders") => match request.headers.get("authorization") {
            Some(token) => (
                201,
                String::new(),
                format!(r#"{{"order":7,"by":"{token}"}}"#),
            ),
            None => (401, String::new(), r#"{"error":"no token"}"#.to_owned()),
        },
        _ => (404, String::new(), r#"{"error":"not found"}"#.to_owned()),
    }
}

fn read(reader: &mut impl BufRead) -> Option<ShopRequest> {
    let mut request = ShopRequest::default();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ');
    request.method = words.next()?.to_owned();
    request.path = words.next()?.to_owned();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        request
            .headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = request.headers.get("content-length");
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    request.body = String::from_utf8_lossy(&body).into_owned();
    Some(request)
}

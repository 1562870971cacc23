//! A small shop: a real HTTP server with a login, a catalogue of pages, carts and orders.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request as the shop has read it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Asked {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: HashMap<String, String>,
    pub(crate) body: String,
}

/// The shop. Its catalogue has three pages; an order without a token is refused.
#[derive(Debug, Clone)]
pub(crate) struct Shop {
    pub(crate) address: SocketAddr,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Shop {
    pub(crate) fn start() -> Self {
        Self::with_tokens("token-of")
    }

    /// A shop whose tokens begin with a word of its own.
    pub(crate) fn with_tokens(word: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&asked);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(stream) = stream else { return };
                let noted = Arc::clone(&noted);
                std::thread::spawn(move || serve(&stream, &noted, word));
            }
        });
        Self { address, asked }
    }

    /// What has been asked so far, as `METHOD /path`.
    pub(crate) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .map(|asked| format!("{} {}", asked.method, asked.path))
            .collect()
    }

    /// The credentials that orders were made with.
    pub(crate) fn credentials(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked
            .iter()
            .filter(|asked| asked.path == "/orders")
            .map(|asked| asked.headers.get("authorization").cloned())
            .map(Option::unwrap_or_default)
            .collect()
    }

    /// How often a path was asked for that begins like this.
    pub(crate) fn count(&self, begin: &str) -> u64 {
        self.asked()
            .iter()
            .filter(|asked| asked.starts_with(begin))
            .count() as u64
    }
}

fn serve(stream: &TcpStream, noted: &Mutex<Vec<Asked>>, word: &str) {
    let mut reader = BufReader::new(stream);
    while let Some(asked) = read(&mut reader) {
        noted.lock().unwrap().push(asked.clone());
        let (status, extra, body) = answer(&asked, word);
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

fn answer(asked: &Asked, word: &str) -> (u16, String, String) {
    let (path, query) = asked.path.split_once('?').unwrap_or((&asked.path, ""));
    match (asked.method.as_str(), path) {
        ("POST", "/login") => {
            let user: serde_json::Value = serde_json::from_str(&asked.body).unwrap_or_default();
            let name = user["name"].as_str().unwrap_or("nobody").to_owned();
            let token = format!("{word}-{name}");
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
        ("POST", "/orders") => match asked.headers.get("authorization") {
            Some(token) => (
                201,
                String::new(),
                format!(r#"{{"order":7,"by":"{token}"}}"#),
            ),
            None => (401, String::new(), r#"{"error":"no token"}"#.to_owned()),
        },
        _ => (404, String::new(), r#"{"error":"nothing here"}"#.to_owned()),
    }
}

fn read(reader: &mut impl BufRead) -> Option<Asked> {
    let mut asked = Asked::default();
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
    let mut words = line.split(' ');
    asked.method = words.next()?.to_owned();
    asked.path = words.next()?.to_owned();
    loop {
        line.clear();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        let Some((name, value)) = line.trim_end().split_once(':') else {
            break;
        };
        asked
            .headers
            .insert(name.to_ascii_lowercase(), value.trim().to_owned());
    }
    let length = asked.headers.get("content-length");
    let length: usize = length.and_then(|length| length.parse().ok()).unwrap_or(0);
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    asked.body = String::from_utf8_lossy(&body).into_owned();
    Some(asked)
}

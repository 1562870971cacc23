//! A site with an answer for each request, over HTTP/1.1 or HTTP/2, that records what it is sent.

use std::net::{SocketAddr, TcpListener};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use http::HeaderMap;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

/// A request as the site received it.
#[derive(Debug, Clone)]
pub(crate) struct Received {
    pub(crate) method: String,
    /// Path and query, or `*`.
    pub(crate) path: String,
    /// The `Host` header or `:authority`.
    pub(crate) host: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: String,
    /// The number of its connection, from 0.
    pub(crate) connection: u64,
    /// Its number on that connection, from 0.
    pub(crate) on_connection: u64,
}

impl Received {
    /// A header's value, or an empty text.
    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// Method and path.
    pub(crate) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }
}

/// An answer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
    /// Closes the connection instead of an answer.
    pub(crate) hangs_up: bool,
}

impl Reply {
    pub(crate) fn status(status: u16) -> Self {
        Self {
            status,
            ..Self::default()
        }
    }

    pub(crate) fn ok(body: &str) -> Self {
        Self {
            status: 200,
            body: body.to_owned(),
            ..Self::default()
        }
    }

    pub(crate) fn redirect(status: u16, location: &str) -> Self {
        Self::status(status).with("location", location)
    }

    pub(crate) fn hang_up() -> Self {
        Self {
            hangs_up: true,
            ..Self::default()
        }
    }

    pub(crate) fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

type Answer = dyn Fn(&Received) -> Reply + Send + Sync;

/// A site that runs until the test's process ends.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    pub(crate) address: SocketAddr,
    received: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicU64>,
}

impl Site {
    /// Starts a site on a port of 127.0.0.1.
    pub(crate) fn start(
        http2: bool,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        Self::start_at("127.0.0.1:0", http2, answer)
    }

    /// Starts a site at an address.
    pub(crate) fn start_at(
        address: &str,
        http2: bool,
        answer: impl Fn(&Received) -> Reply + Send + Sync + 'static,
    ) -> Self {
        let listener = TcpListener::bind(address).unwrap();
        listener.set_nonblocking(true).unwrap();
        let site = Self {
            address: listener.local_addr().unwrap(),
            received: Arc::default(),
            connections: Arc::default(),
        };
        let of_thread = site.clone();
        let answer: Arc<Answer> = Arc::new(answer);
        std::thread::spawn(move || {
            tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap()
                .block_on(async move {
                    let listener = tokio::net::TcpListener::from_std(listener).unwrap();
                    while let Ok((stream, _)) = listener.accept().await {
                        let (site, answer) = (of_thread.clone(), Arc::clone(&answer));
                        tokio::spawn(async move {
                            match http2 {
                                true => serve_http2(stream, &site, &*answer).await,
                                false => serve_http1(stream, &site, &*answer).await,
                            }
                        });
                    }
                });
        });
        site
    }

    /// The requests so far.
    pub(crate) fn received(&self) -> Vec<Received> {
        self.received.lock().unwrap().clone()
    }

    /// Methods and paths of the requests so far.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.received().iter().map(Received::line).collect()
    }

    fn answer(&self, received: Received, answer: &Answer) -> Reply {
        let reply = answer(&received);
        self.received.lock().unwrap().push(received);
        reply
    }

    /// The number of the connection that a first request arrived on.
    fn next_connection(&self) -> u64 {
        self.connections.fetch_add(1, Ordering::SeqCst)
    }
}

async fn serve_http1(stream: TcpStream, site: &Site, answer: &Answer) {
    stream.set_nodelay(true).unwrap();
    let mut stream = BufReader::new(stream);
    let mut connection = None;
    let mut on_connection = 0;
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            match stream.read_line(&mut head).await {
                Ok(0) | Err(_) => return,
                Ok(_) => {}
            }
        }
        let mut lines = head.lines();
        let mut words = lines.next().unwrap().split(' ').map(str::to_owned);
        let (method, path) = (words.next().unwrap(), words.next().unwrap());
        let is_head = method == "HEAD";
        let mut headers = HeaderMap::new();
        for line in lines.filter(|line| !line.is_empty()) {
            let (name, value) = line.split_once(": ").unwrap();
            let name: http::HeaderName = name.parse().unwrap();
            headers.append(name, value.parse().unwrap());
        }
        let length = headers.get("content-length");
        let length = length.map_or(0, |length| length.to_str().unwrap().parse().unwrap());
        let mut body = vec![0; length];
        stream.read_exact(&mut body).await.unwrap();
        let closes = headers
            .get("connection")
            .is_some_and(|value| value == "close");
        let reply = site.answer(
            Received {
                method,
                path,
                host: headers["host"].to_str().unwrap().to_owned(),
                headers,
                body: String::from_utf8(body).unwrap(),
                connection: *connection.get_or_insert_with(|| site.next_connection()),
                on_connection,
            },
            answer,
        );
        on_connection += 1;
        if reply.hangs_up {
            return;
        }
        let mut text = format!(
            "HTTP/1.1 {} x\r\ncontent-length: {}\r\n",
            reply.status,
            reply.body.len()
        );
        for (name, value) in &reply.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str("\r\n");
        if !is_head {
            text.push_str(&reply.body);
        }
        if stream.write_all(text.as_bytes()).await.is_err() || closes {
            return;
        }
    }
}

async fn serve_http2(stream: TcpStream, site: &Site, answer: &Answer) {
    stream.set_nodelay(true).unwrap();
    let Ok(mut http2) = h2::server::handshake(stream).await else {
        return;
    };
    let mut connection = None;
    let mut on_connection = 0;
    while let Some(Ok((request, mut respond))) = http2.accept().await {
        let (head, mut content) = request.into_parts();
        let is_head = head.method == "HEAD";
        let mut body = Vec::new();
        while let Some(Ok(data)) = content.data().await {
            let _ = content.flow_control().release_capacity(data.len());
            body.extend_from_slice(&data);
        }
        let reply = site.answer(
            Received {
                method: head.method.to_string(),
                path: head.uri.path_and_query().unwrap().to_string(),
                host: head
                    .uri
                    .authority()
                    .map_or(String::new(), ToString::to_string),
                headers: head.headers,
                body: String::from_utf8(body).unwrap(),
                connection: *connection.get_or_insert_with(|| site.next_connection()),
                on_connection,
            },
            answer,
        );
        on_connection += 1;
        if reply.hangs_up {
            return;
        }
        let mut response = http::Response::builder().status(reply.status);
        for (name, value) in &reply.headers {
            response = response.header(name, value);
        }
        let response = response.body(()).unwrap();
        let is_empty = is_head || reply.body.is_empty();
        let mut out = respond.send_response(response, is_empty).unwrap();
        if !is_empty {
            out.send_data(bytes::Bytes::from(reply.body), true).unwrap();
        }
    }
}

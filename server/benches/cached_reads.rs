//! CPU cost of reads from the local layer of the cache, compared with a bare axum handler that returns the
//! same bytes.
//!
//! Two servers, each on its own thread, alternate over persistent loopback connections: the whole service
//! with a cache in front of a memory store, and `axum::serve` with one route. The comparison is of their
//! threads' CPU time.
//!
//! Run it with `cargo bench --profile dist -p tenfold-server --bench cached_reads`.

#![expect(clippy::print_stdout, reason = "a bench prints its figures")]
#![expect(clippy::unwrap_used, reason = "a bench that fails has no figures")]

use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use bytes::Bytes;
use rustix::time::{ClockId, clock_gettime};
use tenfold_server::cache::MemoryCache;
use tenfold_server::data_set::DataSet;
use tenfold_server::model::{NewSession, Timestamp, TokenDigest, UserId};
use tenfold_server::store::{CacheOptions, CachedStore, MemoryStore, Store};
use tenfold_server::{Config, start_with};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

/// Number of concurrent connections.
const CONNECTIONS: usize = 8;
/// Requests per round of a server.
const ROUND_REQUESTS: usize = 4_000;
/// Rounds per server.
const ROUNDS: usize = 25;
/// Session token: any text of 43 characters.
const TOKEN: &str = "benchbenchbenchbenchbenchbenchbenchbenchben";

/// Server on its own thread.
struct ServerThread {
    address: SocketAddr,
    request: UnboundedSender<()>,
    cpu: Receiver<Duration>,
}

impl ServerThread {
    fn new(serve: impl AsyncFnOnce() -> SocketAddr + Send + 'static) -> Self {
        let (request, requests) = unbounded_channel();
        let (cpu_sender, cpu) = channel();
        let (address_sender, address) = channel();
        std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .unwrap();
            runtime.block_on(async {
                address_sender.send(serve().await).unwrap();
                report_cpu(requests, cpu_sender).await;
            });
        });
        Self {
            address: address.recv().unwrap(),
            request,
            cpu,
        }
    }

    /// Returns the CPU time of the thread so far.
    fn cpu(&self) -> Duration {
        self.request.send(()).unwrap();
        self.cpu.recv().unwrap()
    }
}

async fn report_cpu(mut requests: UnboundedReceiver<()>, sender: Sender<Duration>) {
    while requests.recv().await.is_some() {
        let time = clock_gettime(ClockId::ThreadCPUTime);
        let cpu = Duration::new(time.tv_sec as u64, time.tv_nsec as u32);
        sender.send(cpu).unwrap();
    }
}

/// Client that repeats one request.
struct Client {
    connections: Vec<TcpStream>,
    request: Vec<u8>,
    buffer: Vec<u8>,
}

impl Client {
    fn new(address: SocketAddr, path: &str) -> Self {
        let connect = || {
            let connection = TcpStream::connect(address).unwrap();
            connection.set_nodelay(true).unwrap();
            connection
        };
        let request =
            format!("GET {path} HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {TOKEN}\r\n\r\n");
        Self {
            connections: (0..CONNECTIONS).map(|_| connect()).collect(),
            request: request.into_bytes(),
            buffer: vec![0; 1 << 20],
        }
    }

    /// Sends one request and returns the response body.
    fn body(&mut self) -> Vec<u8> {
        self.connections[0].write_all(&self.request).unwrap();
        let mut response = Vec::new();
        loop {
            let read = self.connections[0].read(&mut self.buffer).unwrap();
            assert!(read > 0, "the server closed the connection");
            response.extend_from_slice(&self.buffer[..read]);
            let Some(head) = response.windows(4).position(|end| end == b"\r\n\r\n") else {
                continue;
            };
            let text = String::from_utf8_lossy(&response[..head]).to_ascii_lowercase();
            assert!(text.starts_with("http/1.1 200"), "{text}");
            let (_, length) = text.split_once("content-length: ").unwrap();
            let length: usize = length.lines().next().unwrap().trim().parse().unwrap();
            if response.len() == head + 4 + length {
                return response.split_off(head + 4);
            }
        }
    }

    /// Sends [`ROUND_REQUESTS`], concurrently on all connections.
    fn round(&mut self, body: usize) {
        for _ in 0..ROUND_REQUESTS / CONNECTIONS {
            for connection in &mut self.connections {
                connection.write_all(&self.request).unwrap();
            }
            for number in 0..CONNECTIONS {
                self.read_response(number, body);
            }
        }
    }

    fn read_response(&mut self, number: usize, body: usize) {
        let (mut read, mut whole) = (0, usize::MAX);
        while read < whole {
            let connection = &mut self.connections[number];
            let more = connection.read(&mut self.buffer[read..]).unwrap();
            assert!(more > 0, "the server closed the connection");
            read += more;
            let mut ends = self.buffer[..read].windows(4);
            if whole == usize::MAX
                && let Some(head) = ends.position(|end| end == b"\r\n\r\n")
            {
                whole = head + 4 + body;
            }
        }
        assert_eq!(read, whole);
    }
}

async fn bare(body: Bytes) -> SocketAddr {
    let handler = move || {
        let body = body.clone();
        async move { ([(CONTENT_TYPE, "application/json")], body) }
    };
    let router = Router::new().route("/{*path}", get(handler));
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn cached(files: String) -> SocketAddr {
    let store = Arc::new(MemoryStore::default());
    let data_set = DataSet {
        users: 1_000,
        posts: 20_000,
        ..DataSet::default()
    };
    let content = data_set.content("$argon2id$".to_owned(), tenfold_server::markdown::render);
    store.load(content.unwrap().into()).await.unwrap();
    let digest = <sha2::Sha256 as sha2::Digest>::digest(TOKEN);
    let session = NewSession {
        token: TokenDigest(digest.into()),
        user: UserId(7),
        created_at: Timestamp(0),
        expires_at: Timestamp(i64::MAX),
    };
    store.create_session(session).await.unwrap();
    let options = CacheOptions {
        // The local layer serves all reads except the first.
        staleness: Duration::from_secs(3_600),
        ..CacheOptions::default()
    };
    let cache = Arc::new(MemoryCache::default());
    let store = Arc::new(CachedStore::new(store, cache, options));
    let mut config = Config::new("memory:", files);
    config.admin = None;
    let server = start_with(config, store).await.unwrap();
    let address = server.address;
    tokio::spawn(server.run_until(std::future::pending()));
    address
}

fn quartiles(mut values: Vec<f64>) -> (f64, f64, f64) {
    values.sort_unstable_by(f64::total_cmp);
    let at = |quantile: f64| values[(quantile * (values.len() - 1) as f64).round() as usize];
    (at(0.25), at(0.5), at(0.75))
}

fn main() {
    let folder = tempfile::tempdir().unwrap();
    let files = format!("file:{}", folder.path().display());
    let service = ServerThread::new(async move || cached(files).await);
    for (name, path) in [
        ("no read", "/healthz"),
        ("post", "/v1/posts/12345"),
        ("user with 10 posts", "/v1/users/1"),
        ("feed of 20 posts", "/v1/feed?limit=20"),
    ] {
        let mut client = Client::new(service.address, path);
        let body = client.body();
        let expected = Bytes::from(body.clone());
        let other = ServerThread::new(async move || bare(expected).await);
        let mut other_client = Client::new(other.address, path);
        assert_eq!(other_client.body(), body, "{name}");
        let (mut cached, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
        for round in 0..=ROUNDS {
            let measure = |server: &ServerThread, client: &mut Client| {
                let begun = server.cpu();
                client.round(body.len());
                (server.cpu() - begun).as_secs_f64() * 1e6 / ROUND_REQUESTS as f64
            };
            // The servers take turns in going first.
            let (ours, theirs) = if round % 2 == 0 {
                let ours = measure(&service, &mut client);
                (ours, measure(&other, &mut other_client))
            } else {
                let theirs = measure(&other, &mut other_client);
                (measure(&service, &mut client), theirs)
            };
            // The first round is warm-up.
            if round > 0 {
                cached.push(ours);
                bare.push(theirs);
                ratios.push(ours / theirs);
            }
        }
        let ((_, cached, _), (_, bare, _)) = (quartiles(cached), quartiles(bare));
        let (low, ratio, high) = quartiles(ratios);
        println!(
            "{name:<20} {:>6} bytes   cached {cached:>6.2} CPU us   bare {bare:>6.2} CPU us   \
              ratio {ratio:.3} (quartiles {low:.3} to {high:.3}, {ROUNDS} rounds of {ROUND_REQUESTS})",
            body.len(),
        );
    }
}

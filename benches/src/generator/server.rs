//! Servers under load: the same for every peer, on loopback, each with its own request counter.

mod bare;
pub(crate) mod bare_chat;
pub(crate) mod bare_grpc;
pub(crate) mod bare_handler;
pub(crate) mod bare_process;
mod nginx;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::workshop::Workshop;
use crate::workshop::child::Child;

/// Size of each response body, in bytes.
pub(crate) const BODY_BYTES: usize = 1024;

/// Time limit for a server to start, and to answer a status request.
const TIMEOUT: Duration = Duration::from_secs(10);

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ServerKind {
    /// nginx with a file of 1 KB.
    Nginx,
    /// A bare axum handler.
    Axum,
    /// A bare gRPC service, for peers that send calls.
    Grpc,
    /// A bare WebSocket service, for peers that speak it.
    Websocket,
}

impl ServerKind {
    /// All kinds that serve HTTP/1.1.
    pub(crate) const ALL: [ServerKind; 2] = [ServerKind::Nginx, ServerKind::Axum];

    /// Returns the name for a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            ServerKind::Nginx => "nginx",
            ServerKind::Axum => "axum",
            ServerKind::Grpc => "grpc",
            ServerKind::Websocket => "websocket",
        }
    }

    /// Returns a description in one sentence.
    pub(crate) fn description(self) -> &'static str {
        match self {
            ServerKind::Nginx => nginx::DESCRIPTION,
            ServerKind::Axum => bare::DESCRIPTION,
            ServerKind::Grpc => bare::GRPC_DESCRIPTION,
            ServerKind::Websocket => bare::WEBSOCKET_DESCRIPTION,
        }
    }
}

/// A running server. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    kind: ServerKind,
    child: Child,
    address: SocketAddr,
    status: SocketAddr,
    /// Number of status requests, which the server counts too.
    asked: std::cell::Cell<u64>,
}

impl Server {
    /// Starts a server and returns once it answers.
    pub(crate) fn start(kind: ServerKind, workshop: &Workshop) -> anyhow::Result<Self> {
        let (child, address, status) = match kind {
            ServerKind::Nginx => nginx::start(workshop)?,
            ServerKind::Axum => bare::start("bare-handler", workshop)?,
            ServerKind::Grpc => bare::start("bare-grpc", workshop)?,
            ServerKind::Websocket => bare::start("bare-chat", workshop)?,
        };
        Ok(Self {
            kind,
            child,
            address,
            status,
            asked: std::cell::Cell::new(0),
        })
    }

    /// Returns the kind of server.
    pub(crate) fn kind(&self) -> ServerKind {
        self.kind
    }

    /// Returns the process ID.
    pub(crate) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Returns the URL, without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns the number of requests so far, without those of this function.
    pub(crate) fn requests(&self) -> anyhow::Result<u64> {
        if self.child.has_ended() {
            bail!(
                "{} exited unexpectedly: {}",
                self.kind.name(),
                self.child.last_words()
            );
        }
        let answer = get(self.status, "/status")
            .with_context(|| format!("could not read the request count of {}", self.kind.name()))?;
        let count = match self.kind {
            ServerKind::Nginx => {
                self.asked.set(self.asked.get() + 1);
                nginx::count(&answer).map(|count| count.saturating_sub(self.asked.get()))
            }
            ServerKind::Axum | ServerKind::Grpc | ServerKind::Websocket => {
                answer.trim().parse().ok()
            }
        };
        count.with_context(|| format!("could not parse the request count of {}", self.kind.name()))
    }
}

/// Returns a free port on loopback.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    let listener =
        TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("could not find a free port")?;
    Ok(listener
        .local_addr()
        .context("could not find a free port")?
        .port())
}

/// Fetches a small page and returns its body.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.write_all(
        format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n").as_bytes(),
    )?;
    let mut answer = String::new();
    stream.take(1 << 16).read_to_string(&mut answer)?;
    match answer.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200") => Ok(body.to_owned()),
        _ => bail!(
            "{address} answered {:?}",
            answer.lines().next().unwrap_or_default()
        ),
    }
}

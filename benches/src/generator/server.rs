//! What is sent to: the same for every peer, on loopback, with its own count of requests.

mod bare;
pub(crate) mod bare_handler;
mod nginx;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::workshop::Workshop;
use crate::workshop::child::Child;

/// The size of each response's body, in bytes.
pub(crate) const BODY_BYTES: usize = 1024;

/// How long a server may take to begin, and to tell its count.
const PATIENCE: Duration = Duration::from_secs(10);

/// A kind of server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Kind {
    /// nginx with a file of 1 KB.
    Nginx,
    /// A bare axum handler.
    Axum,
}

impl Kind {
    /// Both kinds.
    pub(crate) const ALL: [Kind; 2] = [Kind::Nginx, Kind::Axum];

    /// Its name in a table.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::Nginx => "nginx",
            Kind::Axum => "axum",
        }
    }

    /// What it is, in a sentence.
    pub(crate) fn description(self) -> &'static str {
        match self {
            Kind::Nginx => nginx::DESCRIPTION,
            Kind::Axum => bare::DESCRIPTION,
        }
    }
}

/// A server that runs. Dropping it stops it.
#[derive(Debug)]
pub(crate) struct Server {
    kind: Kind,
    child: Child,
    address: SocketAddr,
    status: SocketAddr,
    /// Requests for the count itself, which are in the count.
    asked: std::cell::Cell<u64>,
}

impl Server {
    /// Starts a server and returns once it answers.
    pub(crate) fn start(kind: Kind, workshop: &Workshop) -> anyhow::Result<Self> {
        let (child, address, status) = match kind {
            Kind::Nginx => nginx::start(workshop)?,
            Kind::Axum => bare::start(workshop)?,
        };
        Ok(Self {
            kind,
            child,
            address,
            status,
            asked: std::cell::Cell::new(0),
        })
    }

    /// Which kind it is.
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Its URL, without a path.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Asks it how many requests it has taken so far, those of this function left out.
    pub(crate) fn requests(&self) -> anyhow::Result<u64> {
        if self.child.has_ended() {
            bail!(
                "{} ended by itself: {}",
                self.kind.name(),
                self.child.last_words()
            );
        }
        let answer = get(self.status, "/status")
            .with_context(|| format!("could not read the count of {}", self.kind.name()))?;
        let count = match self.kind {
            Kind::Nginx => {
                self.asked.set(self.asked.get() + 1);
                nginx::count(&answer).map(|count| count.saturating_sub(self.asked.get()))
            }
            Kind::Axum => answer.trim().parse().ok(),
        };
        count.with_context(|| format!("{} told no count of requests", self.kind.name()))
    }
}

/// Finds a port of the loopback address that is free now.
fn free_port() -> anyhow::Result<u16> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("found no free port")?;
    Ok(listener.local_addr().context("found no free port")?.port())
}

/// Gets a small page, and returns its body.
fn get(address: SocketAddr, path: &str) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
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

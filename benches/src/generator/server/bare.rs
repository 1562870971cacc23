//! The bare servers, as separate processes.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::generator::server::TIMEOUT;
use crate::generator::server::bare_process::Listening;
use crate::workshop::Workshop;
use crate::workshop::child::Child;

/// Description in one sentence.
pub(super) const DESCRIPTION: &str = "a bare axum handler, one thread: 1 KB from memory for every \
    GET, 201 without a body for a POST; it counts requests itself";

/// Description of the gRPC service in one sentence.
pub(super) const GRPC_DESCRIPTION: &str = "a bare gRPC service on h2, one thread: a message of 1 KB for every unary call; it counts calls \
    itself. Tenfold's users share a connection, and its figures include the translation of each message from JSON; each client of h2load \
    has a connection of its own, sends the same bytes, and counts any answer with HTTP 200 as a success";

/// Description of the WebSocket service in one sentence.
pub(super) const WEBSOCKET_DESCRIPTION: &str = "a bare WebSocket service on tungstenite, one thread: a message of 1 KB for every message; it counts \
    messages itself. Each user keeps a connection, and sends its next message after the answer. Tsung's think time is too coarse for the rate, \
    so it sends flat out";

/// Starts a server by a hidden command of this program. Returns its process, its address and that of its status page.
pub(super) fn start(
    server: &str,
    workshop: &Workshop,
) -> anyhow::Result<(Child, SocketAddr, SocketAddr)> {
    let own = std::env::current_exe().context("could not find the path of this program")?;
    let folder = workshop.folder(server)?;
    let mut command = Command::new(own);
    command.arg(server);
    let child = Child::start(server, &command, workshop.server_confines(), &folder)?;
    workshop.interrupt().wait(TIMEOUT, || {
        child.output().ends_with('\n') || child.has_ended()
    })?;
    match serde_json::from_str::<Listening>(&child.output()) {
        Ok(listening) => Ok((child, listening.address, listening.status)),
        Err(_) => bail!("could not start {server}: {}", child.last_words()),
    }
}

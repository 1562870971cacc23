//! The bare handler, as a separate process.

use std::net::SocketAddr;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::generator::server::TIMEOUT;
use crate::generator::server::bare_handler::Listening;
use crate::workshop::Workshop;
use crate::workshop::child::Child;

/// Description in one sentence.
pub(super) const DESCRIPTION: &str = "a bare axum handler, one thread: 1 KB from memory for every \
    GET, 201 without a body for a POST; it counts requests itself";

/// Starts the server. Returns its process, its address and that of its status page.
pub(super) fn start(workshop: &Workshop) -> anyhow::Result<(Child, SocketAddr, SocketAddr)> {
    let own = std::env::current_exe().context("could not find the path of this program")?;
    let folder = workshop.folder("axum")?;
    let mut command = Command::new(own);
    command.arg("bare-handler");
    let child = Child::start("axum", &command, workshop.server_confines(), &folder)?;
    workshop.interrupt().wait(TIMEOUT, || {
        child.output().ends_with('\n') || child.has_ended()
    })?;
    match serde_json::from_str::<Listening>(&child.output()) {
        Ok(listening) => Ok((child, listening.address, listening.status)),
        Err(_) => bail!("could not start the bare handler: {}", child.last_words()),
    }
}

//! A NATS server, and its count of the messages of each connection.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::Deserialize;
use tenfold_child_process::find_program;
use tenfold_probe::AdminListener;

use crate::generator::server::free_port;
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};

/// Time limit for the server to start, and to answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Number of ports to try if another process takes the free one first.
const PORTS_MAX: usize = 3;

/// Connections in one answer of the server.
const CONNECTIONS_MAX: u32 = 4_096;

/// A running NATS server. Dropping it stops it.
pub(super) struct NatsServer {
    child: Child,
    port: u16,
    monitoring: AdminListener,
}

/// Messages and bytes of one connection since it was made, as the client sees them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Traffic {
    pub(super) messages_received: u64,
    pub(super) messages_sent: u64,
    pub(super) bytes_received: u64,
    pub(super) bytes_sent: u64,
}

#[derive(Debug, Deserialize)]
struct Connections {
    connections: Vec<Connection>,
}

/// A connection, from the server's side.
#[derive(Debug, Deserialize)]
struct Connection {
    #[serde(default)]
    name: String,
    in_msgs: u64,
    out_msgs: u64,
    in_bytes: u64,
    out_bytes: u64,
}

impl NatsServer {
    /// Starts a server in a directory, and returns once it answers.
    pub(super) fn start(folder: &Path, workshop: &Workshop) -> anyhow::Result<Self> {
        let Some(program) = find_program("nats-server") else {
            bail!("could not find nats-server on the PATH; install the package nats-server");
        };
        for _ in 0..PORTS_MAX {
            let (port, monitoring) = (free_port()?, free_port()?);
            let mut command = Command::new(&program);
            command.args(["-a", "127.0.0.1"]).args([
                "-p",
                &port.to_string(),
                "-m",
                &monitoring.to_string(),
            ]);
            let child = Child::start("nats-server", &command, &Confines::default(), folder)?;
            let mut answers = false;
            workshop.interrupt().wait(TIMEOUT, || {
                answers = [port, monitoring]
                    .iter()
                    .all(|port| TcpStream::connect((Ipv4Addr::LOCALHOST, *port)).is_ok());
                answers || child.has_ended()
            })?;
            if answers && !child.has_ended() {
                let url = format!("http://127.0.0.1:{monitoring}/connz?limit={CONNECTIONS_MAX}");
                return Ok(Self {
                    child,
                    port,
                    monitoring: AdminListener::from(url.as_str()),
                });
            }
        }
        bail!("could not start nats-server")
    }

    pub(super) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    pub(super) fn pid(&self) -> u32 {
        self.child.pid()
    }

    /// Returns the traffic of the connection with a name.
    pub(super) fn traffic(&self, name: &str) -> anyhow::Result<Traffic> {
        let page = tenfold_probe::page(&self.monitoring, TIMEOUT).map_err(anyhow::Error::msg);
        traffic_of(
            &page.context("could not read the connections of nats-server")?,
            name,
        )
    }
}

fn traffic_of(page: &str, name: &str) -> anyhow::Result<Traffic> {
    let found: Connections =
        serde_json::from_str(page).context("could not parse the connections of nats-server")?;
    let own = found.connections.iter().find(|own| own.name == name);
    let own = own.with_context(|| format!("nats-server has no connection `{name}`"))?;
    Ok(Traffic {
        messages_received: own.out_msgs,
        messages_sent: own.in_msgs,
        bytes_received: own.out_bytes,
        bytes_sent: own.in_bytes,
    })
}

impl Traffic {
    /// Traffic since an earlier reading.
    pub(super) fn since(self, earlier: Self) -> Self {
        let since = |now: u64, before: u64| now.saturating_sub(before);
        Self {
            messages_received: since(self.messages_received, earlier.messages_received),
            messages_sent: since(self.messages_sent, earlier.messages_sent),
            bytes_received: since(self.bytes_received, earlier.bytes_received),
            bytes_sent: since(self.bytes_sent, earlier.bytes_sent),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_is_that_of_the_named_connection() {
        let page = r#"{"num_connections": 2, "connections": [
            {"cid": 5, "name": "tenfold agent a", "in_msgs": 1, "out_msgs": 2, "in_bytes": 3, "out_bytes": 4},
            {"cid": 6, "name": "tenfold run", "in_msgs": 10, "out_msgs": 20, "in_bytes": 30, "out_bytes": 40}
        ]}"#;
        let found = traffic_of(page, "tenfold run").unwrap();
        assert_eq!((found.messages_received, found.messages_sent), (20, 10));
        assert_eq!((found.bytes_received, found.bytes_sent), (40, 30));
        assert!(traffic_of(page, "tenfold").is_err());
        assert!(traffic_of("{}", "tenfold run").is_err());
    }
}

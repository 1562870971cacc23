//! Readiness of a box.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::boxes::addresses::Addresses;
use crate::network;

/// Time limit for one connection attempt or greeting.
const PROBE_TIMEOUT: Duration = Duration::from_millis(250);

/// Readiness check of a box.
#[derive(Debug, Clone)]
pub(crate) enum Readiness {
    /// The box writes its addresses and process ID to this JSON file.
    File(PathBuf),
    /// The box accepts connections.
    Listening(Listening),
}

/// Conditions under which a listening box is ready.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    /// Address of its service.
    pub(crate) serving: SocketAddr,
    /// Address of its metrics. `None` if it has none.
    pub(crate) admin: Option<SocketAddr>,
    /// Text that the server's greeting contains. `None` if the client speaks first.
    pub(crate) greeting: Option<&'static str>,
    /// File that also has to exist.
    pub(crate) marker: Option<PathBuf>,
}

/// Addresses and process of a box that is ready.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) addresses: Addresses,
    /// Its process ID, if it is not that of the child.
    pub(crate) pid: Option<u32>,
}

/// Result of probing a box.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Probe {
    /// It is ready.
    Ready(Ready),
    /// It is not ready yet: what it lacks.
    Lacks(Lack),
}

/// What a box lacks to be ready.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lack {
    /// Its file.
    File,
    /// A connection.
    Connection,
    /// The greeting on a connection.
    Greeting,
}

/// Error when probing a box.
#[derive(Debug)]
pub(crate) enum ProbeError {
    /// Its file can't be read.
    Unreadable(io::Error),
    /// Its file is malformed.
    Malformed(String),
}

/// The JSON document that a box writes.
#[derive(Debug, Deserialize)]
struct Document {
    address: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    pid: Option<u32>,
}

impl Readiness {
    /// Returns the file that marks the box as ready, to be removed before it starts.
    pub(crate) fn marker(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Listening(listening) => listening.marker.as_deref(),
        }
    }

    /// Probes the box, inside its network namespace if it has one.
    pub(crate) fn probe(&self, namespace: Option<&str>) -> Result<Probe, ProbeError> {
        let listening = match self {
            Self::File(path) => {
                return Ok(match document(path)? {
                    Some(ready) => Probe::Ready(ready),
                    None => Probe::Lacks(Lack::File),
                });
            }
            Self::Listening(listening) => listening,
        };
        let is_marked = listening.marker.as_deref().is_none_or(Path::exists);
        if !is_marked {
            return Ok(Probe::Lacks(Lack::File));
        }
        let lack = match namespace {
            None => listening.lack(),
            Some(namespace) => network::within(namespace, || Ok(listening.lack()))
                .map_err(ProbeError::Unreadable)?,
        };
        Ok(match lack {
            Some(lack) => Probe::Lacks(lack),
            None => Probe::Ready(Ready {
                addresses: Addresses {
                    serving: Some(listening.serving),
                    admin: listening.admin,
                },
                pid: None,
            }),
        })
    }

    /// Describes what a box lacks to be ready.
    pub(crate) fn describe(&self, lack: Lack) -> String {
        match (self, lack) {
            (Self::Listening(own), Lack::Connection) => {
                format!("it accepts no connection at {}", own.serving)
            }
            (Self::Listening(own), Lack::Greeting) => format!(
                "it accepts connections at {}, but does not greet as {}",
                own.serving,
                own.greeting.unwrap_or("expected")
            ),
            (_, _) => match self.marker() {
                Some(marker) => format!("it has not written {}", marker.display()),
                None => "it is not ready".to_owned(),
            },
        }
    }
}

impl Listening {
    /// Ready once it accepts connections at an address.
    pub(crate) fn at(serving: SocketAddr) -> Self {
        Self {
            serving,
            admin: None,
            greeting: None,
            marker: None,
        }
    }

    /// Connects. Returns what the server lacks, `None` if nothing.
    fn lack(&self) -> Option<Lack> {
        let Ok(mut stream) = TcpStream::connect_timeout(&self.serving, PROBE_TIMEOUT) else {
            return Some(Lack::Connection);
        };
        let greeting = self.greeting?;
        if stream.set_read_timeout(Some(PROBE_TIMEOUT)).is_err() {
            return Some(Lack::Connection);
        }
        let mut bytes = [0; 256];
        let count = stream.read(&mut bytes).unwrap_or(0);
        let bytes = bytes.get(..count).unwrap_or_default();
        let has_greeted = bytes
            .windows(greeting.len())
            .any(|part| part == greeting.as_bytes());
        (!has_greeted).then_some(Lack::Greeting)
    }
}

fn document(path: &Path) -> Result<Option<Ready>, ProbeError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ProbeError::Unreadable(error)),
    };
    let document: Document =
        serde_json::from_slice(&bytes).map_err(|error| ProbeError::Malformed(error.to_string()))?;
    Ok(Some(Ready {
        addresses: Addresses {
            serving: document.address,
            admin: document.admin,
        },
        pid: document.pid,
    }))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn is_ready_once_greeted_and_marked() {
        let directory = tempfile::tempdir().unwrap();
        let marker = directory.path().join("ready");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut listening = Listening::at(listener.local_addr().unwrap());
        listening.marker = Some(marker.clone());
        let probe = |listening: &Listening| {
            let readiness = Readiness::Listening(listening.clone());
            match readiness.probe(None).unwrap() {
                Probe::Ready(ready) => Ok(ready.addresses.serving),
                Probe::Lacks(lack) => Err(readiness.describe(lack)),
            }
        };
        let serving = listening.serving;
        assert!(
            probe(&listening)
                .unwrap_err()
                .starts_with("it has not written /")
        );
        fs::write(&marker, "").unwrap();
        assert_eq!(probe(&listening), Ok(Some(serving)));
        // A different greeting means a different server.
        listening.greeting = Some("MariaDB");
        let greets = std::thread::spawn(move || {
            let _ = listener.accept();
            for word in ["Hello", "10.11-MariaDB"] {
                listener
                    .accept()
                    .unwrap()
                    .0
                    .write_all(word.as_bytes())
                    .unwrap();
            }
        });
        assert_eq!(
            probe(&listening).unwrap_err(),
            format!("it accepts connections at {serving}, but does not greet as MariaDB")
        );
        assert_eq!(probe(&listening), Ok(Some(serving)));
        greets.join().unwrap();
        assert_eq!(
            probe(&listening).unwrap_err(),
            format!("it accepts no connection at {serving}")
        );
    }
}

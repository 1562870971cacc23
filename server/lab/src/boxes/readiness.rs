//! How a box tells that it is ready.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;

use crate::boxes::addresses::Addresses;
use crate::network;

/// How long one look may wait for a connection or a greeting.
const LOOK: Duration = Duration::from_millis(250);

/// How a box tells that it is ready.
#[derive(Debug, Clone)]
pub(crate) enum Readiness {
    /// It moves a JSON document to this place, with its addresses and its process id.
    File(PathBuf),
    /// It listens.
    Listening(Listening),
}

/// Where a box listens once it is ready.
#[derive(Debug, Clone)]
pub(crate) struct Listening {
    /// Where it serves.
    pub(crate) serving: SocketAddr,
    /// Where it offers metrics; none where it does not.
    pub(crate) admin: Option<SocketAddr>,
    /// What it says, among other things, to one who connects; none where it waits to be spoken to.
    pub(crate) greeting: Option<&'static str>,
    /// A file that is there once it is ready, beside that.
    pub(crate) marker: Option<PathBuf>,
}

/// What a box that is ready tells of itself.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Ready {
    pub(crate) addresses: Addresses,
    /// Its process, where it gave itself another number than that of the child.
    pub(crate) pid: Option<u32>,
}

/// Why a box could not be looked at.
#[derive(Debug)]
pub(crate) enum LookError {
    /// Its marker can't be read.
    Unreadable(io::Error),
    /// Its marker is not what it should be.
    Garbled(String),
}

/// As a box writes it.
#[derive(Debug, Deserialize)]
struct Document {
    address: Option<SocketAddr>,
    admin: Option<SocketAddr>,
    pid: Option<u32>,
}

impl Readiness {
    /// The file that tells it, to be removed before the box starts.
    pub(crate) fn marker(&self) -> Option<&Path> {
        match self {
            Self::File(path) => Some(path),
            Self::Listening(listening) => listening.marker.as_deref(),
        }
    }

    /// Returns what a box, in a network namespace where it has one, tells of itself; none where it is not ready
    /// yet.
    pub(crate) fn look(&self, namespace: Option<&str>) -> Result<Option<Ready>, LookError> {
        let listening = match self {
            Self::File(path) => return document(path),
            Self::Listening(listening) => listening,
        };
        let is_marked = listening.marker.as_deref().is_none_or(Path::exists);
        if !is_marked {
            return Ok(None);
        }
        let answers = match namespace {
            None => listening.answers(),
            Some(namespace) => network::within(namespace, || Ok(listening.answers()))
                .map_err(LookError::Unreadable)?,
        };
        if !answers {
            return Ok(None);
        }
        Ok(Some(Ready {
            addresses: Addresses {
                serving: Some(listening.serving),
                admin: listening.admin,
            },
            pid: None,
        }))
    }
}

impl Listening {
    /// At an address, without a greeting.
    pub(crate) fn at(serving: SocketAddr) -> Self {
        Self {
            serving,
            admin: None,
            greeting: None,
            marker: None,
        }
    }

    fn answers(&self) -> bool {
        let Ok(mut stream) = TcpStream::connect_timeout(&self.serving, LOOK) else {
            return false;
        };
        let Some(greeting) = self.greeting else {
            return true;
        };
        if stream.set_read_timeout(Some(LOOK)).is_err() {
            return false;
        }
        let mut told = [0; 256];
        let count = stream.read(&mut told).unwrap_or(0);
        let told = told.get(..count).unwrap_or_default();
        told.windows(greeting.len())
            .any(|part| part == greeting.as_bytes())
    }
}

fn document(path: &Path) -> Result<Option<Ready>, LookError> {
    let bytes = match fs::read(path) {
        Ok(bytes) => bytes,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(LookError::Unreadable(error)),
    };
    let document: Document =
        serde_json::from_slice(&bytes).map_err(|error| LookError::Garbled(error.to_string()))?;
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
    fn one_that_listens_is_ready_once_it_greets_and_is_marked() {
        let directory = tempfile::tempdir().unwrap();
        let marker = directory.path().join("ready");
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut listening = Listening::at(listener.local_addr().unwrap());
        listening.marker = Some(marker.clone());
        assert_eq!(
            Readiness::Listening(listening.clone()).look(None).unwrap(),
            None
        );
        fs::write(&marker, "").unwrap();
        let ready = Readiness::Listening(listening.clone()).look(None).unwrap();
        assert_eq!(ready.unwrap().addresses.serving, Some(listening.serving));
        // One that greets otherwise is another.
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
            Readiness::Listening(listening.clone()).look(None).unwrap(),
            None
        );
        assert!(
            Readiness::Listening(listening.clone())
                .look(None)
                .unwrap()
                .is_some()
        );
        greets.join().unwrap();
        assert_eq!(Readiness::Listening(listening).look(None).unwrap(), None);
    }
}

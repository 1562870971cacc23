//! The control socket of a running lab: a Unix socket in its directory.
//!
//! A request is one line of JSON, and so is its answer. Lines that show progress may come before the answer.

use std::fs;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::boxes::build::BuildChange;
use crate::control::status::LabStatus;
use crate::directory::found_lab::labs_beside;
use crate::directory::lock::holder_of;
use crate::{LabError, Rotation};

/// Time limit for reading a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(1);

/// Time limit for an answer, or for the next line that shows progress.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(60);

/// Maximum length of a request, in bytes.
const REQUEST_BYTES_MAX: usize = 4_096;

/// Maximum length of an answer, in bytes.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// A request to a running lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Return the status of the lab and its boxes.
    Status,
    /// Stop the lab.
    Down,
    /// Kill a box, or every box of a zone.
    Kill {
        /// Name of the box or zone.
        name: String,
    },
    /// Drain a box, or the boxes of a zone: balancers send it no new requests. Answered once nothing is in flight.
    Drain {
        /// Name of the box or zone.
        name: String,
    },
    /// Restart killed boxes, and send requests to drained ones again.
    Revive {
        /// Name of the box or zone.
        name: String,
    },
    /// Replace the build of a box of the service. Answered once the box serves again.
    Replace {
        /// Name of the box.
        name: String,
        /// What changes.
        change: BuildChange,
    },
    /// Rotate certificates or passwords.
    Rotate {
        /// Which of them.
        rotation: Rotation,
    },
}

/// The answer of a lab.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "told", rename_all = "snake_case")]
pub enum Answer {
    /// The request is still carried out: progress. Another answer follows.
    Progress(String),
    /// Status of the lab and its boxes.
    Status(Box<LabStatus>),
    /// The request was carried out; names of the boxes affected.
    Done(Vec<String>),
    /// The request was refused; the reason.
    Refused(String),
    /// No box or zone has this name.
    Unknown {
        /// Name that was given.
        name: String,
        /// Names of the boxes and zones.
        there: String,
    },
}

/// Sends a request to the lab in a directory and returns its answer.
///
/// # Errors
/// Returns an error if no lab is up there, it does not answer in time, or it refuses.
pub fn ask(directory: &Path, request: &Request) -> Result<Answer, LabError> {
    ask_watched(directory, request, &mut |_| {})
}

/// Like [`ask`], but calls `on_progress` while the request is carried out.
///
/// # Errors
/// The errors of [`ask`].
pub fn ask_watched(
    directory: &Path,
    request: &Request,
    on_progress: &mut dyn FnMut(&str),
) -> Result<Answer, LabError> {
    let failed = |reason: String| LabError::NoAnswer {
        directory: directory.to_owned(),
        reason,
    };
    let stream = match UnixStream::connect(path_in(directory)) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            return Err(not_up(directory));
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    let answer =
        exchange(stream, request, on_progress).map_err(|error| failed(error.to_string()))?;
    match answer {
        Answer::Refused(reason) => Err(LabError::Refused(reason)),
        Answer::Unknown { name, there } => Err(LabError::UnknownBox { name, there }),
        answer => Ok(answer),
    }
}

/// Describes that no lab answers in a directory: it is not up, or has no socket.
fn not_up(directory: &Path) -> LabError {
    match holder_of(directory) {
        Some(holder) => LabError::NoAnswer {
            directory: directory.to_owned(),
            reason: format!("{holder} holds it, but does not listen, or not yet"),
        },
        None => LabError::NotUp {
            directory: directory.to_owned(),
            others: labs_beside(directory),
        },
    }
}

fn exchange(
    mut stream: UnixStream,
    request: &Request,
    on_progress: &mut dyn FnMut(&str),
) -> io::Result<Answer> {
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    let line = serde_json::to_string(request).map_err(io::Error::other)?;
    stream.write_all(format!("{line}\n").as_bytes())?;
    let mut answers = BufReader::new(stream);
    loop {
        let mut answer = String::new();
        (&mut answers)
            .take(ANSWER_BYTES_MAX)
            .read_line(&mut answer)?;
        if answer.is_empty() {
            return Err(io::Error::other(
                "it closed the connection without an answer",
            ));
        }
        match serde_json::from_str(&answer).map_err(io::Error::other)? {
            Answer::Progress(progress) => on_progress(&progress),
            answer => return Ok(answer),
        }
    }
}

/// Returns the path of the control socket of a lab's directory.
pub(crate) fn path_in(directory: &Path) -> PathBuf {
    directory.join("lab.sock")
}

/// The control socket, on the lab's side.
#[derive(Debug)]
pub(crate) struct ControlSocket {
    listener: UnixListener,
    path: PathBuf,
}

/// A connection that waits for the answer to its request.
#[derive(Debug)]
pub struct Responder {
    stream: UnixStream,
}

impl ControlSocket {
    /// Opens the socket, replacing that of a lab that died. The caller holds the directory's lock.
    pub(crate) fn listen(directory: &Path) -> Result<Self, LabError> {
        let path = path_in(directory);
        let failed = |source: io::Error| LabError::Directory {
            source: match source.kind() {
                ErrorKind::InvalidInput => {
                    io::Error::other(format!("{source}; choose a directory with a shorter path"))
                }
                _ => source,
            },
            path: path.clone(),
        };
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(failed(error)),
            _ => {}
        }
        let listener = UnixListener::bind(&path).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        Ok(Self { listener, path })
    }

    /// Returns the next request, if there is one. A malformed request is answered with its error.
    pub(crate) fn next_request(&self) -> Option<(Request, Responder)> {
        let (stream, _) = self.listener.accept().ok()?;
        let responder = Responder { stream };
        match responder.read_request() {
            // A client that closed the connection no longer wants it done.
            Ok(_) if responder.is_closed() => None,
            Ok(request) => Some((request, responder)),
            Err(error) => {
                responder.answer(&Answer::Refused(format!(
                    "could not read the request: {error}"
                )));
                None
            }
        }
    }
}

impl Drop for ControlSocket {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Responder {
    fn read_request(&self) -> io::Result<Request> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_write_timeout(Some(REQUEST_TIMEOUT))?;
        let deadline = Instant::now() + REQUEST_TIMEOUT;
        let mut line = Vec::new();
        let mut bytes = [0; 512];
        while !line.ends_with(b"\n") && line.len() < REQUEST_BYTES_MAX {
            let left = deadline.saturating_duration_since(Instant::now());
            // A zero timeout would mean no limit.
            let left = left.max(Duration::from_millis(1));
            self.stream.set_read_timeout(Some(left))?;
            match (&self.stream).read(&mut bytes)? {
                0 => break,
                read => line.extend_from_slice(&bytes[..read]),
            }
            if Instant::now() > deadline {
                return Err(ErrorKind::TimedOut.into());
            }
        }
        serde_json::from_slice(&line).map_err(io::Error::other)
    }

    fn is_closed(&self) -> bool {
        let looked = self.stream.set_nonblocking(true);
        let end = looked.and_then(|()| (&self.stream).read(&mut [0]));
        let _ = self.stream.set_nonblocking(false);
        !end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Shows progress while the request is carried out.
    pub(crate) fn show(&self, progress: &str) {
        if let Ok(mut line) = serde_json::to_string(&Answer::Progress(progress.to_owned())) {
            line.push('\n');
            let _ = (&self.stream).write_all(line.as_bytes());
        }
    }

    /// Sends the answer. A client that has closed the connection is ignored.
    pub fn answer(mut self, answer: &Answer) {
        if let Ok(mut line) = serde_json::to_string(answer) {
            line.push('\n');
            let _ = self.stream.write_all(line.as_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn answers_requests_until_closed() {
        let directory = tempfile::tempdir().unwrap();
        let error = ask(directory.path(), &Request::Status).unwrap_err();
        assert!(matches!(error, LabError::NotUp { .. }), "{error}");
        let control = ControlSocket::listen(directory.path()).unwrap();
        assert!(control.next_request().is_none());
        let answering = std::thread::spawn(move || {
            for answer in [
                Answer::Done(vec!["web".to_owned()]),
                Answer::Refused("no".to_owned()),
            ] {
                let (request, responder) = loop {
                    match control.next_request() {
                        Some(next) => break next,
                        None => std::thread::sleep(Duration::from_millis(2)),
                    }
                };
                let name = "web".to_owned();
                assert_eq!(request, Request::Kill { name });
                responder.show("sql starting");
                responder.answer(&answer);
            }
        });
        let request = Request::Kill {
            name: "web".to_owned(),
        };
        let mut shown = Vec::new();
        let mut show = |progress: &str| shown.push(progress.to_owned());
        let answer = ask_watched(directory.path(), &request, &mut show).unwrap();
        assert_eq!(answer, Answer::Done(vec!["web".to_owned()]));
        assert_eq!(shown, ["sql starting"]);
        let error = ask(directory.path(), &request).unwrap_err();
        assert!(matches!(error, LabError::Refused(_)), "{error}");
        answering.join().unwrap();
        // The socket is closed by now.
        let error = ask(directory.path(), &request).unwrap_err();
        assert!(matches!(error, LabError::NotUp { .. }), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn refuses_arbitrary_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (mut theirs, ours) = UnixStream::pair().unwrap();
            theirs.write_all(&bytes).unwrap();
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
            let responder = Responder { stream: ours };
            prop_assert!(responder.read_request().is_err());
        }
    }
}

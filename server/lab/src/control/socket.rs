//! How a lab that is up is asked things from outside: a socket in its directory.
//!
//! A question is a line of JSON, and so is its answer.

use std::fs;
use std::io::{self, BufRead as _, BufReader, ErrorKind, Read as _, Write as _};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

use crate::LabError;
use crate::control::status::LabStatus;

/// How long one who asks may take to do so.
const ASKED_WITHIN: Duration = Duration::from_secs(1);

/// How long an answer may take: a box that is started again has to become ready.
const ANSWERED_WITHIN: Duration = Duration::from_secs(60);

/// The longest question, in bytes.
const MOST_ASKED: usize = 4_096;

/// The longest answer, in bytes.
const MOST_ANSWERED: u64 = 1 << 20;

/// What a lab can be asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// How its boxes are.
    Status,
    /// To stop.
    Down,
    /// To kill a box, or every box of a zone.
    Kill {
        /// The box or the zone.
        name: String,
    },
    /// To have balancers send no more requests to a box, or to those of a zone, and to wait until it has ended what it has.
    Drain {
        /// The box or the zone.
        name: String,
    },
    /// To start what was killed again, and send to what was drained.
    Revive {
        /// The box or the zone.
        name: String,
    },
}

/// What a lab answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", content = "told", rename_all = "snake_case")]
pub enum Answer {
    /// How its boxes are.
    Status(Box<LabStatus>),
    /// It did what it was asked; the names of the boxes that this concerned.
    Done(Vec<String>),
    /// It did not, and why.
    Refused(String),
    /// It has no box or zone of that name.
    Unknown {
        /// The name asked for.
        name: String,
        /// Those that there are.
        there: String,
    },
}

/// Asks the lab in a directory.
///
/// # Errors
/// Where none is up there, it does not answer, or it refuses.
pub fn ask(directory: &Path, request: &Request) -> Result<Answer, LabError> {
    let failed = |reason: String| LabError::NoAnswer {
        directory: directory.to_owned(),
        reason,
    };
    let stream = match UnixStream::connect(socket_of(directory)) {
        Ok(stream) => stream,
        Err(error)
            if matches!(
                error.kind(),
                ErrorKind::NotFound | ErrorKind::ConnectionRefused
            ) =>
        {
            return Err(LabError::NotUp {
                directory: directory.to_owned(),
            });
        }
        Err(error) => return Err(failed(error.to_string())),
    };
    let answer = exchange(stream, request).map_err(|error| failed(error.to_string()))?;
    match serde_json::from_str(&answer).map_err(|error| failed(error.to_string()))? {
        Answer::Refused(reason) => Err(LabError::Refused(reason)),
        Answer::Unknown { name, there } => Err(LabError::UnknownBox { name, there }),
        answer => Ok(answer),
    }
}

fn exchange(mut stream: UnixStream, request: &Request) -> io::Result<String> {
    stream.set_read_timeout(Some(ANSWERED_WITHIN))?;
    let question = serde_json::to_string(request).map_err(io::Error::other)?;
    stream.write_all(format!("{question}\n").as_bytes())?;
    let mut answer = String::new();
    BufReader::new(stream.take(MOST_ANSWERED)).read_line(&mut answer)?;
    match answer.is_empty() {
        true => Err(io::Error::other("it ended without a word")),
        false => Ok(answer),
    }
}

/// The socket of a lab in a directory.
pub(crate) fn socket_of(directory: &Path) -> PathBuf {
    directory.join("lab.sock")
}

/// Where a lab is asked.
#[derive(Debug)]
pub(crate) struct Control {
    listener: UnixListener,
    path: PathBuf,
}

/// Somebody who has asked and waits for the answer.
#[derive(Debug)]
pub struct Asker {
    stream: UnixStream,
}

impl Control {
    /// Listens, in place of a lab that has died: whoever calls holds the directory's lock.
    pub(crate) fn listen(directory: &Path) -> Result<Self, LabError> {
        let path = socket_of(directory);
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

    /// Returns the next question, where one was asked. What is none is answered here.
    pub(crate) fn asked(&self) -> Option<(Request, Asker)> {
        let (stream, _) = self.listener.accept().ok()?;
        let asker = Asker { stream };
        match asker.question() {
            // Whoever no longer waits did not mean it.
            Ok(_) if asker.has_gone() => None,
            Ok(request) => Some((request, asker)),
            Err(error) => {
                asker.answer(&Answer::Refused(format!("not a question: {error}")));
                None
            }
        }
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

impl Asker {
    fn question(&self) -> io::Result<Request> {
        self.stream.set_nonblocking(false)?;
        self.stream.set_write_timeout(Some(ASKED_WITHIN))?;
        let deadline = Instant::now() + ASKED_WITHIN;
        let mut line = Vec::new();
        let mut bytes = [0; 512];
        while !line.ends_with(b"\n") && line.len() < MOST_ASKED {
            let left = deadline.saturating_duration_since(Instant::now());
            // None would be for ever.
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

    fn has_gone(&self) -> bool {
        let looked = self.stream.set_nonblocking(true);
        let end = looked.and_then(|()| (&self.stream).read(&mut [0]));
        let _ = self.stream.set_nonblocking(false);
        !end.is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    }

    /// Answers. One who no longer waits for it misses it.
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
    fn a_question_is_asked_and_answered() {
        let directory = tempfile::tempdir().unwrap();
        let error = ask(directory.path(), &Request::Status).unwrap_err();
        assert!(matches!(error, LabError::NotUp { .. }), "{error}");
        let control = Control::listen(directory.path()).unwrap();
        assert!(control.asked().is_none());
        let answering = std::thread::spawn(move || {
            for answer in [
                Answer::Done(vec!["web".to_owned()]),
                Answer::Refused("no".to_owned()),
            ] {
                let (request, asker) = loop {
                    match control.asked() {
                        Some(asked) => break asked,
                        None => std::thread::sleep(Duration::from_millis(2)),
                    }
                };
                let name = "web".to_owned();
                assert_eq!(request, Request::Kill { name });
                asker.answer(&answer);
            }
        });
        let request = Request::Kill {
            name: "web".to_owned(),
        };
        let answer = ask(directory.path(), &request).unwrap();
        assert_eq!(answer, Answer::Done(vec!["web".to_owned()]));
        let error = ask(directory.path(), &request).unwrap_err();
        assert!(matches!(error, LabError::Refused(_)), "{error}");
        answering.join().unwrap();
        // Nobody listens any more.
        let error = ask(directory.path(), &request).unwrap_err();
        assert!(matches!(error, LabError::NotUp { .. }), "{error}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_bytes_are_refused_or_a_question(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let (mut theirs, ours) = UnixStream::pair().unwrap();
            theirs.write_all(&bytes).unwrap();
            theirs.shutdown(std::net::Shutdown::Write).unwrap();
            let asker = Asker { stream: ours };
            prop_assert!(asker.question().is_err());
        }
    }
}

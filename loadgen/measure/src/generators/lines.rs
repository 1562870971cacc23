//! Messages as lines of JSON.

use std::io::{BufRead, BufReader, Read, Write};

use serde::Serialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

/// Longest message in bytes: a scenario of 4 MiB with every character escaped.
const LINE_BYTES_MAX: u64 = 32 << 20;

/// Reads messages, one a line.
pub(super) struct Lines<R> {
    from: BufReader<R>,
}

impl<R: Read> Lines<R> {
    /// Reads from a pipe.
    pub(super) fn new(from: R) -> Self {
        Self {
            from: BufReader::new(from),
        }
    }

    /// Reads the next message. `None` at the end of the pipe.
    ///
    /// # Errors
    /// If the line is too long, cut off, or not a message.
    pub(super) fn next<M: DeserializeOwned>(&mut self) -> std::io::Result<Option<M>> {
        // A job contains credentials.
        let mut line = Zeroizing::new(Vec::new());
        let mut bounded = (&mut self.from).take(LINE_BYTES_MAX);
        if bounded.read_until(b'\n', &mut line)? == 0 {
            return Ok(None);
        }
        if line.last() != Some(&b'\n') {
            return Err(std::io::Error::other("a message is cut off"));
        }
        serde_json::from_slice(&line)
            .map(Some)
            .map_err(std::io::Error::other)
    }
}

/// Writes a message as a line.
///
/// # Errors
/// If the pipe is closed.
pub(super) fn write(message: &impl Serialize, to: &mut impl Write) -> std::io::Result<()> {
    let mut line = Zeroizing::new(serde_json::to_vec(message)?);
    line.push(b'\n');
    to.write_all(&line)?;
    to.flush()
}

//! Reads an answer within a time for the whole of it, not for each part.

use std::io::{self, ErrorKind, Read};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

/// A stream with a time limit for its next part.
pub(crate) trait Limited: Read {
    /// Sets the time limit.
    fn limit(&self, left: Duration) -> io::Result<()>;
}

impl Limited for TcpStream {
    fn limit(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))
    }
}

impl Limited for UnixStream {
    fn limit(&self, left: Duration) -> io::Result<()> {
        self.set_read_timeout(Some(left))
    }
}

/// Reads until the other side closes the stream.
///
/// # Errors
/// Returns an error if it has not closed it by the deadline, or the answer has more than `bytes_max` bytes or is not UTF-8.
pub(crate) fn read_answer(
    stream: &mut impl Limited,
    deadline: Instant,
    bytes_max: usize,
) -> io::Result<String> {
    let mut answer = Vec::new();
    let mut part = [0; 16 << 10];
    loop {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(ErrorKind::TimedOut.into());
        }
        stream.limit(left)?;
        let read = match stream.read(&mut part) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            read => read?,
        };
        if read == 0 {
            break;
        }
        answer.extend_from_slice(part.get(..read).unwrap_or_default());
        if answer.len() > bytes_max {
            let reason = format!("the answer has more than {bytes_max} bytes");
            return Err(io::Error::new(ErrorKind::InvalidData, reason));
        }
    }
    String::from_utf8(answer).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(20)
    }

    #[test]
    fn reads_parts_until_the_end() {
        let (mut own, mut other) = UnixStream::pair().unwrap();
        let writer = std::thread::spawn(move || {
            for part in ["one ", "two"] {
                other.write_all(part.as_bytes()).unwrap();
            }
        });
        assert_eq!(read_answer(&mut own, soon(), 100).unwrap(), "one two");
        writer.join().unwrap();
    }

    #[test]
    fn limits_time_of_whole_answer() {
        let (mut own, mut other) = UnixStream::pair().unwrap();
        // Each part is in time; the answer has no end.
        let writer = std::thread::spawn(move || {
            while other.write_all(b".").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        });
        let deadline = Instant::now() + Duration::from_millis(200);
        assert!(read_answer(&mut own, deadline, 1 << 20).is_err());
        drop(own);
        writer.join().unwrap();
    }

    #[test]
    fn limits_length() {
        let (mut own, mut other) = UnixStream::pair().unwrap();
        other.write_all(&[b'.'; 101]).unwrap();
        drop(other);
        let error = read_answer(&mut own, soon(), 100).unwrap_err();
        assert_eq!(error.to_string(), "the answer has more than 100 bytes");
    }
}

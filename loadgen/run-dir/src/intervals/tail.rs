//! Reader of an interval log that another process still writes.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom};
use std::path::PathBuf;

use super::IntervalHistogram;
use super::reader::LogLines;
use crate::RunDirError;

/// A growing interval log. Each call of [`IntervalTail::read`] continues after the intervals of the last one.
#[derive(Debug)]
pub struct IntervalTail {
    path: PathBuf,
    /// Bytes of the intervals that were read.
    bytes: u64,
}

impl IntervalTail {
    /// Follows the log at `path`, which need not exist yet.
    pub fn new(path: PathBuf) -> Self {
        Self { path, bytes: 0 }
    }

    /// Passes on the intervals that were written since the last call, one in memory at a time. A line that is not complete
    /// is left for the next call.
    ///
    /// # Errors
    /// If the log can't be read, or a line is malformed. The intervals before that line were passed on; the next call reads
    /// that line again.
    pub fn read(&mut self, mut take: impl FnMut(&IntervalHistogram)) -> Result<(), RunDirError> {
        let opened = File::open(&self.path).and_then(|mut file| {
            file.seek(SeekFrom::Start(self.bytes))?;
            Ok(file)
        });
        let file = match opened {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(source) => {
                return Err(RunDirError::Read {
                    path: self.path.clone(),
                    source,
                });
            }
        };
        let begin = self.bytes;
        let mut lines = LogLines::new(&self.path, file, None);
        while let Some(interval) = lines.next().transpose()? {
            take(&interval);
            self.bytes = begin + lines.bytes();
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::time::{Duration, SystemTime};

    use super::*;
    use crate::histogram::latency_histogram;
    use crate::{IntervalLog, Metric, Series};

    /// The bytes of a log with one value each second.
    fn log_of(seconds: u64) -> Vec<u8> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("whole.hlog");
        let mut log = IntervalLog::create(&path, SystemTime::now()).unwrap();
        let series = Series {
            metric: Metric::Response,
            phase: 0,
            request: 0,
        };
        for second in 0..seconds {
            let mut interval = latency_histogram::<u32>();
            interval.record(1_000 * (second + 1)).unwrap();
            let start = Duration::from_secs(second);
            log.append(series, start, Duration::from_secs(1), &interval)
                .unwrap();
        }
        log.flush().unwrap();
        std::fs::read(&path).unwrap()
    }

    fn seconds(tail: &mut IntervalTail) -> Vec<u64> {
        let mut seconds = Vec::new();
        tail.read(|interval| seconds.push(interval.start_ns / 1_000_000_000))
            .unwrap();
        seconds
    }

    #[test]
    fn reads_each_interval_of_a_growing_log_once() {
        let bytes = log_of(4);
        for piece in [1, 7, 100, bytes.len()] {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("intervals.hlog");
            let mut tail = IntervalTail::new(path.clone());
            assert!(seconds(&mut tail).is_empty(), "it does not exist yet");
            let mut file = File::create(&path).unwrap();
            let mut read = Vec::new();
            for part in bytes.chunks(piece) {
                file.write_all(part).unwrap();
                read.extend(seconds(&mut tail));
            }
            assert_eq!(read, [0, 1, 2, 3], "pieces of {piece} bytes");
            assert!(seconds(&mut tail).is_empty());
        }
    }

    #[test]
    fn malformed_line_is_an_error_each_time() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let mut bytes = log_of(1);
        bytes.extend_from_slice(b"Tag=response.p0.r0,0.000,1.000,0.1,!!!!\n");
        std::fs::write(&path, &bytes).unwrap();
        let mut tail = IntervalTail::new(path);
        let mut read = 0;
        assert!(tail.read(|_| read += 1).is_err());
        assert!(tail.read(|_| read += 1).is_err());
        assert_eq!(read, 1);
    }
}

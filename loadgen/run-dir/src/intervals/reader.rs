//! Reader of `intervals.hlog`.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Take};
use std::path::{Path, PathBuf};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::serialization::interval_log::{IntervalLogIterator, LogEntry};

use super::{IntervalHistogram, Series};
use crate::RunDirError;
use crate::histogram::decode;

/// Latest time in a run directory, in nanoseconds since the start of the run: a year.
pub(crate) const TIME_NS_MAX: u64 = 366 * 86_400 * 1_000_000_000;

/// Longest line that the reader accepts, in bytes: several times the longest line of a full histogram.
const LINE_BYTES_MAX: u64 = 4 << 20;

/// The intervals of a log in the order in which they were written, one in memory at a time.
///
/// Skips a truncated last line, which a full disk or a crash leaves behind. Any other malformed line is an error, and ends
/// the iteration.
pub struct Intervals {
    path: PathBuf,
    rows: Box<dyn Iterator<Item = Result<IntervalHistogram, RunDirError>> + Send>,
}

/// The lines of one log.
pub(super) struct LogLines {
    path: PathBuf,
    lines: BufReader<Take<File>>,
    /// Bytes of the complete lines that were read.
    bytes: u64,
    line: Vec<u8>,
    inflated: Vec<u8>,
    ended: bool,
}

impl std::fmt::Debug for Intervals {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Intervals")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Intervals {
    /// Opens the log at `path`. Reads no further than `bytes`, if given.
    ///
    /// # Errors
    /// If the file does not exist or can't be read.
    pub fn open(path: &Path, bytes: Option<u64>) -> Result<Self, RunDirError> {
        let file = File::open(path).map_err(|source| RunDirError::Read {
            path: path.to_owned(),
            source,
        })?;
        let lines = LogLines::new(path, file, bytes);
        Ok(Self::of(path.to_owned(), lines))
    }

    /// Intervals that are read from several logs below `path`.
    pub(crate) fn of(
        path: PathBuf,
        rows: impl Iterator<Item = Result<IntervalHistogram, RunDirError>> + Send + 'static,
    ) -> Self {
        Self {
            path,
            rows: Box::new(rows),
        }
    }
}

impl Iterator for Intervals {
    type Item = Result<IntervalHistogram, RunDirError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.rows.next()
    }
}

impl LogLines {
    /// Reads `file` from its current position, and no further than `bytes`, if given. `path` is for errors.
    pub(super) fn new(path: &Path, file: File, bytes: Option<u64>) -> Self {
        Self {
            path: path.to_owned(),
            lines: BufReader::new(file.take(bytes.unwrap_or(u64::MAX))),
            bytes: 0,
            line: Vec::new(),
            inflated: Vec::new(),
            ended: false,
        }
    }

    /// Bytes of the complete lines that were read.
    pub(super) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Reads the next line that holds an interval.
    fn read(&mut self) -> Result<Option<IntervalHistogram>, RunDirError> {
        loop {
            self.line.clear();
            let mut lines = (&mut self.lines).take(LINE_BYTES_MAX);
            let read = lines.read_until(b'\n', &mut self.line);
            let bytes = read.map_err(|source| RunDirError::Read {
                path: self.path.clone(),
                source,
            })?;
            let parsed = if self.line.last() == Some(&b'\n') {
                self.bytes += bytes as u64;
                parse(&self.line, &mut self.inflated)
            } else if (bytes as u64) < LINE_BYTES_MAX {
                return Ok(None);
            } else {
                Err("a line is longer than any interval".to_owned())
            };
            let parsed = parsed.map_err(|reason| RunDirError::Malformed {
                path: self.path.clone(),
                reason,
            })?;
            if parsed.is_some() {
                return Ok(parsed);
            }
        }
    }
}

impl Iterator for LogLines {
    type Item = Result<IntervalHistogram, RunDirError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let next = self.read().transpose();
        self.ended = !matches!(next, Some(Ok(_)));
        next
    }
}

/// Parses a line with its line feed. `None` for a comment or a heading.
fn parse(line: &[u8], inflated: &mut Vec<u8>) -> Result<Option<IntervalHistogram>, String> {
    let interval = match IntervalLogIterator::new(line).next() {
        None => return Ok(None),
        Some(Err(error)) => return Err(format!("{error:?}")),
        Some(Ok(LogEntry::Interval(interval))) => interval,
        Some(Ok(_)) => return Ok(None),
    };
    let tag = interval.tag().ok_or("an interval has no tag")?;
    let series: Series = tag.as_str().parse()?;
    let encoded = BASE64
        .decode(interval.encoded_histogram())
        .map_err(|error| format!("histogram of {series}: {error}"))?;
    let histogram = decode(&encoded, inflated);
    Ok(Some(IntervalHistogram {
        series,
        start_ns: milliseconds_in_ns(interval.start_timestamp())?,
        duration_ns: milliseconds_in_ns(interval.duration())?,
        histogram: histogram.map_err(|reason| format!("histogram of {series}: {reason}"))?,
    }))
}

/// Converts a time of the log to nanoseconds. The log has a resolution of milliseconds, and its parser goes through a
/// floating-point number.
fn milliseconds_in_ns(time: Duration) -> Result<u64, String> {
    let ns = ((time.as_secs_f64() * 1_000.0).round() as u64).checked_mul(1_000_000);
    ns.filter(|ns| *ns <= TIME_NS_MAX).ok_or_else(|| {
        let seconds = time.as_secs();
        format!("a time of {seconds} s is more than a year")
    })
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use proptest::prelude::*;

    use super::*;
    use crate::histogram::{LATENCY_NS_MAX, latency_histogram};
    use crate::intervals::IntervalLog;
    use crate::{IntervalFold, Metric, Timeline};

    /// Writes a log of one interval a second. Returns its length in bytes after each.
    fn log_of(values: &[u64]) -> (tempfile::TempDir, PathBuf, Vec<u64>) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let mut log = IntervalLog::create(&path, SystemTime::now()).unwrap();
        let mut lengths = Vec::new();
        for (second, value) in values.iter().enumerate() {
            let mut interval = latency_histogram::<u32>();
            interval.saturating_record(*value);
            let series = Series {
                metric: Metric::Response,
                phase: 1,
                request: 0,
            };
            let start = Duration::from_secs(second as u64);
            let appended = log.append(series, start, Duration::from_secs(1), &interval);
            appended.unwrap();
            lengths.push(log.flush().unwrap());
        }
        (directory, path, lengths)
    }

    fn read(path: &Path, bytes: Option<u64>) -> Result<Vec<IntervalHistogram>, RunDirError> {
        Intervals::open(path, bytes)?.collect()
    }

    #[test]
    fn reads_intervals_in_order() {
        let (_directory, path, _) = log_of(&[1_000, 2_000_000, LATENCY_NS_MAX]);
        let intervals = read(&path, None).unwrap();
        let starts: Vec<u64> = intervals.iter().map(|interval| interval.start_ns).collect();
        assert_eq!(starts, [0, 1_000_000_000, 2_000_000_000]);
        assert!(
            intervals
                .iter()
                .all(|interval| interval.histogram.len() == 1)
        );
        assert!(latency_histogram::<u64>().equivalent(intervals[1].histogram.max(), 2_000_000));
    }

    #[test]
    fn skips_a_truncated_last_line() {
        let (_directory, path, _) = log_of(&[1_000, 2_000]);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        assert_eq!(read(&path, None).unwrap().len(), 1);
    }

    #[test]
    fn reads_no_further_than_asked() {
        let (_directory, path, lengths) = log_of(&[1_000, 2_000, 3_000]);
        for (count, bytes) in lengths.into_iter().enumerate() {
            assert_eq!(read(&path, Some(bytes)).unwrap().len(), count + 1);
        }
        assert_eq!(read(&path, Some(u64::MAX)).unwrap().len(), 3);
    }

    #[test]
    fn refuses_times_beyond_a_year() {
        let (_directory, path, _) = log_of(&[1_000]);
        let text = std::fs::read_to_string(&path).unwrap();
        for time in ["31622400.000", "18446744073709551.000"] {
            let later = text.replace("r0,0.000,", &format!("r0,{time},"));
            assert_ne!(later, text);
            std::fs::write(&path, later).unwrap();
            let refused = read(&path, None);
            assert_eq!(refused.is_ok(), time.starts_with("316224"), "{time}");
        }
    }

    #[test]
    fn refuses_an_endless_line() {
        let (_directory, path, _) = log_of(&[1_000]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.resize(bytes.len() + LINE_BYTES_MAX as usize, b'x');
        std::fs::write(&path, &bytes).unwrap();
        let error = read(&path, None).unwrap_err().to_string();
        assert!(error.contains("longer than any interval"), "{error}");
        // One byte less, and it may be a truncated line of a valid log.
        bytes.pop();
        std::fs::write(&path, &bytes).unwrap();
        assert_eq!(read(&path, None).unwrap().len(), 1);
    }

    /// Damage to a log: positions, and the bytes that replace the byte there.
    fn damage() -> impl Strategy<Value = Vec<(prop::sample::Index, Vec<u8>)>> {
        let piece = prop_oneof![
            Just(Vec::new()),
            prop::collection::vec(any::<u8>(), 1..4),
            "[0-9.,]{1,24}".prop_map(String::into_bytes),
        ];
        prop::collection::vec((any::<prop::sample::Index>(), piece), 1..6)
    }

    proptest! {
        #[test]
        fn damaged_logs_never_panic(damage in damage()) {
            let (_directory, path, _) = log_of(&[1_000, 2_000_000, LATENCY_NS_MAX]);
            let mut bytes = std::fs::read(&path).unwrap();
            for (place, piece) in damage {
                let place = place.index(bytes.len());
                bytes.splice(place..=place, piece);
            }
            std::fs::write(&path, &bytes).unwrap();
            let mut fold = IntervalFold::over(&Timeline::default());
            for interval in Intervals::open(&path, None).unwrap().map_while(Result::ok) {
                prop_assert!(interval.start_ns <= TIME_NS_MAX && interval.duration_ns <= TIME_NS_MAX);
                fold.add(&interval);
            }
            for (_, sum) in fold.series() {
                sum.add_to(&mut latency_histogram());
            }
        }
    }

    #[test]
    fn ends_at_the_first_malformed_line() {
        let (_directory, path, _) = log_of(&[1_000]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"Tag=response.p0.r0,0.000,1.000,0.1,!!!!\n");
        bytes.extend_from_slice(b"Tag=response.p0.r0,0.000,1.000,0.1,!!!!\n");
        std::fs::write(&path, &bytes).unwrap();
        let results: Vec<bool> = Intervals::open(&path, None)
            .unwrap()
            .map(|interval| interval.is_ok())
            .collect();
        assert_eq!(results, [true, false]);
    }
}

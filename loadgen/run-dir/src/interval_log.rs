//! `intervals.hlog`: an HdrHistogram interval log that its own tools read.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hdrhistogram::Histogram;
use hdrhistogram::serialization::interval_log::{
    IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};
use hdrhistogram::serialization::{Deserializer, V2DeflateSerializer};

use crate::{IntervalHistogram, RunDirError, Series, SparseHistogram};

/// The longest latency that is told apart, one hour in nanoseconds; longer ones count as this.
pub const HIGHEST_NS: u64 = 3_600_000_000_000;

/// Significant decimal digits of every histogram.
pub const SIGNIFICANT_DIGITS: u8 = 3;

/// Makes an empty histogram of the shape that a run records into.
pub fn histogram<C: hdrhistogram::Counter>() -> Histogram<C> {
    Histogram::new_with_bounds(1, HIGHEST_NS, SIGNIFICANT_DIGITS)
        .expect("the bounds are constants that HdrHistogram accepts")
}

/// Appends interval histograms to a log.
///
/// The times of the log are seconds since its base time, the start of the run; values are
/// nanoseconds, in the histograms and in the log's own column of maxima.
pub struct IntervalLog {
    path: PathBuf,
    file: BufWriter<File>,
    serializer: V2DeflateSerializer,
}

impl std::fmt::Debug for IntervalLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IntervalLog")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl IntervalLog {
    /// Creates the log at `path`, for a run that begins at `base`.
    pub fn create(path: &Path, base: SystemTime) -> Result<Self, RunDirError> {
        let write = |source| RunDirError::Write {
            path: path.to_owned(),
            source,
        };
        let mut log = Self {
            path: path.to_owned(),
            file: BufWriter::new(File::create(path).map_err(write)?),
            serializer: V2DeflateSerializer::new(),
        };
        IntervalLogWriterBuilder::new()
            .add_comment("[Histogram log format version 1.3]")
            .add_comment("Tags are metric.phase.request; values are nanoseconds.")
            .with_start_time(base)
            .with_base_time(base)
            .begin_log_with(&mut log.file, &mut log.serializer)
            .map_err(write)?;
        log.file
            .write_all(
                b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
            )
            .map_err(write)?;
        Ok(log)
    }

    /// Appends one histogram, of the interval that starts at `start` and lasts `duration`.
    pub fn append<C: hdrhistogram::Counter>(
        &mut self,
        series: Series,
        start: Duration,
        duration: Duration,
        histogram: &Histogram<C>,
    ) -> Result<(), RunDirError> {
        let tag = series.to_string();
        // The writer borrows what it writes to; without headers, beginning anew writes nothing.
        let written = IntervalLogWriterBuilder::new()
            .begin_log_with(&mut self.file, &mut self.serializer)
            .and_then(|mut writer| {
                writer
                    .write_histogram(histogram, start, duration, Tag::new(&tag))
                    .map_err(std::io::Error::other)
            });
        written.map_err(|source| RunDirError::Write {
            path: self.path.clone(),
            source,
        })
    }

    /// Writes out what is buffered.
    pub fn flush(&mut self) -> Result<(), RunDirError> {
        self.file.flush().map_err(|source| RunDirError::Write {
            path: self.path.clone(),
            source,
        })
    }
}

/// Reads a log back, interval by interval.
///
/// A last line that was cut short, as by a full disk or a kill, is left out; anything else that is
/// not a line of an interval log is an error.
pub fn read(path: &Path) -> Result<Vec<IntervalHistogram>, RunDirError> {
    let bytes = std::fs::read(path).map_err(|source| RunDirError::Read {
        path: path.to_owned(),
        source,
    })?;
    let malformed = |reason: String| RunDirError::Malformed {
        path: path.to_owned(),
        reason,
    };
    let whole = bytes
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |end| end + 1);
    let mut deserializer = Deserializer::new();
    let mut intervals = Vec::new();
    for entry in IntervalLogIterator::new(&bytes[..whole]) {
        let entry = entry.map_err(|error| malformed(format!("{error:?}")))?;
        let LogEntry::Interval(interval) = entry else {
            continue;
        };
        let tag = interval
            .tag()
            .ok_or_else(|| malformed("an interval has no tag".into()))?;
        let series: Series = tag.as_str().parse().map_err(malformed)?;
        let encoded = BASE64
            .decode(interval.encoded_histogram())
            .map_err(|error| malformed(format!("histogram of {series}: {error}")))?;
        let histogram: Histogram<u64> = deserializer
            .deserialize(&mut encoded.as_slice())
            .map_err(|error| malformed(format!("histogram of {series}: {error}")))?;
        intervals.push(IntervalHistogram {
            series,
            start_ns: milliseconds_in_ns(interval.start_timestamp()),
            duration_ns: milliseconds_in_ns(interval.duration()),
            histogram: SparseHistogram::of(&histogram),
        });
    }
    Ok(intervals)
}

/// The nanoseconds of a time of the log, which has a grain of a millisecond and comes through a
/// floating-point number.
fn milliseconds_in_ns(time: Duration) -> u64 {
    (time.as_secs_f64() * 1_000.0).round() as u64 * 1_000_000
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Metric;

    fn log_of(values: &[u64]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let mut log = IntervalLog::create(&path, SystemTime::now()).unwrap();
        for (second, value) in values.iter().enumerate() {
            let mut interval = histogram::<u32>();
            interval.record(*value).unwrap();
            let series = Series {
                metric: Metric::Response,
                phase: 1,
                request: 0,
            };
            let start = Duration::from_secs(second as u64);
            log.append(series, start, Duration::from_secs(1), &interval)
                .unwrap();
        }
        log.flush().unwrap();
        (directory, path)
    }

    #[test]
    fn intervals_read_back_in_order() {
        let (_directory, path) = log_of(&[1_000, 2_000_000, HIGHEST_NS]);
        let intervals = read(&path).unwrap();
        let starts: Vec<u64> = intervals.iter().map(|interval| interval.start_ns).collect();
        assert_eq!(starts, [0, 1_000_000_000, 2_000_000_000]);
        assert!(
            intervals
                .iter()
                .all(|interval| interval.histogram.len() == 1)
        );
        assert!(histogram::<u64>().equivalent(intervals[1].histogram.max(), 2_000_000));
    }

    #[test]
    fn a_line_cut_short_is_left_out() {
        let (_directory, path) = log_of(&[1_000, 2_000]);
        let bytes = std::fs::read(&path).unwrap();
        std::fs::write(&path, &bytes[..bytes.len() - 5]).unwrap();
        assert_eq!(read(&path).unwrap().len(), 1);
    }

    #[test]
    fn what_is_no_log_is_refused() {
        let (_directory, path) = log_of(&[1_000]);
        let mut bytes = std::fs::read(&path).unwrap();
        bytes.extend_from_slice(b"Tag=response.p0.r0,0.000,1.000,0.1,!!!!\n");
        std::fs::write(&path, &bytes).unwrap();
        assert!(read(&path).is_err());
    }
}

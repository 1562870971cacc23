//! Writer of `intervals.hlog`, an interval log that HdrHistogram's tools read.

use std::fs::File;
use std::io::{BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use hdrhistogram::Histogram;
use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};

use super::{IntervalHistogram, Series};
use crate::RunDirError;
use crate::histogram::latency_histogram;

/// Writer of an interval log.
///
/// Times in the log are seconds since the base time, which is the start of the run. Values are nanoseconds, also in the
/// column of maxima.
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
    /// Creates the log at `path`, for a run that starts at `base`.
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

    /// Appends the histogram of an interval that starts at `start` and lasts `duration`.
    pub fn append<C: hdrhistogram::Counter>(
        &mut self,
        series: Series,
        start: Duration,
        duration: Duration,
        histogram: &Histogram<C>,
    ) -> Result<(), RunDirError> {
        let tag = series.to_string();
        // A new writer for each row, because it borrows the file. Without headers, it writes nothing by itself.
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

    /// Appends an interval that was read from a log, or merged from several.
    pub fn append_interval(&mut self, interval: &IntervalHistogram) -> Result<(), RunDirError> {
        let mut whole = latency_histogram::<u64>();
        interval.histogram.add_to(&mut whole);
        let start = Duration::from_nanos(interval.start_ns);
        let duration = Duration::from_nanos(interval.duration_ns);
        self.append(interval.series, start, duration, &whole)
    }

    /// Flushes the buffer and returns the length of the log, in bytes.
    pub fn flush(&mut self) -> Result<u64, RunDirError> {
        let flushed = self.file.flush();
        flushed
            .and_then(|()| self.file.get_mut().stream_position())
            .map_err(|source| RunDirError::Write {
                path: self.path.clone(),
                source,
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::histogram::LATENCY_NS_MAX;
    use crate::{Intervals, Metric};

    fn log_of(values: &[u64]) -> (tempfile::TempDir, PathBuf, u64) {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let mut log = IntervalLog::create(&path, SystemTime::now()).unwrap();
        for (second, value) in values.iter().enumerate() {
            let mut interval = latency_histogram::<u32>();
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
        let bytes = log.flush().unwrap();
        (directory, path, bytes)
    }

    #[test]
    fn flush_returns_the_length_of_the_log() {
        let (_directory, path, bytes) = log_of(&[1_000, 2_000_000, LATENCY_NS_MAX]);
        assert_eq!(std::fs::metadata(&path).unwrap().len(), bytes);
    }

    #[test]
    fn copies_a_log_row_by_row() {
        let (directory, path, _) = log_of(&[1_000, 2_000_000, LATENCY_NS_MAX]);
        let again = directory.path().join("again.hlog");
        let mut log = IntervalLog::create(&again, SystemTime::now()).unwrap();
        for interval in Intervals::open(&path, None).unwrap() {
            log.append_interval(&interval.unwrap()).unwrap();
        }
        log.flush().unwrap();
        let read = |path: &Path| -> Vec<IntervalHistogram> {
            let intervals = Intervals::open(path, None).unwrap();
            intervals.collect::<Result<_, _>>().unwrap()
        };
        assert_eq!(read(&path), read(&again));
    }
}

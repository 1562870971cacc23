//! `.hlog`: an HdrHistogram interval log, for the tools that read one.

use std::io;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use tenfold_analysis::{Scope, ScopeInterval};
use tenfold_run_dir::Metric;
use tenfold_run_dir::latency_histogram;

/// Nanoseconds in the unit of the log's column of maxima, as its tools take it by default.
const UNIT_NS: f64 = 1e6;

/// Writes the counted intervals of a run that began at `started_at` (RFC 3339).
///
/// Lines without a tag are the response time of all requests, which is what the tools show unless they
/// are asked for a tag; the others have a tag such as `service.reads`. Histograms hold nanoseconds.
///
/// # Errors
/// Where `to` can't be written; those of `intervals` are passed on.
pub fn write(
    intervals: impl Iterator<Item = io::Result<ScopeInterval>>,
    started_at: &str,
    to: &mut impl io::Write,
) -> io::Result<()> {
    let start = started_at
        .parse::<jiff::Timestamp>()
        .ok()
        .and_then(|at| SystemTime::try_from(at).ok())
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let mut serializer = V2DeflateSerializer::new();
    IntervalLogWriterBuilder::new()
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(
            "Counted phases only. No tag: response time of all requests; values are nanoseconds.",
        )
        .with_start_time(start)
        .with_base_time(start)
        .begin_log_with(to, &mut serializer)?;
    to.write_all(
        b"\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n",
    )?;
    let mut whole = latency_histogram::<u64>();
    // Without headers, beginning anew writes nothing.
    let mut lines = IntervalLogWriterBuilder::new();
    lines.with_max_value_divisor(UNIT_NS);
    let mut log = lines.begin_log_with(to, &mut serializer)?;
    for interval in intervals {
        let interval = interval?;
        whole.reset();
        interval.histogram.add_to(&mut whole);
        let name = format!("{}.{}", interval.metric, interval.scope.name());
        let tag = match (interval.metric, interval.scope) {
            (Metric::Response, Scope::All) => None,
            _ => Tag::new(&name),
        };
        let start = Duration::from_nanos(interval.start_ns);
        let duration = Duration::from_nanos(interval.duration_ns);
        log.write_histogram(&whole, start, duration, tag)
            .map_err(|error| io::Error::other(format!("{error:?}")))?;
    }
    Ok(())
}

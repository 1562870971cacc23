//! `.hlog`: an interval log of HdrHistogram.

use std::io;
use std::path::Path;
use std::time::{Duration, SystemTime};

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{IntervalLogWriterBuilder, Tag};
use tenfold_analysis::{Scope, ScopeInterval, intervals_by_scope};
use tenfold_run_dir::Metric;
use tenfold_run_dir::latency_histogram;

use crate::export::{Format, Rendered};
use crate::run::formats::{RunResults, RunSubject, intervals};

pub(super) const FORMAT: Format<RunSubject> = Format {
    name: "hlog",
    default_file: "latencies.hlog",
    render,
};

/// Nanoseconds in a millisecond, the unit of the column of maxima.
const UNIT_NS: f64 = 1e6;

fn render<'a>(results: &'a RunResults<'a>, _: &Path) -> io::Result<Rendered<'a>> {
    let RunResults { run, summary } = *results;
    Ok(Rendered::Rows(Box::new(move |mut file| {
        let by_scope = intervals_by_scope(run, &Scope::KINDS, intervals(run)?);
        write(by_scope, &summary.started_at, &mut file)
    })))
}

/// Writes the counted intervals of a run that began at `started_at` (RFC 3339).
///
/// Lines without a tag hold the response time of all requests, which the tools show by default. Other lines
/// have a tag such as `service.reads`. Histograms hold nanoseconds.
fn write(
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
    // Without comments, a second log writes no header.
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

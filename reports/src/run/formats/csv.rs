//! CSV: the time line with a row per second, and a table with a row per request. The names of the columns
//! contain their units.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;

use ::csv::{Terminator, Writer, WriterBuilder};
use tenfold_analysis::{Latency, Second, Summary, seconds};
use tenfold_run_dir::Blame;
use tenfold_run_dir::counts::blamed_on;

use crate::export::{Format, Rendered};
use crate::run::formats::{RunResults, RunSubject, intervals};

pub(super) const TIMELINE: Format<RunSubject> = Format {
    name: "csv",
    default_file: "timeline.csv",
    render: render_timeline,
};

pub(super) const REQUESTS: Format<RunSubject> = Format {
    name: "csv-requests",
    default_file: "requests.csv",
    render: render_requests,
};

fn render_timeline<'a>(results: &'a RunResults<'a>, _: &Path) -> io::Result<Rendered<'a>> {
    let run = results.run;
    Ok(Rendered::Rows(Box::new(move |file| {
        timeline(seconds(run, intervals(run)?), file)
    })))
}

fn render_requests<'a>(results: &'a RunResults<'a>, path: &Path) -> io::Result<Rendered<'a>> {
    let text = requests(results.summary).map_err(io::Error::other)?;
    Ok(Rendered::file(path, text))
}

/// Writes the time line: a row per second, including the warm-up, which is marked.
///
/// A cell is empty if there are too few samples for its percentile.
fn timeline(
    seconds: impl Iterator<Item = io::Result<Second>>,
    to: impl io::Write,
) -> io::Result<()> {
    let mut table = table(to);
    table.write_record([
        "start_s",
        "duration_s",
        "phase",
        "counted",
        "offered",
        "sent",
        "completed",
        "reads_completed",
        "writes_completed",
        "failed",
        "dropped",
        "in_flight_at_end",
        "waiting_at_end",
        "samples",
        "response_p50_ms",
        "response_p90_ms",
        "response_p99_ms",
        "response_max_ms",
        "service_p99_ms",
        "lag_p99_ms",
        "generator_cores",
    ])?;
    for second in seconds {
        let second = second?;
        let row = &second.row;
        let counts = [
            row.planned,
            row.sent,
            row.reads + row.writes,
            row.reads,
            row.writes,
            row.failed,
            row.dropped,
            row.in_flight,
            row.waiting,
            second.samples,
        ];
        let latencies = [
            second.response_p50_ns,
            second.response_p90_ns,
            second.response_p99_ns,
            second.response_max_ns,
            second.service_p99_ns,
            second.lag_p99_ns,
        ];
        let record = [
            seconds_of(row.start_ns),
            seconds_of(row.duration_ns),
            second.phase.clone(),
            second.counted.to_string(),
        ]
        .into_iter()
        .chain(counts.map(|count| count.to_string()))
        .chain(latencies.map(milliseconds))
        .chain([format!("{:.4}", second.generator_cores)]);
        table.write_record(record)?;
    }
    table.flush()
}

/// Renders a row per request of the scenario, over the counted phases.
fn requests(summary: &Summary) -> Result<String, ::csv::Error> {
    let mut table = table(Vec::new());
    let latency_columns = ["response", "service", "first_byte", "lag"].into_iter();
    let figures = [
        "samples", "mean_ms", "p50_ms", "p90_ms", "p95_ms", "p99_ms", "p99.9_ms", "max_ms",
    ];
    let head = [
        "request",
        "kind",
        "method",
        "offered",
        "sent",
        "completed",
        "failed",
        "dropped",
        "in_flight_at_end",
        "body_bytes",
        "statuses",
        "failures",
        "failed_by_generator",
    ]
    .map(str::to_owned)
    .into_iter()
    .chain(latency_columns.flat_map(|name| figures.map(|figure| format!("{name}_{figure}"))));
    table.write_record(head)?;
    for request in &summary.requests {
        let arrivals = &request.arrivals;
        let counts = [
            arrivals.planned,
            arrivals.sent,
            arrivals.completed,
            arrivals.failed,
            arrivals.dropped,
            arrivals.in_flight,
            request.body_bytes,
        ];
        let latencies = &request.latency_ns;
        let record = [
            request.name.clone(),
            request.kind.clone(),
            request.method.clone(),
        ]
        .into_iter()
        .chain(counts.map(|count| count.to_string()))
        .chain([
            listed(&request.statuses),
            listed(&request.failures),
            blamed_on(Blame::Generator, &request.failures).to_string(),
        ])
        .chain(
            [
                &latencies.response,
                &latencies.service,
                &latencies.first_byte,
                &latencies.lag,
            ]
            .into_iter()
            .flat_map(cells),
        );
        table.write_record(record)?;
    }
    let bytes = table
        .into_inner()
        .map_err(|error| ::csv::Error::from(error.into_error()))?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn table<W: io::Write>(to: W) -> Writer<W> {
    WriterBuilder::new()
        .terminator(Terminator::Any(b'\n'))
        .from_writer(to)
}

fn cells(latency: &Latency) -> [String; 8] {
    let [mean, p50, p90, p95, p99, p999, max] = [
        latency.mean,
        latency.p50,
        latency.p90,
        latency.p95,
        latency.p99,
        latency.p999,
        latency.max,
    ]
    .map(milliseconds);
    [
        latency.count.to_string(),
        mean,
        p50,
        p90,
        p95,
        p99,
        p999,
        max,
    ]
}

fn listed(counts: &BTreeMap<String, u64>) -> String {
    let counts = counts.iter().map(|(name, count)| format!("{name}={count}"));
    counts.collect::<Vec<_>>().join(" ")
}

/// Formats nanoseconds as milliseconds, without loss; empty for `None`.
fn milliseconds(ns: Option<u64>) -> String {
    ns.map_or_else(String::new, |ns| {
        format!("{}.{:06}", ns / 1_000_000, ns % 1_000_000)
    })
}

fn seconds_of(ns: u64) -> String {
    format!("{}.{:03}", ns / 1_000_000_000, ns / 1_000_000 % 1_000)
}

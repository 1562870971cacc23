//! The metrics as text, in the format of Prometheus.

use std::fmt::Write;

use super::histogram::BOUNDS;
use super::process;
use super::requests::Requests;
use crate::store::{BATCH_SIZE_BOUNDS, WriteStats};

/// The media type of the text.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes all metrics.
pub(crate) fn exposition(requests: &Requests, writes: &WriteStats) -> String {
    let mut text = Text(String::with_capacity(16 * 1_024));
    text.metric(
        "http_server_requests_total",
        "counter",
        "Requests whose head was read by the main listener, each once, on arrival.",
        requests.arrived(),
    );
    text.metric(
        "http_server_requests_abandoned_total",
        "counter",
        "Requests whose client went away before they were answered.",
        requests.abandoned(),
    );
    text.metric(
        "http_server_requests_in_flight",
        "gauge",
        "Requests that have arrived and are not answered yet.",
        requests.in_flight(),
    );
    durations(&mut text, requests);
    store(&mut text, writes);
    text.metric(
        "process_cpu_seconds_total",
        "counter",
        "CPU time of this process.",
        process::cpu_time().as_secs_f64(),
    );
    if let Some(bytes) = process::resident_bytes() {
        let help = "Resident memory of this process.";
        text.metric("process_resident_memory_bytes", "gauge", help, bytes);
    }
    if let Some(fds) = process::open_fds() {
        let help = "Open file descriptors of this process.";
        text.metric("process_open_fds", "gauge", help, fds);
    }
    text.0
}

fn durations(text: &mut Text, requests: &Requests) {
    let name = "http_server_request_duration_seconds";
    text.head(
        name,
        "histogram",
        "Time from a request's head to its answer, without sending the answer. Status 0 is any \
         other status.",
    );
    for answered in requests.answered() {
        let labels = format!(
            "method=\"{}\",route=\"{}\",status=\"{}\"",
            answered.method, answered.route, answered.status
        );
        let counts = answered.durations.cumulative;
        for ((bound, _), count) in BOUNDS.iter().zip(counts) {
            text.line(format_args!(
                "{name}_bucket{{{labels},le=\"{bound}\"}} {count}"
            ));
        }
        let total = counts[BOUNDS.len()];
        let sum_s = answered.durations.sum_ns as f64 / 1e9;
        text.line(format_args!(
            "{name}_bucket{{{labels},le=\"+Inf\"}} {total}"
        ));
        text.line(format_args!("{name}_sum{{{labels}}} {sum_s}"));
        text.line(format_args!("{name}_count{{{labels}}} {total}"));
    }
}

fn store(text: &mut Text, writes: &WriteStats) {
    text.metric(
        "store_write_queue_depth",
        "gauge",
        "Writes that wait for the store's writer.",
        writes.queued,
    );
    text.metric(
        "store_commits_total",
        "counter",
        "Transactions committed, each with one sync of the disk.",
        writes.commits,
    );
    let name = "store_write_batch_size";
    text.head(name, "histogram", "Writes that shared a transaction.");
    let mut total = 0;
    for (bound, count) in BATCH_SIZE_BOUNDS.iter().zip(writes.batch_sizes) {
        total += count;
        text.line(format_args!("{name}_bucket{{le=\"{bound}\"}} {total}"));
    }
    total += writes.batch_sizes[BATCH_SIZE_BOUNDS.len()];
    text.line(format_args!("{name}_bucket{{le=\"+Inf\"}} {total}"));
    text.line(format_args!("{name}_sum {}", writes.writes));
    text.line(format_args!("{name}_count {total}"));
}

struct Text(String);

impl Text {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        self.line(format_args!("# HELP {name} {help}"));
        self.line(format_args!("# TYPE {name} {kind}"));
    }

    fn metric(&mut self, name: &str, kind: &str, help: &str, value: impl std::fmt::Display) {
        self.head(name, kind, help);
        self.line(format_args!("{name} {value}"));
    }

    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a string does not fail.
        let _ = writeln!(self.0, "{line}");
    }
}

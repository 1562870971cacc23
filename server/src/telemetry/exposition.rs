//! The metrics as text, in the format of Prometheus.

use std::fmt::Write;

use super::histogram::BOUNDS;
use super::process;
use super::requests::Requests;
use crate::store::{BATCH_SIZE_BOUNDS, CacheStats, LayerStats, ReplicaStats, Store, WriteStats};

/// The media type of the text.
pub(crate) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Writes all metrics.
pub(crate) fn exposition(requests: &Requests, behind: &dyn Store) -> String {
    let mut text = Text(String::with_capacity(16 * 1_024));
    text.metric(
        "http_server_requests_total",
        "counter",
        "Requests whose head was read by the main listener or the socket beside it, each once, on arrival.",
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
    waits(&mut text, requests);
    store(&mut text, &behind.write_stats());
    if let Some(stats) = behind.cache_stats() {
        cache(&mut text, &stats);
    }
    let replicas = behind.replica_stats();
    if !replicas.is_empty() {
        replication(&mut text, &replicas, behind.primary_reads());
    }
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

fn waits(text: &mut Text, requests: &Requests) {
    let name = "component_wait_seconds";
    let (count, sum) = requests.store_waits().total();
    text.head(name, "summary", "Time that answers waited for a component.");
    text.line(format_args!(
        "{name}_sum{{component=\"store\"}} {}",
        sum.as_secs_f64()
    ));
    text.line(format_args!("{name}_count{{component=\"store\"}} {count}"));
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

fn cache(text: &mut Text, stats: &CacheStats) {
    type Counter = (&'static str, &'static str, fn(&LayerStats) -> u64);
    let counters: [Counter; 8] = [
        (
            "hits",
            "Reads that found what they sought, or that it does not exist.",
            |layer| layer.hits,
        ),
        ("misses", "Reads that did not.", |layer| layer.misses),
        ("fills", "Values put into the cache.", |layer| layer.fills),
        (
            "invalidations",
            "Values taken out since something changed.",
            |layer| layer.invalidations,
        ),
        (
            "amendments",
            "Values of the process that a change was put into.",
            |layer| layer.amendments,
        ),
        (
            "refreshes",
            "Values loaded anew before they expired.",
            |layer| layer.refreshes,
        ),
        (
            "errors",
            "Calls that failed or could not be made.",
            |layer| layer.errors,
        ),
        (
            "evictions",
            "Values that went for want of room; the shared cache counts its own.",
            |layer| layer.evictions,
        ),
    ];
    for (what, help, count) in counters {
        let name = format!("tenfold_cache_{what}_total");
        text.head(&name, "counter", help);
        for (layer, stats) in [("local", &stats.local), ("shared", &stats.shared)] {
            let count = count(stats);
            text.line(format_args!("{name}{{layer=\"{layer}\"}} {count}"));
        }
    }
    for (name, kind, help, value) in [
        (
            "tenfold_cache_local_bytes",
            "gauge",
            "What the in-process layer holds.",
            stats.local_bytes,
        ),
        (
            "tenfold_cache_loads_total",
            "counter",
            "Reads that asked the store.",
            stats.loads,
        ),
        (
            "tenfold_cache_loads_refused_total",
            "counter",
            "Reads refused since too many asked the store already.",
            stats.loads_refused,
        ),
        (
            "tenfold_cache_coalesced_total",
            "counter",
            "Reads that waited for the load of another read of this process.",
            stats.coalesced,
        ),
        (
            "tenfold_cache_lease_waits_total",
            "counter",
            "Reads that waited for another process to load.",
            stats.lease_waits,
        ),
        (
            "tenfold_cache_lease_timeouts_total",
            "counter",
            "Reads that waited for another process in vain.",
            stats.lease_timeouts,
        ),
        (
            "tenfold_cache_owed_keys",
            "gauge",
            "Changes that the shared cache could not be told of yet.",
            stats.owed,
        ),
        (
            "tenfold_cache_write_behind_queued",
            "gauge",
            "Edits that were answered and are not stored yet.",
            stats.behind_queued,
        ),
        (
            "tenfold_cache_write_behind_stored_total",
            "counter",
            "Edits that were stored after they had been answered.",
            stats.behind_stored,
        ),
        (
            "tenfold_cache_write_behind_lost_total",
            "counter",
            "Edits that were answered and will never be stored.",
            stats.behind_lost,
        ),
    ] {
        text.metric(name, kind, help, value);
    }
}

fn replication(text: &mut Text, replicas: &[ReplicaStats], primary_reads: u64) {
    let name = "tenfold_replica_lag_seconds";
    let help = "How far a replica is behind at most. Absent where that is not known.";
    text.head(name, "gauge", help);
    for (number, replica) in (1..).zip(replicas) {
        if let Some(lag) = replica.lag {
            let lag_s = lag.as_secs_f64();
            text.line(format_args!("{name}{{replica=\"{number}\"}} {lag_s}"));
        }
    }
    type Figure = (
        &'static str,
        &'static str,
        &'static str,
        fn(&ReplicaStats) -> u64,
    );
    let figures: [Figure; 3] = [
        (
            "tenfold_replica_in_use",
            "gauge",
            "Whether a replica is read: 1 or 0.",
            |replica| u64::from(replica.in_use),
        ),
        (
            "tenfold_replica_reads_total",
            "counter",
            "Reads that a replica answered.",
            |replica| replica.reads,
        ),
        (
            "tenfold_replica_errors_total",
            "counter",
            "Reads that a replica failed or did not answer in time.",
            |replica| replica.errors,
        ),
    ];
    for (name, kind, help, figure) in figures {
        text.head(name, kind, help);
        for (number, replica) in (1..).zip(replicas) {
            let value = figure(replica);
            text.line(format_args!("{name}{{replica=\"{number}\"}} {value}"));
        }
    }
    text.metric(
        "tenfold_primary_reads_total",
        "counter",
        "Reads that the primary was asked for beside its replicas.",
        primary_reads,
    );
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

//! Metrics of the service, in the Prometheus text format.

use super::histogram::BOUNDS;
use super::prometheus_text::Kind::{Counter, Gauge, Histogram, Summary};
use super::prometheus_text::{Kind, PrometheusText};
use super::requests::Requests;
use super::{FeedDesk, feed_desk, process};
use crate::queue::{JobEvent, Jobs, QueueStats};
use crate::store::sharded::{ShardCalls, ShardedStore};
use crate::store::{BATCH_SIZE_BOUNDS, CacheStats, LayerStats, ReplicaStats, Store, WriteStats};

/// Parts of the service that have metrics.
pub(crate) struct Sources<'a> {
    pub(crate) requests: &'a Requests,
    pub(crate) store: &'a dyn Store,
    /// The queue, and its jobs if it responds.
    pub(crate) jobs: Option<(&'a Jobs, Option<QueueStats>)>,
    /// The written feeds, and their jobs if the queue responds.
    pub(crate) feeds: Option<(&'a FeedDesk, Option<QueueStats>)>,
    pub(crate) sharded: Option<&'a ShardedStore>,
}

/// Writes all metrics.
pub(crate) fn exposition(sources: &Sources<'_>) -> String {
    let Sources {
        requests,
        store,
        jobs,
        feeds,
        sharded,
    } = *sources;
    let mut text = PrometheusText::with_capacity(16 * 1_024);
    text.value(
        "http_server_requests_total",
        Counter,
        "Requests on the main listener and its Unix socket, counted when their head was read.",
        requests.arrived(),
    );
    text.value(
        "http_server_requests_abandoned_total",
        Counter,
        "Requests whose client disconnected before the response.",
        requests.abandoned(),
    );
    text.value(
        "http_server_requests_in_flight",
        Gauge,
        "Requests without a response yet.",
        requests.in_flight(),
    );
    durations(&mut text, requests);
    waits(&mut text, requests);
    writes(&mut text, &store.write_stats());
    if let Some(stats) = store.cache_stats() {
        cache(&mut text, &stats);
    }
    let replicas = store.replica_stats();
    if !replicas.is_empty() {
        replication(&mut text, &replicas, store.primary_reads());
    }
    if let Some((jobs, stats)) = jobs {
        queue(&mut text, jobs, stats);
    }
    if let Some((feeds, stats)) = feeds {
        feed_desk::metrics(&mut text, feeds, stats);
    }
    if let Some(sharded) = sharded {
        shards(&mut text, sharded);
    }
    text.value(
        "process_cpu_seconds_total",
        Counter,
        "CPU time of this process.",
        process::cpu_time().as_secs_f64(),
    );
    if let Some(bytes) = process::resident_bytes() {
        let help = "Resident memory of this process.";
        text.value("process_resident_memory_bytes", Gauge, help, bytes);
    }
    if let Some(fds) = process::open_fds() {
        let help = "Open file descriptors of this process.";
        text.value("process_open_fds", Gauge, help, fds);
    }
    if let Some(fds) = process::max_fds() {
        let help = "Most file descriptors that this process may open.";
        text.value("process_max_fds", Gauge, help, fds);
    }
    text.finish()
}

fn durations(text: &mut PrometheusText, requests: &Requests) {
    let name = "http_server_request_duration_seconds";
    text.metric(
        name,
        Histogram,
        "Time from a request's head to its response, without sending it. Status 0 stands for all \
         statuses not listed.",
    );
    for completed in requests.completed() {
        let labels: [(&str, &dyn std::fmt::Display); 3] = [
            ("method", &completed.method),
            ("route", &completed.route),
            ("status", &completed.status),
        ];
        let counts = completed.durations.cumulative;
        let bounds = BOUNDS.iter().map(|(bound, _)| bound);
        let sum_s = completed.durations.sum_ns as f64 / 1e9;
        text.histogram(
            name,
            &labels,
            bounds.zip(counts),
            sum_s,
            counts[BOUNDS.len()],
        );
    }
}

fn waits(text: &mut PrometheusText, requests: &Requests) {
    let name = "component_wait_seconds";
    let (count, sum) = requests.store_waits().total();
    text.metric(name, Summary, "Time that requests waited for a component.");
    text.sum_and_count(name, &[("component", &"store")], sum.as_secs_f64(), count);
}

fn writes(text: &mut PrometheusText, stats: &WriteStats) {
    text.value(
        "store_write_queue_depth",
        Gauge,
        "Writes in the queue of the store's writer.",
        stats.queued,
    );
    text.value(
        "store_commits_total",
        Counter,
        "Committed transactions, each with one disk sync.",
        stats.commits,
    );
    let name = "store_write_batch_size";
    text.metric(name, Histogram, "Writes per transaction.");
    let mut total = 0;
    let cumulative = stats.batch_sizes.map(|count| {
        total += count;
        total
    });
    let buckets = BATCH_SIZE_BOUNDS.iter().zip(cumulative);
    text.histogram(name, &[], buckets, stats.writes, total);
}

fn cache(text: &mut PrometheusText, stats: &CacheStats) {
    type Figure = (&'static str, &'static str, fn(&LayerStats) -> u64);
    let counters: [Figure; 8] = [
        (
            "hits",
            "Reads answered from the cache, including that a value does not exist.",
            |layer| layer.hits,
        ),
        ("misses", "Reads not answered from the cache.", |layer| {
            layer.misses
        }),
        ("fills", "Values added to the cache.", |layer| layer.fills),
        (
            "invalidations",
            "Values removed because of a change.",
            |layer| layer.invalidations,
        ),
        (
            "amendments",
            "Values of the local cache updated by a change.",
            |layer| layer.amendments,
        ),
        (
            "refreshes",
            "Values reloaded before they expired.",
            |layer| layer.refreshes,
        ),
        (
            "errors",
            "Calls that failed or could not be made.",
            |layer| layer.errors,
        ),
        (
            "evictions",
            "Values evicted for lack of space; the shared cache counts its own.",
            |layer| layer.evictions,
        ),
    ];
    for (counter, help, count) in counters {
        let name = format!("tenfold_cache_{counter}_total");
        text.metric(&name, Counter, help);
        for (layer, stats) in [("local", &stats.local), ("shared", &stats.shared)] {
            text.sample(&name, &[("layer", &layer)], count(stats));
        }
    }
    for (name, kind, help, value) in [
        (
            "tenfold_cache_local_bytes",
            Gauge,
            "Size of the local cache.",
            stats.local_bytes,
        ),
        (
            "tenfold_cache_loads_total",
            Counter,
            "Reads from the store.",
            stats.loads,
        ),
        (
            "tenfold_cache_loads_refused_total",
            Counter,
            "Reads rejected because too many reads from the store were in progress.",
            stats.loads_refused,
        ),
        (
            "tenfold_cache_coalesced_total",
            Counter,
            "Reads that shared another read's load in the same process.",
            stats.coalesced,
        ),
        (
            "tenfold_cache_lease_waits_total",
            Counter,
            "Reads that waited for another process to load.",
            stats.lease_waits,
        ),
        (
            "tenfold_cache_lease_timeouts_total",
            Counter,
            "Reads that stopped waiting for another process to load.",
            stats.lease_timeouts,
        ),
        (
            "tenfold_cache_owed_keys",
            Gauge,
            "Invalidations that the shared cache has not received yet.",
            stats.pending_invalidations,
        ),
        (
            "tenfold_cache_write_behind_queued",
            Gauge,
            "Acknowledged edits not stored yet.",
            stats.behind_queued,
        ),
        (
            "tenfold_cache_write_behind_stored_total",
            Counter,
            "Edits stored after they were acknowledged.",
            stats.behind_stored,
        ),
        (
            "tenfold_cache_write_behind_lost_total",
            Counter,
            "Acknowledged edits that will never be stored.",
            stats.behind_lost,
        ),
    ] {
        text.value(name, kind, help, value);
    }
}

fn queue(text: &mut PrometheusText, jobs: &Jobs, stats: Option<QueueStats>) {
    let name = "tenfold_queue_job_events_total";
    let help = "Events in the life of jobs that this process pushed or worked on.";
    text.metric(name, Counter, help);
    for event in JobEvent::ALL {
        text.sample(
            name,
            &[("event", &event.name())],
            jobs.counters.count(event),
        );
    }
    if let Some(max) = jobs.jobs_max {
        let help = "Maximum number of jobs in the queue. Absent if unbounded.";
        text.value("tenfold_queue_jobs_max", Gauge, help, max);
    }
    // Absent if the queue does not respond.
    let Some(stats) = stats else { return };
    for (name, help, value) in [
        (
            "tenfold_queue_jobs",
            "Jobs in the queue, including those being worked on.",
            stats.jobs,
        ),
        (
            "tenfold_queue_leased",
            "Jobs being worked on, or pausing before their next attempt.",
            stats.leased,
        ),
        (
            "tenfold_queue_dead_letters",
            "Jobs that were given up.",
            stats.dead,
        ),
    ] {
        text.value(name, Gauge, help, value);
    }
}

fn shards(text: &mut PrometheusText, sharded: &ShardedStore) {
    let calls = sharded.calls();
    let name = "tenfold_shard_call_seconds";
    let help = "Time of calls of a shard by this process.";
    text.metric(name, Summary, help);
    for (shard, _, own) in &calls {
        text.sum_and_count(name, &[("shard", shard)], own.time.as_secs_f64(), own.count);
    }
    type Figure = (
        &'static str,
        Kind,
        &'static str,
        fn(usize, &ShardCalls) -> Option<f64>,
    );
    let figures: [Figure; 5] = [
        (
            "tenfold_shard_failed_calls_total",
            Counter,
            "Calls that failed because the shard did not answer.",
            |_, own| Some(own.failed as f64),
        ),
        (
            "tenfold_shard_buckets",
            Gauge,
            "Buckets of authors on a shard.",
            |buckets, _| Some(buckets as f64),
        ),
        (
            "tenfold_shard_hottest_bucket_share",
            Gauge,
            "Share of the bucket that most calls of the last seconds were for.",
            |_, own| own.hottest_bucket.map(|(_, share)| share),
        ),
        (
            "tenfold_shard_hottest_author_share",
            Gauge,
            "Share of the author that most calls of the last seconds were for, of those that name an author.",
            |_, own| own.hottest_author.map(|(_, share)| share),
        ),
        (
            "tenfold_shard_hottest_author",
            Gauge,
            "Identifier of that author.",
            |_, own| own.hottest_author.map(|(author, _)| author.0 as f64),
        ),
    ];
    for (name, kind, help, figure) in figures {
        text.metric(name, kind, help);
        for (shard, buckets, own) in &calls {
            if let Some(value) = figure(*buckets, own) {
                text.sample(name, &[("shard", shard)], value);
            }
        }
    }
    text.value(
        "tenfold_incomplete_feeds_total",
        Counter,
        "Feeds answered without some shard.",
        sharded.incomplete_feeds(),
    );
}

fn replication(text: &mut PrometheusText, replicas: &[ReplicaStats], primary_reads: u64) {
    let name = "tenfold_replica_lag_seconds";
    let help = "Maximum replication lag. Absent if unknown.";
    text.metric(name, Gauge, help);
    for (number, replica) in (1..).zip(replicas) {
        if let Some(lag) = replica.lag {
            text.sample(name, &[("replica", &number)], lag.as_secs_f64());
        }
    }
    type Figure = (&'static str, Kind, &'static str, fn(&ReplicaStats) -> u64);
    let figures: [Figure; 3] = [
        (
            "tenfold_replica_in_use",
            Gauge,
            "1 if the replica serves reads, else 0.",
            |replica| u64::from(replica.in_use),
        ),
        (
            "tenfold_replica_reads_total",
            Counter,
            "Reads served by a replica.",
            |replica| replica.reads,
        ),
        (
            "tenfold_replica_errors_total",
            Counter,
            "Reads that failed or timed out on a replica.",
            |replica| replica.errors,
        ),
    ];
    for (name, kind, help, figure) in figures {
        text.metric(name, kind, help);
        for (number, replica) in (1..).zip(replicas) {
            text.sample(name, &[("replica", &number)], figure(replica));
        }
    }
    text.value(
        "tenfold_primary_reads_total",
        Counter,
        "Reads served by the primary while it has replicas.",
        primary_reads,
    );
}

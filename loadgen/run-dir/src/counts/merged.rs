//! Counts of several generators, as if one had counted everything.

use super::{Counts, GeneratorUsage, InTime, KeyCounts, ServerCounter, Traffic, keep_notable};

impl Counts {
    /// Adds up the counts of several generators of one run against one target. Without any, all are zero.
    ///
    /// Nothing is lost: the sum is what a single generator would have counted, except that messages and times of an early end
    /// are those of the first generator that has them.
    pub fn merged<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut parts = parts.into_iter();
        let first = parts.next().cloned().unwrap_or_default();
        merged(first, parts)
    }
}

fn merged<'a>(first: Counts, others: impl Iterator<Item = &'a Counts>) -> Counts {
    let mut merged = first;
    for other in others {
        merged.dropped_after_ns_min = [dropped_after(&merged), dropped_after(other)]
            .into_iter()
            .flatten()
            .min();
        for (sums, counts) in merged.phases.iter_mut().zip(&other.phases) {
            for (sum, counts) in sums.iter_mut().zip(counts) {
                sum.add(counts);
            }
        }
        merged.interrupted = merged.interrupted.or_else(|| other.interrupted.clone());
        merged.checkpoint = match (merged.checkpoint, other.checkpoint) {
            (Some(one), Some(other)) => Some(one.merged(other)),
            (one, other) => one.or(other),
        };
        merged.aborted = merged.aborted.or_else(|| other.aborted.clone());
        merged.elapsed_ns = merged.elapsed_ns.max(other.elapsed_ns);
        merged.in_flight_ns += other.in_flight_ns;
        merged.service_sum_ns += other.service_sum_ns;
        merged.set_up_requests += other.set_up_requests;
        merged.server_counter = merged
            .server_counter
            .zip(other.server_counter.as_ref())
            .and_then(|(one, other)| combined_counter(one, other));
        add_usage(&mut merged.generator, &other.generator);
        for (sum, keys) in merged.keys.iter_mut().zip(&other.keys) {
            add_keys(sum, keys);
        }
        for (sum, counts) in merged.journeys.iter_mut().zip(&other.journeys) {
            sum.add(counts);
        }
        for hops in &other.hops {
            hops.add_to(&mut merged.hops);
        }
        merged.traces.extend_from_slice(&other.traces);
        merged.connections = match (merged.connections, &other.connections) {
            (Some(sum), Some(connections)) => Some(sum.merged(connections)),
            _ => None,
        };
        merged.durations = merged
            .durations
            .zip(other.durations.as_ref())
            .map(|(sum, durations)| sum.and(durations));
        if let (Some(with), Some(durations)) = (&mut merged.connections, &merged.durations) {
            with.summarise(durations);
        }
        merged.traffic = merged
            .traffic
            .zip(other.traffic)
            .map(|(one, other)| Traffic {
                sent_bytes: one.sent_bytes + other.sent_bytes,
                received_bytes: one.received_bytes + other.received_bytes,
            });
        merged.in_time = merged
            .in_time
            .zip(other.in_time)
            .map(|(one, other)| InTime {
                reads: one.reads + other.reads,
                writes: one.writes + other.writes,
            });
    }
    keep_notable(&mut merged.traces);
    // The verdict says which part is lost.
    merged.lost = false;
    if let Some(checkpoint) = &mut merged.checkpoint {
        // The merged log is complete.
        checkpoint.log_bytes = None;
    }
    merged
}

/// Returns the shortest wait of a dropped arrival: 0 if it was not recorded, `None` if none was dropped.
fn dropped_after(counts: &Counts) -> Option<u64> {
    let dropped = counts.phases.iter().flatten().any(|one| one.dropped > 0);
    counts.dropped_after_ns_min.or(dropped.then_some(0))
}

/// Combines the readings of two generators of the same counter: the first and the last.
fn combined_counter(one: ServerCounter, other: &ServerCounter) -> Option<ServerCounter> {
    (one.name == other.name).then(|| ServerCounter {
        before: one.before.min(other.before),
        after: one.after.max(other.after),
        name: one.name,
    })
}

fn add_usage(sum: &mut GeneratorUsage, other: &GeneratorUsage) {
    sum.cpu_ns += other.cpu_ns;
    sum.wall_ns = sum.wall_ns.max(other.wall_ns);
    sum.peak_memory_bytes += other.peak_memory_bytes;
    sum.connections += other.connections;
    sum.users_used += other.users_used;
    sum.quantum_ns = sum.quantum_ns.max(other.quantum_ns);
    sum.shortest_quantum_ns = [sum.shortest_quantum_ns, other.shortest_quantum_ns]
        .into_iter()
        .flatten()
        .min();
}

fn add_keys(sum: &mut KeyCounts, other: &KeyCounts) {
    sum.requests += other.requests;
    for (sum, count) in sum.first_ranks.iter_mut().zip(&other.first_ranks) {
        *sum += count;
    }
    for (sum, count) in sum.top.iter_mut().zip(&other.top) {
        sum.requests += count.requests;
    }
}

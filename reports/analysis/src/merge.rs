//! Several generators' runs, merged into one as though there had been one generator.

use std::collections::BTreeMap;
use std::path::PathBuf;

use tenfold_run_dir::counts::{Counts, GeneratorUsage, InTime, KeyCounts, ServerCounter, Traffic};
use tenfold_run_dir::manifest::{Part, PhaseInfo};
use tenfold_run_dir::sample::{MOST_SAMPLES, SAMPLES_OF_A_KIND, Sample};
use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{HostTimeline, IntervalFold, Manifest, Run, Timeline};

use crate::summary::summarise;

/// Why runs can't be merged.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MergeError {
    /// There is nothing to merge.
    #[error(
        "merging takes two runs or more, and {0} was given; name each generator's run directory"
    )]
    TooFew(usize),
    /// Two of them did different things.
    #[error(
        "could not merge {one} and {other}: they differ in {what}; only runs of one scenario can be \
         merged, with any seeds; set them side by side with tenfold report"
    )]
    Different {
        /// The first run.
        one: PathBuf,
        /// The one that differs from it.
        other: PathBuf,
        /// In what.
        what: &'static str,
    },
    /// One was given twice.
    #[error(
        "could not merge {one} and {other}: they are one and the same run, or one is a part of the \
         other; name each run once"
    )]
    Same {
        /// The first.
        one: PathBuf,
        /// The second.
        other: PathBuf,
    },
    /// They did not run at one time.
    #[error(
        "could not merge {one} and {other}: they began {apart_s} s apart and last {lasts_s} s, so that \
         their load was never offered at once; set them side by side with tenfold report"
    )]
    NotTogether {
        /// The first.
        one: PathBuf,
        /// The one that began at another time.
        other: PathBuf,
        /// Seconds between their beginnings.
        apart_s: u64,
        /// Seconds that the scenario lasts.
        lasts_s: u64,
    },
}

/// Merges the runs of generators that sent one scenario at one time.
///
/// The merge is exact: counts are added, and rows of the time line are added by their time since each
/// run's own beginning. The latencies of the merged run are still to be folded: its interval log is made
/// of theirs by [`merge_intervals`](crate::merge_intervals()), interval by interval. Each part's own verdict is kept in the
/// manifest, since the whole is no better measured than its worst part. What machines did is kept only
/// as far as it is the target's, which all parts share.
///
/// # Errors
/// Where there are fewer than two runs, or they are not of one scenario but for its seed, are the same
/// run, or did not overlap in time.
pub fn merge(runs: &[Run]) -> Result<Run, MergeError> {
    let [first, others @ ..] = runs else {
        return Err(MergeError::TooFew(0));
    };
    if others.is_empty() {
        return Err(MergeError::TooFew(1));
    }
    for (index, other) in others.iter().enumerate() {
        mergeable(first, other)?;
        if let Some(one) = runs[..=index].iter().find(|one| is_same(one, other)) {
            return Err(MergeError::Same {
                one: one.path.clone(),
                other: other.path.clone(),
            });
        }
    }
    let one_target = others
        .iter()
        .all(|run| run.manifest.target == first.manifest.target);
    let told = runs.iter().find(|run| {
        let mut samples = run.host.samples.iter();
        samples.any(|sample| sample.target_cpu_ns.is_some())
    });
    let profiled = runs.iter().find(|run| run.profile.is_some());
    let timeline = timeline(runs);
    Ok(Run {
        path: first.path.clone(),
        manifest: manifest(runs),
        counts: counts(runs, one_target),
        latencies: IntervalFold::over(&timeline),
        timeline,
        host: match told.filter(|_| one_target) {
            Some(run) => of_target(&run.host),
            None => HostTimeline::default(),
        },
        // Several generators at one stage: each has seen all of what its boxes used.
        boxes: match runs {
            [one] => one.boxes.clone(),
            _ => Vec::new(),
        },
        balancers: match runs {
            [one] => one.balancers.clone(),
            _ => Vec::new(),
        },
        profile: profiled.and_then(|run| run.profile.clone()),
        flamegraph: profiled.and_then(|run| run.flamegraph.clone()),
        samples: samples(runs),
    })
}

/// How many seconds apart two runs began, by their own clocks; none where one does not tell.
pub(crate) fn seconds_apart(one: &str, other: &str) -> Option<u64> {
    let second = |at: &str| at.parse().map(jiff::Timestamp::as_second).ok();
    Some(second(one)?.abs_diff(second(other)?))
}

fn mergeable(one: &Run, other: &Run) -> Result<(), MergeError> {
    let (a, b) = (&one.manifest, &other.manifest);
    let same = [
        ("their scenario", a.scenario == b.scenario),
        ("their model", a.model == b.model),
        ("the phases, or how long they last", a.phases == b.phases),
        ("the requests", a.requests == b.requests),
        ("the key spaces", a.key_spaces == b.key_spaces),
        ("the objectives", a.rules == b.rules),
        (
            "the scenario's text",
            unseeded(&a.scenario_text).eq(unseeded(&b.scenario_text)),
        ),
    ];
    if let Some((what, _)) = same.into_iter().find(|(_, same)| !same) {
        return Err(MergeError::Different {
            one: one.path.clone(),
            other: other.path.clone(),
            what,
        });
    }
    let ends = a.phases.iter().map(PhaseInfo::end_ns);
    let lasts_s = ends.max().unwrap_or(0).div_ceil(1_000_000_000);
    match seconds_apart(&a.started_at, &b.started_at) {
        Some(apart_s) if apart_s >= lasts_s.max(1) => Err(MergeError::NotTogether {
            one: one.path.clone(),
            other: other.path.clone(),
            apart_s,
            lasts_s,
        }),
        _ => Ok(()),
    }
}

/// The lines of a scenario but for its seed, which stands before the first table.
fn unseeded(text: &str) -> impl Iterator<Item = &str> {
    let mut in_table = false;
    text.lines().filter(move |line| {
        in_table |= line.trim_start().starts_with('[');
        let key = line.split('=').next().unwrap_or_default();
        in_table || key.trim() != "seed"
    })
}

/// Whether two runs are the same one, or hold the same one as a part: merged, it would count twice.
fn is_same(one: &Run, other: &Run) -> bool {
    let is_merged = |run: &Run| !run.manifest.merged_from.is_empty();
    if !is_merged(one) && !is_merged(other) {
        return one.manifest == other.manifest && one.counts == other.counts;
    }
    let others = parts(other);
    parts(one).iter().any(|part| {
        others.iter().any(|other| {
            // Not by their paths: a run may have been moved since.
            (
                part.seed,
                &part.started_at,
                &part.host,
                part.sent,
                part.lag_p99_ns,
            ) == (
                other.seed,
                &other.started_at,
                &other.host,
                other.sent,
                other.lag_p99_ns,
            )
        })
    })
}

fn manifest(runs: &[Run]) -> Manifest {
    let mut merged = runs[0].manifest.clone();
    let mut overrides = BTreeMap::<String, Vec<String>>::new();
    for run in runs {
        for (flag, value) in &run.manifest.overrides {
            let values = overrides.entry(flag.clone()).or_default();
            if !values.contains(value) {
                values.push(value.clone());
            }
        }
    }
    merged.overrides = overrides
        .into_iter()
        .map(|(flag, values)| (flag, values.join(" and ")))
        .collect();
    let paths = runs.iter().map(|run| run.path.display().to_string());
    merged.command = ["tenfold".to_owned(), "merge".to_owned()]
        .into_iter()
        .chain(paths)
        .collect();
    let others = || runs[1..].iter().map(|run| &run.manifest);
    if let Some(earliest) = runs.iter().map(|run| &run.manifest.started_at).min() {
        merged.started_at.clone_from(earliest);
    }
    if others().any(|other| other.shared_host != merged.shared_host) {
        merged.shared_host = None;
    }
    merged.users = runs
        .iter()
        .fold(0_u32, |sum, run| sum.saturating_add(run.manifest.users));
    merged.merged_from = runs.iter().flat_map(parts).collect();
    merged
}

/// What is kept of a run that is merged; of one that was merged itself, its parts.
fn parts(run: &Run) -> Vec<Part> {
    if !run.manifest.merged_from.is_empty() {
        return run.manifest.merged_from.clone();
    }
    // The service counted what all generators sent: set against one of them, the books would be wrong.
    let mut alone = run.clone();
    alone.counts.server_counter = None;
    let summary = summarise(&alone);
    vec![Part {
        path: run.path.display().to_string(),
        seed: run.manifest.seed,
        started_at: run.manifest.started_at.clone(),
        host: run.manifest.host.clone(),
        tool: run.manifest.tool.clone(),
        sent: summary.arrivals.sent,
        measurement: match summary.verdict.measurement {
            crate::MeasurementVerdict::Valid => "valid",
            crate::MeasurementVerdict::Suspect => "suspect",
            crate::MeasurementVerdict::Invalid => "invalid",
        }
        .to_owned(),
        reasons: summary.verdict.reasons,
        lag_p99_ns: summary.generator.lag_p99_ns,
        peak_cores_used: summary.generator.peak_cores_used,
        saturated_seconds: summary.generator.saturated_seconds,
        interrupted: run.counts.interrupted.clone(),
    }]
}

/// The first samples of each kind, whichever generator has them: as many as one would have kept.
fn samples(runs: &[Run]) -> Vec<Sample> {
    let mut all: Vec<&Sample> = runs.iter().flat_map(|run| &run.samples).collect();
    all.sort_by_key(|sample| sample.at_ns);
    let mut kept = Vec::<Sample>::new();
    for sample in all {
        let alike = kept.iter().filter(|other| other.is_like(sample)).count();
        if alike < SAMPLES_OF_A_KIND && kept.len() < MOST_SAMPLES {
            kept.push(sample.clone());
        }
    }
    kept
}

fn counts(runs: &[Run], one_target: bool) -> Counts {
    let mut merged = runs[0].counts.clone();
    for other in runs[1..].iter().map(|run| &run.counts) {
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
            .and_then(|(one, other)| both_counted(one, other))
            .filter(|_| one_target);
        add_usage(&mut merged.generator, &other.generator);
        for (sum, keys) in merged.keys.iter_mut().zip(&other.keys) {
            add_keys(sum, keys);
        }
        for (sum, counts) in merged.journeys.iter_mut().zip(&other.journeys) {
            sum.add(counts);
        }
        merged.connections = match (merged.connections, &other.connections) {
            (Some(sum), Some(connections)) => Some(sum.merged(connections)),
            _ => None,
        };
        merged.durations = merged
            .durations
            .zip(other.durations.as_ref())
            .map(|(sum, durations)| sum.and(durations));
        if let (Some(with), Some(durations)) = (&mut merged.connections, &merged.durations) {
            with.spread(durations);
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
    if let Some(checkpoint) = &mut merged.checkpoint {
        // The merged log is written whole.
        checkpoint.log_bytes = None;
    }
    merged
}

/// One counter read by two generators: from the first look at it to the last.
fn both_counted(one: ServerCounter, other: &ServerCounter) -> Option<ServerCounter> {
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

fn timeline(runs: &[Run]) -> Timeline {
    let mut rows = BTreeMap::<u64, Row>::new();
    for row in runs.iter().flat_map(|run| &run.timeline.rows) {
        match rows.get_mut(&row.start_ns) {
            Some(sum) => add_row(sum, row),
            None => {
                rows.insert(row.start_ns, row.clone());
            }
        }
    }
    Timeline {
        rows: rows.into_values().collect(),
    }
}

fn add_row(sum: &mut Row, row: &Row) {
    sum.duration_ns = sum.duration_ns.max(row.duration_ns);
    sum.planned += row.planned;
    sum.sent += row.sent;
    sum.reads += row.reads;
    sum.writes += row.writes;
    sum.failed += row.failed;
    sum.dropped += row.dropped;
    sum.in_flight += row.in_flight;
    sum.waiting += row.waiting;
    sum.generator_cpu_ns += row.generator_cpu_ns;
    if let (Some(sum), Some(sides)) = (&mut sum.sides, &row.sides) {
        sum.add(sides);
    }
}

/// What the target's process did, without the machine of one generator among several.
fn of_target(host: &HostTimeline) -> HostTimeline {
    let mut host = host.clone();
    for sample in &mut host.samples {
        sample.host_cores_used = None;
        sample.host_cores_stolen = None;
    }
    host
}

//! Cause of a difference: profiles of both builds under the same load.

use std::thread::JoinHandle;
use std::time::Instant;

use tenfold_analysis::gate::{
    Cause, Flamegraphs, FunctionChange, Pair, ProfileCount, RoundRecord, Side, WaitChange,
};
use tenfold_measure::Endpoint;
use tenfold_probe::profile::{self, Captured, changes};
use tenfold_probe::{AdminListener, ProbeError};

use crate::GateError;
use crate::rounds::epoch::{Course, Epoch, Setting, run_watched};
use crate::rounds::round::{CPU, wait_for};
use crate::subject::Prepared;

/// Rounds of the profiled epoch.
pub(crate) const ROUNDS: usize = 10;

/// Samples per CPU second. A prime, so that no periodic work aligns with the samples.
const HZ: u32 = 199;

/// Functions and waits that are reported.
const REPORTED_MAX: usize = 10;

type Profiling = JoinHandle<Result<Captured, ProbeError>>;

/// Profiles both builds under the same load, in an epoch of its own.
///
/// `gated` are the judged rounds, which show the cost of profiling.
///
/// # Errors
/// Fails if a build does not serve profiles, or does not start.
pub(crate) fn find(
    prepared: &Pair<&Prepared>,
    course: &Course,
    setting: &Setting<'_>,
    gated: &[RoundRecord],
) -> Result<Cause, GateError> {
    // Checked before anything is started, to save the time of an epoch.
    for side in Side::ALL {
        if !prepared.of(side).has_admin() {
            return Err(no_admin(side));
        }
    }
    let mut profiling = Ok(None);
    let epoch = run_watched(prepared, course, setting, |endpoints| {
        profiling = capture_both(endpoints, course).map(Some);
    })?;
    let Some(profiling) = profiling? else {
        return Err(GateError::NoProfile {
            reason: match &epoch.trouble {
                Some(trouble) => trouble.sentence(),
                None => "no build was running".to_owned(),
            },
        });
    };
    let captured = Pair {
        baseline: joined(profiling.baseline)?,
        candidate: joined(profiling.candidate)?,
    };
    let flamegraphs = write_stacks(&captured, setting)?;
    Ok(Cause {
        remarks: remarks(&epoch, gated),
        profiles: captured.map(|captured| ProfileCount {
            captured: captured.info.captured,
            expected: captured.info.expected,
        }),
        functions: functions(&captured, &epoch, course),
        waits: waits(gated),
        flamegraphs,
    })
}

/// Starts to profile both builds, within the rounds.
fn capture_both(endpoints: &Pair<Endpoint>, course: &Course) -> Result<Pair<Profiling>, GateError> {
    let begin = |side: Side| -> Result<Profiling, GateError> {
        let admin = endpoints.of(side).admin.clone();
        Ok(capture_later(admin.ok_or_else(|| no_admin(side))?, course))
    };
    Ok(Pair {
        baseline: begin(Side::Baseline)?,
        candidate: begin(Side::Candidate)?,
    })
}

fn no_admin(side: Side) -> GateError {
    GateError::NoProfile {
        reason: format!(
            "the {side} serves no profiles; put {{admin_port}} into its command and serve \
             /debug/pprof/profile there"
        ),
    }
}

fn capture_later(admin: AdminListener, course: &Course) -> Profiling {
    // The load starts a moment later; the round left over at the end compensates for that.
    let (wait, whole) = (
        course.warm_up + course.round,
        course.round * (ROUNDS as u32 - 2),
    );
    std::thread::spawn(move || {
        let start = Instant::now();
        std::thread::sleep(wait);
        profile::capture(&admin, whole.as_secs().max(1), HZ, start)
    })
}

fn joined(profiling: Profiling) -> Result<Captured, GateError> {
    match profiling.join() {
        Ok(captured) => Ok(captured?),
        Err(_) => Err(GateError::NoProfile {
            reason: "the profiling thread panicked".to_owned(),
        }),
    }
}

/// Writes the stacks of both profiles into files beside the outcome.
fn write_stacks(
    captured: &Pair<Captured>,
    setting: &Setting<'_>,
) -> Result<Flamegraphs, GateError> {
    let write = |side: Side| {
        let name = format!("{side}.folded");
        let path = setting.directory.join(&name);
        let stacks = captured.of(side).profile.folded().to_string();
        let written = tenfold_run_dir::write_atomic(&path, stacks.as_bytes());
        written
            .map(|()| Some(name))
            .map_err(|source| GateError::System {
                action: "write",
                what: path.display().to_string(),
                source,
            })
    };
    Ok(Flamegraphs {
        baseline: write(Side::Baseline)?,
        candidate: write(Side::Candidate)?,
        ..Flamegraphs::default()
    })
}

fn functions(captured: &Pair<Captured>, epoch: &Epoch, course: &Course) -> Vec<FunctionChange> {
    let samples = captured.map(|captured| captured.profile.samples());
    let share = |count: u64, of: u64| {
        if of == 0 {
            0.0
        } else {
            count as f64 / of as f64
        }
    };
    let hz = captured.map(|captured| captured.profile.hz);
    // All rounds have about the same number of requests.
    let profiled = (ROUNDS - 2) as f64 / course.rounds.max(1) as f64;
    let requests = |side: Side| {
        let attempts = epoch.rounds.iter().filter_map(|round| round.failures);
        attempts.map(|pair| pair.of(side).sent).sum::<u64>() as f64 * profiled
    };
    let per_request = |side: Side, count: u64| {
        let (hz, requests) = ((*hz.of(side))?, requests(side));
        (hz > 0.0 && requests > 0.0).then(|| count as f64 / hz * 1e6 / requests)
    };
    let changed = changes(
        &captured.baseline.profile,
        &captured.candidate.profile,
        REPORTED_MAX,
    );
    changed
        .into_iter()
        .map(|change| {
            let cpu = per_request(Side::Baseline, change.before)
                .zip(per_request(Side::Candidate, change.after));
            FunctionChange {
                share: Pair {
                    baseline: share(change.before, samples.baseline),
                    candidate: share(change.after, samples.candidate),
                },
                samples: Pair {
                    baseline: change.before,
                    candidate: change.after,
                },
                cpu_us_per_request: cpu.map(|(baseline, candidate)| Pair {
                    baseline,
                    candidate,
                }),
                name: change.name,
            }
        })
        .collect()
}

/// Returns the waits of the gated rounds, largest change first. They need no profiler.
fn waits(gated: &[RoundRecord]) -> Vec<WaitChange> {
    let prefix = wait_for("");
    let mut sums: std::collections::BTreeMap<&str, (Pair<f64>, Pair<u64>)> = Default::default();
    for round in gated {
        let Some(attempts) = round.failures else {
            continue;
        };
        for (name, value) in &round.metrics {
            if let Some(component) = name.strip_prefix(&prefix) {
                let (sum, count) = sums.entry(component).or_default();
                sum.baseline += value.baseline * attempts.baseline.sent as f64;
                sum.candidate += value.candidate * attempts.candidate.sent as f64;
                count.baseline += attempts.baseline.sent;
                count.candidate += attempts.candidate.sent;
            }
        }
    }
    let mut waits: Vec<WaitChange> = sums
        .into_iter()
        .filter(|(_, (_, count))| count.baseline > 0 && count.candidate > 0)
        .map(|(name, (sum, count))| WaitChange {
            name: name.to_owned(),
            us_per_request: Pair {
                baseline: sum.baseline / count.baseline as f64,
                candidate: sum.candidate / count.candidate as f64,
            },
            count,
        })
        .collect();
    let change =
        |wait: &WaitChange| (wait.us_per_request.candidate - wait.us_per_request.baseline).abs();
    waits.sort_by(|a, b| change(b).total_cmp(&change(a)));
    waits.truncate(REPORTED_MAX);
    waits
}

/// Reports the cost of profiling: CPU time of a request, compared with the gated rounds.
fn remarks(epoch: &Epoch, gated: &[RoundRecord]) -> Vec<String> {
    let mean = |rounds: &[RoundRecord], side: Side| {
        let values = rounds.iter().filter_map(|round| round.metrics.get(CPU));
        let values: Vec<f64> = values.map(|pair| *pair.of(side)).collect();
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    };
    let cost = |side: Side| Some(mean(&epoch.rounds, side)? / mean(gated, side)? - 1.0);
    let costs = cost(Side::Baseline).zip(cost(Side::Candidate));
    costs
        .map(|(baseline, candidate)| {
            format!(
                "Profiling at {HZ} Hz changed the CPU time of a request by {:+.1}% in the baseline and {:+.1}% \
                 in the candidate, compared with the gated rounds and including noise.",
                baseline * 100.0,
                candidate * 100.0
            )
        })
        .into_iter()
        .collect()
}

//! An epoch: both builds started anew, warmed up, and measured side by side for a few rounds.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tenfold_analysis::gate::{BadDay, MemorySample, Pair, RoundRecord, Side};
use tenfold_child_process::describe_exit;
use tenfold_loadgen::{DialOptions, Interrupt, LoadError, Recording, Target};
use tenfold_probe::AdminListener;
use tenfold_run_dir::agreement::Agreement;
use tenfold_run_dir::{Manifest, Metric, RunDir};
use tenfold_scenarios::{Constant, Overrides, Phase, Rate, Scenario, Shape};
use tokio::sync::watch;

use crate::GateError;
use crate::endpoint::Endpoint;
use crate::instance::Instance;
use crate::launch::Slot;
use crate::meter::{Meter, Reading};
use crate::prepared::Prepared;
use crate::rounds::{self, Load};

/// Sessions of a scenario that are logged in, at most: every epoch does it anew, on both sides, and
/// logging in is made to be slow.
const MOST_SESSIONS: u64 = 8;

/// How often both builds are looked at while load runs.
const WATCH: Duration = Duration::from_millis(50);

const MIB: f64 = 1024.0 * 1024.0;

/// How an epoch goes.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    /// Its number, from 0: which of the builds is started first, and the seed, follow from it.
    pub(crate) number: u32,
    /// Rounds measured.
    pub(crate) rounds: usize,
    /// The length of a round, in whole seconds.
    pub(crate) round: Duration,
    /// What is sent before the first round, in whole seconds.
    pub(crate) warm_up: Duration,
    /// Requests per second, of both builds together.
    pub(crate) rate: Rate,
}

/// What every epoch of a gate shares.
pub(crate) struct Setting<'a> {
    /// The scenario, its phases replaced by each epoch's own.
    pub(crate) scenario: &'a Scenario,
    /// Describes a run for its directory: its scenario and its baseline's target.
    pub(crate) describe: &'a dyn Fn(&Scenario, &str) -> Manifest,
    /// How connections to builds that are started here are opened.
    pub(crate) dial: &'a DialOptions,
    /// Where the epochs' run directories and logs are put.
    pub(crate) directory: &'a Path,
    /// When the gate began.
    pub(crate) began: Instant,
    /// Becomes true when somebody wants it to end.
    pub(crate) interrupt: &'a Interrupt,
}

/// What came of an epoch.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    /// The rounds, as far as it got.
    pub(crate) rounds: Vec<RoundRecord>,
    /// What was read at the edges of the rounds.
    pub(crate) readings: Vec<Pair<Reading>>,
    /// Resident memory over time.
    pub(crate) memory: Pair<Vec<MemorySample>>,
    /// How the answers of both compare.
    pub(crate) agreement: Option<Agreement>,
    /// Arrivals of the rounds.
    pub(crate) planned: u64,
    /// Those of them that the generator dropped.
    pub(crate) dropped: u64,
    /// Rounds in which the generator itself was too late for response times to be told.
    pub(crate) late_rounds: usize,
    /// Builds started.
    pub(crate) starts: Pair<u32>,
    /// What ended it early.
    pub(crate) trouble: Option<BadDay>,
    /// How long all of it took.
    pub(crate) took: Duration,
}

/// Both builds, up.
struct Up {
    instances: Pair<Option<Instance>>,
    since: Instant,
    /// Where they answer.
    endpoints: Pair<Endpoint>,
}

/// Runs an epoch.
///
/// What a build does wrong is told in [`Epoch::trouble`].
///
/// # Errors
/// Where the load can't be sent or recorded for a reason of its own.
pub(crate) fn run(
    prepared: &Pair<&Prepared>,
    course: &Course,
    setting: &Setting<'_>,
) -> Result<Epoch, GateError> {
    run_watched(prepared, course, setting, |_| {})
}

/// Does what [`run`] does, and calls `on_up` once both builds answer, just before the load begins.
pub(crate) fn run_watched(
    prepared: &Pair<&Prepared>,
    course: &Course,
    setting: &Setting<'_>,
    on_up: impl FnOnce(&Pair<Endpoint>),
) -> Result<Epoch, GateError> {
    let began = Instant::now();
    let mut epoch = Epoch::default();
    match start(prepared, course.number, setting) {
        Err(trouble) => epoch.trouble = Some(trouble?),
        Ok(mut up) => {
            on_up(&up.endpoints);
            epoch.starts = up.instances.map(|instance| u32::from(instance.is_some()));
            measure(&mut up, course, setting, &mut epoch)?;
            up.stop();
        }
    }
    epoch.took = began.elapsed();
    Ok(epoch)
}

/// Starts both builds; which first, and in which slot, depends on the epoch.
///
/// # Errors
/// With the bad day where a build did not start, and with the error where that is not its fault.
fn start(
    prepared: &Pair<&Prepared>,
    number: u32,
    setting: &Setting<'_>,
) -> Result<Up, Result<BadDay, GateError>> {
    let mut order = Side::ALL;
    if number % 2 == 1 {
        order.reverse();
    }
    let mut instances = Pair::<Option<Instance>>::default();
    for (side, slot) in order.into_iter().zip([Slot::A, Slot::B]) {
        if let Prepared::Launch { launch, .. } = prepared.of(side) {
            let log = setting.directory.join(format!("{number:03}-{side}.log"));
            match Instance::start(launch, slot, &log, setting.interrupt) {
                Ok(instance) => *of_mut(&mut instances, side) = Some(instance),
                Err(GateError::NotStarted {
                    command,
                    reason,
                    log,
                }) => {
                    return Err(Ok(BadDay::DidNotStart {
                        side,
                        reason: format!("`{command}`: {reason}"),
                        last_lines: log.lines().map(str::to_owned).collect(),
                    }));
                }
                Err(error) => return Err(Err(error)),
            }
        }
    }
    let endpoint =
        |side: Side| endpoint(prepared.of(side), instances.of(side).as_ref(), setting.dial);
    let endpoints = endpoint(Side::Baseline).and_then(|baseline| {
        Ok(Pair {
            baseline,
            candidate: endpoint(Side::Candidate)?,
        })
    });
    Ok(Up {
        endpoints: endpoints.map_err(Err)?,
        instances,
        since: Instant::now(),
    })
}

fn endpoint(
    prepared: &Prepared,
    instance: Option<&Instance>,
    dial: &DialOptions,
) -> Result<Endpoint, GateError> {
    match (prepared, instance) {
        (Prepared::Up(endpoint), _) => Ok(endpoint.as_ref().clone()),
        (Prepared::Launch { .. }, Some(instance)) => Ok(Endpoint {
            target: format!("http://{}", instance.address())
                .parse::<Target>()?
                .with(dial.clone())?,
            admin: instance
                .admin()
                .map(|address| AdminListener::from(format!("http://{address}").as_str())),
            pid: Some(instance.pid()),
        }),
        (Prepared::Launch { launch, .. }, None) => Err(GateError::NotStarted {
            command: launch.template.clone(),
            reason: "it was not started".to_owned(),
            log: String::new(),
        }),
    }
}

impl Up {
    /// The first that has ended by itself.
    fn died(&mut self) -> Option<BadDay> {
        let after_s = self.since.elapsed().as_secs_f64();
        Side::ALL.into_iter().find_map(|side| {
            let instance = of_mut(&mut self.instances, side).as_mut()?;
            let status = instance.ended()?;
            Some(BadDay::Died {
                side,
                after_s,
                status: describe_exit(status),
                last_lines: instance.log_tail().lines().map(str::to_owned).collect(),
            })
        })
    }

    /// Looks after both until the sender of `ended` is gone; tells the run to stop where one of them ends
    /// by itself or somebody interrupts the gate.
    fn watch(
        &mut self,
        stop: &watch::Sender<bool>,
        interrupt: &Interrupt,
        ended: &mpsc::Receiver<()>,
    ) -> Option<BadDay> {
        let mut trouble = None;
        while ended.recv_timeout(WATCH) == Err(RecvTimeoutError::Timeout) {
            trouble = trouble.or_else(|| self.died());
            if trouble.is_some() || *interrupt.borrow() {
                stop.send_replace(true);
            }
        }
        trouble.or_else(|| self.died())
    }

    /// Stops what was started, both at once.
    fn stop(self) {
        let mut instances: Vec<Instance> = [self.instances.baseline, self.instances.candidate]
            .into_iter()
            .flatten()
            .collect();
        instances.iter_mut().for_each(Instance::ask_to_stop);
        instances.into_iter().for_each(Instance::stop);
    }
}

fn of_mut<T>(pair: &mut Pair<T>, side: Side) -> &mut T {
    match side {
        Side::Baseline => &mut pair.baseline,
        Side::Candidate => &mut pair.candidate,
    }
}

/// The scenario of an epoch: a warm-up and the rounds at one rate, nothing to be judged by rules.
fn scenario_of(scenario: &Scenario, course: &Course) -> Result<Scenario, GateError> {
    let mut scenario = scenario.clone();
    let phase = |name: &str, warm_up, start, duration| Phase {
        name: name.to_owned(),
        warm_up,
        profiled: false,
        start,
        duration,
        shape: Shape::Constant(Constant { rate: course.rate }),
    };
    let measured = course.round * u32::try_from(course.rounds).unwrap_or(u32::MAX);
    scenario.phases = vec![
        phase("warm-up", true, Duration::ZERO, course.warm_up),
        phase("rounds", false, course.warm_up, measured),
    ];
    scenario.rules.clear();
    if let Some(sessions) = &mut scenario.sessions {
        sessions.count = sessions.count.min(MOST_SESSIONS);
    }
    // Neighbouring seeds of scenarios are to have no epoch in common: 2^64 over the golden ratio.
    let number = u64::from(course.number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let seed = Some(scenario.seed.wrapping_add(number));
    let scenario = scenario.with(&Overrides {
        seed,
        ..Overrides::default()
    })?;
    Ok(scenario.paired()?)
}

fn measure(
    up: &mut Up,
    course: &Course,
    setting: &Setting<'_>,
    epoch: &mut Epoch,
) -> Result<(), GateError> {
    let scenario = scenario_of(setting.scenario, course)?;
    let run_dir = RunDir::create(&setting.directory.join(format!("{:03}", course.number)))?;
    run_dir.write_manifest(&(setting.describe)(
        &scenario,
        &up.endpoints.baseline.target.to_string(),
    ))?;
    let edges = (0..=course.rounds).map(|n| course.warm_up + course.round * n as u32);
    let edges: Vec<Duration> = edges.collect();
    let (stop, stopped) = watch::channel(false);
    let mut meter = None;
    let mut started = Instant::now();
    let endpoints = up.endpoints.clone();
    let interrupt = setting.interrupt;
    let (load, ended) = mpsc::channel::<()>();
    // On a thread of its own: a build may end, or somebody lose patience, before the first arrival too.
    let (recording, trouble) = std::thread::scope(|scope| {
        let watching = scope.spawn(move || up.watch(&stop, interrupt, &ended));
        let recording = tenfold_loadgen::run(tenfold_loadgen::Options {
            scenario,
            target: endpoints.baseline.target.clone(),
            candidate: Some(endpoints.candidate.target.clone()),
            run_dir: &run_dir,
            interrupt: stopped,
            on_ready: Box::new(|| {}),
            on_start: Box::new(|start| {
                started = start;
                meter = Some(Meter::start(endpoints.clone(), start, edges.clone()));
            }),
            on_progress: Box::new(|_| {}),
        });
        drop(load);
        (recording, watching.join().unwrap_or_default())
    });
    epoch.trouble = trouble;
    if *setting.interrupt.borrow() {
        return Err(GateError::Interrupted);
    }
    let recording = match recording {
        Ok(recording) => recording,
        // What died is told; what else went wrong is in the way of the gate itself.
        Err(_) if epoch.trouble.is_some() => return Ok(()),
        Err(LoadError::Unreachable { target, reason }) => {
            let is_baseline = endpoints.baseline.target.to_string() == target;
            epoch.trouble = Some(BadDay::DidNotStart {
                side: match is_baseline {
                    true => Side::Baseline,
                    false => Side::Candidate,
                },
                reason: format!("nothing can be reached at {target}: {reason}"),
                last_lines: Vec::new(),
            });
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if epoch.trouble.is_some() {
        // Its readings would be waited for until the planned end.
        return Ok(());
    }
    epoch.readings = match meter {
        Some(meter) => meter?.finish(),
        None => Vec::new(),
    };
    run_dir.write_counts(&recording.counts)?;
    run_dir.write_timeline(&recording.timeline)?;
    cut(&recording, &run_dir, course, epoch)?;
    let offset = started.saturating_duration_since(setting.began);
    for round in &mut epoch.rounds {
        round.at_s += offset.as_secs_f64();
    }
    for (reading, edge) in epoch.readings.iter().zip(&edges) {
        let at_s = (offset + *edge).as_secs_f64();
        for side in Side::ALL {
            if let Some(bytes) = reading.of(side).resident_bytes {
                of_mut(&mut epoch.memory, side).push(MemorySample {
                    at_s,
                    mib: bytes as f64 / MIB,
                    start: course.number,
                });
            }
        }
    }
    epoch.agreement = recording.agreement;
    Ok(())
}

/// Cuts a recording into rounds; times are counted from the run's start.
fn cut(
    recording: &Recording,
    run_dir: &RunDir,
    course: &Course,
    epoch: &mut Epoch,
) -> Result<(), GateError> {
    let stretch = |index: usize| {
        let from = course.warm_up + course.round * index as u32;
        (from, from + course.round)
    };
    let mut loads: Vec<Pair<Load>> = (0..course.rounds)
        .map(|index| {
            let (from, to) = stretch(index);
            rounds::add_rows(&recording.timeline.rows, from, to).map(|row| Load {
                row: *row,
                ..Load::default()
            })
        })
        .collect();
    let round_of = |start_ns: u64| {
        let into = Duration::from_nanos(start_ns).checked_sub(course.warm_up)?;
        let index = (into.as_nanos() / course.round.as_nanos().max(1)) as usize;
        (index < course.rounds).then_some(index)
    };
    let requests = recording.counts.phases.first().map_or(0, Vec::len);
    for interval in run_dir.intervals(&recording.counts)? {
        let interval = interval?;
        let Some(index) = round_of(interval.start_ns) else {
            continue;
        };
        let side = Side::of_index(interval.series.request, requests);
        let load = of_mut(&mut loads[index], side);
        let counts = match interval.series.metric {
            Metric::Unlagged => &mut load.responses,
            Metric::Lag => &mut load.lags,
            _ => continue,
        };
        for (value, count) in interval.histogram.iter() {
            *counts.entry(value).or_default() += count;
        }
    }
    for (index, (load, edges)) in loads.iter().zip(epoch.readings.windows(2)).enumerate() {
        let (from, _) = stretch(index);
        for side in Side::ALL {
            let row = load.of(side).row;
            epoch.planned += row.sent + row.dropped;
            epoch.dropped += row.dropped;
        }
        epoch.late_rounds += usize::from(rounds::is_late(load));
        let (metrics, attempts) = rounds::measure(load, &edges[0], &edges[1]);
        epoch.rounds.push(RoundRecord {
            at_s: from.as_secs_f64(),
            seconds: course.round.as_secs_f64(),
            restarted: index == 0,
            metrics,
            failures: Some(attempts),
        });
    }
    Ok(())
}

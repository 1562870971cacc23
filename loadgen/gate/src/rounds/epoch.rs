//! Epochs: both builds are restarted, warmed up, and measured side by side for a few rounds.

use std::path::Path;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use tenfold_analysis::gate::{BadDay, MemorySample, Pair, RoundRecord, Side};
use tenfold_child_process::describe_exit;
use tenfold_loadgen::{DialOptions, Interrupt, LoadError, Recording, Target};
use tenfold_measure::{Endpoint, Invocation, MeasureError, Measured, Measurement, Observer, Probe};
use tenfold_probe::AdminListener;
use tenfold_run_dir::agreement::Agreement;
use tenfold_run_dir::{Metric, RunDir};
use tenfold_scenarios::{Constant, Overrides, Phase, Rate, Scenario, Shape};
use tokio::sync::watch;

use crate::GateError;
use crate::rounds::meter::{Meter, Reading};
use crate::rounds::round::{self, Load};
use crate::subject::{Instance, Prepared, Slot};

/// Highest number of sessions that are logged in. Every epoch logs in on both sides, and password hashing is
/// slow by design.
const SESSIONS_MAX: u64 = 8;

/// Interval at which both builds are checked while load runs.
const WATCH_INTERVAL: Duration = Duration::from_millis(50);

const MIB: f64 = 1024.0 * 1024.0;

/// Plan of an epoch.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    /// Number of the epoch, from 0. It determines the seed, and which build starts first.
    pub(crate) number: u32,
    /// Number of rounds.
    pub(crate) rounds: usize,
    /// Length of a round, in whole seconds.
    pub(crate) round: Duration,
    /// Length of the warm-up, in whole seconds.
    pub(crate) warm_up: Duration,
    /// Requests per second, of both builds together.
    pub(crate) rate: Rate,
}

/// Settings that all epochs of a gate share.
pub(crate) struct Setting<'a> {
    /// Scenario, whose phases each epoch replaces.
    pub(crate) scenario: &'a Scenario,
    /// Connection options for builds that the gate starts.
    pub(crate) dial: &'a DialOptions,
    /// Parent of the epochs' run directories and logs.
    pub(crate) directory: &'a Path,
    /// Start of the gate.
    pub(crate) began: Instant,
    /// Becomes `true` when the gate is to end early.
    pub(crate) interrupt: &'a Interrupt,
}

/// Result of an epoch.
#[derive(Debug, Default)]
pub(crate) struct Epoch {
    /// Completed rounds.
    pub(crate) rounds: Vec<RoundRecord>,
    /// Readings at the start and end of each round.
    pub(crate) readings: Vec<Pair<Reading>>,
    /// Resident memory over time.
    pub(crate) memory: Pair<Vec<MemorySample>>,
    /// Comparison of the responses of both builds.
    pub(crate) agreement: Option<Agreement>,
    /// Planned arrivals in all rounds.
    pub(crate) planned: u64,
    /// Dropped arrivals in all rounds.
    pub(crate) dropped: u64,
    /// Rounds without response times, because the generator was late.
    pub(crate) late_rounds: usize,
    /// Number of starts of each build.
    pub(crate) starts: Pair<u32>,
    /// Fault that ended the epoch early.
    pub(crate) trouble: Option<BadDay>,
    /// Duration of the epoch, restarts included.
    pub(crate) took: Duration,
}

/// Both builds, running.
struct Running {
    instances: Pair<Option<Instance>>,
    since: Instant,
    /// Endpoints of both builds.
    endpoints: Pair<Endpoint>,
}

/// Runs an epoch.
///
/// Faults of a build are reported in [`Epoch::trouble`].
///
/// # Errors
/// Fails if the load can't be sent or recorded for any other reason.
pub(crate) fn run(
    prepared: &Pair<&Prepared>,
    course: &Course,
    setting: &Setting<'_>,
) -> Result<Epoch, GateError> {
    run_watched(prepared, course, setting, |_| {})
}

/// Runs an epoch like [`run`], and calls `on_ready` once both builds answer, just before the load starts.
pub(crate) fn run_watched(
    prepared: &Pair<&Prepared>,
    course: &Course,
    setting: &Setting<'_>,
    on_ready: impl FnOnce(&Pair<Endpoint>),
) -> Result<Epoch, GateError> {
    let began = Instant::now();
    let mut epoch = Epoch::default();
    match start(prepared, course.number, setting) {
        Err(trouble) => epoch.trouble = Some(trouble?),
        Ok(mut running) => {
            on_ready(&running.endpoints);
            epoch.starts = running
                .instances
                .map(|instance| u32::from(instance.is_some()));
            measure(&mut running, course, setting, &mut epoch)?;
            running.stop();
        }
    }
    epoch.took = began.elapsed();
    Ok(epoch)
}

/// Starts both builds. The epoch determines which starts first, and the slot of each.
///
/// # Errors
/// Fails with a bad day if a build does not start, and with an error if the build is not at fault.
fn start(
    prepared: &Pair<&Prepared>,
    number: u32,
    setting: &Setting<'_>,
) -> Result<Running, Result<BadDay, GateError>> {
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
    Ok(Running {
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
        (Prepared::Running(endpoint), _) => Ok(endpoint.as_ref().clone()),
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
            reason: "the gate did not start it".to_owned(),
            log: String::new(),
        }),
    }
}

impl Running {
    /// Returns a bad day if a build has exited by itself.
    fn died(&mut self) -> Option<BadDay> {
        let after_s = self.since.elapsed().as_secs_f64();
        Side::ALL.into_iter().find_map(|side| {
            let instance = of_mut(&mut self.instances, side).as_mut()?;
            let status = instance.exited()?;
            Some(BadDay::Died {
                side,
                after_s,
                status: describe_exit(status),
                last_lines: instance.log_tail().lines().map(str::to_owned).collect(),
            })
        })
    }

    /// Watches both builds until the sender of `ended` is dropped. Stops the run if a build exits by itself, or
    /// the gate is interrupted.
    fn watch(
        &mut self,
        stop: &watch::Sender<bool>,
        interrupt: &Interrupt,
        ended: &mpsc::Receiver<()>,
    ) -> Option<BadDay> {
        let mut trouble = None;
        while ended.recv_timeout(WATCH_INTERVAL) == Err(RecvTimeoutError::Timeout) {
            trouble = trouble.or_else(|| self.died());
            if trouble.is_some() || *interrupt.borrow() {
                stop.send_replace(true);
            }
        }
        trouble.or_else(|| self.died())
    }

    /// Stops the builds that the gate started, both at once.
    fn stop(self) {
        let mut instances: Vec<Instance> = [self.instances.baseline, self.instances.candidate]
            .into_iter()
            .flatten()
            .collect();
        instances.iter_mut().for_each(Instance::signal_stop);
        instances.into_iter().for_each(Instance::stop);
    }
}

fn of_mut<T>(pair: &mut Pair<T>, side: Side) -> &mut T {
    match side {
        Side::Baseline => &mut pair.baseline,
        Side::Candidate => &mut pair.candidate,
    }
}

/// Returns the scenario of an epoch: a warm-up and the rounds at a constant rate, without rules.
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
        sessions.count = sessions.count.min(SESSIONS_MAX);
    }
    // Scenarios with consecutive seeds share no epoch: 2^64 divided by the golden ratio.
    let number = u64::from(course.number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let seed = Some(scenario.seed.wrapping_add(number));
    let scenario = scenario.with(&Overrides {
        seed,
        ..Overrides::default()
    })?;
    Ok(scenario.paired()?)
}

fn measure(
    running: &mut Running,
    course: &Course,
    setting: &Setting<'_>,
    epoch: &mut Epoch,
) -> Result<(), GateError> {
    let scenario = scenario_of(setting.scenario, course)?;
    let run_dir = RunDir::create(&setting.directory.join(format!("{:03}", course.number)))?;
    let edges = (0..=course.rounds).map(|n| course.warm_up + course.round * n as u32);
    let edges: Vec<Duration> = edges.collect();
    let (stop, stopped) = watch::channel(false);
    let mut metering = Metering {
        endpoints: running.endpoints.clone(),
        edges: edges.clone(),
        start: Instant::now(),
        meter: None,
    };
    let endpoints = running.endpoints.clone();
    let interrupt = setting.interrupt;
    let (load, ended) = mpsc::channel::<()>();
    // On a thread of its own, because a build may exit, or the gate be interrupted, before the first arrival.
    let (measured, trouble) = std::thread::scope(|scope| {
        let watching = scope.spawn(move || running.watch(&stop, interrupt, &ended));
        let measurement = Measurement {
            scenario,
            endpoint: endpoints.baseline.clone(),
            generators: None,
            journeys: tenfold_loadgen::Journeys::default(),
            candidate: Some(endpoints.candidate.target.clone()),
            sessions: tenfold_loadgen::KnownSessions::default(),
            // The meter reads both builds.
            probe: Probe::Off,
            profiled_pid: None,
            metrics: Vec::new(),
            components: Vec::new(),
            lab: None,
            stage: None,
            invocation: Invocation::default(),
            interrupt: stopped,
            feed: None,
            observer: &mut metering,
        };
        let measured = measurement.record(&run_dir);
        drop(load);
        (measured, watching.join().unwrap_or_default())
    });
    epoch.trouble = trouble;
    if *setting.interrupt.borrow() {
        return Err(GateError::Interrupted);
    }
    let recording = match measured {
        Ok(Measured { recording, .. }) => recording,
        // The exit of a build explains any error of the run.
        Err(_) if epoch.trouble.is_some() => return Ok(()),
        Err(MeasureError::Load(LoadError::Unreachable { target, reason })) => {
            let is_baseline = endpoints.baseline.target.to_string() == target;
            epoch.trouble = Some(BadDay::DidNotStart {
                side: match is_baseline {
                    true => Side::Baseline,
                    false => Side::Candidate,
                },
                reason: format!("could not reach {target}: {reason}"),
                last_lines: Vec::new(),
            });
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    if epoch.trouble.is_some() {
        // The meter would wait until the planned end.
        return Ok(());
    }
    epoch.readings = match metering.meter {
        Some(meter) => meter?.finish(),
        None => Vec::new(),
    };
    split(&recording, &run_dir, course, epoch)?;
    let offset = metering.start.saturating_duration_since(setting.began);
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

/// Starts to read both builds when the run starts.
struct Metering {
    endpoints: Pair<Endpoint>,
    edges: Vec<Duration>,
    start: Instant,
    meter: Option<Result<Meter, GateError>>,
}

impl Observer for Metering {
    fn on_start(&mut self, start: Instant) {
        self.start = start;
        let endpoints = self.endpoints.clone();
        self.meter = Some(Meter::start(endpoints, start, self.edges.clone()));
    }
}

/// Splits a recording into rounds. Times count from the start of the run.
fn split(
    recording: &Recording,
    run_dir: &RunDir,
    course: &Course,
    epoch: &mut Epoch,
) -> Result<(), GateError> {
    let bounds = |index: usize| {
        let from = course.warm_up + course.round * index as u32;
        (from, from + course.round)
    };
    let mut loads: Vec<Pair<Load>> = (0..course.rounds)
        .map(|index| {
            let (from, to) = bounds(index);
            round::add_rows(&recording.timeline.rows, from, to).map(|row| Load {
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
        let (from, _) = bounds(index);
        for side in Side::ALL {
            let row = load.of(side).row;
            epoch.planned += row.sent + row.dropped;
            epoch.dropped += row.dropped;
        }
        epoch.late_rounds += usize::from(round::is_late(load));
        let (metrics, attempts) = round::measure(load, &edges[0], &edges[1]);
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

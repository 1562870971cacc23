//! One run, from the first connection to the last record.

mod ticker;

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use tenfold_run_dir::agreement::Agreement;
use tenfold_run_dir::counts::Aborted;
use tenfold_run_dir::{Counts, RunDir, Timeline};
use tenfold_scenarios::{Model, Scenario, Share, Side};
use tokio::sync::watch;
use tokio::task::JoinError;

use crate::LoadError;
use crate::answer::AgreementLog;
use crate::connect::{Target, make_room_for};
use crate::grpc::{Methods, target_of};
use crate::http::{Endpoint, Origins};
use crate::record::{
    Feed, LogWriter, Progress, Recorded, Recorder, SharedRecorder, describe_abort,
};
use crate::shared::{Session, Shared};
use crate::usage::{peak_memory_bytes, process_cpu_ns};
use crate::user::{Journeys, KnownSessions, hatch_idle, log_in, run_closed_model};
use crate::websocket;
use ticker::tick;

/// Time between the end of preparation and the first possible arrival.
const LEAD: Duration = Duration::from_millis(20);

/// Time that an interrupted run waits for requests in flight.
const GRACE: Duration = Duration::from_millis(500);

/// Files that a run opens besides its users' connections.
const OTHER_FILES: u32 = 256;

/// I/O events that the runtime handles per poll: few, so that a burst of answers doesn't delay tasks
/// that are ready to run, above all the pacer.
const EVENTS_PER_TICK: usize = 64;

/// Tasks that the runtime runs between polls for I/O events: about as many as one poll makes ready,
/// so that the queue stays short.
const TASKS_PER_TICK: u32 = 61;

/// Receives the request to end a run early.
pub type Interrupt = watch::Receiver<bool>;

/// The inputs of a run.
pub struct Options<'a> {
    /// The scenario to send.
    pub scenario: Scenario,
    /// The part of its schedule and of its users that this generator sends; [`Share::WHOLE`] for one generator.
    /// Abort rules are judged only for the whole, because only all generators together have measured enough.
    pub share: Share,
    /// The service to send it to. In a paired run, the baseline.
    pub target: Target,
    /// The second build of a paired run, which compares two builds of a service. Requires a paired
    /// scenario ([`Scenario::paired`]); otherwise `None`.
    pub candidate: Option<Target>,
    /// Sessions of earlier runs, which are logged in if none are known.
    pub sessions: KnownSessions,
    /// The directory that the run is recorded in.
    pub run_dir: &'a RunDir,
    /// Ends the run early when it becomes true.
    pub interrupt: Interrupt,
    /// Publishes latencies and sampled requests during the run. `None` without a reader.
    pub feed: Option<Feed>,
    /// Called once, after the sessions are logged in and before the first arrival. It may block.
    pub on_ready: Box<dyn FnOnce() + 'a>,
    /// When the clock of the run starts.
    pub start: Start<'a>,
    /// Called once, with the instant at which the run's clock starts.
    pub on_start: Box<dyn FnOnce(Instant) + 'a>,
    /// Called once a second.
    pub on_progress: Box<dyn FnMut(&Progress) + 'a>,
}

/// When the clock of a run starts.
pub enum Start<'a> {
    /// As soon as the users are ready.
    Soon,
    /// At the instant that a function returns, which is called once the users are ready. It may block. `None` interrupts the
    /// run before its first arrival.
    Agreed(Box<dyn FnOnce() -> Option<Instant> + 'a>),
}

impl std::fmt::Debug for Options<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Options")
            .field("scenario", &self.scenario.name)
            .field("target", &self.target)
            .field("candidate", &self.candidate)
            .finish_non_exhaustive()
    }
}

/// The results of a run, besides the interval log on disk.
#[derive(Debug, Clone)]
pub struct Recording {
    /// Counts of every arrival.
    pub counts: Counts,
    /// The run, second by second.
    pub timeline: Timeline,
    /// Comparison of the answers of both builds of a paired run. `None` unless the run is paired.
    pub agreement: Option<Agreement>,
}

/// Sends the scenario's schedule to the target and records the answers.
///
/// Blocks for as long as the scenario lasts. Each arrival is sent at its intended time regardless of
/// the service (open model), or when its user has finished thinking (closed model).
///
/// The target's address is used as it is. The caller must decide whether that address may be put
/// under load, before the call and for exactly the addresses that are used
/// ([`Target::resolve`](crate::Target::resolve), [`Target::at`](crate::Target::at)), as the command
/// line does.
///
/// # Errors
/// If a target can't be reached, a session can't be logged in, or the interval log can't be written.
pub fn run(options: Options<'_>) -> Result<Recording, LoadError> {
    run_with(options, Journeys::default())
}

/// Like [`run`], with journeys written in Rust. The scenario names those journeys and sets their
/// weights.
///
/// # Errors
/// As for [`run`], and if a journey that the scenario declares `in_code` is missing from `journeys`.
pub fn run_with(options: Options<'_>, journeys: Journeys) -> Result<Recording, LoadError> {
    let in_code = options.scenario.journeys.iter().filter(|one| one.in_code);
    if let Some(missing) = in_code
        .into_iter()
        .find(|one| journeys.get(&one.name).is_none())
    {
        return Err(LoadError::NoSuchJourney {
            journey: missing.name.clone(),
        });
    }
    check_pairing(&options)?;
    websocket::check(&options.scenario)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_io_events_per_tick(EVENTS_PER_TICK)
        .event_interval(TASKS_PER_TICK)
        .build()
        .map_err(|source| LoadError::System {
            action: "start a runtime",
            source,
        })?;
    runtime.block_on(run_on_this_thread(options, journeys))
}

/// Checks that a paired scenario has two targets, and any other one.
fn check_pairing(options: &Options<'_>) -> Result<(), LoadError> {
    let reason = match (options.scenario.is_paired(), &options.candidate) {
        (true, Some(_)) | (false, None) => return Ok(()),
        (true, None) => "it is paired, for two builds; give a candidate besides the target",
        (false, Some(_)) => "there are two targets, but it is not paired; pair it first",
    };
    Err(LoadError::Configuration {
        what: format!("the scenario `{}`", options.scenario.name),
        reason: reason.to_owned(),
    })
}

/// Connects to the target, and to the candidate if there is one.
async fn reach(target: &Target, candidate: Option<&Target>) -> Result<Vec<Endpoint>, LoadError> {
    let mut endpoints = vec![Endpoint::reach(target).await?];
    if let Some(candidate) = candidate {
        let other = Endpoint::reach(candidate).await?;
        let (one, two) = (endpoints[0].protocol_name(), other.protocol_name());
        if one != two {
            return Err(LoadError::Configuration {
                what: format!("{candidate} as a candidate"),
                reason: format!(
                    "{target} speaks {one} and it speaks {two}, so the protocol might explain a \
                     difference; give --http 1.1"
                ),
            });
        }
        endpoints.push(other);
    }
    Ok(endpoints)
}

/// Logs in the sessions of a share on each side.
async fn log_in_all(
    of: (&Scenario, Share),
    endpoints: &[Endpoint],
    origins: &Origins,
    methods: &Methods,
) -> Result<Vec<Vec<Session>>, LoadError> {
    let mut sessions = Vec::new();
    for (endpoint, side) in endpoints.iter().zip(Side::ALL) {
        sessions.push(log_in(of, endpoint, (origins, methods), side).await?);
    }
    Ok(sessions)
}

async fn run_on_this_thread(
    options: Options<'_>,
    journeys: Journeys,
) -> Result<Recording, LoadError> {
    let Options {
        scenario,
        share,
        target,
        candidate,
        sessions: known,
        run_dir,
        mut interrupt,
        feed,
        on_ready,
        start,
        on_start,
        on_progress,
    } = options;
    let sides = if candidate.is_some() { 2 } else { 1 };
    let connections = share.part_of(scenario.load.users).saturating_mul(sides);
    make_room_for(connections.saturating_add(OTHER_FILES));
    let target = target_of(&scenario, &target);
    let candidate = candidate.as_ref().map(|other| target_of(&scenario, other));
    let endpoints = tokio::select! {
        endpoints = reach(&target, candidate.as_deref()) => endpoints?,
        () = interrupted(&mut interrupt) => return Err(LoadError::Interrupted),
    };
    let methods = tokio::select! {
        methods = Methods::load(&scenario, &endpoints) => methods?,
        () = interrupted(&mut interrupt) => return Err(LoadError::Interrupted),
    };
    let origins = Origins::new(&target, &endpoints);
    let known_before = known.get();
    let are_known = known_before.is_some();
    let sessions = match known_before {
        Some(sessions) => sessions,
        None => {
            let sessions = tokio::select! {
                sessions = log_in_all((&scenario, share), &endpoints, &origins, &methods) => sessions?,
                () = interrupted(&mut interrupt) => return Err(LoadError::Interrupted),
            };
            known.set(&sessions);
            sessions
        }
    };
    endpoints.iter().for_each(Endpoint::reset);
    origins.reached().iter().for_each(|origin| origin.reset());
    on_ready();

    let log = run_dir.interval_log(SystemTime::now() + LEAD)?;
    let writer = LogWriter::start(log, (&scenario, share), run_dir, feed.clone());
    let writer = writer.map_err(|source| LoadError::System {
        action: "start a thread",
        source,
    })?;
    let recorder = SharedRecorder::new(Recorder::new(&scenario, writer, feed));
    let shared = Arc::new(Shared::new(
        (scenario, share),
        endpoints,
        origins,
        sessions,
        methods,
        recorder,
    ));
    if shared.scenario.load.model == Model::Open {
        tokio::select! {
            hatched = hatch_idle(&shared) => hatched?,
            () = interrupted(&mut interrupt) => return Err(LoadError::Interrupted),
        }
    }

    let start = match start {
        Start::Soon => Instant::now() + LEAD,
        Start::Agreed(agree) => {
            let start = agree().ok_or(LoadError::Interrupted)?;
            // From here on, it is like any run.
            let ready = start.checked_sub(LEAD).unwrap_or(start);
            tokio::time::sleep_until(ready.into()).await;
            start
        }
    };
    shared.clock.start_at(start);
    on_start(start);
    let cpu_before = process_cpu_ns();
    let of_deadlines = Arc::clone(&shared);
    let deadlines = tokio::spawn(async move { of_deadlines.watch_deadlines().await });
    let conduct = tokio::spawn(conduct(Arc::clone(&shared), journeys));
    let early = {
        let mut conduct = std::pin::pin!(conduct);
        let ticking = tick(Arc::clone(&shared), on_progress);
        let mut ticking = std::pin::pin!(ticking);
        let early = tokio::select! {
            conducted = &mut conduct => Err(conducted),
            () = interrupted(&mut interrupt) => Ok(Early::Interrupted),
            // Without a missed rule it ends only if nothing more can be recorded, an error that the recorder
            // returns at its end.
            aborted = &mut ticking => Ok(aborted.map_or(Early::Interrupted, Early::Aborted)),
        };
        match early {
            Err(conducted) => {
                outcome(conducted)?;
                None
            }
            Ok(early) => {
                shared.stop.store(true, Ordering::Relaxed);
                tokio::select! {
                    conducted = &mut conduct => outcome(conducted)?,
                    () = tokio::time::sleep(GRACE) => {}
                }
                Some(early)
            }
        }
    };
    if early.is_some() {
        drop_waiting(&shared);
    }
    let now = shared.clock.now();
    let cpu_ns = process_cpu_ns() - cpu_before;
    let Some(recorder) = shared.recorder.close() else {
        return Err(LoadError::Users(
            "the record was closed before the run ended".to_owned(),
        ));
    };
    let Recorded {
        mut counts,
        timeline,
        server_timing,
    } = recorder.finish(now, cpu_ns)?;
    let samples = shared.complete(&mut counts, cpu_ns, now);
    if are_known {
        counts.set_up_requests = 0;
    }
    counts.generator.peak_memory_bytes = peak_memory_bytes();
    if !samples.is_empty() {
        run_dir.write_samples(&samples)?;
    }
    if !server_timing.is_empty() {
        run_dir.write_server_timing(&server_timing)?;
    }
    let agreement = shared.agreement.as_ref().map(AgreementLog::finish);
    if let Some(agreement) = &agreement {
        run_dir.write_agreement(agreement)?;
    }
    shared.dispatcher.close();
    deadlines.abort();
    (counts.interrupted, counts.aborted) = match early {
        None => (None, None),
        Some(Early::Interrupted) => (Some("interrupted".to_owned()), None),
        Some(Early::Aborted(aborted)) => {
            let rule = &shared.scenario.rules[aborted.rule];
            (Some(describe_abort(rule, &aborted)), Some(aborted))
        }
    };
    Ok(Recording {
        counts,
        timeline,
        agreement,
    })
}

/// Why a run ends early.
enum Early {
    /// The caller interrupted it.
    Interrupted,
    /// An abort rule is missed.
    Aborted(Aborted),
}

/// Conducts the run from its first arrival to its last answer.
async fn conduct(shared: Arc<Shared>, journeys: Journeys) -> Result<(), LoadError> {
    match shared.scenario.load.model {
        Model::Open => {
            let pacer = shared.pacer();
            let paced = pacer.pace(shared.scenario.schedule_of(shared.share)).await;
            paced.map_err(|source| LoadError::System {
                action: "use a timer",
                source,
            })?;
            pacer.drain().await;
            Ok(())
        }
        Model::Closed => {
            run_closed_model(&shared, journeys).await;
            Ok(())
        }
    }
}

fn outcome(conducted: Result<Result<(), LoadError>, JoinError>) -> Result<(), LoadError> {
    match conducted {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Waits until the run is interrupted; forever if no one can interrupt it any more.
pub(crate) async fn interrupted(interrupt: &mut Interrupt) {
    if interrupt.wait_for(|now| *now).await.is_err() {
        std::future::pending().await
    }
}

/// Drops the arrivals that still wait for a user.
fn drop_waiting(shared: &Shared) {
    let now = shared.clock.now();
    for arrival in shared.dispatcher.take_waiting() {
        shared
            .recorder
            .with(|recorder| recorder.dropped(&arrival, now));
    }
}

//! One run, from the first connection to the last record.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant, SystemTime};

use tenfold_run_dir::agreement::Agreement;
use tenfold_run_dir::counts::Aborted;
use tenfold_run_dir::{Counts, RunDir, Timeline};
use tenfold_scenarios::{Model, Scenario, Side, Variables};
use tokio::sync::watch;
use tokio::task::JoinError;

use crate::LoadError;
use crate::abort;
use crate::agreement_log::AgreementLog;
use crate::attack::{Life, hatch};
use crate::clock::nanoseconds;
use crate::journey::walk;
use crate::log_writer::LogWriter;
use crate::open_files::make_room_for;
use crate::pacer::{drain, pace};
use crate::progress::Progress;
use crate::recorder::Recorder;
use crate::set_up::log_in;
use crate::shared::Shared;
use crate::target::{Address, Target};
use crate::ticker::tick;
use crate::usage::{peak_memory_bytes, process_cpu_ns};
use crate::user::User;
use crate::visitor::Journeys;

/// How fast the users of the open model are hatched: all at once, for they are idle.
const HATCH_OPEN_PER_S: f64 = 1_000_000.0;

/// How long the users may take to be hatched and settled.
const HATCH_WITHIN: Duration = Duration::from_secs(30);

/// The time between the moment that everything is ready and the first possible arrival.
const LEAD: Duration = Duration::from_millis(20);

/// How long requests in flight are waited for when a run is interrupted.
const GRACE: Duration = Duration::from_millis(500);

/// Files that a run has open beside its users' connections.
const OTHER_FILES: u32 = 256;

/// I/O events that the runtime takes at a time: few, so that what is woken in between, the pacer
/// above all, doesn't queue behind a burst of answers.
const EVENTS_PER_TURN: usize = 64;

/// Tasks that the runtime runs before it looks for I/O events again: about as many as come at a
/// time, so that its queue stays short.
const TASKS_PER_TURN: u32 = 61;

/// Tells a run to end early.
pub type Interrupt = watch::Receiver<bool>;

/// What to run.
pub struct Options<'a> {
    /// What to send.
    pub scenario: Scenario,
    /// Where to send it: in a paired run, the baseline.
    pub target: Target,
    /// Where to send the other of each pair in a paired run, in which two builds of a service are
    /// compared; it goes with a scenario that is paired ([`Scenario::paired`]), and with no other.
    pub candidate: Option<Target>,
    /// Where to record it.
    pub run_dir: &'a RunDir,
    /// Becomes true when the run is to end early.
    pub interrupt: Interrupt,
    /// Called once, when the sessions are logged in and nothing of the schedule has been sent. It
    /// may take its time.
    pub on_ready: Box<dyn FnOnce() + 'a>,
    /// Called once, with the instant at which the run's clock reads zero.
    pub on_start: Box<dyn FnOnce(Instant) + 'a>,
    /// Called once a second.
    pub on_progress: Box<dyn FnMut(&Progress) + 'a>,
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

/// What was recorded, beside the interval log that is on disk already.
#[derive(Debug, Clone)]
pub struct Recording {
    /// What became of every arrival.
    pub counts: Counts,
    /// The run, second by second.
    pub timeline: Timeline,
    /// Whether both builds of a paired run gave the same answers; none where there was but one.
    pub agreement: Option<Agreement>,
}

/// Sends the scenario's schedule to the target and records what comes back.
///
/// Blocks for as long as the scenario lasts. Each arrival is sent at its intended time whatever the
/// service does (open model), or when its user has thought (closed model). Returns early where
/// nobody answers at a target, where a session can't be logged in, or where the interval log
/// can't be written.
///
/// It sends to whatever address the target has: nothing here asks whether whoever answers there expects
/// load. That is for the caller to judge, before the call and of the very addresses
/// ([`Target::resolve`](crate::Target::resolve), [`Target::at`](crate::Target::at)), as the command line
/// does.
pub fn run(options: Options<'_>) -> Result<Recording, LoadError> {
    run_with(options, Journeys::default())
}

/// Does what [`run`] does, with journeys that are written in code: the scenario says which of its
/// journeys are, and how often each is taken. As with [`run`], the caller judges who may be sent to.
///
/// # Errors
/// As for [`run`]; and where a journey of the scenario is in code, and not among `journeys`.
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
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .max_io_events_per_tick(EVENTS_PER_TURN)
        .event_interval(TASKS_PER_TURN)
        .build()
        .map_err(|source| LoadError::System {
            action: "start a runtime",
            source,
        })?;
    runtime.block_on(run_on_this_thread(options, journeys))
}

/// Refuses a scenario that is for another number of targets than there are.
fn check_pairing(options: &Options<'_>) -> Result<(), LoadError> {
    let reason = match (options.scenario.is_paired(), &options.candidate) {
        (true, Some(_)) | (false, None) => return Ok(()),
        (true, None) => "it is paired, for two builds; give a candidate beside the target",
        (false, Some(_)) => "there are two targets, and it is not paired; pair it first",
    };
    Err(LoadError::Configuration {
        what: format!("the scenario `{}`", options.scenario.name),
        reason: reason.to_owned(),
    })
}

/// Finds the target, and the candidate where there is one.
async fn reach(target: &Target, candidate: Option<&Target>) -> Result<Vec<Address>, LoadError> {
    let mut addresses = vec![target.reach().await?];
    if let Some(candidate) = candidate {
        let other = candidate.reach().await?;
        let (one, two) = (addresses[0].protocol.name(), other.protocol.name());
        if one != two {
            return Err(LoadError::Configuration {
                what: format!("{candidate} as a candidate"),
                reason: format!(
                    "{target} is spoken to with {one} and it with {two}, so a difference might be \
                     the protocol's; give --http 1.1"
                ),
            });
        }
        addresses.push(other);
    }
    Ok(addresses)
}

/// Logs the sessions in, on each side.
async fn log_in_all(
    scenario: &Scenario,
    addresses: &[Address],
) -> Result<Vec<Vec<Variables>>, LoadError> {
    let mut sessions = Vec::new();
    for (address, side) in addresses.iter().zip(Side::ALL) {
        sessions.push(log_in(scenario, address, side).await?);
    }
    Ok(sessions)
}

async fn run_on_this_thread(
    options: Options<'_>,
    journeys: Journeys,
) -> Result<Recording, LoadError> {
    let Options {
        scenario,
        target,
        candidate,
        run_dir,
        mut interrupt,
        on_ready,
        on_start,
        on_progress,
    } = options;
    let sides = if candidate.is_some() { 2 } else { 1 };
    let connections = scenario.load.users.saturating_mul(sides);
    make_room_for(connections.saturating_add(OTHER_FILES));
    let addresses = tokio::select! {
        addresses = reach(&target, candidate.as_ref()) => addresses?,
        () = interrupted(&mut interrupt) => return Err(LoadError::Interrupted),
    };
    let sessions = tokio::select! {
        sessions = log_in_all(&scenario, &addresses) => sessions?,
        () = interrupted(&mut interrupt) => return Err(LoadError::Interrupted),
    };
    addresses.iter().for_each(Address::begin);
    on_ready();

    let log = run_dir.interval_log(SystemTime::now() + LEAD)?;
    let writer = LogWriter::start(log, &scenario, run_dir).map_err(|source| LoadError::System {
        action: "start a thread",
        source,
    })?;
    let recorder = Recorder::new(&scenario, writer);
    let shared = Arc::new(Shared::new(
        scenario, addresses, sessions, recorder, journeys,
    ));
    if shared.scenario.load.model == Model::Open {
        tokio::select! {
            hatched = hatch_idle(&shared) => hatched?,
            () = interrupted(&mut interrupt) => return Err(LoadError::Interrupted),
        }
    }

    let start = Instant::now() + LEAD;
    shared.clock.start_at(start);
    on_start(start);
    let cpu_before = process_cpu_ns();
    let of_deadlines = Arc::clone(&shared);
    let deadlines = tokio::spawn(async move { of_deadlines.watch_deadlines().await });
    let conduct = tokio::spawn(conduct(Arc::clone(&shared)));
    let early = {
        let mut conduct = std::pin::pin!(conduct);
        let ticking = tick(Arc::clone(&shared), on_progress);
        let mut ticking = std::pin::pin!(ticking);
        let early = tokio::select! {
            conducted = &mut conduct => Err(conducted),
            () = interrupted(&mut interrupt) => Ok(Early::Interrupted),
            // Without a rule it ends only with the record.
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
    let Some(recorder) = shared.take_recorder() else {
        return Err(LoadError::Users(
            "the record was closed before the run ended".to_owned(),
        ));
    };
    let (mut counts, timeline) = recorder.finish(now, cpu_ns)?;
    let samples = shared.complete(&mut counts, cpu_ns, now);
    counts.generator.peak_memory_bytes = peak_memory_bytes();
    if !samples.is_empty() {
        run_dir.write_samples(&samples)?;
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
            (Some(abort::told(rule, &aborted)), Some(aborted))
        }
    };
    Ok(Recording {
        counts,
        timeline,
        agreement,
    })
}

/// Why a run ends before its time.
enum Early {
    /// It was told to.
    Interrupted,
    /// A rule is missed.
    Aborted(Aborted),
}

/// Hatches the users of the open model and waits until all of them are idle.
async fn hatch_idle(shared: &Arc<Shared>) -> Result<(), LoadError> {
    let users = shared.scenario.load.users;
    let of_users = Arc::clone(shared);
    let life: Arc<Life> =
        Arc::new(move |_number| Box::pin(User::new(Arc::clone(&of_users)).serve()));
    let mut hatching = std::pin::pin!(tokio::spawn(hatch(users, HATCH_OPEN_PER_S, life)));
    let settled = async {
        while shared.dispatcher.idle() < users as usize {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::select! {
        settled = tokio::time::timeout(HATCH_WITHIN, settled) => settled.map_err(|_| {
            LoadError::Users(format!("{users} users were not ready within {HATCH_WITHIN:?}"))
        }),
        ended = &mut hatching => Err(match ended {
            Ok(Err(error)) => error,
            _ => LoadError::Users("they ended before the first arrival".to_owned()),
        }),
    }
}

/// Conducts the run from its first arrival to its last answer.
async fn conduct(shared: Arc<Shared>) -> Result<(), LoadError> {
    match shared.scenario.load.model {
        Model::Open => {
            pace(&shared).await.map_err(|source| LoadError::System {
                action: "use a timer",
                source,
            })?;
            drain(&shared).await;
            Ok(())
        }
        Model::Closed => walk_all(&shared).await,
    }
}

/// Hatches the users of the closed model at their rate, and waits until the phases are over and
/// the last of them has its answer.
async fn walk_all(shared: &Arc<Shared>) -> Result<(), LoadError> {
    let load = &shared.scenario.load;
    let of_users = Arc::clone(shared);
    let life: Arc<Life> = Arc::new(move |number| {
        let shared = Arc::clone(&of_users);
        Box::pin(async move {
            let _walking = Walking::start(&shared);
            walk(Arc::clone(&shared), number).await;
        })
    });
    let hatching = tokio::spawn(hatch(load.users, load.hatch.per_second(), life));
    let end = nanoseconds(shared.scenario.duration());
    loop {
        let over = shared.is_stopped() || shared.clock.now() >= end;
        if over && shared.walking.load(Ordering::Relaxed) == 0 {
            return Ok(());
        }
        if hatching.is_finished() && !over {
            return match hatching.await {
                Ok(Err(error)) => Err(error),
                _ => Err(LoadError::Users(
                    "they ended before the phases did".to_owned(),
                )),
            };
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

/// Counts a user of the closed model for as long as it is on its way.
struct Walking<'a>(&'a Shared);

impl<'a> Walking<'a> {
    fn start(shared: &'a Shared) -> Self {
        shared.walking.fetch_add(1, Ordering::Relaxed);
        Self(shared)
    }
}

impl Drop for Walking<'_> {
    fn drop(&mut self) {
        self.0.walking.fetch_sub(1, Ordering::Relaxed);
    }
}

fn outcome(conducted: Result<Result<(), LoadError>, JoinError>) -> Result<(), LoadError> {
    match conducted {
        Ok(outcome) => outcome,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Waits until the run is to end early; for ever where nobody can tell it to any more.
async fn interrupted(interrupt: &mut Interrupt) {
    if interrupt.wait_for(|now| *now).await.is_err() {
        std::future::pending().await
    }
}

/// Drops the arrivals that wait for a user when a run is interrupted.
fn drop_waiting(shared: &Shared) {
    let now = shared.clock.now();
    for arrival in shared.dispatcher.take_waiting() {
        shared.record(|recorder| recorder.dropped(&arrival, now));
    }
}

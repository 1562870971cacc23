//! The agents of one run, as the run sees them.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use async_nats::{Client, Subscriber};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use futures_util::stream;
use nkeys::XKey;
use tenfold_loadgen::{Interrupt, LoadError};
use tenfold_measure::{Crew, Exit, Job, MeasureError, Messages, Worker, shared_clock};
use tenfold_run_dir::RunDir;
use tenfold_run_dir::agents::{Agent, AgentClock, Agents};
use tokio::runtime::Runtime;
use tokio::task::JoinHandle;

use crate::members::{Member, Members};
use crate::message::{
    Assignment, Beat, Offer, Order, Parcel, beat_subject, encode, report_subject,
};
use crate::parcels::Parcels;
use crate::placement::depth;
use crate::record_store::RecordStore;
use crate::seal::random_name;

/// Time between two heartbeats.
const BEAT: Duration = Duration::from_millis(500);

/// Time between two heartbeats while the clocks are estimated.
const QUICK_BEAT: Duration = Duration::from_millis(30);

/// Least time for each agent between two quick heartbeats: a round trip must not wait for the answers of others to earlier ones.
const QUICK_BEAT_EACH: Duration = Duration::from_micros(200);

/// Quick heartbeats, from the first on.
const QUICK_BEATS: u32 = 20;

/// Agents that are asked at a time to take their parts. Each has [`LOST_AFTER`] to answer.
///
/// [`LOST_AFTER`]: crate::members::LOST_AFTER
const OFFERS_MAX: usize = 64;

/// Round trips that an estimate of a clock needs.
const TRIPS_MIN: usize = 8;

/// Longest time in which the clocks are estimated.
const CLOCKS_MAX: Duration = Duration::from_secs(8);

/// Shortest and longest time between the order to start and the start.
const LEAD: (Duration, Duration) = (Duration::from_millis(400), Duration::from_secs(4));

/// Time in which agents that were ordered to stop complete and send their records.
const STOP_MAX: Duration = Duration::from_secs(60);

/// Time limit for the message that the run is over.
const RELEASE_MAX: Duration = Duration::from_secs(1);

/// Exit code of a run whose agent refuses its part, or has no usable clock.
const REFUSED: u8 = 104;

/// Wishes of a run for its agents.
#[derive(Debug, Clone)]
pub struct CrewOptions {
    /// Folder of the scenario, to which its files are relative.
    pub folder: PathBuf,
    /// Files that the scenario names.
    pub files: Vec<PathBuf>,
    /// Largest uncertainty of an agent's clock.
    pub clock_error_max: Duration,
}

/// The agents of one run. They stop if it is dropped before the run has ended.
pub struct AgentCrew {
    /// `None` once it is dropped.
    runtime: Option<Runtime>,
    client: Client,
    offers: Vec<Offer>,
    options: CrewOptions,
    /// `None` before the start.
    members: Option<Arc<Members>>,
    tasks: Vec<JoinHandle<()>>,
    round_trip_max: Duration,
}

impl std::fmt::Debug for AgentCrew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentCrew")
            .field("agents", &self.names())
            .finish_non_exhaustive()
    }
}

impl AgentCrew {
    pub(crate) fn new(
        runtime: Runtime,
        client: Client,
        offers: Vec<Offer>,
        options: CrewOptions,
    ) -> Self {
        Self {
            runtime: Some(runtime),
            client,
            offers,
            options,
            members: None,
            tasks: Vec::new(),
            round_trip_max: Duration::ZERO,
        }
    }

    /// Names of the agents, in the order of their generators.
    pub fn names(&self) -> Vec<&str> {
        self.offers.iter().map(|own| own.name.as_str()).collect()
    }

    /// Puts together what each agent gets.
    fn assign(
        &self,
        jobs: Vec<Job>,
        run_dir: &RunDir,
        parcels: &mut Parcels,
    ) -> Result<Vec<Assignment>, MeasureError> {
        let manifest = run_dir.file("manifest.json");
        let manifest = file_parcel(parcels, &manifest)?;
        let mut files = Vec::new();
        for file in &self.options.files {
            let name = file.to_str().filter(|name| depth(name).is_some());
            let Some(name) = name else {
                return Err(LoadError::Configuration {
                    what: format!("{} for agents", file.display()),
                    reason: "they get files by their paths relative to the scenario; give a relative path in the scenario".to_owned(),
                }
                .into());
            };
            let path = self.options.folder.join(file);
            files.push((name.to_owned(), file_parcel(parcels, &path)?));
        }
        let mut assignments = Vec::new();
        for (number, job) in (1..).zip(jobs) {
            let mut target_files = Vec::new();
            for file in job.target().files() {
                let parcel = file_parcel(parcels, file)?;
                target_files.push((file.display().to_string(), parcel));
            }
            let target = job.target().clone().without_addresses();
            // A job is data of this program: it can always be written.
            let text = serde_json::to_vec(&job.with_target(target)).unwrap_or_default();
            assignments.push(Assignment {
                number,
                job: parcels.add_bytes(text),
                manifest: manifest.clone(),
                files: files.clone(),
                target_files,
            });
        }
        Ok(assignments)
    }

    /// Has the agents take their parts, and estimates their clocks.
    async fn muster(
        client: &Client,
        members: &Arc<Members>,
        assignments: &[Assignment],
        clock_error_max: Duration,
    ) -> Result<Vec<JoinHandle<()>>, MeasureError> {
        let count = members.members.len();
        let failure = |position: usize, reason: String| {
            let name = &members.members[position].offer.name;
            refusal(name, position, count, reason)
        };
        let nats = |error: &dyn std::fmt::Display| LoadError::System {
            action: "subscribe to NATS",
            source: std::io::Error::other(error.to_string()),
        };
        let inbox = client.new_inbox();
        let pulses = client.subscribe(inbox.clone()).await;
        let reports = client.subscribe(report_subject(&members.run)).await;
        let mut tasks = vec![
            tokio::spawn(note_pulses(
                Arc::clone(members),
                pulses.map_err(|error| nats(&error))?,
            )),
            tokio::spawn(take_reports(
                Arc::clone(members),
                reports.map_err(|error| nats(&error))?,
            )),
        ];
        // Those that have taken their parts hear from the controller while others are still asked.
        let early = tokio::spawn(beat(Arc::clone(members), inbox.clone(), 0));
        let offered = assignments.iter().enumerate().map(|(position, own)| {
            let text = serde_json::to_vec(own).unwrap_or_default();
            async move {
                let taken = members.offer_part(position, &text).await;
                members.members[position].begin();
                taken
            }
        });
        let offered: Vec<_> = stream::iter(offered).buffered(OFFERS_MAX).collect().await;
        early.abort();
        for (position, taken) in offered.into_iter().enumerate() {
            taken.map_err(|reason| failure(position, reason))?;
        }
        tasks.push(tokio::spawn(beat(Arc::clone(members), inbox, QUICK_BEATS)));
        let deadline = Instant::now() + CLOCKS_MAX;
        loop {
            let known = |member: &Member| member.is_over() || member.clock().0 >= TRIPS_MIN;
            if members.members.iter().all(known) || Instant::now() > deadline {
                break;
            }
            tokio::time::sleep(QUICK_BEAT).await;
        }
        for (position, member) in members.members.iter().enumerate() {
            let bound = u64::try_from(clock_error_max.as_nanos()).unwrap_or(u64::MAX);
            match member.clock().1 {
                // It says why itself.
                _ if member.is_over() => {}
                Some(clock) if clock.uncertainty_ns <= bound => {}
                Some(clock) => {
                    let ms = |ns: u64| ns as f64 / 1e6;
                    let reason = format!(
                        "its clock is known to within {:.1} ms only (round trips take {:.1} ms), more than {:.1} ms; use a nearer NATS \
                         server, or allow more with --clock-error-max",
                        ms(clock.uncertainty_ns),
                        ms(clock.round_trip_ns),
                        ms(bound)
                    );
                    return Err(failure(position, reason));
                }
                None => return Err(failure(position, "it answers no heartbeat".to_owned())),
            }
        }
        Ok(tasks)
    }

    /// Describes the agents and their clocks.
    fn describe(&self, members: &Members) -> Agents {
        let agents = (1..).zip(&members.members).map(|(number, member)| Agent {
            number,
            name: member.offer.name.clone(),
            labels: member.offer.labels.clone(),
            host: member.offer.host.clone(),
            machine: member.offer.machine.clone(),
            clock: member.offsets().map(|offsets| {
                let after = offsets.after_start;
                let difference = |one: i64, other: i64| one.saturating_sub(other);
                AgentClock {
                    offset_ns: offsets.used.ns,
                    uncertainty_ns: offsets.used.uncertainty_ns,
                    round_trip_ns: offsets.used.round_trip_ns,
                    start_error_ns: after.map(|after| difference(offsets.used.ns, after.ns)),
                    start_uncertainty_ns: after.map(|after| after.uncertainty_ns),
                    drift_ns: after
                        .zip(offsets.last)
                        .map(|(after, last)| difference(last.ns, after.ns)),
                }
            }),
            lost: member.end().map(|end| end.reason),
        });
        Agents {
            clock_error_max_ns: u64::try_from(self.options.clock_error_max.as_nanos())
                .unwrap_or(u64::MAX),
            machine: tenfold_probe::host::boot_id(),
            agents: agents.collect(),
        }
    }

    /// Tells the agents that the run is over.
    fn release(&mut self) {
        let Some(runtime) = &self.runtime else {
            return;
        };
        self.tasks.drain(..).for_each(|task| task.abort());
        if let Some(members) = self.members.take() {
            members.members.iter().for_each(Member::close);
            let released = (0..members.members.len())
                .map(|position| Arc::clone(&members).order(position, Order::Release));
            runtime.block_on(async {
                let _ = tokio::time::timeout(RELEASE_MAX, join_all(released)).await;
            });
        }
    }
}

impl Crew for AgentCrew {
    fn start(
        &mut self,
        jobs: Vec<Job>,
        run_dir: &RunDir,
        messages: Messages,
        interrupt: &Interrupt,
    ) -> Result<Vec<Box<dyn Worker>>, MeasureError> {
        let mut parcels = Parcels::default();
        let assignments = self.assign(jobs, run_dir, &mut parcels)?;
        let mut own = Vec::new();
        for (number, offer) in (1..).zip(&self.offers) {
            let directory = run_dir.generator(number);
            let store = RecordStore::create(directory.path());
            let store = store.map_err(|source| LoadError::System {
                action: "create the directory of a record",
                source,
            })?;
            own.push(Member::new(offer.clone(), messages.clone(), store));
        }
        let key = XKey::new();
        let members = Arc::new(Members {
            run: random_name(&key),
            client: self.client.clone(),
            key,
            parcels,
            members: own,
        });
        let Some(runtime) = &self.runtime else {
            return Err(LoadError::Interrupted.into());
        };
        // From here on, they are released at the end.
        self.members = Some(Arc::clone(&members));
        let mut interrupt = interrupt.clone();
        let mustered = runtime.block_on(async {
            let bound = self.options.clock_error_max;
            tokio::select! {
                mustered = Self::muster(&self.client, &members, &assignments, bound) => mustered,
                _ = interrupt.wait_for(|now| *now) => Err(LoadError::Interrupted.into()),
            }
        });
        self.tasks = mustered?;
        let round_trips = members.members.iter().filter_map(|member| member.clock().1);
        let longest = round_trips.map(|clock| clock.round_trip_ns).max();
        self.round_trip_max = Duration::from_nanos(longest.unwrap_or(0));
        let handle = runtime.handle().clone();
        let workers = (0..members.members.len()).map(|position| {
            Box::new(AgentWorker {
                members: Arc::clone(&members),
                position,
                handle: handle.clone(),
            }) as Box<dyn Worker>
        });
        Ok(workers.collect())
    }

    fn lead(&self) -> Duration {
        (LEAD.0 + self.round_trip_max * 8).min(LEAD.1)
    }

    fn stop_max(&self) -> Duration {
        STOP_MAX
    }

    fn finish(&mut self, run_dir: &RunDir) -> Result<(), MeasureError> {
        if let Some(members) = self.members.clone() {
            run_dir.write_agents(&self.describe(&members))?;
        }
        self.release();
        Ok(())
    }
}

impl Drop for AgentCrew {
    fn drop(&mut self) {
        self.release();
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// One agent, as the run sees it.
struct AgentWorker {
    members: Arc<Members>,
    position: usize,
    handle: tokio::runtime::Handle,
}

impl AgentWorker {
    fn member(&self) -> &Member {
        &self.members.members[self.position]
    }

    fn order(&self, order: Order) {
        self.handle
            .spawn(Arc::clone(&self.members).order(self.position, order));
    }
}

impl Worker for AgentWorker {
    fn name(&self) -> Option<&str> {
        Some(&self.member().offer.name)
    }

    fn start_at(&mut self, at: Instant) {
        match self.member().fix_clock() {
            Some(clock) => self.order(Order::Start {
                at_ns: clock.to_agent(shared_clock::ns_of(at)),
            }),
            None => self.order(Order::Stop),
        }
    }

    fn stop(&mut self) {
        self.order(Order::Stop);
    }

    fn kill(&mut self) {
        self.order(Order::Kill);
        self.member()
            .lose(self.position, "it did not complete its record in time");
    }

    fn finish(&mut self) -> Exit {
        self.member().close();
        match self.member().end() {
            Some(end) => Exit {
                reason: end.reason,
                code: end.code,
            },
            None => Exit {
                reason: "it has ended".to_owned(),
                code: None,
            },
        }
    }
}

/// The error of a run that an agent can't take part in.
fn refusal(name: &str, position: usize, count: usize, reason: String) -> MeasureError {
    MeasureError::Generator {
        name: format!("agent {name} (generator {} of {count})", position + 1),
        reason,
        code: Some(REFUSED),
    }
}

/// Adds a file that a run sends.
fn file_parcel(parcels: &mut Parcels, path: &Path) -> Result<Parcel, MeasureError> {
    parcels.add_file(path).map_err(|error| {
        LoadError::Configuration {
            what: path.display().to_string(),
            reason: error.to_string(),
        }
        .into()
    })
}

/// Notes the answers to heartbeats.
async fn note_pulses(members: Arc<Members>, mut pulses: Subscriber) {
    while let Some(message) = pulses.next().await {
        let heard = shared_clock::monotonic_ns();
        members.note_pulse(&message.payload, heard);
    }
}

/// Answers the reports of all agents. Each agent waits for its answers, so there are a few at once.
async fn take_reports(members: Arc<Members>, mut reports: Subscriber) {
    while let Some(message) = reports.next().await {
        let members = Arc::clone(&members);
        tokio::spawn(async move {
            let answer = members.take_report(&message.payload);
            if let Some(reply) = message.reply {
                let _ = members.client.publish(reply, answer).await;
            }
        });
    }
}

/// Sends heartbeats, the first ones quickly, and declares agents lost that answer none.
async fn beat(members: Arc<Members>, inbox: String, mut quick: u32) {
    let agents = u32::try_from(members.members.len()).unwrap_or(u32::MAX);
    let quick_beat = QUICK_BEAT_EACH
        .saturating_mul(agents)
        .clamp(QUICK_BEAT, BEAT);
    let subject = beat_subject(&members.run);
    loop {
        let asked = shared_clock::monotonic_ns();
        let message = encode(&Beat { asked }, &[]);
        let sent = members
            .client
            .publish_with_reply(subject.clone(), inbox.clone(), message);
        let _ = sent.await;
        for (position, member) in members.members.iter().enumerate() {
            member.check(position);
        }
        let pause = if quick > 0 { quick_beat } else { BEAT };
        quick = quick.saturating_sub(1);
        tokio::time::sleep(pause).await;
    }
}

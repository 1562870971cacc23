//! An agent's part of one run, from its assignment to the end of its record.

use std::fs::File;
use std::io::Write as _;
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::fs::{MemfdFlags, memfd_create};
use tenfold_loadgen::{Interrupt, TargetDescription};
use tenfold_measure::{Event, Job, Message, Spans, Worker, shared_clock};
use tenfold_run_dir::RunDir;
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinHandle;

use crate::agent::AgentOptions;
use crate::message::{About, Assignment, Order, Parcel};
use crate::outbox::{Outbox, ReportError, part_bytes};
use crate::parcels::parcel_of_file;
use crate::placement::{place, scenario_folder};
use crate::record_copy::RecordCopy;
use crate::span_queue::SpanQueue;

/// Time without a heartbeat after which an agent stops: a load test must not outlive its owner. The generator's grace for requests in
/// flight, and the time until it is killed, come on top; together they are less than 5 s.
const FORSAKEN_AFTER: Duration = Duration::from_millis(3_000);

/// Time in which a generator that stops by itself completes its record.
const KILL_AFTER: Duration = Duration::from_millis(1_500);

/// Time between two looks at the heartbeats.
const LOOK: Duration = Duration::from_millis(100);

/// Time between two looks at the record.
const COPY_EVERY: Duration = Duration::from_secs(1);

/// Bytes that a run may have an agent hold: scenario, data and other files.
const PARCEL_BYTES_MAX: u64 = 2 << 30;

/// Exit code for a run that an agent refuses.
const REFUSED: u8 = 104;

/// An agent's part of one run.
pub(crate) struct Part {
    pub(crate) options: Arc<AgentOptions>,
    pub(crate) outbox: Outbox,
    pub(crate) assignment: Assignment,
    pub(crate) orders: mpsc::Receiver<Order>,
    /// Becomes `true` when the agent is to end.
    pub(crate) interrupt: Interrupt,
}

/// Outcome of a part.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The controller has its record, or nothing was recorded.
    Delivered,
    /// The controller was gone, so the record is kept here.
    Kept(PathBuf),
    /// It was not begun.
    Refused(String),
}

/// Why a generator stops before the end of its share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cause {
    /// The controller has ordered it.
    Ordered,
    /// The controller is gone.
    Forsaken,
    /// The agent is to end.
    Operator,
}

/// Why a part can't be done.
#[derive(Debug)]
struct Failure(String);

/// A job that can be started, and the files that it reads.
struct Prepared {
    job: Job,
    /// Held in memory, and named in the job by their numbers: nothing of them is on a disk.
    files: Vec<File>,
    /// Links to them, below the names of the scenario.
    links: PathBuf,
}

impl Part {
    /// Does the part. Reports everything but the outcome to the controller.
    pub(crate) async fn conduct(mut self) -> Outcome {
        let directory = self.options.directory.join(&self.outbox.run);
        let prepared = tokio::select! {
            prepared = prepare(&self.options, &self.outbox, &self.assignment, &directory) => prepared,
            why = cancelled(&mut self.orders, &self.outbox, &mut self.interrupt) => Err(Failure(why.to_owned())),
        };
        let outcome = match prepared {
            Ok(prepared) => {
                let links = prepared.links.clone();
                let done = self.run(prepared, &directory).await;
                let _ = std::fs::remove_dir_all(links);
                done
            }
            Err(failure) => Err(failure),
        };
        match outcome {
            Ok(Outcome::Kept(kept)) => Outcome::Kept(kept),
            Ok(outcome) => {
                let _ = std::fs::remove_dir_all(&directory);
                outcome
            }
            Err(Failure(reason)) => {
                let _ = std::fs::remove_dir_all(&directory);
                let about = About::Gone {
                    reason: reason.clone(),
                    code: Some(REFUSED),
                };
                let _ = self.outbox.report(about, &[]).await;
                Outcome::Refused(reason)
            }
        }
    }

    /// Runs the generator, and passes on its reports and records.
    async fn run(&mut self, prepared: Prepared, directory: &Path) -> Result<Outcome, Failure> {
        let Prepared { job, files, .. } = prepared;
        let record = record_directory(directory, self.assignment.number);
        let (messages, received) = std::sync::mpsc::channel();
        let (passed_on, mut from_generator) = mpsc::channel(16);
        let mut worker =
            (self.options.start)(&job, messages).map_err(|error| Failure(error.to_string()))?;
        std::thread::Builder::new()
            .name("messages".into())
            .spawn(move || {
                for (_, message) in received {
                    if passed_on.blocking_send(message).is_err() {
                        break;
                    }
                }
            })
            .map_err(|error| Failure(format!("could not start a thread: {error}")))?;
        let (events, to_forward) = mpsc::channel(16);
        let (mut spans, sampled) = SpanQueue::new();
        let forwarding = tokio::spawn(forward(self.outbox.clone(), to_forward, sampled));
        let (copied, copying) = start_copying(self.outbox.clone(), record);
        let mut failed = None;
        let mut has_ended = false;
        let mut stopped: Option<(Instant, Cause)> = None;
        let mut look = tokio::time::interval(LOOK);
        loop {
            tokio::select! {
                message = from_generator.recv() => match message {
                    Some(Message::Event(Event::Ended)) => {
                        has_ended = true;
                        break;
                    }
                    Some(Message::Event(Event::Failed { message })) => failed = Some(message),
                    // Progress that can't be passed on is left out.
                    Some(Message::Event(event @ Event::Progress(_))) => drop(events.try_send(event)),
                    Some(Message::Event(Event::Spans(own))) => spans.offer(own),
                    Some(Message::Event(event)) => drop(events.send(event).await),
                    Some(Message::Silent) | None => break,
                },
                Some(order) = self.orders.recv() => {
                    if obey(&mut *worker, order) && stopped.is_none() {
                        stopped = Some((Instant::now(), Cause::Ordered));
                    }
                }
                _ = look.tick() => {
                    let cause = match () {
                        () if self.outbox.heartbeats.silence() > FORSAKEN_AFTER => Some(Cause::Forsaken),
                        () if *self.interrupt.borrow() => Some(Cause::Operator),
                        () => None,
                    };
                    match (stopped, cause) {
                        (None, Some(cause)) => {
                            worker.stop();
                            stopped = Some((Instant::now(), cause));
                        }
                        (Some((since, Cause::Forsaken | Cause::Operator)), _)
                            if since.elapsed() > KILL_AFTER => worker.kill(),
                        _ => {}
                    }
                }
            }
        }
        let exit = tokio::task::spawn_blocking(move || worker.finish()).await;
        spans.finish().await;
        drop((events, files));
        drop(copied);
        let cause = stopped.map(|(_, cause)| cause);
        let why = match cause {
            Some(Cause::Forsaken) => Some("it heard nothing from the controller".to_owned()),
            Some(Cause::Operator) => Some("its operator stopped it".to_owned()),
            Some(Cause::Ordered) | None => failed,
        };
        let delivered = async {
            let mut copy = copying.await.map_err(|_| ReportError::CutOff)?;
            let event = forwarding.await.map_err(|_| ReportError::CutOff)??;
            copy.send(true, &self.outbox).await?;
            match (why, exit) {
                (None, _) if has_ended => {
                    let text = serde_json::to_vec(&Event::Ended).unwrap_or_default();
                    self.outbox.report_event(event + 1, &text).await
                }
                (why, exit) => {
                    let exit = exit.ok();
                    let reason = exit.as_ref().map(|exit| exit.reason.clone());
                    let about = About::Gone {
                        reason: why.or(reason).unwrap_or_default(),
                        code: exit.and_then(|exit| exit.code).filter(|code| *code != 0),
                    };
                    self.outbox.report(about, &[]).await.map(drop)
                }
            }
        };
        Ok(match delivered.await {
            Ok(()) => Outcome::Delivered,
            Err(_) if RunDir::open(directory).is_recorded() => Outcome::Kept(directory.to_owned()),
            Err(_) => Outcome::Delivered,
        })
    }
}

/// Passes an order to the generator. Returns whether it ends it.
fn obey(worker: &mut dyn Worker, order: Order) -> bool {
    match order {
        Order::Start { at_ns } => match shared_clock::instant_of(at_ns) {
            Some(at) => worker.start_at(at),
            None => worker.stop(),
        },
        Order::Stop => worker.stop(),
        Order::Kill | Order::Release => worker.kill(),
    }
    !matches!(order, Order::Start { .. })
}

/// Waits until a part that is being prepared is not wanted any more. Returns why.
async fn cancelled(
    orders: &mut mpsc::Receiver<Order>,
    outbox: &Outbox,
    interrupt: &mut Interrupt,
) -> &'static str {
    let mut look = tokio::time::interval(LOOK);
    loop {
        tokio::select! {
            _ = orders.recv() => return "the run ended before it started",
            _ = look.tick() => {
                if outbox.heartbeats.silence() > FORSAKEN_AFTER {
                    return "it heard nothing from the controller";
                }
                if *interrupt.borrow() {
                    return "its operator stopped it";
                }
            }
        }
    }
}

/// Passes events and sampled requests on, and returns the number of the last event. Progress that is overtaken by newer progress
/// is left out, and sampled requests wait for it.
async fn forward(
    outbox: Outbox,
    mut events: mpsc::Receiver<Event>,
    mut spans: mpsc::Receiver<Spans>,
) -> Result<u64, ReportError> {
    let mut number = 0;
    loop {
        let mut event = tokio::select! {
            biased;
            Some(event) = events.recv() => event,
            Some(spans) = spans.recv() => Event::Spans(spans),
            else => break,
        };
        while matches!(event, Event::Progress(_)) {
            match events.try_recv() {
                Ok(newer) => event = newer,
                Err(_) => break,
            }
        }
        number += 1;
        let text = serde_json::to_vec(&event).unwrap_or_default();
        outbox.report_event(number, &text).await?;
    }
    Ok(number)
}

/// Copies the record until the returned sender is dropped.
fn start_copying(outbox: Outbox, record: PathBuf) -> (oneshot::Sender<()>, JoinHandle<RecordCopy>) {
    let (end, mut ended) = oneshot::channel();
    let mut copy = RecordCopy::new(record, part_bytes(outbox.client.max_payload()));
    let copying = tokio::spawn(async move {
        loop {
            tokio::select! {
                _ = &mut ended => return copy,
                () = tokio::time::sleep(COPY_EVERY) => {}
            }
            // The next look, or the last one, goes on from there.
            let _ = copy.send(false, &outbox).await;
        }
    });
    (end, copying)
}

/// The directory of the generator's record: as in the run's directory, so that those of all agents can be put together.
fn record_directory(directory: &Path, number: u32) -> PathBuf {
    RunDir::open(directory).generator(number).path().to_owned()
}

/// Fetches what the job needs, and judges it.
async fn prepare(
    options: &AgentOptions,
    outbox: &Outbox,
    assignment: &Assignment,
    directory: &Path,
) -> Result<Prepared, Failure> {
    let parcels = || {
        let files = assignment.files.iter().chain(&assignment.target_files);
        files
            .map(|(_, parcel)| parcel)
            .chain([&assignment.job, &assignment.manifest])
    };
    let bytes = parcels().fold(0_u64, |sum, own| sum.saturating_add(own.bytes));
    if bytes > PARCEL_BYTES_MAX {
        return Err(Failure(format!(
            "its files have more than {} MiB",
            PARCEL_BYTES_MAX >> 20
        )));
    }
    let record = record_directory(directory, assignment.number);
    std::fs::create_dir_all(&record)
        .map_err(|error| Failure(format!("could not create {}: {error}", record.display())))?;
    let manifest = fetch(outbox, &assignment.manifest).await?;
    std::fs::copy(path_of(&manifest), directory.join("manifest.json"))
        .map_err(|error| Failure(format!("could not write the manifest: {error}")))?;
    let job = fetch(outbox, &assignment.job).await?;
    let job = std::fs::read(path_of(&job)).map(zeroize::Zeroizing::new);
    let job = job.map_err(|error| Failure(format!("could not read the job: {error}")))?;
    let job: Job = serde_json::from_slice(&job)
        .map_err(|error| Failure(format!("its job can't be read: {error}")))?;
    let links = directory.join("files");
    let names = || assignment.files.iter().map(|(name, _)| name.as_str());
    let folder = scenario_folder(&links, names())
        .ok_or_else(|| Failure("a file of the scenario has no place here".to_owned()))?;
    let placing = |error: std::io::Error| Failure(format!("could not place a file: {error}"));
    std::fs::create_dir_all(&folder).map_err(placing)?;
    let mut files = Vec::new();
    for (name, parcel) in &assignment.files {
        let file = fetch(outbox, parcel).await?;
        let path = place(&folder, name);
        if let Some(parent) = path.parent() {
            std::fs::create_dir_all(parent).map_err(placing)?;
        }
        std::os::unix::fs::symlink(path_of(&file), &path).map_err(placing)?;
        files.push(file);
    }
    let mut of_target = Vec::new();
    for (name, parcel) in &assignment.target_files {
        let file = fetch(outbox, parcel).await?;
        of_target.push((PathBuf::from(name), path_of(&file)));
        files.push(file);
    }
    let job = job.at(folder.join("scenario.toml"), record);
    let names: Vec<PathBuf> = names().map(PathBuf::from).collect();
    let limits = options.limits.clone();
    let judged = tokio::task::spawn_blocking(move || judge(&limits, job, &names, &of_target)).await;
    let job = judged.map_err(|_| Failure("its job could not be judged".to_owned()))??;
    Ok(Prepared { job, files, links })
}

/// Judges a job by what the operator allows. Returns it with the addresses that were judged.
fn judge(
    limits: &crate::Limits,
    job: Job,
    names: &[PathBuf],
    of_target: &[(PathBuf, PathBuf)],
) -> Result<Job, Failure> {
    let failure = |error: &dyn std::fmt::Display| Failure(error.to_string());
    let scenario = job.scenario().map_err(|error| failure(&error))?;
    // Otherwise the scenario could read files of this machine.
    if let Some(foreign) = scenario
        .files()
        .into_iter()
        .find(|file| !names.iter().any(|name| name == file))
    {
        return Err(Failure(format!(
            "the run has not sent the file {}",
            foreign.display()
        )));
    }
    let share = job
        .share()
        .ok_or_else(|| Failure("its share does not exist".to_owned()))?;
    limits.judge(&scenario, share).map_err(Failure)?;
    let sent = |file: &Path| of_target.iter().find(|(name, _)| name == file);
    if job.target().files().any(|file| sent(file).is_none()) {
        return Err(Failure(
            "the run has not sent the certificates of the target".to_owned(),
        ));
    }
    let here = |file: &Path| sent(file).map_or_else(PathBuf::new, |(_, place)| place.clone());
    let description = job.target().clone().without_addresses().with_files(here);
    let target = description.target().map_err(|error| failure(&error))?;
    // The sockets of a machine belong to its own services, such as one that runs containers.
    if target.socket().is_some() {
        return Err(Failure(
            "agents send no load to Unix domain sockets".to_owned(),
        ));
    }
    let addresses = target.resolve().map_err(|error| failure(&error))?;
    (limits.hosts)(target.host(), &addresses).map_err(Failure)?;
    let target = TargetDescription::of(&target.at(addresses));
    Ok(job.with_target(target).permitting(Vec::new()))
}

/// Fetches a parcel into a file in memory, and checks its digest.
async fn fetch(outbox: &Outbox, parcel: &Parcel) -> Result<File, Failure> {
    let held = |error: std::io::Error| Failure(format!("could not hold a file: {error}"));
    let file = memfd_create("tenfold", MemfdFlags::CLOEXEC);
    let mut file = File::from(file.map_err(|error| held(error.into()))?);
    let mut offset = 0;
    while offset < parcel.bytes {
        let about = About::Fetch {
            sha256: parcel.sha256.clone(),
            offset,
        };
        let part = outbox.report(about, &[]).await;
        let part = part.map_err(|error| Failure(format!("could not fetch a file: {error}")))?;
        if part.is_empty() {
            break;
        }
        file.write_all(&part).map_err(held)?;
        offset += part.len() as u64;
    }
    match parcel_of_file(&path_of(&file)).map_err(held)? == *parcel {
        true => Ok(file),
        false => Err(Failure(
            "a file of the run has changed since it was read, or on its way".to_owned(),
        )),
    }
}

/// A path by which this process and its children can open a file in memory.
fn path_of(file: &File) -> PathBuf {
    PathBuf::from(format!(
        "/proc/{}/fd/{}",
        std::process::id(),
        file.as_raw_fd()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_in_memory_are_read_by_their_path() {
        let file = memfd_create("tenfold", MemfdFlags::CLOEXEC).unwrap();
        let mut file = File::from(file);
        file.write_all(b"name\nann\n").unwrap();
        let directory = tempfile::tempdir().unwrap();
        let link = directory.path().join("people.csv");
        std::os::unix::fs::symlink(path_of(&file), &link).unwrap();
        assert_eq!(std::fs::read(&link).unwrap(), b"name\nann\n");
        assert!(std::fs::metadata(&link).unwrap().is_file());
        drop(file);
        assert!(std::fs::read(&link).is_err());
    }
}

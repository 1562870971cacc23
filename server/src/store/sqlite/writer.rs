//! Writer thread. All queued writes share one transaction and one sync.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;
use std::time::Duration;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::failure::failed;
use crate::delays;
use crate::ledger::{self, Part, Work};
use crate::store::StoreError;
use crate::store::write_stats::{WriteCounters, WriteStats};

/// Maximum number of queued writes: ten seconds' worth at 400 writes/s.
const QUEUE_WRITES_MAX: usize = 4_096;
/// Maximum number of writes in a transaction, which bounds the latency of the first.
const BATCH_WRITES_MAX: usize = 512;
/// Size of the log that triggers a checkpoint, in pages: 16 MB.
const LOG_PAGES_MAX: u64 = 2_048;

/// Handle of the writer thread of a SQLite file.
pub(super) struct Writer {
    queue: SyncSender<Job>,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    counters: WriteCounters,
    queued: AtomicU64,
    log_pages: AtomicU64,
}

/// Sends its result to the caller of a write, given the result of the commit.
type Reply = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A write, given the connection, or the error if there is no transaction.
type Write = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Reply + Send>;

enum Job {
    /// A write that can share a transaction.
    Write(Write),
    /// Holds the batch that it is in for so long, and replies with the time for which it did.
    Hold(Duration, oneshot::Sender<Duration>),
    /// Work that needs exclusive use of the connection.
    Alone(Box<dyn FnOnce(&mut Connection) + Send>),
    /// The last job, after all queued work.
    Close(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(mut connection: Connection) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let hook = Arc::clone(&shared);
        // Replaces SQLite's automatic checkpoints, which delay the batch that finds the log full until the
        // file is synced.
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                hook.log_pages
                    .store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(|error| failed(&error))?;
        let (queue, jobs) = sync_channel(QUEUE_WRITES_MAX);
        let thread_shared = Arc::clone(&shared);
        thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || run(connection, &jobs, &thread_shared))
            .map_err(|error| {
                StoreError::Other(format!("could not start the writer thread: {error}"))
            })?;
        Ok(Self { queue, shared })
    }

    /// Runs a write and returns once it is synced to disk.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        let _waiting = ledger::enter(Part::Sched);
        let mut work = Work::begin(Part::Queue);
        self.enqueue(Job::Write(Box::new(move |begun| {
            work.change(Part::Sql);
            let result = begun.and_then(|connection| in_savepoint(connection, write));
            work.change(Part::Commit);
            Box::new(move |committed| {
                work.finish();
                // The error of the write takes precedence over that of the commit. Sending fails only if
                // the caller was cancelled.
                let result = result.and_then(|value| committed.map(|()| value));
                let _ = sender.send((result, work));
            })
        })))?;
        let (result, work) = receiver.await.map_err(|_| stopped())?;
        work.absorb(Part::Sched);
        result
    }

    /// Holds the thread, once for all holds and writes of a batch. Returns the time for which it was held.
    pub(super) async fn hold(&self, time: Duration) -> Result<Duration, StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(Job::Hold(time, sender))?;
        receiver.await.map_err(|_| stopped())
    }

    /// Runs work that needs exclusive use of the connection.
    pub(super) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, receiver) = oneshot::channel();
        self.enqueue(Job::Alone(Box::new(move |connection| {
            let _ = sender.send(work(connection));
        })))?;
        receiver.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Finishes queued work and closes the file.
    pub(super) async fn close(&self) {
        let (sender, receiver) = oneshot::channel();
        let queue = self.queue.clone();
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        // Blocks if the queue is full, so it must not run on an async thread.
        let sent = tokio::task::spawn_blocking(move || queue.send(Job::Close(sender)).is_ok());
        if sent.await.unwrap_or(false) {
            let _ = receiver.await;
        } else {
            self.shared.queued.fetch_sub(1, Ordering::Relaxed);
        }
    }

    pub(super) fn stats(&self) -> WriteStats {
        self.shared
            .counters
            .snapshot(self.shared.queued.load(Ordering::Relaxed))
    }

    fn enqueue(&self, job: Job) -> Result<(), StoreError> {
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.try_send(job).map_err(|error| {
            self.shared.queued.fetch_sub(1, Ordering::Relaxed);
            match error {
                TrySendError::Full(_) => {
                    StoreError::Busy(format!("the queue of {QUEUE_WRITES_MAX} writes is full"))
                }
                TrySendError::Disconnected(_) => stopped(),
            }
        })
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer")
            .field("stats", &self.stats())
            .finish()
    }
}

fn stopped() -> StoreError {
    StoreError::Unavailable("it is closed".to_owned())
}

fn run(mut connection: Connection, jobs: &Receiver<Job>, shared: &Shared) {
    let mut next = None;
    let mut batch = Vec::new();
    let mut holds = Vec::new();
    while let Some(job) = next.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Write(_) | Job::Hold(..) => {
                next = Some(job);
                while batch.len() + holds.len() < BATCH_WRITES_MAX {
                    match next.take().or_else(|| jobs.try_recv().ok()) {
                        Some(Job::Write(write)) => batch.push(write),
                        Some(Job::Hold(time, reply)) => holds.push((time, reply)),
                        other => {
                            next = other;
                            break;
                        }
                    }
                }
                let size = batch.len() as u64;
                let jobs = size + holds.len() as u64;
                shared.queued.fetch_sub(jobs, Ordering::Relaxed);
                if let Some(longest) = holds.iter().map(|(time, _)| *time).max() {
                    let held = delays::sleep(longest);
                    for (_, reply) in holds.drain(..) {
                        // The caller may have been cancelled.
                        let _ = reply.send(held);
                    }
                }
                if size > 0 {
                    shared.counters.batch(size);
                    write_batch(&connection, batch.drain(..), &shared.counters);
                }
            }
            Job::Alone(work) => {
                shared.queued.fetch_sub(1, Ordering::Relaxed);
                work(&mut connection);
            }
            Job::Close(sender) => {
                shared.queued.fetch_sub(1, Ordering::Relaxed);
                // Copies the log into the file. If that fails, the next start does it.
                drop(connection);
                let _ = sender.send(());
                return;
            }
        }
        if shared.log_pages.load(Ordering::Relaxed) > LOG_PAGES_MAX {
            // After the replies, so that only the next batch waits. If it fails, as on a full disk, the log
            // grows and the next batch tries again.
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()));
            shared.log_pages.store(0, Ordering::Relaxed);
        }
    }
}

/// Runs writes in one transaction, commits it, and then replies to the callers.
fn write_batch(
    connection: &Connection,
    batch: impl Iterator<Item = Write>,
    counters: &WriteCounters,
) {
    let mut replies: Vec<Reply> = Vec::new();
    for write in batch {
        // On some failures, such as a full disk, SQLite rolls the whole transaction back. Earlier writes
        // of the batch then fail; later ones get a new transaction.
        if connection.is_autocommit() {
            reply_all(&mut replies, &Err(rolled_back()));
            if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
                let failure = failed(&error);
                write(Err(failure.clone()))(Err(failure));
                continue;
            }
        }
        replies.push(write(Ok(connection)));
    }
    if replies.is_empty() {
        return;
    }
    if connection.is_autocommit() {
        reply_all(&mut replies, &Err(rolled_back()));
        return;
    }
    let committed = connection
        .execute_batch("COMMIT")
        .map_err(|error| failed(&error));
    if committed.is_ok() {
        counters.commit();
    } else if !connection.is_autocommit() {
        // If this fails too, the next BEGIN fails, and so does every later write.
        let _ = connection.execute_batch("ROLLBACK");
    }
    reply_all(&mut replies, &committed);
}

fn reply_all(replies: &mut Vec<Reply>, outcome: &Result<(), StoreError>) {
    for reply in replies.drain(..) {
        reply(outcome.clone());
    }
}

fn rolled_back() -> StoreError {
    StoreError::Full("the database rolled the transaction back".to_owned())
}

/// Runs a write in a savepoint, so that its failure undoes only itself.
fn in_savepoint<T>(
    connection: &Connection,
    write: impl FnOnce(&Connection) -> Result<T, StoreError>,
) -> Result<T, StoreError> {
    let run = |sql: &str| {
        connection
            .prepare_cached(sql)
            .and_then(|mut statement| statement.execute(()))
            .map_err(|error| failed(&error))
    };
    run("SAVEPOINT write_of_batch")?;
    let result = write(connection);
    if connection.is_autocommit() {
        // SQLite rolled back the transaction, including the savepoint.
        return result;
    }
    let ended = match result {
        Ok(_) => run("RELEASE write_of_batch"),
        Err(_) => run("ROLLBACK TO write_of_batch").and_then(|_| run("RELEASE write_of_batch")),
    };
    if let Err(error) = ended {
        // A partial write must not be committed with the others.
        let _ = connection.execute_batch("ROLLBACK");
        return Err(error);
    }
    result
}

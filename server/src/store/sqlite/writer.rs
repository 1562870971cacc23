//! The one thread that writes: as many writes as are waiting share one transaction and one sync.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::failure::failed;
use crate::store::StoreError;
use crate::store::write_stats::{WriteCounters, WriteStats};

/// The most writes that wait. At 400 writes/s it is ten seconds of them, which nobody waits for.
const QUEUE_WRITES_MAX: usize = 4_096;
/// The most writes in one transaction, which bounds how long the first of them waits.
const BATCH_WRITES_MAX: usize = 512;
/// How many pages the log may have before it is copied into the file: 16 MB.
const LOG_PAGES_MAX: u64 = 2_048;

/// The writing end of a SQLite file.
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

/// Tells a waiting caller what became of its write, given what became of the commit.
type Answer = Box<dyn FnOnce(Result<(), StoreError>) + Send>;

/// A write, given the connection or why there is no transaction to write in.
type Write = Box<dyn FnOnce(Result<&Connection, StoreError>) -> Answer + Send>;

enum Job {
    /// A write that can share a transaction.
    Write(Write),
    /// Something that needs the connection for itself.
    Alone(Box<dyn FnOnce(&mut Connection) + Send>),
    /// The end: what was queued before is done by now.
    Close(oneshot::Sender<()>),
}

impl Writer {
    /// Starts the thread.
    pub(super) fn start(mut connection: Connection) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared::default());
        let seen = Arc::clone(&shared);
        // In place of SQLite's own check-pointing, which makes the batch that comes upon a full log
        // wait for the file to be synced.
        connection
            .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, pages| {
                seen.log_pages
                    .store(u64::try_from(pages).unwrap_or(0), Ordering::Relaxed);
                Ok(())
            }))
            .map_err(|error| failed(&error))?;
        let (queue, jobs) = sync_channel(QUEUE_WRITES_MAX);
        let of_thread = Arc::clone(&shared);
        thread::Builder::new()
            .name("sqlite-writer".to_owned())
            .spawn(move || run(connection, &jobs, &of_thread))
            .map_err(|error| {
                StoreError::Other(format!("could not start the thread that writes: {error}"))
            })?;
        Ok(Self { queue, shared })
    }

    /// Runs a write and answers once it is synced to the disk.
    pub(super) async fn write<T: Send + 'static>(
        &self,
        write: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Job::Write(Box::new(move |begun| {
            let result = begun.and_then(|connection| in_savepoint(connection, write));
            Box::new(move |committed| {
                // A write that failed by itself says so, whatever became of the rest. That the
                // caller has gone changes nothing.
                let _ = answer.send(result.and_then(|value| committed.map(|()| value)));
            })
        })))?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Runs something that needs the connection for itself.
    pub(super) async fn alone<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (answer, answered) = oneshot::channel();
        self.enqueue(Job::Alone(Box::new(move |connection| {
            let _ = answer.send(work(connection));
        })))?;
        answered.await.unwrap_or_else(|_| Err(stopped()))
    }

    /// Waits until what is queued is done and the file is closed.
    pub(super) async fn close(&self) {
        let (answer, answered) = oneshot::channel();
        let queue = self.queue.clone();
        self.shared.queued.fetch_add(1, Ordering::Relaxed);
        // The queue may be full, and then this waits, which the async threads must not.
        let sent = tokio::task::spawn_blocking(move || queue.send(Job::Close(answer)).is_ok());
        if sent.await.unwrap_or(false) {
            let _ = answered.await;
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
                    StoreError::Unavailable(format!("{QUEUE_WRITES_MAX} writes are waiting"))
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
    StoreError::Unavailable("it was closed".to_owned())
}

fn run(mut connection: Connection, jobs: &Receiver<Job>, shared: &Shared) {
    let mut carried = None;
    let mut batch = Vec::new();
    while let Some(job) = carried.take().or_else(|| jobs.recv().ok()) {
        match job {
            Job::Write(first) => {
                batch.push(first);
                while batch.len() < BATCH_WRITES_MAX {
                    match jobs.try_recv() {
                        Ok(Job::Write(write)) => batch.push(write),
                        Ok(other) => {
                            carried = Some(other);
                            break;
                        }
                        Err(_) => break,
                    }
                }
                let size = batch.len() as u64;
                shared.queued.fetch_sub(size, Ordering::Relaxed);
                shared.counters.batch(size);
                write_batch(&connection, batch.drain(..), &shared.counters);
            }
            Job::Alone(work) => {
                shared.queued.fetch_sub(1, Ordering::Relaxed);
                work(&mut connection);
            }
            Job::Close(answer) => {
                shared.queued.fetch_sub(1, Ordering::Relaxed);
                // Copies the log into the file; where that fails, the next start does it.
                drop(connection);
                let _ = answer.send(());
                return;
            }
        }
        if shared.log_pages.load(Ordering::Relaxed) > LOG_PAGES_MAX {
            // Comes after the answers, so that nobody waits for it but the next batch. Where it
            // fails (a full disk), the log grows and the next batch tries again.
            let _ = connection.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(()));
            shared.log_pages.store(0, Ordering::Relaxed);
        }
    }
}

/// Runs writes in one transaction, commits it, and only then answers them.
fn write_batch(
    connection: &Connection,
    batch: impl Iterator<Item = Write>,
    counters: &WriteCounters,
) {
    let mut answers: Vec<Answer> = Vec::new();
    for write in batch {
        // SQLite undoes the whole transaction upon some failures, such as a full disk. What came
        // before is lost then, and is told so; what comes after has a new transaction.
        if connection.is_autocommit() {
            answer_all(&mut answers, &Err(undone()));
            if let Err(error) = connection.execute_batch("BEGIN IMMEDIATE") {
                let failure = failed(&error);
                write(Err(failure.clone()))(Err(failure));
                continue;
            }
        }
        answers.push(write(Ok(connection)));
    }
    if answers.is_empty() {
        return;
    }
    if connection.is_autocommit() {
        answer_all(&mut answers, &Err(undone()));
        return;
    }
    let committed = connection
        .execute_batch("COMMIT")
        .map_err(|error| failed(&error));
    if committed.is_ok() {
        counters.commit();
    } else if !connection.is_autocommit() {
        // Where even this fails, the next BEGIN does too, and every write is told so.
        let _ = connection.execute_batch("ROLLBACK");
    }
    answer_all(&mut answers, &committed);
}

fn answer_all(answers: &mut Vec<Answer>, outcome: &Result<(), StoreError>) {
    for answer in answers.drain(..) {
        answer(outcome.clone());
    }
}

fn undone() -> StoreError {
    StoreError::Full("the database undid the transaction".to_owned())
}

/// Runs a write so that its failure undoes only itself.
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
        // SQLite has undone the transaction and the savepoint with it.
        return result;
    }
    let ended = match result {
        Ok(_) => run("RELEASE write_of_batch"),
        Err(_) => run("ROLLBACK TO write_of_batch").and_then(|_| run("RELEASE write_of_batch")),
    };
    if let Err(error) = ended {
        // Half a write must not be committed with the others.
        let _ = connection.execute_batch("ROLLBACK");
        return Err(error);
    }
    result
}

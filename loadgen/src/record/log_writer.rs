//! Writes interval histograms to disk, on its own thread.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use tenfold_run_dir::IntervalLog;
use tenfold_run_dir::{RunDir, RunDirError};
use tenfold_scenarios::{Scenario, Share};

use crate::record::checkpoint::{CheckpointWriter, Snapshot};
use crate::record::feed::{Feed, kinds_of};
use crate::record::figures::{FiguresBuilder, SharedFigures};
use crate::record::interval_set::IntervalSet;

/// The shortest time between checkpoints, in seconds.
const CHECKPOINT_INTERVAL_S: u64 = 2;

/// The least growth of a run between checkpoints, as one part in this many. Each checkpoint rewrites the
/// time line, so this bounds the disk throughput in long runs.
const CHECKPOINT_GROWTH_PARTS: u64 = 720;

/// A job for the thread.
#[derive(Debug)]
enum Job {
    /// Write an interval and return its set.
    Write(IntervalSet),
    /// Write a checkpoint at the end of the last interval.
    Checkpoint(Box<Snapshot>),
}

/// Holds the interval that is being recorded, while a thread writes the one before.
///
/// If the disk is too slow, an interval grows longer: nothing is lost, and there are never more than
/// two sets.
#[derive(Debug)]
pub(crate) struct LogWriter {
    set: IntervalSet,
    jobs: SyncSender<Job>,
    empty: Receiver<IntervalSet>,
    thread: JoinHandle<Result<(), RunDirError>>,
    figures: SharedFigures,
    /// The end of the last interval that was handed over.
    handed_over_ns: Option<u64>,
    /// When the next checkpoint is due, in seconds of the run.
    checkpoint_at_s: u64,
    /// True once the thread has stopped with an error.
    is_broken: bool,
}

impl LogWriter {
    /// Starts the thread, which writes intervals to `log` and checkpoints to `run_dir`, and adds latencies to `feed`.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(crate) fn start(
        mut log: IntervalLog,
        (scenario, share): (&Scenario, Share),
        run_dir: &RunDir,
        feed: Option<Feed>,
    ) -> std::io::Result<Self> {
        let (phases, requests) = (scenario.phases.len(), scenario.requests.len());
        let mut builder = FiguresBuilder::new(scenario, share);
        let figures = builder.shared();
        let mut checkpoints = CheckpointWriter::new(run_dir.clone());
        let kinds = kinds_of(scenario);
        // Room for the spare set and a snapshot.
        let (jobs, to_do) = sync_channel::<Job>(2);
        let (written, empty) = sync_channel::<IntervalSet>(2);
        let spare = IntervalSet::new(phases, requests);
        // Succeeds: the channel is empty.
        let _ = written.try_send(spare);
        let thread = std::thread::Builder::new()
            .name("interval-log".into())
            .spawn(move || {
                let mut log_bytes = 0;
                for job in to_do {
                    match job {
                        Job::Write(mut set) => {
                            for (series, values) in set.recorded() {
                                builder.add(series, values);
                                if let Some(feed) = &feed {
                                    feed.add(&kinds, series, values);
                                }
                            }
                            builder.end_interval();
                            set.write(&mut log)?;
                            log_bytes = log.flush()?;
                            if written.send(set).is_err() {
                                break;
                            }
                        }
                        // A failed checkpoint doesn't end the run: the one before it remains, and a full
                        // disk also makes the log fail.
                        Job::Checkpoint(snapshot) => drop(checkpoints.write(*snapshot, log_bytes)),
                    }
                }
                log.flush().map(drop)
            })?;
        Ok(Self {
            set: IntervalSet::new(phases, requests),
            jobs,
            empty,
            thread,
            figures,
            handed_over_ns: None,
            checkpoint_at_s: 0,
            is_broken: false,
        })
    }

    /// The figures that the thread works out.
    pub(crate) fn figures(&self) -> SharedFigures {
        self.figures.clone()
    }

    /// The interval that is being recorded.
    pub(crate) fn set(&mut self) -> &mut IntervalSet {
        &mut self.set
    }

    /// Ends the interval at `now` and hands it to the thread, if the one before has been written.
    pub(crate) fn end_interval(&mut self, now: u64) {
        match self.empty.try_recv() {
            Ok(mut next) => {
                self.set.end_ns = now;
                next.start_ns = now;
                std::mem::swap(&mut self.set, &mut next);
                // Fails only if the thread has stopped with an error, which `finish` returns.
                self.is_broken |= self.jobs.try_send(Job::Write(next)).is_err();
                self.handed_over_ns = Some(now);
            }
            Err(TryRecvError::Empty) => {}
            Err(TryRecvError::Disconnected) => self.is_broken = true,
        }
    }

    /// Returns true once the log can't be written, after which nothing more is recorded.
    pub(crate) fn is_broken(&self) -> bool {
        self.is_broken
    }

    /// Returns true if a checkpoint is due at `now`, the end of an interval: enough time has passed, and the log
    /// will contain all that is counted.
    pub(crate) fn is_checkpoint_due(&self, now: u64) -> bool {
        self.handed_over_ns == Some(now) && whole_seconds(now) >= self.checkpoint_at_s
    }

    /// Hands a checkpoint to the thread. Returns false if the thread is busy.
    pub(crate) fn checkpoint(&mut self, snapshot: Snapshot) -> bool {
        let at_s = whole_seconds(snapshot.at_ns);
        self.checkpoint_at_s = at_s + CHECKPOINT_INTERVAL_S + at_s / CHECKPOINT_GROWTH_PARTS;
        let sent = self.jobs.try_send(Job::Checkpoint(Box::new(snapshot)));
        sent.is_ok()
    }

    /// Writes the last interval and waits until everything is on disk.
    ///
    /// # Errors
    /// If the log could not be written.
    ///
    /// # Panics
    /// If the thread panicked.
    pub(crate) fn finish(mut self, now: u64) -> Result<(), RunDirError> {
        self.set.end_ns = now;
        let _ = self.jobs.send(Job::Write(self.set));
        drop(self.jobs);
        match self.thread.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Whole seconds.
fn whole_seconds(ns: u64) -> u64 {
    ns / 1_000_000_000
}

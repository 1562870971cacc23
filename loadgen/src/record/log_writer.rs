//! Writes interval histograms to disk beside the run, never in its way.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use tenfold_run_dir::IntervalLog;
use tenfold_run_dir::{RunDir, RunDirError};
use tenfold_scenarios::Scenario;

use crate::record::checkpoint::{Keeper, Snapshot};
use crate::record::figures::{FiguresBuilder, SharedFigures};
use crate::record::interval_set::IntervalSet;

/// How often what the run has come to is kept on disk, at most, in seconds.
const KEEP_EVERY_S: u64 = 2;

/// A run is not kept again before it has grown by one part in so many: its time line is written anew each
/// time, and so takes no more of the disk a second however long a run lasts.
const KEEP_PARTS: u64 = 720;

/// What the thread is to do.
#[derive(Debug)]
enum Job {
    /// Write an interval, and give its set back.
    Write(IntervalSet),
    /// Keep what the run has come to at the end of the interval that was written last.
    Keep(Box<Snapshot>),
}

/// Holds the interval that is being recorded; a thread of its own writes the one before.
///
/// Where the disk is slower than the intervals come, an interval grows longer: nothing is lost, and
/// no more than two sets are ever held.
#[derive(Debug)]
pub(crate) struct LogWriter {
    set: IntervalSet,
    jobs: SyncSender<Job>,
    empty: Receiver<IntervalSet>,
    thread: JoinHandle<Result<(), RunDirError>>,
    figures: SharedFigures,
    /// When the interval ended that was handed over last.
    handed_over_ns: Option<u64>,
    /// When what the run has come to is to be kept next, in seconds of the run.
    keep_at_s: u64,
}

impl LogWriter {
    /// Starts the thread, which writes to `log` and keeps what the run comes to in `run_dir`.
    pub(crate) fn start(
        mut log: IntervalLog,
        scenario: &Scenario,
        run_dir: &RunDir,
    ) -> std::io::Result<Self> {
        let (phases, requests) = (scenario.phases.len(), scenario.requests.len());
        let mut builder = FiguresBuilder::new(scenario);
        let figures = builder.shared();
        let mut keeper = Keeper::new(run_dir.clone());
        // The one set that is not recorded into, and a snapshot after it.
        let (jobs, to_do) = sync_channel::<Job>(2);
        let (written, empty) = sync_channel::<IntervalSet>(2);
        let spare = IntervalSet::new(phases, requests);
        // There is room for it: the channel is new.
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
                            }
                            builder.end_interval();
                            set.write(&mut log)?;
                            log_bytes = log.flush()?;
                            if written.send(set).is_err() {
                                break;
                            }
                        }
                        // One that can't be written is no reason to end the run: the one before it
                        // stands, and a disk that is full is told by the log.
                        Job::Keep(snapshot) => drop(keeper.keep(*snapshot, log_bytes)),
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
            keep_at_s: 0,
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

    /// Ends the interval at `now` and hands it to be written, if the one before has been.
    pub(crate) fn end_interval(&mut self, now: u64) {
        match self.empty.try_recv() {
            Ok(mut next) => {
                self.set.end_ns = now;
                next.start_ns = now;
                std::mem::swap(&mut self.set, &mut next);
                // It fails only where the thread has stopped with an error, which `finish` tells.
                let _ = self.jobs.try_send(Job::Write(next));
                self.handed_over_ns = Some(now);
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
    }

    /// Tells whether what the run has come to at `now`, the end of an interval, is to be kept: it is time,
    /// and the log will hold all that is counted.
    pub(crate) fn is_to_keep(&self, now: u64) -> bool {
        self.handed_over_ns == Some(now) && whole_seconds(now) >= self.keep_at_s
    }

    /// Has it kept; returns whether it will be.
    pub(crate) fn keep(&mut self, snapshot: Snapshot) -> bool {
        let at_s = whole_seconds(snapshot.at_ns);
        self.keep_at_s = at_s + KEEP_EVERY_S + at_s / KEEP_PARTS;
        let sent = self.jobs.try_send(Job::Keep(Box::new(snapshot)));
        sent.is_ok()
    }

    /// Writes the last interval, and waits until all is on disk.
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

/// Seconds of the run that have passed.
fn whole_seconds(ns: u64) -> u64 {
    ns / 1_000_000_000
}

//! Writes interval histograms to disk beside the run, never in its way.

use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::JoinHandle;

use tenfold_run_dir::RunDirError;
use tenfold_run_dir::interval_log::IntervalLog;
use tenfold_scenarios::Scenario;

use crate::digest::{Digest, Told};
use crate::interval_set::IntervalSet;

/// Holds the interval that is being recorded; a thread of its own writes the one before.
///
/// Where the disk is slower than the intervals come, an interval grows longer: nothing is lost, and
/// no more than two sets are ever held.
#[derive(Debug)]
pub(crate) struct LogWriter {
    set: IntervalSet,
    full: SyncSender<IntervalSet>,
    empty: Receiver<IntervalSet>,
    thread: JoinHandle<Result<(), RunDirError>>,
    told: Told,
}

impl LogWriter {
    /// Starts the thread.
    pub(crate) fn start(mut log: IntervalLog, scenario: &Scenario) -> std::io::Result<Self> {
        let (phases, requests) = (scenario.phases.len(), scenario.requests.len());
        let mut digest = Digest::new(scenario);
        let told = digest.told();
        let (full, to_write) = sync_channel::<IntervalSet>(1);
        let (written, empty) = sync_channel::<IntervalSet>(2);
        let spare = IntervalSet::new(phases, requests);
        // There is room for it: the channel is new.
        let _ = written.try_send(spare);
        let thread = std::thread::Builder::new()
            .name("interval-log".into())
            .spawn(move || {
                for mut set in to_write {
                    for (series, values) in set.recorded() {
                        digest.add(series, values);
                    }
                    digest.end_interval();
                    set.write(&mut log)?;
                    log.flush()?;
                    if written.send(set).is_err() {
                        break;
                    }
                }
                log.flush()
            })?;
        Ok(Self {
            set: IntervalSet::new(phases, requests),
            full,
            empty,
            thread,
            told,
        })
    }

    /// Where the thread tells what the intervals come to.
    pub(crate) fn told(&self) -> Told {
        self.told.clone()
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
                let _ = self.full.try_send(next);
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => {}
        }
    }

    /// Writes the last interval, and waits until all is on disk.
    pub(crate) fn finish(mut self, now: u64) -> Result<(), RunDirError> {
        self.set.end_ns = now;
        let _ = self.full.send(self.set);
        drop(self.full);
        match self.thread.join() {
            Ok(written) => written,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

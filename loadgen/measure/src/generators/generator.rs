//! One generator of a run, as its messages describe it.

use std::time::Instant;

use tenfold_loadgen::Progress;
use tenfold_run_dir::RunDir;
use tenfold_scenarios::Share;

use super::job::Event;
use super::worker::{Message, Worker};
use crate::MeasureError;

/// One generator of a run.
pub(super) struct Generator {
    share: Share,
    worker: Box<dyn Worker>,
    run_dir: RunDir,
    /// Its state, by its messages.
    pub(super) state: State,
    /// Its last progress. `None` before the first second of the run has passed.
    pub(super) progress: Option<Progress>,
    /// Why it could not do its job. `None` if it has not said so.
    failed_because: Option<String>,
}

/// The state of a generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It connects, and logs sessions in.
    Starting,
    /// Its users are ready, or send.
    Ready,
    /// Its record is complete.
    Ended,
    /// It ended without a complete record.
    Lost,
}

/// Why a generator did not complete its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// The reason.
    pub(super) reason: String,
    /// Exit code of its process. `None` if a signal ended it, or it is not known.
    pub(super) code: Option<u8>,
}

impl Generator {
    /// A generator that has got its job, with the directory of its record.
    pub(super) fn new(share: Share, worker: Box<dyn Worker>, run_dir: RunDir) -> Self {
        Self {
            share,
            worker,
            run_dir,
            state: State::Starting,
            progress: None,
            failed_because: None,
        }
    }

    /// Number of the generator, from 1.
    pub(super) fn number(&self) -> u32 {
        self.share.index() + 1
    }

    /// Name of the generator in a sentence.
    pub(super) fn name(&self) -> String {
        let of = format!("generator {} of {}", self.number(), self.share.count());
        match self.worker.name() {
            Some(name) => format!("agent {name} ({of})"),
            None => of,
        }
    }

    /// Returns whether it may still report.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.state, State::Starting | State::Ready)
    }

    /// Notes a message. Returns `true` if the generator is lost by it.
    pub(super) fn note(&mut self, message: Message) -> bool {
        match message {
            // A message that was late must not bring a lost generator back.
            Message::Event(_) if !self.is_alive() => {}
            Message::Event(Event::Ready) => self.state = State::Ready,
            Message::Event(Event::Progress(progress)) => self.progress = Some(*progress),
            // They are of the run as a whole.
            Message::Event(Event::Spans(_)) => {}
            Message::Event(Event::Ended) => {
                self.state = State::Ended;
                self.settle();
            }
            Message::Event(Event::Failed { message }) => self.failed_because = Some(message),
            Message::Silent if self.is_alive() => {
                self.state = State::Lost;
                self.settle();
                return true;
            }
            Message::Silent => {}
        }
        false
    }

    /// Keeps the counts of the last progress, and no rates.
    fn settle(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.settle();
        }
    }

    /// Orders the clock of the run to start.
    pub(super) fn start_at(&mut self, at: Instant) {
        self.worker.start_at(at);
    }

    /// Orders it to end early, with its record.
    pub(super) fn stop(&mut self) {
        self.worker.stop();
    }

    /// Ends it at once.
    pub(super) fn kill(&mut self) {
        self.worker.kill();
    }

    /// Waits until it has ended, and returns why it did not complete its record. `None` if it did.
    pub(super) fn finish(&mut self) -> Option<Loss> {
        let exit = self.worker.finish();
        if self.state == State::Ended {
            return None;
        }
        Some(Loss {
            reason: self.failed_because.take().unwrap_or(exit.reason),
            code: exit.code,
        })
    }

    /// Writes into the record of a lost generator why it ends. Does nothing if there is no record.
    ///
    /// # Errors
    /// If the record can't be read or written.
    pub(super) fn close_record(&self, loss: &Loss) -> Result<(), MeasureError> {
        if !self.run_dir.is_recorded() {
            return Ok(());
        }
        let mut counts = self.run_dir.read_counts()?;
        // One that was cut off may have completed its record by itself.
        let until = counts
            .checkpoint
            .map_or(counts.elapsed_ns, |checkpoint| checkpoint.at_ns);
        counts.interrupted = Some(format!(
            "{}; recorded up to {} s",
            loss.reason,
            until / 1_000_000_000
        ));
        counts.lost = true;
        Ok(self.run_dir.write_counts(&counts)?)
    }
}

//! A generator on this machine or another, as a run uses it.

use std::fmt;
use std::sync::mpsc::Sender;
use std::time::{Duration, Instant};

use tenfold_loadgen::Interrupt;
use tenfold_run_dir::RunDir;

use super::job::{Event, Job};
use crate::MeasureError;

/// A message from a generator.
#[derive(Debug)]
pub enum Message {
    /// It reports.
    Event(Event),
    /// It reports no more: its process has ended, writes what nobody understands, or can't be reached.
    Silent,
}

/// Receives the messages of all generators, each with the generator's position from 0.
pub type Messages = Sender<(usize, Message)>;

/// One generator of a run: a process of this machine, or one of another machine.
pub trait Worker: Send {
    /// The name that people know it by. `None` if its number is all.
    fn name(&self) -> Option<&str> {
        None
    }

    /// Orders the clock of the run to start.
    fn start_at(&mut self, at: Instant);

    /// Orders it to end early, with its record.
    fn stop(&mut self);

    /// Ends it at once.
    fn kill(&mut self);

    /// Waits for a bounded time until it has ended, and returns how. Nothing is written into its record after that.
    fn finish(&mut self) -> Exit;
}

/// The end of a generator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exit {
    /// Reason for a record that is not complete: "its process ended with signal 9".
    pub reason: String,
    /// Exit code of its process. `None` if a signal ended it, or it is not known.
    pub code: Option<u8>,
}

/// Starts the generators of a run elsewhere than on this machine.
pub trait Crew: Send + fmt::Debug {
    /// Starts a generator for each job, in their order. The records of the generators appear in `run_dir` while they work.
    ///
    /// # Errors
    /// If one can't take its job, or `interrupt` becomes true.
    fn start(
        &mut self,
        jobs: Vec<Job>,
        run_dir: &RunDir,
        messages: Messages,
        interrupt: &Interrupt,
    ) -> Result<Vec<Box<dyn Worker>>, MeasureError>;

    /// Time between the order to start and the start, in which the order reaches every generator.
    fn lead(&self) -> Duration;

    /// Time in which generators that were ordered to stop complete their records.
    fn stop_max(&self) -> Duration;

    /// Ends the run for all generators, and writes what is known of their machines.
    ///
    /// # Errors
    /// If a file can't be written.
    fn finish(&mut self, run_dir: &RunDir) -> Result<(), MeasureError>;
}

//! Several generators of one run, each a process with its share of the schedule.
//!
//! | module | contents |
//! |---|---|
//! | `generator_count` | number of generators that the rate asks for |
//! | `job` | the job of a generator, and the messages between it and the run |
//! | `lines` | messages as lines of JSON |
//! | `shared_clock` | instants that all processes of this machine share |
//! | `generation` | a generator, from its job to its record |
//! | `reports` | the thread that writes the messages of a generator |
//! | `worker` | a generator on this machine or another, as a run uses it |
//! | `generator` | a generator, as its messages describe it |
//! | `generator_process` | the process of a generator |
//! | `log_follower` | latencies of the generators, for the feed of their run |
//! | `fleet` | all generators of a run, from their start to the sum of their records |
//!
//! The job says nothing of pipes, so that a generator on another machine takes it as well ([`Crew`]).

mod fleet;
mod generation;
mod generator;
mod generator_count;
mod generator_process;
mod job;
mod lines;
mod log_follower;
mod reports;
pub mod shared_clock;
mod worker;

use std::path::PathBuf;

pub(crate) use fleet::{FleetRun, run};
pub use generation::generate;
pub use generator_count::{generators_for, refuse_generators};
pub use job::{Event, Job, Spans};
pub use worker::{Crew, Exit, Message, Messages, Worker};

use crate::MeasureError;
use generator_process::GeneratorProcess;

/// Several generators of one run, and their machines.
#[derive(Debug)]
pub struct Generators {
    /// Number of generators.
    pub count: u32,
    /// Their machines.
    pub place: Place,
    /// Hosts that the command line permits redirects to lead to, by name. Each generator judges them again.
    pub permitted_hosts: Vec<String>,
    /// Reaction of the others if one is lost.
    pub on_loss: OnLoss,
}

/// The machines of a run's generators.
#[derive(Debug)]
pub enum Place {
    /// Processes of this machine.
    Processes {
        /// Program and arguments of a process that calls [`generate`] with its standard input and output.
        command: (PathBuf, Vec<String>),
    },
    /// Elsewhere.
    Crew(Box<dyn Crew>),
}

/// Reaction of the other generators if one is lost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnLoss {
    /// They send their shares to the end.
    #[default]
    Continue,
    /// They end the run.
    Stop,
}

/// Starts the process of one generator with a job. Its messages have position 0.
///
/// # Errors
/// If the process can't be started.
pub fn start_process(
    command: &(PathBuf, Vec<String>),
    job: &Job,
    messages: Messages,
) -> Result<Box<dyn Worker>, MeasureError> {
    Ok(Box::new(GeneratorProcess::start(
        command, 0, job, messages,
    )?))
}

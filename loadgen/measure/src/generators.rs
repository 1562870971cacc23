//! Several generators of one run on this machine, each a process with its share of the schedule.
//!
//! | module | contents |
//! |---|---|
//! | `generator_count` | number of generators that the rate asks for |
//! | `job` | the job of a generator, and the messages between it and the run |
//! | `lines` | messages as lines of JSON |
//! | `shared_clock` | instants that all processes of this machine share |
//! | `generation` | a generator, from its job to its record |
//! | `generator_process` | the process of a generator |
//! | `fleet` | all generators of a run, from their start to the sum of their records |
//!
//! The job says nothing of pipes, so that a generator on another machine could take it as well.

mod fleet;
mod generation;
mod generator_count;
mod generator_process;
mod job;
mod lines;
mod shared_clock;

use std::path::PathBuf;

pub(crate) use fleet::{FleetRun, run};
pub use generation::generate;
pub use generator_count::{generators_for, refuse_generators};

/// Several generators of one run, and the program that they are processes of.
#[derive(Debug, Clone)]
pub struct Generators {
    /// Number of generators, 2 or more.
    pub count: u32,
    /// Program and arguments of a process that calls [`generate`] with its standard input and output.
    pub command: (PathBuf, Vec<String>),
    /// Hosts that the command line permits redirects to lead to, by name. Each generator judges them again.
    pub permitted_hosts: Vec<String>,
}

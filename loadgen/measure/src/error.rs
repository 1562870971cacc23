//! Errors of a run.

use tenfold_loadgen::LoadError;
use tenfold_run_dir::RunDirError;
use tenfold_scenarios::ScenarioError;

/// Reason why a run could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MeasureError {
    /// The machine has too few files or ports for the requested users.
    #[error(
        "could not run {users} users: they may need as many connections, and {limit} leaves room for \
         {room}; raise the limit, or ask for fewer users with --users"
    )]
    TooManyUsers {
        /// Users requested.
        users: u32,
        /// Users that fit.
        room: u32,
        /// Limit that is exceeded.
        limit: String,
    },
    /// The load can't be divided among so many generators.
    #[error(
        "could not divide the load among {count} generators: each needs a virtual user and a connection, and each session and \
         each user with a row of data of its own belongs to one generator; give at most {most} with --generators"
    )]
    TooManyGenerators {
        /// Generators requested.
        count: u32,
        /// Generators that there can be.
        most: u32,
    },
    /// A run of several generators needs what only one generator has.
    #[error("could not run several generators: {what}; run one, with --generators 1")]
    OneGenerator {
        /// Feature that only one generator has.
        what: &'static str,
    },
    /// A generator could not do its share.
    #[error("{name} could not do its share: {reason}")]
    Generator {
        /// Name of the generator: "generator 2 of 3".
        name: String,
        /// The reason.
        reason: String,
        /// Exit code of its process. `None` if a signal ended it.
        code: Option<u8>,
    },
    /// A generator is of another version of this program than the run.
    #[error(
        "the run is of version {run} of tenfold and the generator of version {generator}; use the same one"
    )]
    OtherVersion {
        /// Version of the program that runs the load test.
        run: String,
        /// Version of the generator.
        generator: String,
    },
    /// The scenario can't be used.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The load could not be sent.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// The run directory could not be written.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
}

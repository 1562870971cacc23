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

//! Errors of a run.

use tenfold_run_dir::RunDirError;
use tenfold_scenarios::ScenarioError;

/// Why a run could not be carried out.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The URL of the target is not usable.
    #[error("could not use `{url}` as a target: {reason}")]
    Target {
        /// The URL.
        url: String,
        /// Why it is not usable.
        reason: String,
    },
    /// The configuration is not usable: a file can't be read, or options contradict each other.
    #[error("could not use {what}: {reason}")]
    Configuration {
        /// The option or file.
        what: String,
        /// Why it is not usable, and what to do.
        reason: String,
    },
    /// A call of the scenario is not valid.
    #[error(transparent)]
    Scenario(#[from] ScenarioError),
    /// The target accepts connections, but no protocol could be agreed on.
    #[error("could not agree on {what} with {target}: {reason}")]
    Disagreed {
        /// TLS, or a version of HTTP.
        what: &'static str,
        /// The target.
        target: String,
        /// Why it failed, and what to do.
        reason: String,
    },
    /// The target does not accept connections.
    #[error("could not reach {target}: {reason}")]
    Unreachable {
        /// The target.
        target: String,
        /// Why it failed, and what to look at.
        reason: String,
    },
    /// The generator's machine could not open a connection.
    #[error(
        "could not open a connection to {target}: {reason}. The generator's machine is the cause, not the service"
    )]
    Shortage {
        /// The target.
        target: String,
        /// Why it failed, and what to do.
        reason: String,
    },
    /// A session could not be logged in before the first arrival.
    #[error("could not log in session {session} with the request \"{request}\": {reason}")]
    SetUp {
        /// The session's number.
        session: u64,
        /// The request that logs in.
        request: String,
        /// Why it failed.
        reason: String,
    },
    /// The scenario declares a journey in code that is not registered.
    #[error(
        "could not run the journey \"{journey}\": it is written in code, and this program registers \
         none of that name; give it steps, or use the program that registers it"
    )]
    NoSuchJourney {
        /// The journey's name.
        journey: String,
    },
    /// The run was interrupted before its first arrival.
    #[error("interrupted before the first arrival; nothing was measured")]
    Interrupted,
    /// The users could not be started.
    #[error("could not start the users: {0}")]
    Users(String),
    /// The system refused a resource.
    #[error("could not {action}: {source}; see `tenfold doctor`")]
    System {
        /// The action that failed.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The run directory could not be written, so the run ended.
    #[error(
        "{0}. The run ended there, and its measurement is invalid: free space, or choose another run directory \
         with --out"
    )]
    RunDir(#[from] RunDirError),
}

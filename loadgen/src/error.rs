//! Why load could not be sent.

use tenfold_run_dir::RunDirError;

/// Why load could not be sent.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The target is not something that can be sent to.
    #[error("could not use `{url}` as a target: {reason}")]
    Target {
        /// What was given.
        url: String,
        /// What is wrong with it.
        reason: String,
    },
    /// What was asked for can't be done: a file that can't be read, or flags that don't go together.
    #[error("could not use {what}: {reason}")]
    Configuration {
        /// What was given.
        what: String,
        /// What is wrong with it, and what to do.
        reason: String,
    },
    /// Somebody is there, but no protocol could be agreed on.
    #[error("could not agree on {what} with {target}: {reason}")]
    Disagreed {
        /// TLS, or a version of HTTP.
        what: &'static str,
        /// What was tried.
        target: String,
        /// Why it failed, and what to do.
        reason: String,
    },
    /// Nobody answers there.
    #[error("could not reach {target}: {reason}; is the service running?")]
    Unreachable {
        /// What was tried.
        target: String,
        /// Why it failed.
        reason: String,
    },
    /// A session could not be logged in before the first arrival.
    #[error("could not log session {session} in with the request \"{request}\": {reason}")]
    SetUp {
        /// The session's number.
        session: u64,
        /// The request that logs in.
        request: String,
        /// Why it failed.
        reason: String,
    },
    /// The scenario has a journey in code that this program has not.
    #[error(
        "could not run the journey \"{journey}\": it is written in code, and this program has none \
         of that name; give it steps, or run it by the program that registers it"
    )]
    NoSuchJourney {
        /// The journey's name.
        journey: String,
    },
    /// The run was told to end before its first arrival.
    #[error("interrupted before the first arrival; nothing was measured")]
    Interrupted,
    /// Goose could not start the users.
    #[error("could not start the users: {0}")]
    Users(String),
    /// The machine refused something that a run needs.
    #[error("could not {action}: {source}; see `tenfold doctor`")]
    System {
        /// What was tried.
        action: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The run directory could not be written.
    #[error(transparent)]
    RunDir(#[from] RunDirError),
}

//! Classes of failed requests.

use std::fmt;

use tenfold_run_dir::Blame;
use tenfold_scenarios::RenderError;

/// The longest round trip, in nanoseconds, after which a closed connection is noticed.
const ROUND_TRIP_NS_MAX: u64 = 500_000_000;

/// Why a request did not complete.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, serde::Deserialize,
)]
#[serde(rename_all = "snake_case")]
pub enum Failure {
    /// The service accepted no connection: refused, or unreachable.
    Connect,
    /// The TLS handshake failed: a certificate was not trusted, on either side, or no version or cipher
    /// is in common.
    Tls,
    /// The answer was not complete within the scenario's timeout.
    Timeout,
    /// The connection was closed or reset before the head of the answer was read.
    Connection,
    /// The service had closed a kept-alive connection, which was noticed only after the next request was
    /// written to it.
    ClosedIdle,
    /// The connection ended before the announced end of the body.
    ShortBody,
    /// The response is not valid HTTP.
    Malformed,
    /// A redirect could not be followed: too many, a loop, or no usable address.
    Redirect,
    /// A redirect leads to a host that the generator may not put under load.
    RedirectRefused,
    /// The answer is complete, but the scenario does not expect its status.
    UnexpectedStatus,
    /// The answer is complete and its status expected, but a check failed.
    FailedCheck,
    /// The answer is complete and its status expected, but a value to capture is missing.
    MissingCapture,
    /// The answer is no stream of events, or the service ended the stream too early.
    EventStream,
    /// The WebSocket handshake is not valid, or the service ended the conversation too early or broke its rules.
    WebSocket,
    /// The answer is not gRPC, or breaks its rules: no status, or a wrong number of messages.
    Grpc,
    /// The script of the request failed.
    Script,
    /// The script of the request took too long.
    ScriptTimeout,
    /// A template needs a variable that is not set.
    MissingVariable,
    /// The rendered request is not valid HTTP.
    Unsendable,
    /// No local port was left for another connection.
    LocalPorts,
    /// The limit on open files was reached.
    OpenFiles,
    /// The kernel had no memory for another connection.
    LocalMemory,
    /// The network of the generator's machine is down, or has no route to the target.
    LocalNetwork,
    /// The generator's machine forbids the connection.
    LocalDenied,
    /// The answer exceeds a limit of the generator or of its libraries.
    GeneratorLimit,
    /// The user that sent it stopped unexpectedly: a defect of the generator.
    LostUser,
}

impl Failure {
    /// Every failure, in the order of the discriminants.
    pub const ALL: [Failure; 26] = [
        Failure::Connect,
        Failure::Tls,
        Failure::Timeout,
        Failure::Connection,
        Failure::ClosedIdle,
        Failure::ShortBody,
        Failure::Malformed,
        Failure::Redirect,
        Failure::RedirectRefused,
        Failure::UnexpectedStatus,
        Failure::FailedCheck,
        Failure::MissingCapture,
        Failure::EventStream,
        Failure::WebSocket,
        Failure::Grpc,
        Failure::Script,
        Failure::ScriptTimeout,
        Failure::MissingVariable,
        Failure::Unsendable,
        Failure::LocalPorts,
        Failure::OpenFiles,
        Failure::LocalMemory,
        Failure::LocalNetwork,
        Failure::LocalDenied,
        Failure::GeneratorLimit,
        Failure::LostUser,
    ];

    /// The class of a request that could not be rendered.
    pub(crate) fn of_rendering(error: &RenderError) -> Self {
        match error {
            RenderError::Missing { .. } => Self::MissingVariable,
            RenderError::Header { .. } => Self::Unsendable,
        }
    }

    /// The class of a failure that was noticed `after_ns` after the request was sent: a connection that is
    /// closed long after that was not idle.
    pub(crate) fn noticed_after(self, after_ns: u64) -> Self {
        match self {
            Self::ClosedIdle if after_ns > ROUND_TRIP_NS_MAX => Self::Connection,
            other => other,
        }
    }

    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Failure::Connect => "connect",
            Failure::Tls => "tls",
            Failure::Timeout => "timeout",
            Failure::Connection => "connection",
            Failure::ClosedIdle => "closed_idle",
            Failure::ShortBody => "short_body",
            Failure::Malformed => "malformed",
            Failure::Redirect => "redirect",
            Failure::RedirectRefused => "redirect_refused",
            Failure::UnexpectedStatus => "unexpected_status",
            Failure::FailedCheck => "failed_check",
            Failure::MissingCapture => "missing_capture",
            Failure::EventStream => "event_stream",
            Failure::WebSocket => "websocket",
            Failure::Grpc => "grpc",
            Failure::Script => "script",
            Failure::ScriptTimeout => "script_timeout",
            Failure::MissingVariable => "missing_variable",
            Failure::Unsendable => "unsendable",
            Failure::LocalPorts => "local_ports",
            Failure::OpenFiles => "open_files",
            Failure::LocalMemory => "local_memory",
            Failure::LocalNetwork => "local_network",
            Failure::LocalDenied => "local_denied",
            Failure::GeneratorLimit => "generator_limit",
            Failure::LostUser => "lost_user",
        }
    }

    /// The side that it is blamed on.
    pub fn blame(self) -> Blame {
        match self {
            Failure::Connect
            | Failure::Tls
            | Failure::Timeout
            | Failure::Connection
            | Failure::ClosedIdle
            | Failure::ShortBody
            | Failure::Malformed
            | Failure::Redirect
            | Failure::UnexpectedStatus
            | Failure::FailedCheck
            | Failure::MissingCapture
            | Failure::EventStream
            | Failure::WebSocket
            | Failure::Grpc => Blame::Service,
            Failure::RedirectRefused
            | Failure::Script
            | Failure::ScriptTimeout
            | Failure::MissingVariable
            | Failure::Unsendable => Blame::Scenario,
            Failure::LocalPorts
            | Failure::OpenFiles
            | Failure::LocalMemory
            | Failure::LocalNetwork
            | Failure::LocalDenied
            | Failure::GeneratorLimit
            | Failure::LostUser => Blame::Generator,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::counts::{FAILURE_CLASSES, blame};

    use super::*;

    #[test]
    fn run_directory_blames_the_same_side() {
        for (index, failure) in Failure::ALL.into_iter().enumerate() {
            assert_eq!(failure as usize, index, "{failure}");
            assert_eq!(blame(failure.name()), Some(failure.blame()), "{failure}");
        }
        assert_eq!(Failure::ALL.len(), FAILURE_CLASSES.len());
    }
}

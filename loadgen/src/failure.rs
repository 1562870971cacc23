//! The ways in which a request fails, each with its name.

use std::fmt;

/// Why a request that was taken up did not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No connection could be opened: refused, unreachable, or out of file descriptors.
    Connect,
    /// A connection was opened, but no TLS agreed on: a certificate that is not trusted, on either
    /// side, or nothing in common.
    Tls,
    /// The answer was not complete within the scenario's timeout.
    Timeout,
    /// The connection was closed or reset before the head of the answer was read.
    Connection,
    /// The connection ended before the body was as long as announced.
    ShortBody,
    /// What came back is not HTTP.
    Malformed,
    /// The answer is whole, but its status is not one that the scenario expects.
    UnexpectedStatus,
    /// The answer is whole and its status expected, but a check failed.
    FailedCheck,
    /// The answer is whole and its status expected, but a value that was to be captured is not in it.
    MissingCapture,
    /// The script of the request broke off by itself.
    Script,
    /// The script of the request took too long.
    ScriptTimeout,
    /// A template needs a variable that no answer has given.
    MissingVariable,
    /// What the scenario makes of its templates is no HTTP request.
    Unsendable,
    /// The user that had it stopped unexpectedly: a defect of the generator.
    LostUser,
}

impl Failure {
    /// Every failure, in the order of the discriminants.
    pub const ALL: [Failure; 14] = [
        Failure::Connect,
        Failure::Tls,
        Failure::Timeout,
        Failure::Connection,
        Failure::ShortBody,
        Failure::Malformed,
        Failure::UnexpectedStatus,
        Failure::FailedCheck,
        Failure::MissingCapture,
        Failure::Script,
        Failure::ScriptTimeout,
        Failure::MissingVariable,
        Failure::Unsendable,
        Failure::LostUser,
    ];

    /// The word for it in files.
    pub fn name(self) -> &'static str {
        match self {
            Failure::Connect => "connect",
            Failure::Tls => "tls",
            Failure::Timeout => "timeout",
            Failure::Connection => "connection",
            Failure::ShortBody => "short_body",
            Failure::Malformed => "malformed",
            Failure::UnexpectedStatus => "unexpected_status",
            Failure::FailedCheck => "failed_check",
            Failure::MissingCapture => "missing_capture",
            Failure::Script => "script",
            Failure::ScriptTimeout => "script_timeout",
            Failure::MissingVariable => "missing_variable",
            Failure::Unsendable => "unsendable",
            Failure::LostUser => "lost_user",
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

//! The ways in which a request fails, each with its name.

use std::fmt;

/// Why a request that was taken up did not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No connection could be opened: refused, unreachable, or out of file descriptors.
    Connect,
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
    /// A template needs a variable that no answer has given.
    MissingVariable,
    /// What the scenario makes of its templates is no HTTP request.
    Unsendable,
    /// The user that had it stopped unexpectedly: a defect of the generator.
    LostUser,
}

impl Failure {
    /// Every failure, in the order of the discriminants.
    pub const ALL: [Failure; 9] = [
        Failure::Connect,
        Failure::Timeout,
        Failure::Connection,
        Failure::ShortBody,
        Failure::Malformed,
        Failure::UnexpectedStatus,
        Failure::MissingVariable,
        Failure::Unsendable,
        Failure::LostUser,
    ];

    /// The word for it in files.
    pub fn name(self) -> &'static str {
        match self {
            Failure::Connect => "connect",
            Failure::Timeout => "timeout",
            Failure::Connection => "connection",
            Failure::ShortBody => "short_body",
            Failure::Malformed => "malformed",
            Failure::UnexpectedStatus => "unexpected_status",
            Failure::MissingVariable => "missing_variable",
            Failure::Unsendable => "unsendable",
            Failure::LostUser => "lost_user",
        }
    }

    /// Names what went wrong before the head of an answer was read.
    pub(crate) fn before_head(error: &hyper::Error) -> Self {
        if error.is_parse() {
            Failure::Malformed
        } else {
            Failure::Connection
        }
    }

    /// Names what went wrong while the body of an answer was read.
    pub(crate) fn in_body(error: &hyper::Error) -> Self {
        if error.is_parse() {
            Failure::Malformed
        } else {
            Failure::ShortBody
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

//! Classes of failed requests.

use std::fmt;

/// Why a request did not complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Failure {
    /// No connection could be opened: refused, unreachable, or out of file descriptors.
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
    /// The script of the request failed.
    Script,
    /// The script of the request took too long.
    ScriptTimeout,
    /// A template needs a variable that is not set.
    MissingVariable,
    /// The rendered request is not valid HTTP.
    Unsendable,
    /// The user that sent it stopped unexpectedly: a defect of the generator.
    LostUser,
}

impl Failure {
    /// Every failure, in the order of the discriminants.
    pub const ALL: [Failure; 17] = [
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
        Failure::Script,
        Failure::ScriptTimeout,
        Failure::MissingVariable,
        Failure::Unsendable,
        Failure::LostUser,
    ];

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

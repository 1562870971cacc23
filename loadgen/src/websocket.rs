//! WebSocket conversations (RFC 6455) over HTTP/1.1, of one user at a time.
//!
//! Built with the feature `websocket`; without it, a scenario with conversations is refused.

#[cfg(not(feature = "websocket"))]
mod absent;
#[cfg(feature = "websocket")]
mod conversation;
#[cfg(feature = "websocket")]
mod handshake;
#[cfg(feature = "websocket")]
mod socket;

use tenfold_scenarios::{Scenario, WebSocket};

use crate::LoadError;
use crate::http::{EventSink, Outgoing};

#[cfg(not(feature = "websocket"))]
pub(crate) use absent::{Socket, converse};
#[cfg(feature = "websocket")]
pub(crate) use conversation::converse;
#[cfg(feature = "websocket")]
pub(crate) use socket::Socket;

/// A conversation that is ready to begin.
#[derive(Debug, Clone, Copy)]
#[cfg_attr(
    not(feature = "websocket"),
    expect(dead_code, reason = "nothing reads it")
)]
pub(crate) struct Conversation<'a> {
    /// Destination, path, headers and messages.
    pub(crate) outgoing: Outgoing<'a>,
    /// Replies and end of the conversation.
    pub(crate) websocket: &'a WebSocket,
    /// Receiver of its messages.
    pub(crate) events: &'a dyn EventSink,
    /// True if the connection stays open for the user's next conversation.
    pub(crate) keeps_alive: bool,
}

/// Checks that this build can hold the conversations of a scenario.
///
/// # Errors
/// If it can't.
pub(crate) fn check(scenario: &Scenario) -> Result<(), LoadError> {
    if cfg!(feature = "websocket") {
        return Ok(());
    }
    let converses = |request: &&tenfold_scenarios::Request| request.websocket.is_some();
    match scenario.requests.iter().find(converses) {
        None => Ok(()),
        Some(request) => Err(LoadError::Configuration {
            what: format!("request `{}`", request.name),
            reason: "this tenfold was compiled without the `websocket` feature".to_owned(),
        }),
    }
}

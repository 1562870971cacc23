//! State that a user keeps like a browser: cookies, and connections to other origins.

use std::collections::BTreeMap;
use std::sync::Arc;

use tenfold_scenarios::Side;

use crate::http::{Away, CookieJar};
use crate::websocket::Socket;

/// State that a user keeps like a browser. Users whose requests are plain have none.
#[derive(Debug, Default)]
pub(crate) struct BrowserState {
    /// The cookies, by side: two builds on one host must not share them.
    jars: [Arc<CookieJar>; Side::ALL.len()],
    /// Connections to other origins.
    pub(crate) away: Away,
    /// WebSocket connections, by side and request.
    sockets: BTreeMap<(usize, usize), Option<Socket>>,
}

impl BrowserState {
    /// The cookies of the user on one side.
    pub(crate) fn jar(&self, side: Side) -> &Arc<CookieJar> {
        &self.jars[side as usize]
    }

    /// The WebSocket connection of a request. `None` if it is not open.
    pub(crate) fn socket(&mut self, side: Side, request: usize) -> &mut Option<Socket> {
        self.sockets.entry((side as usize, request)).or_default()
    }

    /// Replaces the cookies by those of a session, or by none.
    pub(crate) fn start_over(&mut self, side: Side, session: Option<&CookieJar>) {
        self.jars = Default::default();
        if let Some(session) = session {
            self.jars[side as usize] = Arc::new(session.copy());
        }
    }
}

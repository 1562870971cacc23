//! A conversation: messages sent one after the other, and the replies that are awaited.

use http::HeaderMap;

use crate::failure::Failure;
use crate::http::{Answer, Event, Keep, KeptBuilder};
use crate::websocket::Conversation;
use crate::websocket::handshake::{Opened, open};
use crate::websocket::socket::{Broken, Received, Socket};

/// The status of a conversation.
const SWITCHING_PROTOCOLS: u16 = 101;

/// The name of messages among the events of a run.
const MESSAGE: &str = "message";

/// Holds a conversation on the user's connection, which is opened first if there is none, or if the service has closed it.
/// Returns an answer whose body is the last message that arrived.
///
/// `wanted` maps a status to the parts of the answer to keep. `round_trip` receives the time from sending each message
/// to the last of its replies. `now` is called for the stamps.
///
/// # Errors
/// The failure. The connection is closed then, or if the future is dropped.
pub(crate) async fn converse(
    socket: &mut Option<Socket>,
    conversation: Conversation<'_>,
    wanted: impl Fn(u16) -> Keep,
    round_trip: impl Fn(u64),
    now: impl Fn() -> u64,
) -> Result<Answer, Failure> {
    let is_open = socket.is_some();
    // Owned by the future, so that dropping it closes the connection.
    let held = hold(socket.take(), conversation, &wanted, round_trip, &now).await;
    match held {
        Ok((answer, kept)) => {
            *socket = kept;
            Ok(answer)
        }
        Err(Broken { failure, reason }) => {
            let failure = match failure {
                Failure::Connection if is_open => Failure::ClosedIdle,
                other => other,
            };
            if !reason.is_empty() {
                let dials = &conversation.outgoing.endpoint.target.dials;
                dials.keep_error(failure, &reason);
            }
            Err(failure)
        }
    }
}

/// A conversation in progress.
struct Held<'a> {
    conversation: Conversation<'a>,
    socket: Socket,
    /// The last message.
    last: Vec<u8>,
    /// Bytes of all messages.
    bytes: u64,
    /// When the first byte of the answer arrived.
    first_byte_ns: Option<u64>,
    /// When the last message arrived.
    last_ns: Option<u64>,
    /// True once a condition of `until` holds.
    is_over: bool,
    /// True once the time is over.
    is_late: bool,
}

async fn hold(
    socket: Option<Socket>,
    conversation: Conversation<'_>,
    wanted: impl Fn(u16) -> Keep,
    round_trip: impl Fn(u64),
    now: impl Fn() -> u64,
) -> Result<(Answer, Option<Socket>), Broken> {
    let open_before = match socket {
        Some(mut socket) => socket.is_alive().await.then_some(socket),
        None => None,
    };
    let (socket, headers, first_byte_ns) = match open_before {
        Some(socket) => (socket, HeaderMap::new(), None),
        None => match open(&conversation, &wanted, &now).await? {
            Opened::Socket {
                socket,
                headers,
                first_byte_ns,
            } => (socket, headers, Some(first_byte_ns)),
            Opened::Refused(answer) => return Ok((answer, None)),
        },
    };
    conversation.outgoing.mark_written();
    let mut held = Held {
        conversation,
        socket,
        last: Vec::new(),
        bytes: 0,
        first_byte_ns,
        last_ns: None,
        is_over: false,
        is_late: false,
    };
    held.exchange(round_trip, &now).await?;
    let done_ns = match held.is_late {
        true => now(),
        false => held.last_ns.unwrap_or_else(&now),
    };
    let mut kept = KeptBuilder::new(wanted(SWITCHING_PROTOCOLS));
    kept.add(&held.last);
    let answer = Answer {
        status: SWITCHING_PROTOCOLS,
        first_byte_ns: held.first_byte_ns.unwrap_or(done_ns),
        done_ns,
        read_lag_ns: held.socket.read_lag_ns(),
        body_bytes: held.bytes,
        kept: kept.build(headers),
    };
    if conversation.keeps_alive {
        return Ok((answer, Some(held.socket)));
    }
    held.socket.close().await;
    Ok((answer, None))
}

impl Held<'_> {
    /// Sends all messages, and waits for the replies and the end.
    async fn exchange(
        &mut self,
        round_trip: impl Fn(u64),
        now: impl Fn() -> u64,
    ) -> Result<(), Broken> {
        let websocket = self.conversation.websocket;
        let messages = &self.conversation.outgoing.rendered.messages;
        for message in messages.iter().take(websocket.sends()) {
            let sent_ns = now();
            self.socket.send(message).await?;
            for number in 1..=websocket.replies {
                match self.receive(&now).await? {
                    None => {}
                    Some(_) if self.is_late => return Ok(()),
                    Some(reason) => {
                        return Err(Broken {
                            failure: Failure::WebSocket,
                            reason: format!("{reason}, before a reply to each message arrived"),
                        });
                    }
                }
                if number == websocket.replies {
                    let replied_ns = self.last_ns.unwrap_or(sent_ns);
                    round_trip(replied_ns.saturating_sub(sent_ns));
                }
            }
        }
        if websocket.until == tenfold_scenarios::EventStream::default() {
            return Ok(());
        }
        while !self.is_over {
            if let Some(reason) = self.receive(&now).await? {
                if self.is_late || self.conversation.events.ended().is_ok() {
                    return Ok(());
                }
                return Err(Broken {
                    failure: Failure::WebSocket,
                    reason: format!("{reason}, before any condition of `until` held"),
                });
            }
        }
        Ok(())
    }

    /// Waits for a message. Returns the reason if none arrives any more.
    async fn receive(&mut self, now: impl Fn() -> u64) -> Result<Option<String>, Broken> {
        let events = self.conversation.events;
        let received = self
            .socket
            .receive(|context| events.poll_over(context), now);
        match received.await? {
            Received::Message(payload, at) => {
                events.heard(at);
                self.first_byte_ns.get_or_insert(at);
                self.last_ns = Some(at);
                self.bytes += payload.len() as u64;
                let event = Event {
                    name: MESSAGE.to_owned(),
                    data: String::from_utf8_lossy(&payload).into_owned(),
                };
                self.is_over |= events.receive(&event, at);
                self.last = payload;
                Ok(None)
            }
            Received::Closed(reason) => Ok(Some(reason)),
            Received::Over => {
                self.is_late = true;
                Ok(Some(String::new()))
            }
        }
    }
}

//! Reading of a body in parts: events of a stream, or messages of gRPC.

use std::task::Context;

use http::HeaderMap;

use crate::http::event_stream::{Event, EventReader, EventSink};
use crate::http::grpc_messages::{GrpcParts, MessageReader};
use crate::http::kept::Keep;
use crate::http::unreadable::Unreadable;

/// The name of messages among the events of a run.
const MESSAGE: &str = "message";

/// Splits a body into events or messages, and reports them.
pub(super) enum PartsReader<'a> {
    Events(EventReader, &'a dyn EventSink),
    /// A unary call reports no events.
    Messages(MessageReader, Option<&'a dyn EventSink>),
}

impl<'a> PartsReader<'a> {
    /// A reader of the parts that are wanted. `None` if the body is read as a whole.
    pub(super) fn new(keep: Keep, events: Option<&'a dyn EventSink>) -> Option<Self> {
        match (keep.messages, events) {
            (Some(messages), events) => Some(Self::Messages(MessageReader::new(messages), events)),
            (None, Some(events)) if keep.events => {
                Some(Self::Events(EventReader::default(), events))
            }
            _ => None,
        }
    }

    /// Returns true once the time for the stream is over. Otherwise the task is woken then.
    pub(super) fn poll_over(&self, context: &mut Context<'_>) -> bool {
        match self {
            Self::Events(_, events) => events.poll_over(context),
            Self::Messages(_, events) => events.is_some_and(|events| events.poll_over(context)),
        }
    }

    /// Reads bytes that arrived at `at_ns`. Returns true if they end the stream.
    ///
    /// # Errors
    /// If they can't be read.
    pub(super) fn read(&mut self, data: &[u8], at_ns: u64) -> Result<bool, Unreadable> {
        let mut is_over = false;
        match self {
            Self::Events(reader, events) => {
                events.heard(at_ns);
                reader.read(data, |event| {
                    is_over = is_over || events.receive(&event, at_ns);
                })?;
            }
            Self::Messages(reader, None) => reader.read(data, || ())?,
            Self::Messages(reader, Some(events)) => {
                events.heard(at_ns);
                let event = Event {
                    name: MESSAGE.to_owned(),
                    data: String::new(),
                };
                reader.read(data, || {
                    is_over = is_over || events.receive(&event, at_ns);
                })?;
            }
        }
        Ok(is_over)
    }

    /// Notes that the service ended the answer.
    ///
    /// # Errors
    /// If it is not complete. Whether a call is, its status decides.
    pub(super) fn ended(&self) -> Result<(), Unreadable> {
        match self {
            Self::Events(_, events) => events.ended().map_err(Unreadable::EventStream),
            Self::Messages(reader, _) => reader.ended(),
        }
    }

    /// The parts of a gRPC answer. `None` for another answer.
    pub(super) fn grpc(self, trailers: Option<HeaderMap>) -> Option<Box<GrpcParts>> {
        match self {
            Self::Events(..) => None,
            Self::Messages(reader, _) => Some(Box::new(reader.parts(trailers))),
        }
    }
}

//! HTTP exchanges: requests written to connections, answers read from them.

mod answer;
mod body_framing;
mod connection;
mod content_coding;
mod deadlines;
mod endpoint;
mod event_stream;
#[cfg(fuzzing)]
pub mod fuzzing;
mod http1;
mod http2;
mod kept;
mod list_element;
mod pool;
mod request_head;
mod response_reader;

pub(crate) use answer::Answer;
pub(crate) use connection::Connection;
pub(crate) use deadlines::{DeadlineSlot, Deadlines};
pub(crate) use endpoint::Endpoint;
pub(crate) use event_stream::{Event, EventSink};
pub(crate) use kept::{BodyState, Keep, Kept};
pub(crate) use request_head::Outgoing;

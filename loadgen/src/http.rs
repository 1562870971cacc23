//! HTTP exchanges: requests written to connections, answers read from them.

mod answer;
mod body_framing;
mod connection;
mod content_coding;
mod cookie_jar;
mod deadlines;
mod endpoint;
mod event_stream;
#[cfg(fuzzing)]
pub mod fuzzing;
mod grpc_messages;
mod http1;
mod http2;
mod kept;
mod limits;
mod list_element;
mod origins;
mod own_url;
mod pool;
mod redirect;
mod request_head;
mod response_reader;
mod server_timing;
mod trace_context;
mod traveller;
mod trip;
mod unreadable;

pub(crate) use answer::Answer;
pub(crate) use connection::Connection;
pub(crate) use cookie_jar::CookieJar;
pub(crate) use deadlines::{DeadlineSlot, Deadlines};
pub(crate) use endpoint::Endpoint;
pub(crate) use event_stream::{Event, EventSink};
pub(crate) use grpc_messages::KeepMessages;
#[cfg(all(test, feature = "grpc"))]
pub(crate) use grpc_messages::MessageReader;
#[cfg(feature = "grpc")]
pub(crate) use grpc_messages::{GRPC_STATUS, GrpcMessage, GrpcParts, framed};
#[cfg(feature = "websocket")]
pub(crate) use kept::KeptBuilder;
pub(crate) use kept::{BodyState, Keep, Kept};
#[cfg(feature = "websocket")]
pub(crate) use limits::HEAD_BYTES_MAX;
pub(crate) use origins::Origins;
pub(crate) use redirect::is_redirect;
pub(crate) use request_head::Outgoing;
#[cfg(feature = "websocket")]
pub(crate) use response_reader::{Progress, ResponseReader};
pub use trace_context::ExchangeSpan;
pub(crate) use trace_context::TraceIds;
pub(crate) use traveller::{Away, Traveller, add_cookies};
pub(crate) use trip::{Hop, Trip};

//! The handshake that begins HTTP/2 on an open stream.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use h2::client::{Builder, Connection, SendRequest};

use crate::connect::stream::Stream;
use crate::failure::Failure;

/// What a stream, and a connection, may have under way towards us before we have read it. Large
/// enough not to slow a service down on one machine or in one data centre.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// The largest head of an answer.
const MOST_HEAD_BYTES: u32 = 256 << 10;

/// How many streams that were given up are remembered, so that what still comes of them is told
/// from nonsense.
const REMEMBERED_STREAMS: usize = 1_024;

/// Begins HTTP/2 on a stream, and waits until the service has told its settings: it may allow fewer
/// streams at a time than we would open. Fails with a class and with words.
pub(crate) async fn shake_hands(
    stream: Stream,
) -> Result<(SendRequest<Bytes>, Connection<Stream, Bytes>), (Failure, String)> {
    let told = |error: h2::Error| {
        let failure = match error.get_io() {
            Some(error) if error.kind() == std::io::ErrorKind::InvalidData => Failure::Tls,
            Some(_) => Failure::Connection,
            None if error.is_library() => Failure::Malformed,
            None => Failure::Connection,
        };
        (failure, error.to_string())
    };
    let (sender, mut connection) = Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(MOST_HEAD_BYTES)
        .max_concurrent_reset_streams(REMEMBERED_STREAMS)
        .enable_push(false)
        // None, until the service says otherwise.
        .initial_max_send_streams(0)
        .handshake(stream)
        .await
        .map_err(told)?;
    poll_fn(|context| {
        let polled = Pin::new(&mut connection).poll(context);
        match polled {
            _ if connection.max_concurrent_send_streams() > 0 => Poll::Ready(Ok(())),
            Poll::Ready(Ok(())) => Poll::Ready(Err((
                Failure::Connection,
                "the service closed the connection before it told its settings".to_owned(),
            ))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(told(error))),
            Poll::Pending => Poll::Pending,
        }
    })
    .await?;
    Ok((sender, connection))
}

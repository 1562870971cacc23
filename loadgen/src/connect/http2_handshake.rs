//! The handshake that begins HTTP/2 on an open stream.

use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::Poll;

use bytes::Bytes;
use h2::Reason;
use h2::client::{Builder, Connection, SendRequest};
use tokio::io::{AsyncRead, AsyncWrite};

use crate::connect::frame_filter::FrameFilter;
use crate::failure::Failure;

/// Flow-control windows of a stream and of a connection. Large enough not to throttle a service on
/// the same machine or in the same data center.
const STREAM_WINDOW_BYTES: u32 = 1 << 20;
const CONNECTION_WINDOW_BYTES: u32 = 16 << 20;

/// The largest head of an answer. The library reports a larger one as it does a malformed one, so this is
/// more than any service sends.
const HEAD_BYTES_MAX: u32 = 16 << 20;

/// Cancelled streams that are remembered, so that late frames for them are not protocol errors.
const RESET_STREAMS_MAX: usize = 1_024;

/// Memory for small DATA frames that no user has read yet, in the library's own estimate of 256 bytes a
/// frame. The library closes the connection beyond it. More frames than the socket delivers before the users
/// run again, so only a user that stops reading reaches it.
const SMALL_FRAME_BYTES_MAX: usize = 64 << 20;

/// Begins HTTP/2 on a stream and waits for the service's settings, which may allow fewer concurrent
/// streams than we would open.
///
/// # Errors
/// The class and the reason of the failure.
pub(crate) async fn shake_hands<T: AsyncRead + AsyncWrite + Unpin>(
    stream: T,
) -> Result<(SendRequest<Bytes>, Connection<FrameFilter<T>, Bytes>), (Failure, String)> {
    let describe = |error: h2::Error| {
        let failure = match error.get_io() {
            Some(error) if error.kind() == std::io::ErrorKind::InvalidData => Failure::Tls,
            Some(_) => Failure::Connection,
            None if is_library_limit(&error) => Failure::GeneratorLimit,
            None if error.is_library() => Failure::Malformed,
            None => Failure::Connection,
        };
        (failure, error.to_string())
    };
    let (sender, mut connection) = Builder::new()
        .initial_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_header_list_size(HEAD_BYTES_MAX)
        .max_concurrent_reset_streams(RESET_STREAMS_MAX)
        // Late answers to requests that timed out are no reason to close the connection.
        .max_local_error_reset_streams(None)
        .data_frame_budget(SMALL_FRAME_BYTES_MAX)
        .enable_push(false)
        // No streams until the service's settings arrive.
        .initial_max_send_streams(0)
        .handshake(FrameFilter::new(stream))
        .await
        .map_err(describe)?;
    poll_fn(|context| {
        let polled = Pin::new(&mut connection).poll(context);
        match polled {
            _ if connection.max_concurrent_send_streams() > 0 => Poll::Ready(Ok(())),
            Poll::Ready(Ok(())) => Poll::Ready(Err((
                Failure::Connection,
                "the service closed the connection before it sent its settings".to_owned(),
            ))),
            Poll::Ready(Err(error)) => Poll::Ready(Err(describe(error))),
            Poll::Pending => Poll::Pending,
        }
    })
    .await?;
    Ok((sender, connection))
}

/// Returns true if the library ended a stream or connection because of a limit of its own, such as the number
/// of small frames, rather than because the service broke the protocol.
pub(crate) fn is_library_limit(error: &h2::Error) -> bool {
    error.is_library() && error.reason() == Some(Reason::ENHANCE_YOUR_CALM)
}

//! HTTP/2: exchanges of many users over shared connections.

mod message;
mod parts_reader;

use std::future::poll_fn;
use std::sync::Arc;
use std::task::Poll;

use bytes::Bytes;
use h2::client::SendRequest;
use http::{HeaderMap, Request};

use crate::failure::Failure;
use crate::http::answer::Answer;
use crate::http::endpoint::Endpoint;
use crate::http::event_stream::{EventSink, is_event_stream};
use crate::http::grpc_messages::is_grpc;
use crate::http::http2::parts_reader::PartsReader;
use crate::http::kept::{Keep, Kept, KeptBuilder};
use crate::http::pool::{Membership, SharedConnection};
use crate::http::request_head::Outgoing;
use crate::http::unreadable::Unreadable;
use message::{ExchangeError, request};

/// The most attempts at a request that the service reports as unprocessed.
const ATTEMPTS_MAX: usize = 3;

/// A user's share of an HTTP/2 connection. Empty until first used.
#[derive(Debug, Default)]
pub(crate) struct Http2 {
    membership: Option<Membership>,
}

impl Http2 {
    /// A connection of its own, which no other user shares.
    pub(crate) fn alone() -> Self {
        Self {
            membership: Some(Membership::alone()),
        }
    }

    /// Sends one request and reads the complete answer. Opens a connection first if none has room for
    /// one more user.
    ///
    /// Dropping the future, as a timeout does, resets its stream and leaves the connection open. A
    /// request is sent again only if the service reports it as unprocessed when it closes the
    /// connection gracefully.
    ///
    /// # Errors
    /// The failure of the exchange.
    pub(crate) async fn exchange(
        &mut self,
        outgoing: Outgoing<'_>,
        wanted: impl Fn(u16) -> Keep,
        now: impl Fn() -> u64,
    ) -> Result<Answer, Failure> {
        let endpoint = outgoing.endpoint;
        let mut failure = Failure::Connection;
        for _ in 0..ATTEMPTS_MAX {
            let mut membership = self.take_membership(endpoint).await?;
            let head = request(&outgoing)?;
            let body = Bytes::copy_from_slice(&outgoing.rendered.body);
            let connection = Arc::clone(&membership.connection);
            let is_reused = connection.has_answered();
            let sender = membership.sender(&endpoint.target).await?;
            let pending = Pending {
                connection: Some(&connection),
            };
            let events = outgoing.events;
            outgoing.mark_written();
            let done = exchange(sender, &connection, (head, body), &wanted, events, &now).await;
            pending.complete();
            let error = match done {
                Ok(answer) => {
                    self.membership = Some(membership);
                    return Ok(answer);
                }
                Err(error) => error,
            };
            if error.ends_connection {
                connection.end();
            } else {
                self.membership = Some(membership);
            }
            failure = match error.failure {
                // It ended before the head of the answer, and had carried another.
                Failure::Connection if is_reused && error.ends_connection => Failure::ClosedIdle,
                other => other,
            };
            if !error.is_unprocessed {
                endpoint.target.dials.keep_error(failure, &error.reason);
                return Err(failure);
            }
        }
        Err(failure)
    }

    /// The user's membership, or another if its connection has ended or is crowded.
    async fn take_membership(&mut self, endpoint: &Endpoint) -> Result<Membership, Failure> {
        let pool = &endpoint.pool;
        if let Some(membership) = self.membership.take()
            && !membership.connection.is_ended()
            && !pool.is_crowded(&membership.connection)
        {
            return Ok(membership);
        }
        let mut membership = pool.join();
        for _ in 0..ATTEMPTS_MAX {
            membership.sender(&endpoint.target).await?;
            // The service reports how many streams it allows only once the connection is open.
            if !pool.is_crowded(&membership.connection) {
                break;
            }
            drop(membership);
            membership = pool.join();
        }
        Ok(membership)
    }
}

/// A request in flight. If it is dropped without an answer, that counts against its connection.
struct Pending<'a> {
    connection: Option<&'a SharedConnection>,
}

impl Pending<'_> {
    /// Marks the request as ended by an answer or an error.
    fn complete(mut self) {
        self.connection = None;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if let Some(connection) = self.connection {
            connection.timed_out();
        }
    }
}

/// One exchange on its own stream.
async fn exchange(
    sender: &mut SendRequest<Bytes>,
    connection: &SharedConnection,
    (head, body): (Request<()>, Bytes),
    wanted: impl Fn(u16) -> Keep,
    events: Option<&dyn EventSink>,
    now: impl Fn() -> u64,
) -> Result<Answer, ExchangeError> {
    poll_fn(|context| sender.poll_ready(context))
        .await
        .map_err(|error| ExchangeError::unsent(&error))?;
    let (response, mut upload) = sender
        .send_request(head, body.is_empty())
        .map_err(|error| ExchangeError::unsent(&error))?;
    if !body.is_empty() {
        upload
            .send_data(body, true)
            .map_err(|error| ExchangeError::before_head(&error))?;
    }
    let response = response
        .await
        .map_err(|error| ExchangeError::before_head(&error))?;
    let first_byte_ns = now();
    connection.answered();
    let status = response.status().as_u16();
    let (parts, mut download) = response.into_parts();
    let mut body_bytes = 0_u64;
    let keep = wanted(status);
    let mut kept = KeptBuilder::new(keep);
    let mut stream = PartsReader::new(keep, events).map(Box::new);
    match &stream {
        None => {}
        Some(_) if keep.messages.is_some() => is_grpc(&parts.headers)?,
        Some(_) => is_event_stream(&parts.headers).map_err(Unreadable::EventStream)?,
    }
    loop {
        let data = poll_fn(|context| match (download.poll_data(context), &stream) {
            (Poll::Ready(data), _) => Poll::Ready(Ok(data)),
            (Poll::Pending, Some(stream)) if stream.poll_over(context) => {
                Poll::Ready(Err(StreamOver))
            }
            (Poll::Pending, _) => Poll::Pending,
        });
        let data = match data.await {
            Ok(Some(data)) => data,
            Ok(None) => break,
            // Dropping the rest of the answer resets its stream.
            Err(StreamOver) => {
                let kept = build(kept, parts.headers, stream, None);
                return Ok(answer(status, first_byte_ns, now(), body_bytes, kept));
            }
        };
        let data =
            data.map_err(|error| ExchangeError::in_body(&error, body_bytes, &parts.headers))?;
        body_bytes += data.len() as u64;
        kept.add(&data);
        if let Some(reader) = &mut stream {
            let at = now();
            if reader.read(&data, at)? {
                let kept = build(kept, parts.headers, stream, None);
                return Ok(answer(status, first_byte_ns, at, body_bytes, kept));
            }
        }
        // Reopens the window. Fails only if the stream has ended, which the next read reports.
        let _ = download.flow_control().release_capacity(data.len());
    }
    // A stream may end with trailers rather than with data.
    let trailers = poll_fn(|context| download.poll_trailers(context))
        .await
        .map_err(|error| ExchangeError::in_body(&error, body_bytes, &parts.headers))?;
    let done_ns = now();
    if let Some(stream) = &stream {
        stream.ended()?;
    }
    let kept = build(
        kept,
        parts.headers,
        stream,
        Some(trailers.unwrap_or_default()),
    );
    Ok(answer(status, first_byte_ns, done_ns, body_bytes, kept))
}

/// The kept parts of an answer. `trailers` is `None` if we ended it.
fn build(
    kept: KeptBuilder,
    headers: HeaderMap,
    stream: Option<Box<PartsReader<'_>>>,
    trailers: Option<HeaderMap>,
) -> Option<Kept> {
    let mut kept = kept.build(headers);
    if let (Some(kept), Some(stream)) = (&mut kept, stream) {
        kept.grpc = stream.grpc(trailers);
    }
    kept
}

/// The time for a stream of events is over.
struct StreamOver;

fn answer(
    status: u16,
    first_byte_ns: u64,
    done_ns: u64,
    body_bytes: u64,
    kept: Option<Kept>,
) -> Answer {
    Answer {
        status,
        first_byte_ns,
        done_ns,
        read_lag_ns: None,
        body_bytes,
        kept,
    }
}

/// Makes one exchange on a new connection over any byte stream.
#[cfg(fuzzing)]
pub(super) async fn exchange_over<T>(
    stream: T,
    head: Request<()>,
    body: Bytes,
    keep: Keep,
) -> Result<Answer, Failure>
where
    T: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    let (mut sender, connection) = crate::connect::shake_hands(stream)
        .await
        .map_err(|(failure, _)| failure)?;
    let shared = SharedConnection::default();
    let mut exchange = std::pin::pin!(exchange(
        &mut sender,
        &shared,
        (head, body),
        |_| keep,
        None,
        || 0
    ));
    let done = tokio::select! {
        // In order, so that an input always has the same result.
        biased;
        done = &mut exchange => done,
        // The task that drives a connection may end before the exchange, which then has to end as well.
        _ = connection => exchange.await,
    };
    done.map_err(|error| error.failure)
}

//! One HTTP/1.1 connection, driven by the user that owns it.

use std::cell::RefCell;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::connect::{Stream, explain, local_shortage};
use crate::failure::Failure;
use crate::http::answer::Answer;
use crate::http::event_stream::EventSink;
use crate::http::kept::Keep;
use crate::http::request_head::Outgoing;
use crate::http::response_reader::{Progress, Response, ResponseReader};
use crate::http::unreadable::Unreadable;

/// Size of the read buffer: larger than nearly all responses.
const READ_BYTES: usize = 32 * 1024;

/// Reads before a user yields, so that a long body doesn't delay the others.
const READS_PER_POLL: usize = 8;

/// The buffers of a thread. No user holds them while it waits, so thousands of users share one set,
/// which stays in the CPU cache.
struct Scratch {
    read: Box<[u8]>,
    write: Vec<u8>,
}

thread_local! {
    static SCRATCH: RefCell<Scratch> = RefCell::new(Scratch {
        read: vec![0; READ_BYTES].into_boxed_slice(),
        write: Vec::new(),
    });
}

/// An HTTP/1.1 connection that is kept alive between exchanges.
#[derive(Debug)]
pub(crate) struct Http1 {
    stream: Stream,
    /// The part of a request that the socket did not accept at first.
    unwritten: Vec<u8>,
    /// Bytes of `unwritten` that have been written since.
    written: usize,
    /// True after its first exchange.
    is_reused: bool,
}

impl Http1 {
    pub(crate) fn new(stream: Stream) -> Self {
        Self {
            stream,
            unwritten: Vec::new(),
            written: 0,
            is_reused: false,
        }
    }

    /// Returns true if the service has left an idle connection open and sent nothing.
    ///
    /// Costs no system call if nothing has happened to the connection.
    pub(crate) fn is_alive(&mut self, context: &mut Context<'_>) -> bool {
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(&mut scratch.read);
            Pin::new(&mut self.stream)
                .poll_read(context, &mut buffer)
                .is_pending()
        })
    }

    /// Sends one request and reads the complete response. Returns the answer and whether the
    /// connection can be used again.
    ///
    /// `wanted` maps a status to the parts of the response to keep. `now` is called for the stamps.
    ///
    /// # Errors
    /// The failure of the exchange: [`Failure::ClosedIdle`] if a connection that was used before ends without
    /// a byte of a response.
    pub(crate) async fn exchange(
        &mut self,
        outgoing: Outgoing<'_>,
        wanted: impl Fn(u16) -> Keep,
        now: impl Fn() -> u64,
    ) -> Result<(Answer, bool), Failure> {
        let mut reader = ResponseReader::new(outgoing.method, wanted);
        let mut first_byte_ns = None;
        let mut is_written = false;
        self.unwritten.clear();
        self.written = 0;
        let (endpoint, events) = (outgoing.endpoint, outgoing.events);
        let mut outgoing = Some(outgoing);
        let done = poll_fn(|context| {
            if let Some(outgoing) = outgoing.take() {
                is_written = self.begin(context, outgoing)?;
            } else if !is_written {
                is_written = self.write_rest(context);
            }
            self.poll_response(context, &mut reader, &mut first_byte_ns, events, &now)
        })
        .await;
        let (response, done_ns) = done.map_err(|failure| match failure {
            Failure::Connection if self.is_reused && reader.heads() == 0 => Failure::ClosedIdle,
            other => {
                if let Some(reason) = reader.unreadable() {
                    let dials = &endpoint.target.dials;
                    dials.keep_error(other, &reason.to_string());
                }
                other
            }
        })?;
        self.is_reused = true;
        let answer = Answer {
            status: response.status,
            first_byte_ns: first_byte_ns.unwrap_or(done_ns),
            done_ns,
            read_lag_ns: self.stream.read_lag_ns(),
            body_bytes: response.body_bytes,
            kept: response.kept,
        };
        // A service that answers before it has read the whole request won't read the rest.
        Ok((answer, response.reusable && is_written))
    }

    /// Writes as much of a request as the socket accepts. Returns whether all of it is written.
    fn begin(
        &mut self,
        context: &mut Context<'_>,
        outgoing: Outgoing<'_>,
    ) -> Result<bool, Failure> {
        SCRATCH.with_borrow_mut(|scratch| {
            let bytes = &mut scratch.write;
            bytes.clear();
            outgoing.write_http1(bytes)?;
            outgoing.mark_written();
            let written = match Pin::new(&mut self.stream).poll_write(context, bytes) {
                Poll::Ready(Ok(written)) => written,
                // The service may have answered before it closed, so its answer is still read.
                Poll::Pending | Poll::Ready(Err(_)) => 0,
            };
            if written == bytes.len() {
                return Ok(self.flush(context));
            }
            self.unwritten.extend_from_slice(&bytes[written..]);
            Ok(self.write_rest(context))
        })
    }

    /// Writes more of the rest of a request. Returns whether all of it is written.
    fn write_rest(&mut self, context: &mut Context<'_>) -> bool {
        while self.written < self.unwritten.len() {
            let left = &self.unwritten[self.written..];
            match Pin::new(&mut self.stream).poll_write(context, left) {
                Poll::Ready(Ok(written)) if written > 0 => self.written += written,
                _ => return false,
            }
        }
        self.unwritten = Vec::new();
        self.written = 0;
        self.flush(context)
    }

    fn flush(&mut self, context: &mut Context<'_>) -> bool {
        Pin::new(&mut self.stream).poll_flush(context).is_ready()
    }

    fn poll_response<Wanted: Fn(u16) -> Keep>(
        &mut self,
        context: &mut Context<'_>,
        reader: &mut ResponseReader<Wanted>,
        first_byte_ns: &mut Option<u64>,
        events: Option<&dyn EventSink>,
        now: &impl Fn() -> u64,
    ) -> Poll<Result<(Response, u64), Failure>> {
        SCRATCH.with_borrow_mut(|scratch| {
            for _ in 0..READS_PER_POLL {
                let mut buffer = ReadBuf::new(&mut scratch.read);
                let read = Pin::new(&mut self.stream).poll_read(context, &mut buffer);
                let bytes = match read {
                    Poll::Pending => {
                        return match events {
                            Some(events)
                                if reader.is_event_stream() && events.poll_over(context) =>
                            {
                                Poll::Ready(Ok((reader.stop(), now())))
                            }
                            _ => Poll::Pending,
                        };
                    }
                    // With TLS 1.3 a service rejects our certificate only now.
                    Poll::Ready(Err(error)) if explain(&error).is_some() => {
                        return Poll::Ready(Err(Failure::Tls));
                    }
                    Poll::Ready(Err(error)) => {
                        let own = local_shortage(&error, false).map(|(failure, _)| failure);
                        return Poll::Ready(Err(own.unwrap_or(reader.broken())));
                    }
                    Poll::Ready(Ok(())) => buffer.filled(),
                };
                let at = now().saturating_sub(self.stream.read_lag_ns().unwrap_or(0));
                if bytes.is_empty() {
                    let response = reader.end()?;
                    if let Some(events) = events {
                        ended_by_service(reader, events)?;
                    }
                    return Poll::Ready(Ok((response, at)));
                }
                let heads = reader.heads();
                let progress = reader.read(bytes)?;
                if reader.heads() > heads {
                    // The last head to begin is that of the final response.
                    *first_byte_ns = Some(at);
                }
                if let Some(events) = events {
                    events.heard(at);
                    // Events that arrive in one read arrive at one time.
                    if reader
                        .take_events()
                        .iter()
                        .any(|event| events.receive(event, at))
                    {
                        let response = match progress {
                            Progress::Complete(response) => response,
                            Progress::More => reader.stop(),
                        };
                        return Poll::Ready(Ok((response, at)));
                    }
                }
                if let Progress::Complete(response) = progress {
                    if let Some(events) = events {
                        ended_by_service(reader, events)?;
                    }
                    return Poll::Ready(Ok((response, at)));
                }
            }
            context.waker().wake_by_ref();
            Poll::Pending
        })
    }
}

/// Notes that the service ended a stream of events.
///
/// # Errors
/// [`Failure::EventStream`] if it is incomplete.
fn ended_by_service<Wanted: Fn(u16) -> Keep>(
    reader: &mut ResponseReader<Wanted>,
    events: &dyn EventSink,
) -> Result<(), Failure> {
    match reader.is_event_stream() {
        true => {
            let ended = events.ended().map_err(Unreadable::EventStream);
            ended.map_err(|reason| reader.refuse(reason))
        }
        false => Ok(()),
    }
}

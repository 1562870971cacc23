//! An open WebSocket connection.

use std::future::poll_fn;
use std::io::{self, ErrorKind, Read, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::{CloseFrame, Role, WebSocketConfig, WebSocketContext};
use tungstenite::{Error, Message};

use crate::connect::Stream;
use crate::failure::Failure;

/// Size of the read buffer of a connection.
const READ_BYTES: usize = 8 * 1024;

/// Longest message that is read, in bytes.
const MESSAGE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// An open WebSocket connection.
#[derive(Debug)]
pub(crate) struct Socket {
    stream: Stream,
    protocol: WebSocketContext,
}

/// A message of the service.
#[derive(Debug)]
pub(super) enum Received {
    /// Text or bytes, and when they arrived.
    Message(Vec<u8>, u64),
    /// It closed the conversation, for this reason.
    Closed(String),
    /// The time for the conversation is over.
    Over,
}

/// Why a conversation broke off.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) failure: Failure,
    pub(super) reason: String,
}

/// A stream that never blocks, for one poll.
struct Polled<'a, 'b> {
    stream: &'a mut Stream,
    context: &'a mut Context<'b>,
}

impl Read for Polled<'_, '_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        let mut buffer = ReadBuf::new(bytes);
        match Pin::new(&mut *self.stream).poll_read(self.context, &mut buffer) {
            Poll::Ready(Ok(())) => Ok(buffer.filled().len()),
            Poll::Ready(Err(error)) => Err(error),
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Write for Polled<'_, '_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match Pin::new(&mut *self.stream).poll_write(self.context, bytes) {
            Poll::Ready(written) => written,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match Pin::new(&mut *self.stream).poll_flush(self.context) {
            Poll::Ready(flushed) => flushed,
            Poll::Pending => Err(ErrorKind::WouldBlock.into()),
        }
    }
}

impl Socket {
    /// A connection after its handshake. `read` is what arrived behind that.
    pub(super) fn new(stream: Stream, read: Vec<u8>) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(READ_BYTES)
            .write_buffer_size(0)
            .max_message_size(Some(MESSAGE_BYTES_MAX))
            .max_frame_size(Some(MESSAGE_BYTES_MAX));
        Self {
            stream,
            protocol: WebSocketContext::from_partially_read(read, Role::Client, Some(config)),
        }
    }

    /// Delay between arrival and reading of the last byte. `None` without a kernel timestamp.
    pub(super) fn read_lag_ns(&self) -> Option<u64> {
        self.stream.read_lag_ns()
    }

    /// Discards messages that arrived between two conversations. Returns false if the service has closed the connection.
    pub(super) async fn is_alive(&mut self) -> bool {
        poll_fn(|context| {
            loop {
                let read = {
                    let mut stream = Polled {
                        stream: &mut self.stream,
                        context,
                    };
                    self.protocol.read(&mut stream)
                };
                match read {
                    Ok(Message::Close(_)) => return Poll::Ready(false),
                    Ok(_) => {}
                    Err(error) => return Poll::Ready(would_block(&error)),
                }
            }
        })
        .await
    }

    /// Sends a message: as text if it is UTF-8, else as bytes.
    ///
    /// # Errors
    /// If the connection has broken.
    pub(super) async fn send(&mut self, message: &[u8]) -> Result<(), Broken> {
        let message = match std::str::from_utf8(message) {
            Ok(text) => Message::text(text),
            Err(_) => Message::binary(message.to_vec()),
        };
        let mut message = Some(message);
        poll_fn(|context| {
            let mut stream = Polled {
                stream: &mut self.stream,
                context,
            };
            let written = match message.take() {
                Some(message) => self.protocol.write(&mut stream, message),
                None => Ok(()),
            };
            // A message that the socket does not accept yet is kept, and written by the next flush.
            let written = match written {
                Err(error) if would_block(&error) => Ok(()),
                written => written,
            };
            match written.and_then(|()| self.protocol.flush(&mut stream)) {
                Ok(()) => Poll::Ready(Ok(())),
                Err(error) if would_block(&error) => Poll::Pending,
                Err(error) => Poll::Ready(Err(broken(&error))),
            }
        })
        .await
    }

    /// Waits for the next message. Pings are answered meanwhile. `poll_over` returns true once the time is over, or else wakes
    /// the task then.
    ///
    /// # Errors
    /// If the connection has broken.
    pub(super) async fn receive(
        &mut self,
        poll_over: impl Fn(&mut Context<'_>) -> bool,
        now: impl Fn() -> u64,
    ) -> Result<Received, Broken> {
        poll_fn(|context| {
            loop {
                let read = {
                    let mut stream = Polled {
                        stream: &mut self.stream,
                        context,
                    };
                    self.protocol.read(&mut stream)
                };
                let payload = match read {
                    Ok(Message::Text(text)) => text.as_bytes().to_vec(),
                    Ok(Message::Binary(bytes)) => bytes.to_vec(),
                    Ok(Message::Close(frame)) => {
                        return Poll::Ready(Ok(Received::Closed(closed(frame.as_ref()))));
                    }
                    Ok(Message::Ping(_) | Message::Pong(_) | Message::Frame(_)) => continue,
                    Err(error) if would_block(&error) => {
                        return match poll_over(context) {
                            true => Poll::Ready(Ok(Received::Over)),
                            false => Poll::Pending,
                        };
                    }
                    Err(error) => return Poll::Ready(Err(broken(&error))),
                };
                let at = now().saturating_sub(self.stream.read_lag_ns().unwrap_or(0));
                return Poll::Ready(Ok(Received::Message(payload, at)));
            }
        })
        .await
    }

    /// Sends a close message, without waiting for the answer.
    pub(super) async fn close(mut self) {
        poll_fn(|context| {
            let mut stream = Polled {
                stream: &mut self.stream,
                context,
            };
            // The conversation is over; whether the service learns why does not matter.
            let _ = self.protocol.close(&mut stream, None);
            Poll::Ready(())
        })
        .await;
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == ErrorKind::WouldBlock)
}

fn closed(frame: Option<&CloseFrame>) -> String {
    match frame {
        None => "the service closed the conversation".to_owned(),
        Some(frame) => {
            let reason: String = frame.reason.chars().filter(|c| !c.is_control()).collect();
            let code = u16::from(frame.code);
            match reason.is_empty() {
                true => format!("the service closed the conversation with code {code}"),
                false => {
                    format!("the service closed the conversation with code {code}: {reason}")
                }
            }
        }
    }
}

fn broken(error: &Error) -> Broken {
    let failure = match error {
        Error::Capacity(_) => Failure::GeneratorLimit,
        _ => Failure::WebSocket,
    };
    let reason = match error {
        Error::ConnectionClosed | Error::AlreadyClosed => {
            "the service closed the conversation".to_owned()
        }
        Error::Io(error) => format!("the connection ended without a close message: {error}"),
        Error::Protocol(tungstenite::error::ProtocolError::ResetWithoutClosingHandshake) => {
            "the connection ended without a close message".to_owned()
        }
        other => other.to_string(),
    };
    Broken { failure, reason }
}

//! A bare WebSocket service that answers each message with 1 KB: about as fast as a service can be.

use std::io::{self, Read, Write};

use tokio::net::{TcpListener, TcpStream};
use tungstenite::handshake::HandshakeError;
use tungstenite::{Bytes, Error, Message, Utf8Bytes, WebSocket};

use crate::generator::server::BODY_BYTES;
use crate::generator::server::bare_process::{self, Counter};

/// Serves on one thread until standard input closes.
pub(crate) fn serve() -> anyhow::Result<()> {
    bare_process::serve(accept)
}

async fn accept(requests: TcpListener, counter: Counter) -> io::Result<()> {
    let answer =
        Utf8Bytes::try_from(Bytes::from(vec![b'x'; BODY_BYTES])).map_err(io::Error::other)?;
    loop {
        let (stream, _) = requests.accept().await?;
        let (answer, counter) = (answer.clone(), counter.clone());
        tokio::spawn(async move {
            // A client that went away has no answer.
            let _ = converse(&stream, &answer, &counter).await;
        });
    }
}

/// A stream that never waits: `WouldBlock` instead.
#[derive(Debug)]
struct Ready<'a>(&'a TcpStream);

impl Read for Ready<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.try_read(buffer)
    }
}

impl Write for Ready<'_> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.try_write(buffer)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

async fn converse(stream: &TcpStream, answer: &Utf8Bytes, counter: &Counter) -> Result<(), Error> {
    // Without this option the stream is slower, but still correct.
    let _ = stream.set_nodelay(true);
    let mut socket = greet(stream).await?;
    loop {
        match socket.read() {
            Ok(Message::Text(_) | Message::Binary(_)) => {
                counter.add();
                socket.write(Message::Text(answer.clone()))?;
            }
            Ok(_) => {}
            Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                stream.readable().await?;
                continue;
            }
            Err(error) => return Err(error),
        }
        loop {
            match socket.flush() {
                Err(Error::Io(error)) if error.kind() == io::ErrorKind::WouldBlock => {
                    stream.writable().await?;
                }
                flushed => break flushed?,
            }
        }
    }
}

/// Answers the handshake.
async fn greet(stream: &TcpStream) -> Result<WebSocket<Ready<'_>>, Error> {
    let mut shaken = tungstenite::accept(Ready(stream));
    loop {
        match shaken {
            Ok(socket) => return Ok(socket),
            Err(HandshakeError::Failure(error)) => return Err(error),
            Err(HandshakeError::Interrupted(begun)) => {
                stream.readable().await?;
                shaken = begun.handshake();
            }
        }
    }
}

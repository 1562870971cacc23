//! A byte stream to the target, whatever it runs over.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};
use tokio_rustls::client::TlsStream;

use crate::connect::stamped_tcp::StampedTcp;
use crate::connect::traffic::Traffic;

/// A byte stream to the target, whose bytes are counted.
#[derive(Debug)]
pub(crate) struct Stream {
    kind: Kind,
    traffic: Arc<Traffic>,
}

/// What a stream runs over.
#[derive(Debug)]
pub(crate) enum Kind {
    /// TCP, in the clear.
    Tcp(StampedTcp),
    /// A socket in the file system.
    Unix(UnixStream),
    /// TLS over TCP. Boxed: its buffers would make every plain stream as large.
    Tls(Box<TlsStream<TcpStream>>),
}

impl Stream {
    pub(crate) fn new(kind: Kind, traffic: &Arc<Traffic>) -> Self {
        Self {
            kind,
            traffic: Arc::clone(traffic),
        }
    }

    /// How long the last of the bytes that were read last had lain there, in nanoseconds; none where
    /// nobody tells: what TLS gives may have been read before, with other bytes.
    pub(crate) fn late_ns(&self) -> Option<u64> {
        match &self.kind {
            Kind::Tcp(stream) => stream.late_ns(),
            Kind::Unix(_) | Kind::Tls(_) => None,
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let Self { kind, traffic } = self.get_mut();
        let before = buffer.filled().len();
        let read = match kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Unix(stream) => Pin::new(stream).poll_read(context, buffer),
            Kind::Tls(stream) => Pin::new(stream).poll_read(context, buffer),
        };
        if read.is_ready() {
            traffic.received(buffer.filled().len() - before);
        }
        read
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let Self { kind, traffic } = self.get_mut();
        let written = match kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_write(context, bytes),
            Kind::Unix(stream) => Pin::new(stream).poll_write(context, bytes),
            Kind::Tls(stream) => Pin::new(stream).poll_write(context, bytes),
        };
        if let Poll::Ready(Ok(written)) = written {
            traffic.sent(written);
        }
        written
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let Self { kind, traffic } = self.get_mut();
        let written = match kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Kind::Unix(stream) => Pin::new(stream).poll_write_vectored(context, slices),
            Kind::Tls(stream) => Pin::new(stream).poll_write_vectored(context, slices),
        };
        if let Poll::Ready(Ok(written)) = written {
            traffic.sent(written);
        }
        written
    }

    fn is_write_vectored(&self) -> bool {
        match &self.kind {
            Kind::Tcp(stream) => stream.is_write_vectored(),
            Kind::Unix(stream) => stream.is_write_vectored(),
            Kind::Tls(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_flush(context),
            Kind::Unix(stream) => Pin::new(stream).poll_flush(context),
            Kind::Tls(stream) => Pin::new(stream).poll_flush(context),
        }
    }

    fn poll_shutdown(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.get_mut().kind {
            Kind::Tcp(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Unix(stream) => Pin::new(stream).poll_shutdown(context),
            Kind::Tls(stream) => Pin::new(stream).poll_shutdown(context),
        }
    }
}

//! What stands between an accepted connection and HTTP: nothing, or TLS. The one place that knows
//! whether TLS was compiled in.

use std::io;
use std::marker::PhantomData;
use std::path::PathBuf;

use axum::response::Response;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(not(feature = "tls"))]
use tokio::net::{TcpListener, TcpStream};

use super::door::Door;

#[cfg(feature = "tls")]
pub(super) use super::tls::Tls;

/// What makes of an accepted connection one that carries HTTP. Each connection is served by code that
/// is made for its edge, so that plain HTTP pays nothing for the existence of TLS.
pub(super) trait Edge: Clone + Send + Sync + 'static {
    /// Where its connections are accepted.
    type Door: Door;
    /// What HTTP is spoken over.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// The right to open one connection.
    type Ticket: Send + 'static;

    /// Waits until one more connection may be opened.
    fn admit(&self) -> impl Future<Output = Self::Ticket> + Send;

    /// Opens a connection, within a bounded time.
    fn open(
        &self,
        ticket: Self::Ticket,
        stream: <Self::Door as Door>::Stream,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Adds what an answer over this edge says beside its own.
    fn mark(response: &mut Response);
}

/// No TLS.
#[derive(Debug)]
pub(super) struct Plain<D>(PhantomData<fn() -> D>);

impl<D> Default for Plain<D> {
    fn default() -> Self {
        Self(PhantomData)
    }
}

impl<D> Clone for Plain<D> {
    fn clone(&self) -> Self {
        Self(PhantomData)
    }
}

impl<D: Door> Edge for Plain<D> {
    type Door = D;
    type Stream = D::Stream;
    type Ticket = ();

    async fn admit(&self) {}

    async fn open(&self, (): (), stream: D::Stream) -> io::Result<D::Stream> {
        Ok(stream)
    }

    fn mark(_: &mut Response) {}
}

/// Why the service can't speak TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EdgeError {
    /// TLS was left out when the program was built.
    #[error("tenfold was compiled without the `tls` feature")]
    NotCompiled,
    /// A file could not be used.
    #[error("could not use {} {path}: {why}", .what, path = .path.display())]
    File {
        /// What the file should hold.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
    },
    /// The redirection has nowhere to lead.
    #[error("a listener that redirects to TLS needs TLS; give a certificate and its key")]
    NothingToRedirectTo,
    /// TLS itself could not be set up.
    #[error("could not set up TLS: {0}")]
    Setup(String),
}

/// TLS that was not compiled in: there is none of this.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Copy, Debug)]
pub(super) enum Tls {}

#[cfg(not(feature = "tls"))]
impl Tls {
    /// # Errors
    /// Always.
    pub(super) fn read(_: &crate::config::TlsFiles) -> Result<Self, EdgeError> {
        Err(EdgeError::NotCompiled)
    }
}

#[cfg(not(feature = "tls"))]
impl Edge for Tls {
    type Door = TcpListener;
    type Stream = TcpStream;
    type Ticket = ();

    async fn admit(&self) {
        match *self {}
    }

    async fn open(&self, (): (), _: TcpStream) -> io::Result<TcpStream> {
        match *self {}
    }

    fn mark(_: &mut Response) {}
}

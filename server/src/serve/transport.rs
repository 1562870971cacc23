//! Layer between an accepted connection and HTTP: none or TLS. Only this file depends on the `tls`
//! feature.

use std::io;
use std::marker::PhantomData;
use std::path::PathBuf;

use axum::response::Response;
use tokio::io::{AsyncRead, AsyncWrite};
#[cfg(not(feature = "tls"))]
use tokio::net::{TcpListener, TcpStream};

use super::acceptor::Acceptor;

#[cfg(feature = "tls")]
pub(super) use super::tls::Tls;

/// Turns an accepted connection into a stream for HTTP. Connection code is generic over the
/// transport, so that plain HTTP does not pay for TLS.
pub(super) trait Transport: Clone + Send + Sync + 'static {
    /// Source of the connections.
    type Acceptor: Acceptor;
    /// Stream for HTTP.
    type Stream: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    /// Permit to open one connection.
    type Ticket: Send + 'static;

    /// Waits for a permit to open another connection.
    fn admit(&self) -> impl Future<Output = Self::Ticket> + Send;

    /// Opens a connection within bounded time.
    fn open(
        &self,
        ticket: Self::Ticket,
        stream: <Self::Acceptor as Acceptor>::Stream,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send;

    /// Adds the response headers that this transport needs.
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

impl<A: Acceptor> Transport for Plain<A> {
    type Acceptor = A;
    type Stream = A::Stream;
    type Ticket = ();

    async fn admit(&self) {}

    async fn open(&self, (): (), stream: A::Stream) -> io::Result<A::Stream> {
        Ok(stream)
    }

    fn mark(_: &mut Response) {}
}

/// Failure to set up TLS.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TlsError {
    /// The program was built without TLS.
    #[error("tenfold was compiled without the `tls` feature")]
    NotCompiled,
    /// A file could not be used.
    #[error("could not use {role} {path}: {reason}", path = .path.display())]
    File {
        /// Role of the file.
        role: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        reason: String,
    },
    /// The redirect listener has no TLS listener to redirect to.
    #[error("a listener that redirects to TLS needs TLS; set a certificate and its key")]
    RedirectWithoutTls,
    /// The TLS library failed.
    #[error("could not set up TLS: {0}")]
    Setup(String),
}

/// Uninhabited stand-in for TLS.
#[cfg(not(feature = "tls"))]
#[derive(Clone, Copy, Debug)]
pub(super) enum Tls {}

#[cfg(not(feature = "tls"))]
impl Tls {
    /// # Errors
    /// Always.
    pub(super) fn read(_: &crate::config::TlsFiles) -> Result<Self, TlsError> {
        Err(TlsError::NotCompiled)
    }
}

#[cfg(not(feature = "tls"))]
impl Transport for Tls {
    type Acceptor = TcpListener;
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

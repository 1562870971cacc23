//! A user's connection, or its share of an HTTP/2 connection: one exchange at a time, kept alive.

use std::future::poll_fn;
use std::task::Poll;

use crate::connect::{Protocol, ResolvedTarget, dial};
use crate::failure::Failure;
use crate::http::answer::Answer;
use crate::http::http1::Http1;
use crate::http::http2::Http2;
use crate::http::kept::Keep;
use crate::http::request_head::Outgoing;

/// A user's connection, or its share of an HTTP/2 connection. `None` until first used.
#[derive(Debug, Default)]
pub(crate) enum Connection {
    #[default]
    None,
    /// Its own connection.
    Http1(Http1),
    /// A share of a connection.
    Http2(Http2),
}

impl Connection {
    /// A connection for one request, which no other user shares. Not open yet.
    pub(crate) fn alone(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Http1 => Self::None,
            Protocol::Http2 => Self::Http2(Http2::alone()),
        }
    }

    /// Sends one request and reads the complete answer. Opens the connection first if there is none,
    /// or if the service has closed it since the last exchange.
    ///
    /// `wanted` maps a status to the parts of the answer to keep. `now` is called for the stamps.
    /// A request is written once: if it may have reached the service, it is not sent again.
    ///
    /// # Errors
    /// The failure of the exchange. After a failure, or if the future is dropped, an HTTP/1.1
    /// connection is closed; an HTTP/2 connection only resets the stream.
    pub(crate) async fn exchange(
        &mut self,
        outgoing: Outgoing<'_>,
        wanted: impl Fn(u16) -> Keep,
        now: impl Fn() -> u64,
    ) -> Result<Answer, Failure> {
        // Owned by the future, so that dropping it closes the connection.
        let mut http1 = match std::mem::take(self) {
            Self::Http2(http2) => {
                // Boxed, so that HTTP/1.1 users don't reserve memory for it.
                return Box::pin(self.exchange_http2(http2, outgoing, wanted, now)).await;
            }
            Self::None if outgoing.endpoint.target.protocol == Protocol::Http2 => {
                let http2 = Http2::default();
                return Box::pin(self.exchange_http2(http2, outgoing, wanted, now)).await;
            }
            Self::Http1(http1) => match alive(http1).await {
                Some(http1) => http1,
                None => open(&outgoing.endpoint.target).await?,
            },
            Self::None => open(&outgoing.endpoint.target).await?,
        };
        let (answer, reusable) = http1.exchange(outgoing, wanted, now).await?;
        if reusable {
            *self = Self::Http1(http1);
        }
        Ok(answer)
    }

    async fn exchange_http2(
        &mut self,
        mut http2: Http2,
        outgoing: Outgoing<'_>,
        wanted: impl Fn(u16) -> Keep,
        now: impl Fn() -> u64,
    ) -> Result<Answer, Failure> {
        let done = http2.exchange(outgoing, wanted, now).await;
        *self = Self::Http2(http2);
        done
    }
}

/// Opens a connection. Boxed, because a handshake is large and rare.
async fn open(target: &ResolvedTarget) -> Result<Http1, Failure> {
    Ok(Http1::new(Box::pin(dial(target)).await?.stream))
}

/// The connection, or `None` if the service has closed it.
async fn alive(mut http1: Http1) -> Option<Http1> {
    let alive = poll_fn(|context| Poll::Ready(http1.is_alive(context))).await;
    alive.then_some(http1)
}

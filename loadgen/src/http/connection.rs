//! A user's connection, or its share of one: an exchange at a time, kept alive between them.

use std::future::poll_fn;
use std::task::Poll;

use crate::connect::{Protocol, ResolvedTarget, dial};
use crate::failure::Failure;
use crate::http::answer::Answer;
use crate::http::http1::Http1;
use crate::http::http2::Http2;
use crate::http::kept::Keep;
use crate::http::request_head::Outgoing;

/// A user's connection, or its share of one; none until it is first used.
#[derive(Debug, Default)]
pub(crate) enum Connection {
    #[default]
    None,
    Http1(Http1),
    Http2(Http2),
}

impl Connection {
    /// Sends one request and reads its answer to the end of the body; opens the connection first
    /// where there is none, or where the other side has closed it since the last exchange.
    ///
    /// `wanted` says of a status what is to be kept of the answer, `now` is called for the stamps.
    /// After a failure, and where the future is dropped half-way, a connection of HTTP/1.1 is
    /// closed, and one of HTTP/2 loses the stream alone. A request is written once: where it may
    /// have reached the other side, it is not sent again.
    pub(crate) async fn exchange(
        &mut self,
        outgoing: Outgoing<'_>,
        wanted: impl Fn(u16) -> Keep,
        now: impl Fn() -> u64,
    ) -> Result<Answer, Failure> {
        // It is owned meanwhile, so that a future dropped half-way closes it.
        let mut http1 = match std::mem::take(self) {
            Self::Http2(http2) => {
                // Boxed, so that users of HTTP/1.1 don't carry room for it.
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

/// Opens a connection. Boxed, for a handshake is large and rare.
async fn open(address: &ResolvedTarget) -> Result<Http1, Failure> {
    Ok(Http1::new(Box::pin(dial(address)).await?.stream))
}

/// The connection, where the other side has left it open.
async fn alive(mut http1: Http1) -> Option<Http1> {
    let alive = poll_fn(|context| Poll::Ready(http1.is_alive(context))).await;
    alive.then_some(http1)
}

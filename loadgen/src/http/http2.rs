//! HTTP/2: exchanges of many users over one connection.

mod message;

use std::future::poll_fn;
use std::sync::Arc;

use bytes::Bytes;
use h2::client::SendRequest;
use http::Request;

use crate::failure::Failure;
use crate::http::answer::Answer;
use crate::http::endpoint::Endpoint;
use crate::http::kept::{Keep, Keeping};
use crate::http::pool::{Line, Seat};
use crate::http::request_head::Outgoing;
use message::{Broken, request};

/// How often a request is sent, at most, where the service says that it never looked at it.
const MOST_ATTEMPTS: usize = 3;

/// A user's share of an HTTP/2 connection; none until it is first used.
#[derive(Debug, Default)]
pub(crate) struct Http2 {
    seat: Option<Seat>,
}

impl Http2 {
    /// Sends one request and reads its answer to the end of the body; opens a connection first
    /// where none has room for one more user.
    ///
    /// A future dropped half-way, by a timeout, resets its stream and leaves the connection to the
    /// others. A request is sent again only where the service, as it closed the connection in good
    /// order, has said that it never looked at it.
    pub(crate) async fn exchange(
        &mut self,
        outgoing: Outgoing<'_>,
        wanted: impl Fn(u16) -> Keep,
        now: impl Fn() -> u64,
    ) -> Result<Answer, Failure> {
        let endpoint = outgoing.endpoint;
        let mut failure = Failure::Connection;
        for _ in 0..MOST_ATTEMPTS {
            let mut seat = self.take_seat(endpoint).await?;
            let head = request(&outgoing)?;
            let body = Bytes::copy_from_slice(&outgoing.rendered.body);
            let line = Arc::clone(&seat.line);
            let sender = seat.sender(&endpoint.target).await?;
            let waiting = Waiting { line: Some(&line) };
            outgoing.goes_out();
            let done = exchange(sender, &line, head, body, &wanted, &now).await;
            waiting.over();
            let broken = match done {
                Ok(answer) => {
                    self.seat = Some(seat);
                    return Ok(answer);
                }
                Err(broken) => broken,
            };
            if broken.ends_connection {
                line.end();
            } else {
                self.seat = Some(seat);
            }
            if !broken.unseen {
                endpoint.target.dials.broke(broken.failure, &broken.words);
                return Err(broken.failure);
            }
            failure = broken.failure;
        }
        Err(failure)
    }

    /// The seat that the user has, or another where its connection has ended or is crowded.
    async fn take_seat(&mut self, endpoint: &Endpoint) -> Result<Seat, Failure> {
        let pool = &endpoint.pool;
        if let Some(seat) = self.seat.take()
            && !seat.line.is_ended()
            && !pool.is_crowded(&seat.line)
        {
            return Ok(seat);
        }
        let mut seat = pool.join();
        for _ in 0..MOST_ATTEMPTS {
            seat.sender(&endpoint.target).await?;
            // Only once it is open is it known how many streams the service allows.
            if !pool.is_crowded(&seat.line) {
                break;
            }
            drop(seat);
            seat = pool.join();
        }
        Ok(seat)
    }
}

/// Counts a request that was given up unanswered against its connection.
struct Waiting<'a> {
    line: Option<&'a Line>,
}

impl Waiting<'_> {
    /// The request has come to an end of its own.
    fn over(mut self) {
        self.line = None;
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(line) = self.line {
            line.went_unanswered();
        }
    }
}

/// One exchange on a stream of its own.
async fn exchange(
    sender: &mut SendRequest<Bytes>,
    line: &Line,
    head: Request<()>,
    body: Bytes,
    wanted: impl Fn(u16) -> Keep,
    now: impl Fn() -> u64,
) -> Result<Answer, Broken> {
    poll_fn(|context| sender.poll_ready(context))
        .await
        .map_err(|error| Broken::unsent(&error))?;
    let (response, mut upload) = sender
        .send_request(head, body.is_empty())
        .map_err(|error| Broken::unsent(&error))?;
    if !body.is_empty() {
        upload
            .send_data(body, true)
            .map_err(|error| Broken::before_head(&error))?;
    }
    let response = response
        .await
        .map_err(|error| Broken::before_head(&error))?;
    let first_byte_ns = now();
    line.answered();
    let status = response.status().as_u16();
    let (parts, mut download) = response.into_parts();
    let mut body_bytes = 0_u64;
    let mut keeping = Keeping::new(wanted(status));
    while let Some(data) = poll_fn(|context| download.poll_data(context)).await {
        let data = data.map_err(|error| Broken::in_body(&error, body_bytes, &parts.headers))?;
        body_bytes += data.len() as u64;
        keeping.take(&data);
        // Room for as much again; it can only fail where the stream has ended, which shows next.
        let _ = download.flow_control().release_capacity(data.len());
    }
    // A stream may end with trailers rather than with data.
    poll_fn(|context| download.poll_trailers(context))
        .await
        .map_err(|error| Broken::in_body(&error, body_bytes, &parts.headers))?;
    Ok(Answer {
        status,
        first_byte_ns,
        done_ns: now(),
        read_lag_ns: None,
        body_bytes,
        kept: keeping.end(parts.headers),
    })
}

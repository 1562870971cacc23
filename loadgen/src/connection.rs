//! A user's connection: one HTTP/1.1 exchange at a time, kept alive between them.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, HOST};
use http::uri::Uri;
use http::{HeaderMap, Method, Request, Response};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tenfold_scenarios::Rendered;
use tokio::net::TcpStream;

use crate::failure::Failure;
use crate::target::Address;

/// Bytes of a body that are kept where something is to be captured from it; the rest is read and
/// counted.
const KEPT_BODY_BYTES: usize = 64 * 1024;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Its status.
    pub(crate) status: u16,
    /// When its head had been read.
    pub(crate) first_byte_ns: u64,
    /// When the last byte of its body had been read.
    pub(crate) done_ns: u64,
    /// Length of its body.
    pub(crate) body_bytes: u64,
    /// Its headers and the beginning of its body, where they were asked for.
    pub(crate) kept: Option<(HeaderMap, Vec<u8>)>,
}

/// A user's connection; none until it is first used.
#[derive(Debug, Default)]
pub(crate) struct Connection {
    open: Option<Open>,
}

struct Open {
    sender: http1::SendRequest<Full<Bytes>>,
    /// hyper's half that reads and writes. The user polls it itself while it waits for an answer:
    /// a task of its own would cost two more wake-ups a request.
    driver: Pin<Box<http1::Connection<TokioIo<TcpStream>, Full<Bytes>>>>,
}

impl std::fmt::Debug for Open {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Open").finish_non_exhaustive()
    }
}

impl Connection {
    /// Sends one request and reads its answer to the end of the body; opens the connection first
    /// where there is none, or where the other side has closed it since the last exchange.
    ///
    /// `opened` is called for every connection that is opened, `now` for the stamps. After a
    /// failure the connection is closed.
    pub(crate) async fn exchange(
        &mut self,
        address: &Address,
        request: Request<Full<Bytes>>,
        keep: bool,
        opened: impl FnOnce(),
        now: impl Fn() -> u64,
    ) -> Result<Answer, Failure> {
        let mut request = request;
        if let Some(open) = self.take_if_alive().await {
            match open.exchange(request, keep, &now).await {
                Ok(done) => return Ok(self.put_back(done)),
                Err(Broken {
                    failure,
                    unsent: None,
                }) => return Err(failure),
                // The other side closed the connection before the request left: nobody has seen it.
                Err(Broken {
                    unsent: Some(unsent),
                    ..
                }) => request = *unsent,
            }
        }
        let open = Open::connect(address).await?;
        opened();
        let done = open
            .exchange(request, keep, &now)
            .await
            .map_err(|broken| broken.failure)?;
        Ok(self.put_back(done))
    }

    fn put_back(&mut self, (answer, open): (Answer, Option<Open>)) -> Answer {
        self.open = open;
        answer
    }

    async fn take_if_alive(&mut self) -> Option<Open> {
        let mut open = self.open.take()?;
        let alive = poll_fn(|context| Poll::Ready(open.is_alive(context))).await;
        alive.then_some(open)
    }
}

impl Open {
    async fn connect(address: &Address) -> Result<Self, Failure> {
        let stream = TcpStream::connect(address.socket)
            .await
            .map_err(|_| Failure::Connect)?;
        stream.set_nodelay(true).map_err(|_| Failure::Connect)?;
        let (sender, driver) = http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Failure::before_head(&error))?;
        Ok(Self {
            sender,
            driver: Box::pin(driver),
        })
    }

    /// Lets hyper notice what happened while the connection was idle.
    fn is_alive(&mut self, context: &mut Context<'_>) -> bool {
        self.driver.as_mut().poll(context).is_pending() && !self.sender.is_closed()
    }

    /// Returns the answer, and the connection where it can be used again.
    ///
    /// The connection is owned meanwhile: a future dropped half-way, by a timeout, closes it.
    async fn exchange(
        mut self,
        request: Request<Full<Bytes>>,
        keep: bool,
        now: impl Fn() -> u64,
    ) -> Result<(Answer, Option<Open>), Broken> {
        let mut ended = false;
        let mut head = pin!(self.sender.try_send_request(request));
        let driver = &mut self.driver;
        let response: Response<Incoming> = poll_fn(|context| {
            if !ended && driver.as_mut().poll(context).is_ready() {
                ended = true;
            }
            head.as_mut().poll(context)
        })
        .await
        .map_err(|mut error| Broken {
            failure: Failure::before_head(error.error()),
            unsent: error.take_message().map(Box::new),
        })?;
        let first_byte_ns = now();
        let status = response.status().as_u16();
        let (parts, mut body) = response.into_parts();
        let mut body_bytes = 0_u64;
        let mut kept = Vec::new();
        loop {
            let frame = poll_fn(|context| {
                // The frame that is there already is taken first; then hyper is let read on.
                if let Poll::Ready(frame) = Pin::new(&mut body).poll_frame(context) {
                    return Poll::Ready(frame);
                }
                if !ended && driver.as_mut().poll(context).is_ready() {
                    ended = true;
                }
                Pin::new(&mut body).poll_frame(context)
            })
            .await;
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| Broken {
                failure: Failure::in_body(&error),
                unsent: None,
            })?;
            if let Some(data) = frame.data_ref() {
                body_bytes += data.len() as u64;
                if keep {
                    let room = KEPT_BODY_BYTES.saturating_sub(kept.len()).min(data.len());
                    kept.extend_from_slice(&data[..room]);
                }
            }
        }
        let answer = Answer {
            status,
            first_byte_ns,
            done_ns: now(),
            body_bytes,
            kept: keep.then_some((parts.headers, kept)),
        };
        Ok((answer, (!ended).then_some(self)))
    }
}

/// An exchange that failed.
struct Broken {
    failure: Failure,
    /// The request, where it never left.
    unsent: Option<Box<Request<Full<Bytes>>>>,
}

/// Makes an HTTP request of what a scenario rendered.
pub(crate) fn request(
    method: &Method,
    address: &Address,
    rendered: &Rendered,
) -> Result<Request<Full<Bytes>>, Failure> {
    let mut path = String::with_capacity(address.prefix.len() + rendered.path.len());
    path.push_str(&address.prefix);
    path.push_str(&rendered.path);
    let uri = Uri::from_maybe_shared(Bytes::from(path)).map_err(|_| Failure::Unsendable)?;
    let body = Bytes::copy_from_slice(&rendered.body);
    let mut request = Request::new(Full::new(body));
    *request.method_mut() = method.clone();
    *request.uri_mut() = uri;
    let headers = request.headers_mut();
    headers.insert(HOST, address.host.clone());
    for (name, value) in &rendered.headers {
        if *name == HOST {
            headers.insert(HOST, value.clone());
        } else if *name != CONTENT_LENGTH {
            headers.append(name.clone(), value.clone());
        }
    }
    Ok(request)
}

//! Requests that are not plain: followed over redirects, with cookies, retries and trace context.

use std::sync::Arc;

use http::header::{CONNECTION, COOKIE, HOST};
use http::{HeaderName, HeaderValue, Method};
use tenfold_scenarios::{ConnectionUse, Expect, Rendered, Retry, Transport};
use tenfold_secret::masked_text;
use url::Url;

use crate::connect::ResolvedTarget;
use crate::failure::Failure;
use crate::http::answer::Answer;
use crate::http::connection::Connection;
use crate::http::cookie_jar::CookieJar;
use crate::http::endpoint::Endpoint;
use crate::http::kept::Keep;
use crate::http::origins::{OriginError, Origins};
use crate::http::redirect::{
    Redirect, host_of, is_redirect, next_request, path_of, remove_content_headers,
    remove_private_headers,
};
use crate::http::request_head::Outgoing;
use crate::http::server_timing::server_timing;
use crate::http::trace_context::{ExchangeSpan, TRACEPARENT, TraceIds};
use crate::http::trip::{Hop, Trip};

/// The most connections to other origins that a user keeps.
const AWAY_MAX: usize = 4;

/// A user's connections to other origins.
#[derive(Debug, Default)]
pub(crate) struct Away {
    connections: Vec<(Arc<Endpoint>, Connection)>,
}

/// The context in which a request that is not plain is sent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Traveller<'a> {
    /// The options of the request.
    pub(crate) transport: Transport,
    /// The statuses that the scenario expects. A redirect that is expected is not followed.
    pub(crate) expect: &'a Expect,
    /// Other origins.
    pub(crate) origins: &'a Origins,
    /// Source of trace ids.
    pub(crate) traces: &'a TraceIds,
}

/// The request to send next: first as the scenario rendered it, then as redirects change it.
#[derive(Debug)]
struct Leg {
    method: Method,
    rendered: Rendered,
    /// Its address. `None` if that is not valid, so that it has no cookies and no redirects.
    url: Option<Url>,
    /// Another origin. `None` for the target.
    other: Option<Arc<Endpoint>>,
    /// True if the path is complete and takes no prefix.
    is_complete: bool,
}

impl Traveller<'_> {
    /// Sends a request, follows its redirects and returns the last answer. Records its way in `trip`.
    ///
    /// `connection` is the user's connection to the target, `away` are those to other origins. `wanted` maps a
    /// status to the parts of the answer to keep. `now` is called for the stamps.
    ///
    /// # Errors
    /// The failure of an exchange, or [`Failure::Redirect`] or [`Failure::RedirectRefused`] if a redirect can't
    /// be followed; the reason is kept in the target's counts.
    pub(crate) async fn travel(
        self,
        connection: &mut Connection,
        away: &mut Away,
        outgoing: Outgoing<'_>,
        trip: &mut Trip,
        wanted: impl Fn(u16) -> Keep,
        now: impl Fn() -> u64,
    ) -> Result<Answer, Failure> {
        trip.trace = match self.transport.traceparent {
            Some(share) if !has(outgoing.rendered, &TRACEPARENT) => Some(self.traces.begin(share)),
            _ => None,
        };
        let is_sampled = trip.trace.is_some_and(|trace| trace.sampled);
        let has_jar = trip.jar.is_some();
        let keep = |status| {
            if self.follows(status) {
                return Keep {
                    headers: true,
                    ..Keep::default()
                };
            }
            let mut keep = wanted(status);
            keep.headers |= has_jar || is_sampled;
            keep
        };
        let mut leg = Leg {
            method: outgoing.method.clone(),
            rendered: outgoing.rendered.clone(),
            url: address(&outgoing),
            other: None,
            is_complete: false,
        };
        let mut seen: Vec<(Method, Url, Option<HeaderValue>)> = Vec::new();
        loop {
            let mut ready = leg.rendered.clone();
            let span_id = self.dress(&mut ready, leg.url.as_ref(), trip);
            if let Some(url) = &leg.url {
                let step = (
                    leg.method.clone(),
                    url.clone(),
                    value(&ready, &COOKIE).cloned(),
                );
                if seen.contains(&step) {
                    let reason = format!("it leads in a loop to {} {url}", leg.method);
                    return Err(refuse(outgoing.endpoint, Failure::Redirect, &reason));
                }
                seen.push(step);
            }
            let endpoint = leg.other.as_deref().unwrap_or(outgoing.endpoint);
            let sending = Outgoing {
                method: &leg.method,
                endpoint,
                prefix: if leg.is_complete { "" } else { outgoing.prefix },
                rendered: &ready,
                is_written: outgoing.is_written,
                events: outgoing.events,
            };
            let on = match &leg.other {
                None => &mut *connection,
                Some(other) => away.to(other),
            };
            if let Some(hops) = &mut trip.hops {
                hops.push(Hop {
                    method: leg.method.clone(),
                    url: leg.url.clone(),
                    headers: ready.headers.clone(),
                    status: None,
                });
            }
            let begun = now();
            if let Some(span_id) = span_id.filter(|_| is_sampled) {
                trip.spans.push(ExchangeSpan {
                    span_id,
                    begun_ns: begun,
                    done_ns: None,
                    status: None,
                });
            }
            let answer = self.exchange(on, sending, trip, &keep, &now).await?;
            if let Some(span) = trip.spans.last_mut() {
                (span.done_ns, span.status) = (Some(answer.done_ns), Some(answer.status));
            }
            if let Some(hop) = trip.hops.as_mut().and_then(|hops| hops.last_mut()) {
                hop.status = Some(answer.status);
            }
            trip.exchanges_ns.push(answer.done_ns.saturating_sub(begun));
            if trip.redirects > 0 {
                trip.url.clone_from(&leg.url);
            }
            if is_sampled {
                let kept = answer.kept.as_ref();
                trip.server_timing = kept.and_then(|kept| server_timing(&kept.headers));
            }
            let Some((url, kept)) = leg.url.as_ref().zip(answer.kept.as_ref()) else {
                return Ok(answer);
            };
            if let Some(jar) = &trip.jar {
                trip.cookies_refused += jar.keep(&kept.headers, url);
            }
            if !self.follows(answer.status) {
                return Ok(answer);
            }
            let redirect = match next_request(answer.status, &leg.method, url, &kept.headers) {
                Ok(Some(redirect)) => redirect,
                Ok(None) => return Ok(answer),
                Err(reason) => return Err(refuse(outgoing.endpoint, Failure::Redirect, &reason)),
            };
            let most = u64::from(self.transport.follow);
            if trip.redirects >= most {
                let next = &redirect.url;
                let reason =
                    format!("it needs more than {most} redirects; the next leads to {next}");
                return Err(refuse(outgoing.endpoint, Failure::Redirect, &reason));
            }
            let host = outgoing.host();
            leg = match self
                .next_leg(leg, redirect, &outgoing.endpoint.target, host)
                .await
            {
                Ok(next) => next,
                Err(OriginError { failure, reason }) => {
                    return Err(refuse(outgoing.endpoint, failure, &reason));
                }
            };
            trip.redirects += 1;
            trip.elsewhere += u64::from(leg.other.is_some());
        }
    }

    /// Returns true if an answer with this status is followed, not judged.
    fn follows(&self, status: u16) -> bool {
        self.transport.follow > 0 && is_redirect(status) && !self.expect.accepts(status)
    }

    /// Adds cookies, trace context and connection options. Returns the id of the exchange in its trace.
    fn dress(&self, ready: &mut Rendered, url: Option<&Url>, trip: &Trip) -> Option<u64> {
        if let Some((jar, url)) = trip.jar.as_ref().zip(url)
            && let Some(cookies) = jar.header(url, value(ready, &COOKIE))
        {
            ready.headers.retain(|(name, _)| *name != COOKIE);
            ready.headers.push((COOKIE, cookies));
        }
        let traced = trip.trace.map(|trace| (trace, self.traces.span_id()));
        if let Some(header) = traced.and_then(|(trace, span_id)| trace.header(span_id)) {
            ready.headers.push((TRACEPARENT, header));
        }
        if self.transport.connection == ConnectionUse::Close {
            let close = HeaderValue::from_static("close");
            ready.headers.push((CONNECTION, close));
        }
        traced.map(|(_, span_id)| span_id)
    }

    /// Makes one exchange, and once more if the service had closed the connection and that is allowed.
    async fn exchange(
        &self,
        connection: &mut Connection,
        outgoing: Outgoing<'_>,
        trip: &mut Trip,
        wanted: impl Fn(u16) -> Keep,
        now: impl Fn() -> u64,
    ) -> Result<Answer, Failure> {
        if self.transport.connection == ConnectionUse::Close {
            trip.own_connections += 1;
            let mut own = Connection::alone(outgoing.endpoint.target.protocol);
            return own.exchange(outgoing, wanted, now).await;
        }
        let begun = now();
        let first = connection.exchange(outgoing, &wanted, &now).await;
        match first.map_err(|failure| failure.noticed_after(now().saturating_sub(begun))) {
            Err(Failure::ClosedIdle) if self.may_retry(outgoing.method) => {
                trip.retries += 1;
                // A new connection over HTTP/1.1, another of the pool over HTTP/2.
                connection.exchange(outgoing, wanted, now).await
            }
            done => done,
        }
    }

    fn may_retry(&self, method: &Method) -> bool {
        self.transport.retry == Retry::Idempotent && method.is_idempotent()
    }

    /// The request that a redirect leads to.
    ///
    /// # Errors
    /// If it leads to an origin that can't be used.
    async fn next_leg(
        &self,
        leg: Leg,
        redirect: Redirect,
        home: &ResolvedTarget,
        host: &HeaderValue,
    ) -> Result<Leg, OriginError> {
        let Redirect {
            method,
            url,
            drops_body,
        } = redirect;
        let Leg {
            mut rendered,
            url: before,
            other: from,
            ..
        } = leg;
        let other = match home.is_home(&url, host) {
            true => None,
            false => Some(self.origins.endpoint(&url).await?),
        };
        if drops_body {
            rendered.body.clear();
            remove_content_headers(&mut rendered.headers);
        }
        let stays = match (&from, &other) {
            (None, None) => true,
            _ => before.is_some_and(|before| before.origin() == url.origin()),
        };
        if !stays {
            remove_private_headers(&mut rendered.headers);
        }
        rendered.headers.retain(|(name, _)| *name != HOST);
        rendered
            .headers
            .extend(host_of(&url).map(|host| (HOST, host)));
        rendered.path = path_of(&url);
        Ok(Leg {
            method,
            rendered,
            url: Some(url),
            other,
            is_complete: true,
        })
    }
}

impl Away {
    /// The connection to another origin. Gives up the oldest one if there are too many.
    fn to(&mut self, endpoint: &Arc<Endpoint>) -> &mut Connection {
        let known = self.connections.iter();
        let at = known
            .into_iter()
            .position(|(known, _)| Arc::ptr_eq(known, endpoint));
        let at = at.unwrap_or_else(|| {
            if self.connections.len() >= AWAY_MAX {
                self.connections.remove(0);
            }
            self.connections
                .push((Arc::clone(endpoint), Connection::default()));
            self.connections.len() - 1
        });
        &mut self.connections[at].1
    }
}

/// Adds the cookies of a user to the headers of a request that is not followed over redirects.
pub(crate) fn add_cookies(outgoing: &Outgoing<'_>, jar: &CookieJar, ready: &mut Rendered) {
    let cookies = address(outgoing).and_then(|url| jar.header(&url, value(ready, &COOKIE)));
    if let Some(cookies) = cookies {
        ready.headers.retain(|(name, _)| *name != COOKIE);
        ready.headers.push((COOKIE, cookies));
    }
}

/// The address of a request to the target, for cookies and redirects.
fn address(outgoing: &Outgoing<'_>) -> Option<Url> {
    let host = outgoing.host().to_str().ok()?;
    let scheme = outgoing.endpoint.target.scheme.as_str();
    let path = match outgoing.rendered.path.as_str() {
        "*" => "/",
        path => path,
    };
    Url::parse(&format!("{scheme}://{host}{}{path}", outgoing.prefix)).ok()
}

fn value<'a>(rendered: &'a Rendered, name: &HeaderName) -> Option<&'a HeaderValue> {
    let mut headers = rendered.headers.iter();
    headers
        .find(|(known, _)| known == name)
        .map(|(_, value)| value)
}

fn has(rendered: &Rendered, name: &HeaderName) -> bool {
    value(rendered, name).is_some()
}

/// Keeps the reason why a redirect can't be followed. Returns the failure.
fn refuse(target: &Endpoint, failure: Failure, reason: &str) -> Failure {
    let reason = format!("a redirect could not be followed: {reason}");
    target
        .target
        .dials
        .keep_error(failure, &masked_text(&reason));
    failure
}

//! A virtual user: one connection, one request at a time.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use http::Request;
use http_body_util::Full;
use tenfold_scenarios::{Arrival, Rendered, Variables};

use crate::clock::nanoseconds;
use crate::connection::{Answer, Connection, request};
use crate::dispatcher::Job;
use crate::failure::Failure;
use crate::recorder::Ended;
use crate::shared::Shared;
use crate::stamps::Stamps;

/// A virtual user.
pub(crate) struct User {
    shared: Arc<Shared>,
    connection: Connection,
    rendered: Rendered,
    /// The arrival that is being sent, so that it is accounted for whatever happens to the user.
    at_work: Option<(Arrival, Stamps)>,
    used: bool,
}

impl User {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            shared,
            connection: Connection::default(),
            rendered: Rendered::default(),
            at_work: None,
            used: false,
        }
    }

    /// Serves arrivals until the dispatcher is closed.
    pub(crate) async fn serve(mut self) {
        let shared = Arc::clone(&self.shared);
        let seat = shared.dispatcher.join();
        let _seat = Leave(&shared);
        while let Some(job) = shared
            .dispatcher
            .next_job(seat, || shared.clock.now())
            .await
        {
            let variables = shared.variables_of(&job.arrival);
            self.send(job, variables).await;
        }
    }

    /// Sends one request and records what came of it; returns the answer where it is as expected.
    ///
    /// Its head and body are kept where the request captures something.
    pub(crate) async fn send(&mut self, job: Job, variables: &Variables) -> Option<Answer> {
        let Job {
            arrival,
            blocked_ns,
        } = job;
        let shared = Arc::clone(&self.shared);
        let planned = &shared.scenario.requests[arrival.draw.request];
        let rendered = planned.render(&arrival.draw, variables, &mut self.rendered);
        let prepared = match rendered {
            Ok(()) => request(&planned.method, &shared.address, &self.rendered),
            Err(_) => Err(Failure::MissingVariable),
        };
        let sent = shared.clock.now();
        let intended = nanoseconds(arrival.intended);
        let stamps = Stamps {
            intended,
            blocked: blocked_ns,
            sent,
            first_byte: None,
            done: sent,
        };
        self.at_work = Some((arrival, stamps));
        shared.record(|recorder| recorder.sent(&arrival, &stamps));
        let keep = !planned.captures.is_empty();
        let answer = match prepared {
            Ok(prepared) => self.exchange(prepared, keep).await,
            Err(failure) => Err(failure),
        };
        let now = shared.clock.now();
        let (stamps, ended) = match &answer {
            Ok(answer) => {
                let expected = planned.expect.accepts(answer.status);
                let failure = (!expected).then_some(Failure::UnexpectedStatus);
                let ended = Ended {
                    status: Some(answer.status),
                    body_bytes: answer.body_bytes,
                    failure,
                };
                let first_byte = Some(answer.first_byte_ns);
                (
                    Stamps {
                        first_byte,
                        done: answer.done_ns,
                        ..stamps
                    },
                    ended,
                )
            }
            Err(failure) => {
                let ended = Ended {
                    status: None,
                    body_bytes: 0,
                    failure: Some(*failure),
                };
                (
                    Stamps {
                        done: now,
                        ..stamps
                    },
                    ended,
                )
            }
        };
        self.at_work = None;
        shared.alarm.check(now);
        shared.record(|recorder| recorder.done(&arrival, &stamps, ended));
        answer.ok().filter(|_| ended.failure.is_none())
    }

    async fn exchange(
        &mut self,
        prepared: Request<Full<Bytes>>,
        keep: bool,
    ) -> Result<Answer, Failure> {
        let shared = &self.shared;
        if !self.used {
            self.used = true;
            shared.users_used.fetch_add(1, Ordering::Relaxed);
        }
        let opened = || {
            shared.connections.fetch_add(1, Ordering::Relaxed);
        };
        let now = || shared.clock.now();
        let exchange = self
            .connection
            .exchange(&shared.address, prepared, keep, opened, now);
        match tokio::time::timeout(shared.scenario.load.timeout, exchange).await {
            Ok(answer) => answer,
            Err(_elapsed) => Err(Failure::Timeout),
        }
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some((arrival, stamps)) = self.at_work.take() {
            let done = self.shared.clock.now();
            let ended = Ended {
                status: None,
                body_bytes: 0,
                failure: Some(Failure::LostUser),
            };
            self.shared.record(|recorder| {
                recorder.done(&arrival, &Stamps { done, ..stamps }, ended);
            });
        }
    }
}

/// Gives a user's seat up, also where the user panics.
struct Leave<'a>(&'a Shared);

impl Drop for Leave<'_> {
    fn drop(&mut self) {
        self.0.dispatcher.leave();
    }
}

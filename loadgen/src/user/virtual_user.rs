//! A virtual user: one connection to each target, one request at a time.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tenfold_scenarios::{Arrival, ConnectionUse, NextStep, Rendered, Side, Variables};

use crate::answer::{AgreementLog, Change, HeldVariables, Judgement, keep_all, keep_for};
use crate::clock::nanoseconds;
use crate::failure::Failure;
use crate::http::{
    Answer, Connection, DeadlineSlot, EventSink, Keep, Outgoing, Traveller, Trip, add_cookies,
};
use crate::pace::Job;
use crate::record::{Outcome, Stamps};
use crate::shared::{Session, Shared};
use crate::user::browser_state::BrowserState;
use crate::user::event_recorder::EventRecorder;
use crate::websocket::{Conversation, converse};

/// A virtual user.
pub(crate) struct User {
    shared: Arc<Shared>,
    /// By side, each opened on first use. Sides alternate at random, so in the long run equally many are
    /// opened to each.
    connections: [Connection; Side::ALL.len()],
    rendered: Rendered,
    /// Cookies, and connections to other origins. `None` while its requests are plain.
    browser: Option<Box<BrowserState>>,
    /// The way of the request in flight. `None` if it is plain.
    trip: Option<Box<Trip>>,
    /// The slot of its request's deadline.
    deadline: DeadlineSlot,
    /// The arrival in flight, recorded as lost if the user is dropped.
    in_flight: Option<(Arrival, Stamps)>,
    /// True if it has sent a request.
    used: bool,
}

/// The result of a request.
#[derive(Debug)]
pub(crate) struct Sent {
    /// The answer. `None` if none arrived.
    pub(crate) answer: Option<Answer>,
    /// Why it failed. `None` if the answer is as the scenario expects.
    pub(crate) failure: Option<Failure>,
    /// The next step of the journey, if a script chose one.
    pub(crate) next: Option<NextStep>,
}

impl User {
    pub(crate) fn new(shared: Arc<Shared>) -> Self {
        Self {
            deadline: shared.deadlines.join(),
            shared,
            connections: Default::default(),
            rendered: Rendered::default(),
            browser: None,
            trip: None,
            in_flight: None,
            used: false,
        }
    }

    /// The state that the users of the run share.
    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// The last request, as it was sent.
    pub(crate) fn rendered(&self) -> &Rendered {
        &self.rendered
    }

    /// The way of the last request. `None` if it was plain.
    pub(crate) fn trip(&self) -> Option<&Trip> {
        self.trip.as_deref()
    }

    /// Begins a journey: forgets the cookies of the one before, and takes those of its session.
    pub(crate) fn begin_journey(&mut self, side: Side, session: Option<&Session>) {
        let keeps = |request: &tenfold_scenarios::Request| request.transport.cookies;
        if self.browser.is_some() || self.shared.scenario.requests.iter().any(keeps) {
            let browser = self.browser.get_or_insert_default();
            browser.start_over(side, session.map(|session| &*session.jar));
        }
    }

    /// Sends one request and records its outcome.
    ///
    /// The head and body of the answer are kept if captures, checks or a script need them, or for a sample
    /// of a failure. A journey written in Rust can change the request.
    pub(crate) async fn send(
        &mut self,
        job: Job,
        mut variables: HeldVariables<'_>,
        change: Option<&Change>,
    ) -> Sent {
        let Job {
            arrival,
            blocked_ns,
        } = job;
        let shared = Arc::clone(&self.shared);
        let planned = &shared.scenario.requests[arrival.draw.request];
        self.trip = None;
        let mut prepared = Ok(());
        if let (Some(_), HeldVariables::Own(own)) = (&planned.script, &mut variables) {
            prepared = judgement(&shared, &arrival, &self.rendered, None)
                .run_before(own, shared.clock.now());
        }
        let prepared = prepared.and_then(|()| {
            planned
                .render(&arrival.draw, variables.get(), &mut self.rendered)
                .map_err(|error| Failure::of_rendering(&error))
        });
        if let Some(change) = change {
            change.apply(&mut self.rendered);
        }
        if !self.rendered.path.starts_with('/') {
            let side = shared.scenario.side_of(arrival.draw.request);
            shared.endpoint(side).target.reduce_path(&mut self.rendered);
        }
        let sent = shared.clock.now();
        let intended = nanoseconds(arrival.intended);
        let stamps = Stamps {
            intended,
            blocked: blocked_ns,
            sent,
            first_byte: None,
            done: sent,
            read_lag: None,
        };
        self.in_flight = Some((arrival, stamps));
        shared
            .recorder
            .with(|recorder| recorder.sent(&arrival, &stamps));
        let is_written = AtomicBool::new(false);
        let answer = match prepared {
            Ok(()) => {
                self.exchange(&arrival, sent, change.is_some(), &is_written)
                    .await
            }
            Err(failure) => Err(failure),
        };
        let mut next = None;
        let (stamps, outcome) = match &answer {
            Ok(answer) => {
                let stamps = Stamps {
                    first_byte: Some(answer.first_byte_ns),
                    // The kernel's clock may be adjusted during a request.
                    done: answer.done_ns.max(sent),
                    read_lag: answer.read_lag_ns,
                    ..stamps
                };
                let mut failure = None;
                // A plain request with an expected status needs no judgement.
                if planned.needs_judgement()
                    || change.is_some()
                    || !planned.expect.accepts(answer.status)
                {
                    let trip = self.trip.as_deref();
                    let judgement = judgement(&shared, &arrival, &self.rendered, trip);
                    (failure, next) =
                        judgement.judge(answer, &mut variables, stamps.service(), change);
                }
                let outcome = Outcome {
                    status: Some(answer.status),
                    body_bytes: answer.body_bytes,
                    failure,
                    is_written: true,
                };
                (stamps, outcome)
            }
            Err(failure) => {
                let done = shared.clock.now();
                let outcome = Outcome {
                    status: None,
                    body_bytes: 0,
                    failure: Some(failure.noticed_after(done.saturating_sub(sent))),
                    is_written: is_written.load(Ordering::Relaxed),
                };
                (Stamps { done, ..stamps }, outcome)
            }
        };
        self.in_flight = None;
        shared.alarm.check(stamps.done);
        shared
            .recorder
            .with(|recorder| recorder.done(&arrival, &stamps, outcome));
        if let Some(trip) = &self.trip {
            shared
                .recorder
                .with(|recorder| recorder.travelled(&arrival, &stamps, outcome, trip));
        }
        if shared.agreement.is_some() {
            self.compare(&arrival, answer.as_ref().ok(), variables.get());
        }
        Sent {
            answer: answer.ok(),
            failure: outcome.failure,
            next,
        }
    }

    async fn exchange(
        &mut self,
        arrival: &Arrival,
        sent_ns: u64,
        keep_all_parts: bool,
        is_written: &AtomicBool,
    ) -> Result<Answer, Failure> {
        let Self {
            shared,
            connections,
            rendered,
            browser,
            trip,
            used,
            deadline,
            ..
        } = self;
        if !*used {
            *used = true;
            shared.users_used.fetch_add(1, Ordering::Relaxed);
        }
        let planned = &shared.scenario.requests[arrival.draw.request];
        let side = shared.scenario.side_of(arrival.draw.request);
        // Boxed, so that users of plain requests don't reserve memory for it.
        let websocket = planned.websocket.as_deref();
        let events = planned
            .event_stream
            .as_deref()
            .or(websocket.map(|websocket| &websocket.until))
            .or(planned
                .grpc
                .as_deref()
                .filter(|_| shared.methods.streams(arrival.draw.request))
                .map(|grpc| &grpc.until))
            .map(|stream| Box::new(EventRecorder::new(shared, arrival, stream, sent_ns)));
        let outgoing = Outgoing {
            method: &planned.method,
            endpoint: shared.endpoint(side),
            prefix: &shared.endpoint(side).target.prefix,
            rendered,
            is_written,
            events: events.as_deref().map(|events| events as &dyn EventSink),
        };
        let keep = match keep_all_parts {
            true => keep_all(planned),
            false => keep_for(planned),
        };
        let keep = match &shared.agreement {
            Some(log) if AgreementLog::compares(&arrival.draw) => log.keep(keep),
            _ => keep,
        };
        let wanted = |status| match planned.expect.accepts(status) {
            true => keep,
            false => Keep {
                events: false,
                ..shared.evidence.keep_for_sample(&planned.name, keep)
            },
        };
        let now = || shared.clock.now();
        let heard_ns = events.as_deref().map(EventRecorder::heard_ns);
        let connection = &mut connections[side as usize];
        let is_plain = planned.transport.is_plain();
        let (endpoint, request) = (outgoing.endpoint, arrival.draw.request);
        let call = match planned.grpc {
            Some(_) => shared.methods.call(planned, request, rendered, endpoint)?,
            None => None,
        };
        if is_plain && let Some(call) = &call {
            let outgoing = Outgoing {
                rendered: call.rendered(),
                ..outgoing
            };
            let exchange: Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + '_>> =
                Box::pin(async {
                    let keep = |status| call.keep(status, wanted);
                    let answer = connection.exchange(outgoing, keep, now);
                    let answer = call.within_deadline(answer, now, wanted).await?;
                    call.conclude(answer, wanted, outgoing.events)
                });
            return shared
                .within_timeout(*deadline, sent_ns, heard_ns, exchange)
                .await;
        }
        if is_plain && websocket.is_none() {
            let exchange = connection.exchange(outgoing, wanted, now);
            return shared
                .within_timeout(*deadline, sent_ns, heard_ns, exchange)
                .await;
        }
        let browser = browser.get_or_insert_default();
        let trip = trip.get_or_insert_default();
        trip.hops = keep_all_parts.then(Vec::new);
        if planned.transport.cookies {
            // A journey has its own cookies, which began with those of its session.
            let session = match shared.scenario.journeys.is_empty() {
                true => shared.session_of(arrival).map(|session| &session.jar),
                false => None,
            };
            trip.jar = Some(Arc::clone(session.unwrap_or_else(|| browser.jar(side))));
        }
        if let Some((websocket, events)) = websocket.zip(outgoing.events) {
            let mut dressed = rendered.clone();
            if let Some(jar) = &trip.jar {
                add_cookies(&outgoing, jar, &mut dressed);
            }
            let conversation = Conversation {
                outgoing: Outgoing {
                    rendered: &dressed,
                    ..outgoing
                },
                websocket,
                events,
                keeps_alive: planned.transport.connection == ConnectionUse::KeepAlive,
            };
            let socket = browser.socket(side, arrival.draw.request);
            let round_trip = |value_ns| {
                shared
                    .recorder
                    .with(|recorder| recorder.round_trip(arrival, value_ns));
            };
            let exchange: Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + '_>> =
                Box::pin(converse(socket, conversation, wanted, round_trip, now));
            return shared
                .within_timeout(*deadline, sent_ns, heard_ns, exchange)
                .await;
        }
        let traveller = Traveller {
            transport: planned.transport,
            expect: &planned.expect,
            origins: &shared.origins,
            traces: &shared.traces,
        };
        let away = &mut browser.away;
        // Boxed, so that users whose requests are plain don't reserve memory for it.
        let exchange: Pin<Box<dyn Future<Output = Result<Answer, Failure>> + Send + '_>> =
            match &call {
                None => Box::pin(traveller.travel(connection, away, outgoing, trip, wanted, now)),
                Some(call) => Box::pin(async {
                    let outgoing = Outgoing {
                        rendered: call.rendered(),
                        ..outgoing
                    };
                    let keep = |status| call.keep(status, wanted);
                    let answer = traveller.travel(connection, away, outgoing, trip, keep, now);
                    let answer = call.within_deadline(answer, now, wanted).await?;
                    call.conclude(answer, wanted, outgoing.events)
                }),
            };
        shared
            .within_timeout(*deadline, sent_ns, heard_ns, exchange)
            .await
    }

    /// Compares an answer with the other build's, if it is in the sample.
    fn compare(&self, arrival: &Arrival, answer: Option<&Answer>, variables: &Variables) {
        let (scenario, draw) = (&self.shared.scenario, &arrival.draw);
        let Some(log) = &self.shared.agreement else {
            return;
        };
        if AgreementLog::compares(draw) {
            let request = scenario.request_of(draw.request);
            let side = scenario.side_of(draw.request);
            log.answered((request, side), draw, answer, |answer| {
                judgement(&self.shared, arrival, &self.rendered, self.trip.as_deref())
                    .mask(Some(answer), variables)
            });
        }
    }
}

fn judgement<'a>(
    shared: &'a Shared,
    arrival: &'a Arrival,
    rendered: &'a Rendered,
    trip: Option<&'a Trip>,
) -> Judgement<'a> {
    let side = shared.scenario.side_of(arrival.draw.request);
    let target = &shared.endpoint(side).target;
    Judgement {
        log: &shared.evidence,
        scenario: &shared.scenario,
        planned: &shared.scenario.requests[arrival.draw.request],
        arrival,
        rendered,
        trip,
        credentials: target.authorization.as_ref(),
        target,
    }
}

impl Drop for User {
    fn drop(&mut self) {
        if let Some((arrival, stamps)) = self.in_flight.take() {
            let done = self.shared.clock.now();
            let outcome = Outcome {
                status: None,
                body_bytes: 0,
                failure: Some(Failure::LostUser),
                is_written: true,
            };
            self.shared.recorder.with(|recorder| {
                recorder.done(&arrival, &Stamps { done, ..stamps }, outcome);
            });
        }
    }
}

//! A trial: each request of a scenario once, with everything that was sent and received.
//!
//! A trial sends by the same code as a run, so that a request that passes here is rendered, sent,
//! checked and captured the same way in a run. Think times are left out.

mod document;
mod exchange;
mod exchange_text;
mod secrets;

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use tenfold_scenarios::{Arrival, Draw, LastResponse, NextStep, Scenario, Share, Side, Variables};

use crate::LoadError;
use crate::answer::{Change, HeldVariables};
use crate::connect::Target;
use crate::failure::Failure;
use crate::grpc::{Methods, target_of};
use crate::http::{Endpoint, Origins};
use crate::pace::Job;
use crate::record::SharedRecorder;
use crate::run::{Interrupt, interrupted};
use crate::shared::Shared;
use crate::user::User;
use crate::websocket;
pub use document::fetch;
pub use exchange::{Exchange, Finding, Origin, Received, Redirected};
use secrets::Secrets;

/// The most requests of one journey: a loop that depends on answers may take many turns.
const JOURNEY_REQUESTS_MAX: usize = 100;

/// The inputs of a trial.
pub struct TrialOptions<'a> {
    /// The scenario whose requests to send.
    pub scenario: Scenario,
    /// The service to send them to.
    pub target: Target,
    /// Ends the trial early when it becomes true.
    pub interrupt: Interrupt,
    /// Called after each exchange.
    pub on_exchange: Box<dyn FnMut(&Exchange) + 'a>,
}

impl std::fmt::Debug for TrialOptions<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("TrialOptions")
            .field("scenario", &self.scenario.name)
            .field("target", &self.target)
            .finish_non_exhaustive()
    }
}

/// The result of a trial.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Trial {
    /// The exchanges, in order.
    pub exchanges: Vec<Exchange>,
    /// Requests and journeys that were not sent, or not to their end.
    pub left_out: Vec<LeftOut>,
}

/// A request or journey that was not sent, or not to its end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LeftOut {
    /// Its name.
    pub name: String,
    /// Why it was left out.
    pub reason: String,
    /// True if a run would count it as a failure.
    pub is_failure: bool,
}

impl Trial {
    /// The number of exchanges that failed.
    pub fn failed(&self) -> usize {
        let failed = self.exchanges.iter();
        failed.filter(|exchange| exchange.failure.is_some()).count()
    }

    /// Returns true if requests were sent, all of them passed, and no journey was cut off.
    pub fn passed(&self) -> bool {
        let cut_off = self.left_out.iter().any(|left_out| left_out.is_failure);
        !self.exchanges.is_empty() && self.failed() == 0 && !cut_off
    }

    /// Returns true if no exchange got as far as a connection.
    pub fn is_unreachable(&self) -> bool {
        let reaches = |exchange: &Exchange| {
            let failure = exchange.failure.as_deref();
            failure != Some(Failure::Connect.name()) && failure != Some(Failure::Tls.name())
        };
        !self.exchanges.is_empty() && !self.exchanges.iter().any(reaches)
    }
}

/// Sends each request of a scenario once, in its order: first the log-in of one session, then each
/// journey with its steps, or each request if there are no journeys.
///
/// The caller must decide whether requests may be sent to the target, as for [`run`](crate::run).
///
/// # Errors
/// If the target can't be reached, or the trial is interrupted.
pub fn trial(options: TrialOptions<'_>) -> Result<Trial, LoadError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|source| LoadError::System {
            action: "start a runtime",
            source,
        })?;
    let TrialOptions {
        scenario,
        target,
        mut interrupt,
        on_exchange,
    } = options;
    runtime.block_on(async {
        tokio::select! {
            trial = try_all(scenario, &target, on_exchange) => trial,
            () = interrupted(&mut interrupt) => Err(LoadError::Interrupted),
        }
    })
}

async fn try_all(
    mut scenario: Scenario,
    target: &Target,
    on_exchange: Box<dyn FnMut(&Exchange) + '_>,
) -> Result<Trial, LoadError> {
    websocket::check(&scenario)?;
    let target = &*target_of(&scenario, target);
    let endpoint = Endpoint::reach(target).await?;
    let methods = Methods::load(&scenario, std::slice::from_ref(&endpoint)).await?;
    endpoint.reset();
    drop_log_in_script(&mut scenario);
    let origins = Origins::new(target, std::slice::from_ref(&endpoint));
    let nobody = vec![Vec::new()];
    let shared = Arc::new(Shared::new(
        (scenario, Share::WHOLE),
        vec![endpoint],
        origins,
        nobody,
        methods,
        SharedRecorder::closed(),
    ));
    shared.clock.start_at(Instant::now());
    let of_deadlines = Arc::clone(&shared);
    let deadlines = tokio::spawn(async move { of_deadlines.watch_deadlines().await });
    let mut trier = Trier {
        user: User::new(Arc::clone(&shared)),
        shared: Arc::clone(&shared),
        sent: BTreeSet::new(),
        secrets: Secrets::default(),
        trial: Trial::default(),
        on_exchange,
    };
    let session = trier.log_in().await;
    if shared.scenario.journeys.is_empty() {
        trier.requests(&session).await;
    } else {
        trier.journeys(&session).await;
    }
    deadlines.abort();
    Ok(trier.trial)
}

/// Removes the script of the request that logs in: scripts do not run for log-ins.
fn drop_log_in_script(scenario: &mut Scenario) {
    let Some(sessions) = &scenario.sessions else {
        return;
    };
    let login = sessions.login;
    let journeys = &scenario.journeys;
    let walked = journeys
        .iter()
        .any(|journey| journey.requests().contains(&login));
    if !walked {
        scenario.requests[login].script = None;
    }
}

/// Sends the requests of a trial as one user.
struct Trier<'a> {
    shared: Arc<Shared>,
    user: User,
    /// Requests that were sent.
    sent: BTreeSet<usize>,
    secrets: Secrets,
    trial: Trial,
    on_exchange: Box<dyn FnMut(&Exchange) + 'a>,
}

impl Trier<'_> {
    /// Logs in the first session. Returns its variables, or the initial ones without sessions.
    async fn log_in(&mut self) -> Variables {
        let shared = Arc::clone(&self.shared);
        let mut variables = shared.scenario.variables();
        if let Some(draw) = shared.scenario.login_draw(0) {
            self.send(Origin::Session, draw, &mut variables).await;
        }
        variables
    }

    /// Sends each request once, with the variables of a session.
    async fn requests(&mut self, session: &Variables) {
        let shared = Arc::clone(&self.shared);
        for (index, request) in shared.scenario.requests.iter().enumerate() {
            if self.sent.contains(&index) {
                continue;
            }
            match shared.scenario.single_draw(index) {
                // A request does not change the variables of its session.
                Some(draw) => {
                    let mut variables = session.clone();
                    self.send(Origin::Request, draw, &mut variables).await;
                }
                None => self.leave_out(&request.name, "no trace has such a request", false),
            }
        }
    }

    /// Sends the steps of each journey once.
    async fn journeys(&mut self, session: &Variables) {
        let shared = Arc::clone(&self.shared);
        for (index, journey) in shared.scenario.journeys.iter().enumerate() {
            if journey.in_code {
                self.leave_out(&journey.name, "the journey is written in Rust", false);
            } else if let Some(reason) = self.journey(index, session).await {
                self.leave_out(&journey.name, &reason, true);
            }
        }
        for (index, request) in shared.scenario.requests.iter().enumerate() {
            if !self.sent.contains(&index) {
                self.leave_out(&request.name, "no journey came to it", false);
            }
        }
    }

    /// Sends the steps of a journey. Returns why it was cut off, if it was.
    async fn journey(&mut self, index: usize, session: &Variables) -> Option<String> {
        let shared = Arc::clone(&self.shared);
        let mut walk = shared.scenario.single_walk(index)?;
        let mut variables = shared.scenario.variables();
        let journey = walk.begin(&mut variables);
        variables.inherit(session);
        if shared.scenario.sessions.is_none() {
            self.user.begin_journey(Side::Baseline, None);
        }
        let mut last = LastResponse::default();
        for _ in 0..JOURNEY_REQUESTS_MAX {
            let draw = match walk.next_step(&variables, last) {
                Ok(Some(step)) => step.draw,
                Ok(None) => return None,
                Err(error) => return Some(error.to_string()),
            };
            let origin = Origin::Journey(journey.name.clone());
            let next;
            (last, next) = self.send(origin, draw, &mut variables).await;
            match next {
                _ if last.failed && journey.ends_on_failure => return None,
                Some(NextStep::End) => return None,
                Some(NextStep::Request(request)) if !walk.jump(request) => {
                    return Some(format!(
                        "a script chose the request `{}`, which is not part of the journey",
                        shared.scenario.requests[request].name
                    ));
                }
                Some(NextStep::Request(_)) | None => {}
            }
        }
        self.leave_out(
            &journey.name,
            &format!("a trial ends a journey after {JOURNEY_REQUESTS_MAX} requests"),
            false,
        );
        None
    }

    /// Sends one request and describes the exchange. Returns the response for conditions, and the step
    /// that a script chose next.
    async fn send(
        &mut self,
        origin: Origin,
        draw: Draw,
        variables: &mut Variables,
    ) -> (LastResponse, Option<NextStep>) {
        let shared = Arc::clone(&self.shared);
        let began = shared.clock.now();
        let arrival = Arrival {
            sequence: self.trial.exchanges.len() as u64,
            intended: Duration::from_nanos(began),
            phase: 0,
            draw,
        };
        let job = Job {
            arrival,
            blocked_ns: None,
        };
        // An empty change keeps the whole answer.
        let change = Change::default();
        let held = HeldVariables::Own(&mut *variables);
        // Reasons are kept by class of failure: those of earlier requests are not of this one.
        let endpoint = shared.endpoint(shared.scenario.side_of(draw.request));
        endpoint.target.dials.forget_errors();
        let sent = self.user.send(job, held, Some(&change)).await;
        self.sent.insert(draw.request);
        let context = exchange::Context {
            shared: &shared,
            draw: &draw,
            rendered: self.user.rendered(),
            trip: self.user.trip(),
            variables,
            began_ns: began,
        };
        let exchange = context.describe(origin, &sent, &mut self.secrets);
        (self.on_exchange)(&exchange);
        self.trial.exchanges.push(exchange);
        let last = LastResponse {
            status: sent.answer.as_ref().map_or(0, |answer| answer.status),
            failed: sent.failure.is_some(),
        };
        (last, sent.next)
    }

    fn leave_out(&mut self, name: &str, reason: &str, is_failure: bool) {
        self.trial.left_out.push(LeftOut {
            name: name.to_owned(),
            reason: reason.to_owned(),
            is_failure,
        });
    }
}

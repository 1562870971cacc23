//! Logins of sessions, sent before the first arrival and not counted.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use tenfold_scenarios::{Draw, Rendered, Scenario, Share, Side, status_text};

use crate::LoadError;
use crate::answer::{AnswerView, capture, keep_for};
use crate::failure::Failure;
use crate::grpc::Methods;
use crate::http::{Away, Connection, Endpoint, Keep, Origins, Outgoing, TraceIds, Traveller, Trip};
use crate::shared::Session;

/// Logs in the sessions of a share on one side, one after another over one connection. Returns the
/// variables that each session captured, and its cookies.
///
/// # Errors
/// [`LoadError::SetUp`] if a session can't be logged in.
pub(crate) async fn log_in(
    (scenario, share): (&Scenario, Share),
    endpoint: &Endpoint,
    (origins, methods): (&Origins, &Methods),
    side: Side,
) -> Result<Vec<Session>, LoadError> {
    let Some(sessions) = &scenario.sessions else {
        return Ok(Vec::new());
    };
    let mut browser = Browser {
        connection: Connection::default(),
        away: Away::default(),
        origins,
        methods,
        traces: TraceIds::default(),
    };
    let mut logged_in = Vec::new();
    for session in (0..sessions.count).filter(|session| share.takes(*session)) {
        let Some(draw) = scenario.login_draw(session) else {
            break;
        };
        let draw = scenario.on_side(draw, side);
        let session_state = log_in_one(scenario, endpoint, &mut browser, &draw)
            .await
            .map_err(|reason| LoadError::SetUp {
                session,
                request: scenario.requests[draw.request].name.clone(),
                reason,
            })?;
        logged_in.push(session_state);
    }
    Ok(logged_in)
}

/// What the logins of one side share.
struct Browser<'a> {
    connection: Connection,
    away: Away,
    origins: &'a Origins,
    methods: &'a Methods,
    traces: TraceIds,
}

async fn log_in_one(
    scenario: &Scenario,
    endpoint: &Endpoint,
    browser: &mut Browser<'_>,
    draw: &Draw,
) -> Result<Session, String> {
    let planned = &scenario.requests[draw.request];
    let mut session = Session {
        variables: scenario.variables(),
        jar: Arc::default(),
    };
    let variables = &mut session.variables;
    let mut rendered = Rendered::default();
    planned
        .render(draw, variables, &mut rendered)
        .map_err(|error| error.to_string())?;
    endpoint.target.reduce_path(&mut rendered);
    let call = browser.methods;
    let call = call.call(planned, draw.request, &rendered, endpoint);
    let call = call.map_err(|failure| reason_of(failure, endpoint))?;
    let outgoing = Outgoing {
        method: &planned.method,
        endpoint,
        prefix: &endpoint.target.prefix,
        rendered: call.as_ref().map_or(&rendered, |call| call.rendered()),
        is_written: &AtomicBool::new(false),
        events: None,
    };
    let keep = Keep {
        events: false,
        ..keep_for(planned)
    };
    let wanted = |status| match &call {
        Some(call) => call.keep(status, |_| keep),
        None => keep,
    };
    let traveller = Traveller {
        transport: planned.transport,
        expect: &planned.expect,
        origins: browser.origins,
        traces: &browser.traces,
    };
    let mut trip = Trip {
        jar: planned.transport.cookies.then(|| Arc::clone(&session.jar)),
        ..Trip::default()
    };
    let (connection, away) = (&mut browser.connection, &mut browser.away);
    let exchange = traveller.travel(connection, away, outgoing, &mut trip, wanted, || 0);
    let answer = tokio::time::timeout(scenario.load.timeout, exchange)
        .await
        .map_err(|_| format!("no answer within {:?}", scenario.load.timeout))?
        .and_then(|answer| match &call {
            Some(call) => call.conclude(answer, |_| keep, None),
            None => Ok(answer),
        })
        .map_err(|failure| reason_of(failure, endpoint))?;
    if !planned.expect.accepts(answer.status) {
        let status = status_text(answer.status);
        return Err(format!("the answer has status {status}"));
    }
    let url = || match &trip.url {
        Some(url) => url.to_string(),
        None => endpoint.target.url(&rendered.path),
    };
    let captured = capture(&planned.captures, &answer, url);
    captured.store(variables);
    if let Some(fault) = captured.required().find_map(|(_, fault)| fault) {
        return Err(fault);
    }
    if let Some(kept) = &answer.kept {
        let evidence = AnswerView::new(kept, answer.body_bytes);
        for check in &planned.checks {
            if evidence.fault(&check.test).is_some() {
                return Err(format!("the answer failed the check \"{}\"", check.name));
            }
        }
    }
    Ok(session)
}

/// A failure with its reason, if one is kept.
fn reason_of(failure: Failure, endpoint: &Endpoint) -> String {
    let dials = endpoint.target.dials.state();
    let reason = dials.first_errors.get(failure.name());
    reason.map_or_else(
        || failure.to_string(),
        |reason| format!("{failure}: {reason}"),
    )
}

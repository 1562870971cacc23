//! Logins of sessions, sent before the first arrival and not counted.

use std::sync::atomic::AtomicBool;

use tenfold_scenarios::{Draw, Rendered, Scenario, Side, Variables};

use crate::LoadError;
use crate::answer::{AnswerView, capture, keep_for};
use crate::http::{Connection, Endpoint, Keep, Outgoing};

/// Logs in the scenario's sessions on one side, one after another over one connection. Returns the
/// variables that each session captured.
///
/// # Errors
/// [`LoadError::SetUp`] if a session can't be logged in.
pub(crate) async fn log_in(
    scenario: &Scenario,
    endpoint: &Endpoint,
    side: Side,
) -> Result<Vec<Variables>, LoadError> {
    let Some(sessions) = &scenario.sessions else {
        return Ok(Vec::new());
    };
    let mut connection = Connection::default();
    let mut logged_in = Vec::new();
    for session in 0..sessions.count {
        let Some(draw) = scenario.login_draw(session) else {
            break;
        };
        let draw = scenario.on_side(draw, side);
        let variables = log_in_one(scenario, endpoint, &mut connection, &draw)
            .await
            .map_err(|reason| LoadError::SetUp {
                session,
                request: scenario.requests[draw.request].name.clone(),
                reason,
            })?;
        logged_in.push(variables);
    }
    Ok(logged_in)
}

async fn log_in_one(
    scenario: &Scenario,
    endpoint: &Endpoint,
    connection: &mut Connection,
    draw: &Draw,
) -> Result<Variables, String> {
    let planned = &scenario.requests[draw.request];
    let mut variables = scenario.variables();
    let mut rendered = Rendered::default();
    planned
        .render(draw, &variables, &mut rendered)
        .map_err(|error| error.to_string())?;
    let outgoing = Outgoing {
        method: &planned.method,
        endpoint,
        rendered: &rendered,
        is_written: &AtomicBool::new(false),
        events: None,
    };
    let keep = Keep {
        events: false,
        ..keep_for(planned)
    };
    let wanted = |_status| keep;
    let exchange = connection.exchange(outgoing, wanted, || 0);
    let answer = tokio::time::timeout(scenario.load.timeout, exchange)
        .await
        .map_err(|_| format!("no answer within {:?}", scenario.load.timeout))?
        .map_err(|failure| failure.to_string())?;
    if !planned.expect.accepts(answer.status) {
        return Err(format!("the answer has status {}", answer.status));
    }
    let url = || endpoint.target.url(&rendered.path);
    let captured = capture(&planned.captures, &answer, url);
    captured.store(&mut variables);
    if let Some(fault) = captured.required().find_map(|(_, fault)| fault) {
        return Err(fault);
    }
    if let Some(kept) = &answer.kept {
        let mut evidence = AnswerView::new(kept, answer.body_bytes);
        for check in &planned.checks {
            if evidence.fault(&check.test).is_some() {
                return Err(format!("the answer failed the check \"{}\"", check.name));
            }
        }
    }
    Ok(variables)
}

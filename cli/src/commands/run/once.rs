//! `tenfold run --once`: send each request once, and show what was sent and received.

use tenfold_lab::Lab;
use tenfold_loadgen::{Exchange, Trial, TrialOptions, trial};
use tenfold_scenarios::Scenario;

use crate::arguments::run::RunArguments;
use crate::exit::{Exit, TARGET_FAILED, UsageError};
use crate::interrupt;
use crate::output::print;
use crate::service::Subject;

/// Sends each request of a scenario once.
pub(super) fn once(
    arguments: &RunArguments,
    scenario: Scenario,
    subject: Subject,
) -> anyhow::Result<Exit> {
    if !arguments.output.export.is_empty() || arguments.out.is_some() {
        return Err(UsageError(
            "--once measures nothing, so there is no run to write; leave out --out and --export"
                .to_owned(),
        )
        .into());
    }
    let interrupt = interrupt::catch()?;
    let service = subject.start(
        &arguments.service,
        &scenario,
        &format!("tenfold run {}", arguments.scenario),
        &interrupt,
    )?;
    let is_json = arguments.output.json;
    let mut printed = Ok(());
    let tried = service.answering(|| {
        trial(TrialOptions {
            scenario,
            target: service.endpoint.target.clone(),
            interrupt,
            on_exchange: Box::new(|exchange: &Exchange| {
                if !is_json && printed.is_ok() {
                    printed = print::out(&format!("{exchange}\n"));
                }
            }),
        })
    });
    let stopped = service.lab.map_or(Ok(()), Lab::stop);
    let tried = tried?;
    printed?;
    stopped?;
    match is_json {
        true => print::json(&tried)?,
        false => print::out(&closing(&tried))?,
    }
    Ok(if tried.passed() {
        Exit::Met
    } else if tried.is_unreachable() {
        Exit::Code(TARGET_FAILED)
    } else {
        Exit::SloMissed
    })
}

/// Returns the last lines: what was left out, and how many requests passed.
fn closing(trial: &Trial) -> String {
    let mut text = String::new();
    for left_out in &trial.left_out {
        text.push_str(&format!(
            "left out: {}: {}\n",
            left_out.name, left_out.reason
        ));
    }
    let failed = trial.failed();
    let sent = trial.exchanges.len();
    let requests = if sent == 1 { "request" } else { "requests" };
    text.push_str(&format!(
        "{sent} {requests}: {} passed, {failed} failed\n",
        sent - failed
    ));
    if failed > 1 {
        text.push_str(&causes(trial));
    }
    text
}

/// Returns a line for each cause of failure, the most frequent first, with the request that it failed first.
fn causes(trial: &Trial) -> String {
    let mut causes: Vec<(String, usize, &str)> = Vec::new();
    for exchange in &trial.exchanges {
        let Some(class) = &exchange.failure else {
            continue;
        };
        let answer = exchange.answer.as_ref();
        let cause = match answer.filter(|_| class == "unexpected_status") {
            Some(answer) => format!("{class}, status {}", answer.status),
            None => class.clone(),
        };
        match causes.iter_mut().find(|(known, ..)| *known == cause) {
            Some((_, count, _)) => *count += 1,
            None => causes.push((cause, 1, &exchange.request)),
        }
    }
    causes.sort_by_key(|(_, count, _)| std::cmp::Reverse(*count));
    let line = |(cause, count, first): &(String, usize, &str)| {
        format!("  {count} failed with {cause}, first `{first}`\n")
    };
    causes.iter().map(line).collect()
}

//! `tenfold lab judge`: compare a box with the others of its role, under the load that they have.

use std::net::SocketAddr;

use tenfold_analysis::gate::{Conclusion, Settings};
use tenfold_gate::{CanaryOptions, Instance, judge_canary};
use tenfold_lab::{BoxStatus, LabError, LabStatus};
use tenfold_probe::AdminListener;
use tenfold_reports::gate::{Attachments, digest};

use crate::arguments::lab::JudgeArguments;
use crate::commands::gate::{FAIL_ABOVE, POWER};
use crate::commands::lab::status;
use crate::exit::{Exit, UsageError};
use crate::interrupt;
use crate::output::print;

/// Judges a box, and prints the outcome.
pub(crate) fn judge(arguments: &JudgeArguments) -> anyhow::Result<Exit> {
    let status = status(&arguments.directory.dir)?;
    let candidate = find(&status, &arguments.name)?;
    let chosen: Vec<&BoxStatus> = match arguments.against.is_empty() {
        true => status
            .boxes
            .iter()
            .filter(|own| own.role == candidate.role && own.name != candidate.name)
            .filter(|own| own.pid.is_some())
            .collect(),
        false => arguments
            .against
            .iter()
            .map(|name| find(&status, name))
            .collect::<Result<_, _>>()?,
    };
    if chosen.is_empty() {
        return Err(UsageError(format!(
            "there is no other box with the role {} to compare {} with",
            candidate.role, candidate.name
        ))
        .into());
    }
    let baseline = chosen.into_iter().map(instance).collect::<Result<_, _>>()?;
    let mut shown = None;
    let mut on_round = |rounds: usize, of: usize| {
        // Not each of them: a line for every tenth suffices.
        if shown != Some(rounds / 10) {
            shown = Some(rounds / 10);
            print::note(&format!("round {} of at most {of}", rounds + 1));
        }
    };
    let outcome = judge_canary(CanaryOptions {
        candidate: instance(candidate)?,
        baseline,
        settings: Settings {
            alpha: arguments.alpha,
            power: POWER,
            min_effect: arguments.min_effect,
            fail_above: Some(arguments.min_effect * FAIL_ABOVE),
            ..Settings::default()
        },
        budget: arguments.budget,
        round: arguments.round,
        warm_up: arguments.warm_up,
        interrupt: interrupt::catch()?,
        on_round: &mut on_round,
    })?;
    match arguments.json {
        true => print::json(&outcome)?,
        false => {
            let digest = digest(&outcome, &Attachments::default());
            print::out(&digest.terminal(print::colour()))?;
        }
    }
    Ok(match outcome.verdict {
        Conclusion::Pass => Exit::Met,
        _ => Exit::Code(outcome.exit_code),
    })
}

fn find<'a>(status: &'a LabStatus, name: &str) -> Result<&'a BoxStatus, LabError> {
    let found = status.boxes.iter().find(|own| own.name == name);
    found.ok_or_else(|| {
        let names: Vec<&str> = status.boxes.iter().map(|own| own.name.as_str()).collect();
        LabError::UnknownBox {
            name: name.to_owned(),
            there: names.join(", "),
        }
    })
}

/// Returns a box of the service with its metrics.
fn instance(own: &BoxStatus) -> Result<Instance, UsageError> {
    let name = &own.name;
    let admin: SocketAddr = own
        .admin
        .ok_or_else(|| UsageError(format!("{name} has no metrics; judge a box of the service")))?;
    if !admin.ip().is_loopback() {
        return Err(UsageError(format!(
            "the metrics of {name} can't be reached in a lab with --network"
        )));
    }
    Ok(Instance {
        name: name.clone(),
        admin: AdminListener::from(format!("http://{admin}").as_str()),
    })
}

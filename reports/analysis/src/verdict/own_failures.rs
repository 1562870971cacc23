//! Objections to failures that are not the service's.

use tenfold_run_dir::Blame;
use tenfold_run_dir::counts::blame;

use crate::failure_class::describe;
use crate::format;
use crate::summary::Summary;
use crate::summary::failed_by::OWN_FAILURES_MAX;
use crate::verdict::objection::{Objection, invalid, suspect};

/// Maximum share of the arrivals that may fail because of the scenario, beyond which the measurement is suspect.
const SCENARIO_FAILURES_MAX: f64 = 0.01;

/// Objects to requests that failed because of the generator, its machine or its libraries.
pub(super) fn own_failures(summary: &Summary) -> Option<Objection> {
    let own = summary.failed_by.generator;
    if own == 0 {
        return None;
    }
    let reason = format!(
        "{} of {} requests failed because of the generator, not of the service: {}",
        format::count(own),
        format::count(summary.arrivals.sent),
        classes(summary, Blame::Generator)
    );
    if summary.generator_gave_out() {
        invalid(format!(
            "{reason}; more than {} of the arrivals make the measurement invalid",
            format::percent(OWN_FAILURES_MAX)
        ))
    } else {
        suspect(reason)
    }
}

/// Objects to many requests that could not be sent as the scenario describes them.
pub(super) fn scenario_failures(summary: &Summary) -> Option<Objection> {
    let failed = summary.failed_by.scenario;
    if failed as f64 <= SCENARIO_FAILURES_MAX * summary.arrivals.planned as f64 {
        return None;
    }
    suspect(format!(
        "{} of {} requests failed because of the scenario, so the service got another load than planned: {}",
        format::count(failed),
        format::count(summary.arrivals.sent),
        classes(summary, Blame::Scenario)
    ))
}

/// Objects to arrivals that too few users could not send.
pub(super) fn too_few_users(summary: &Summary) -> Option<Objection> {
    let few = summary.too_few_users?;
    suspect(format!(
        "{} of {} arrivals were never sent: all {} users were busy, although the service was no slower than \
         at its quickest; {} need at least {} users",
        format::count(summary.arrivals.dropped),
        format::count(summary.arrivals.planned),
        format::count(few.users),
        format::rate(summary.rate_per_s.offered),
        format::count(few.needed)
    ))
}

/// Lists the classes of one side, with their counts.
fn classes(summary: &Summary, side: Blame) -> String {
    let of_side = summary
        .failures
        .iter()
        .filter(|(class, _)| blame(class) == Some(side));
    let listed = of_side
        .map(|(class, count)| format!("{} ({class} × {})", describe(class), format::count(*count)));
    listed.collect::<Vec<_>>().join(", ")
}

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

/// Objects to arrivals that too few users sent late, or not at all.
pub(super) fn too_few_users(summary: &Summary) -> Option<Objection> {
    let few = summary.too_few_users?;
    suspect(format!(
        "of {} arrivals, {} waited for an idle user and {} were never sent: all {} users were busy, although the service \
         was as quick as ever; {} needs about {} users",
        format::count(summary.arrivals.planned),
        format::count(summary.latency_ns.blocked.count),
        format::count(summary.arrivals.dropped),
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::summarise;
    use crate::summary::failed_by::FailedBy;
    use crate::summary::too_few_users::TooFewUsers;
    use crate::summary::verdict::MeasurementVerdict::{self, Invalid, Suspect};
    use crate::verdict::brief_run;

    /// A run of 10,000 arrivals with these failures.
    fn failing(failures: &[(&str, u64)]) -> Summary {
        let mut summary = summarise(&brief_run());
        summary.arrivals.planned = 10_000;
        summary.arrivals.sent = 9_000;
        summary.failures = failures
            .iter()
            .map(|(class, count)| ((*class).to_owned(), *count))
            .collect();
        summary.failed_by = FailedBy::of(&summary.failures);
        summary
    }

    fn grade(objection: Option<Objection>) -> Option<MeasurementVerdict> {
        objection.map(|objection| objection.grade)
    }

    #[test]
    fn more_than_a_thousandth_failed_by_the_generator_is_invalid() {
        let graded = |count| grade(own_failures(&failing(&[("local_ports", count)])));
        assert_eq!(graded(0), None);
        assert_eq!(graded(1), Some(Suspect));
        assert_eq!(graded(10), Some(Suspect));
        assert_eq!(graded(11), Some(Invalid));
        assert_eq!(grade(own_failures(&failing(&[("timeout", 900)]))), None);
    }

    #[test]
    fn more_than_a_hundredth_failed_by_the_scenario_is_suspect() {
        let graded = |count| grade(scenario_failures(&failing(&[("unsendable", count)])));
        assert_eq!(graded(0), None);
        assert_eq!(graded(100), None);
        assert_eq!(graded(101), Some(Suspect));
        assert_eq!(
            grade(scenario_failures(&failing(&[("timeout", 900)]))),
            None
        );
    }

    #[test]
    fn reasons_list_the_classes_of_their_side_alone() {
        let summary = failing(&[
            ("local_ports", 3),
            ("missing_variable", 200),
            ("open_files", 4),
            ("timeout", 5),
        ]);
        let own = own_failures(&summary).unwrap().reason;
        assert!(own.starts_with("7 of 9,000 requests failed"), "{own}");
        assert!(own.contains("(local_ports × 3), "), "{own}");
        assert!(own.ends_with("(open_files × 4)"), "{own}");
        let scenario = scenario_failures(&summary).unwrap().reason;
        assert!(scenario.starts_with("200 of 9,000 requests"), "{scenario}");
        assert!(scenario.ends_with("(missing_variable × 200)"), "{scenario}");
        assert!(!scenario.contains("local_ports"), "{scenario}");
    }

    #[test]
    fn too_few_users_are_suspect() {
        let mut summary = failing(&[]);
        assert!(too_few_users(&summary).is_none());
        summary.too_few_users = Some(TooFewUsers {
            users: 10,
            needed: 55,
        });
        let objection = too_few_users(&summary).unwrap();
        assert_eq!(objection.grade, Suspect);
        assert!(objection.reason.contains("all 10 users were busy"));
        assert!(objection.reason.ends_with("needs about 55 users"));
    }
}

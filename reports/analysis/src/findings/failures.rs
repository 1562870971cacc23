//! What failures have in common.

use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};

/// The most checks that are told one by one.
const MOST_CHECKS: usize = 5;

/// Tells what most failures were, where there were any.
pub(super) fn failures(summary: &Summary) -> Option<Finding> {
    let (class, count) = summary.failures.iter().max_by_key(|(_, count)| **count)?;
    let of = summary.arrivals.failed;
    let mut evidence: Vec<String> = summary
        .failures
        .iter()
        .map(|(class, count)| format!("{class}: {}", format::count(*count)))
        .collect();
    let told = summary
        .connections
        .as_ref()
        .and_then(|with| with.first_errors.get(class));
    if let Some(words) = told {
        evidence.push(format!("the first of `{class}` said: {words}"));
    }
    let worst = summary
        .requests
        .iter()
        .max_by_key(|request| request.arrivals.failed)?;
    evidence.push(format!(
        "{} of {} failures were of `{}`",
        format::count(worst.arrivals.failed),
        format::count(of),
        worst.name
    ));
    let statuses: Vec<String> = worst
        .statuses
        .iter()
        .map(|(status, count)| format!("{status} x {}", format::count(*count)))
        .collect();
    if !statuses.is_empty() {
        evidence.push(format!(
            "`{}` was answered with {}",
            worst.name,
            statuses.join(", ")
        ));
    }
    let failed_checks = worst.checks.iter().filter(|(_, counts)| counts.failed > 0);
    evidence.extend(failed_checks.take(MOST_CHECKS).map(|(name, counts)| {
        format!(
            "check \"{name}\" of `{}` failed {} of {} times",
            worst.name,
            format::count(counts.failed),
            format::count(counts.failed + counts.passed)
        )
    }));
    Some(Finding {
        title: format!(
            "{} of {} requests failed, most of them by {}",
            format::count(of),
            format::count(summary.arrivals.sent),
            describe(class)
        ),
        evidence,
        confidence: if count * 2 > of {
            Confidence::High
        } else {
            Confidence::Medium
        },
        advice: advise(class, &worst.name),
    })
}

/// Says what a class of failures is; its own name where it is not known here.
fn describe(class: &str) -> &str {
    match class {
        "connect" => "refused connections",
        "tls" => "TLS that could not be agreed on",
        "timeout" => "timeouts",
        "connection" => "connections that were closed before an answer",
        "short_body" => "bodies cut short",
        "malformed" => "answers that are not HTTP",
        "unexpected_status" => "statuses that the scenario does not expect",
        "failed_check" => "checks that the answers did not pass",
        "missing_capture" => "values that were to be captured and were not there",
        "script" => "scripts that broke off",
        "script_timeout" => "scripts that took too long",
        "missing_variable" => "values that no earlier answer had given",
        "unsendable" => "requests that could not be put together",
        "lost_user" => "a defect of the generator",
        other => other,
    }
}

fn advise(class: &str, request: &str) -> String {
    match class {
        "connect" => {
            "See whether the service still listens, and its limits on connections and open \
                      files."
                .to_owned()
        }
        "tls" => "See the evidence for what was refused; try it alone with `curl -v` and the same \
             certificates."
            .to_owned(),
        "timeout" | "connection" | "short_body" => {
            "Read the service's own log at those seconds; lower --rate until the failures end, and \
             compare."
                .to_owned()
        }
        "unexpected_status" => format!(
            "Send `{request}` by hand and read the answer's body; if that status is right, add it to \
             `expect`."
        ),
        "failed_check" => format!(
            "Read the sample of what `{request}` was answered with; correct the service, or the check."
        ),
        "missing_capture" => format!(
            "Read the sample of what `{request}` was answered with; correct the `capture`, or make it \
             `optional` where the answer may do without."
        ),
        "script_timeout" => format!(
            "Have the script of `{request}` do less: `capture` and `checks` read a body far cheaper."
        ),
        "script" => {
            format!("Read the reason in the sample, and correct the script of `{request}`.")
        }
        "missing_variable" | "unsendable" => {
            format!("Correct the scenario: see what `{request}` needs, and which request gives it.")
        }
        _ => "Read the service's own log at those seconds.".to_owned(),
    }
}

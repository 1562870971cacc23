//! The most frequent class of failures.

use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};

/// Maximum number of failed checks in the evidence.
const CHECKS_MAX: usize = 5;

/// Reports the most frequent class of failures. `None` without failures.
pub(super) fn failures(summary: &Summary) -> Option<Finding> {
    let (class, count) = summary.failures.iter().max_by_key(|(_, count)| **count)?;
    let of = summary.arrivals.failed;
    let mut evidence: Vec<String> = summary
        .failures
        .iter()
        .map(|(class, count)| format!("{class}: {}", format::count(*count)))
        .collect();
    let first_error = summary
        .connections
        .as_ref()
        .and_then(|with| with.first_errors.get(class));
    if let Some(error) = first_error {
        evidence.push(format!("first error of class `{class}`: {error}"));
    }
    let worst = summary
        .requests
        .iter()
        .max_by_key(|request| request.arrivals.failed)?;
    evidence.push(format!(
        "{} of {} failures were requests `{}`",
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
            "responses to `{}`: {}",
            worst.name,
            statuses.join(", ")
        ));
    }
    let failed_checks = worst.checks.iter().filter(|(_, counts)| counts.failed > 0);
    evidence.extend(failed_checks.take(CHECKS_MAX).map(|(name, counts)| {
        format!(
            "check \"{name}\" of `{}` failed {} of {} times",
            worst.name,
            format::count(counts.failed),
            format::count(counts.failed + counts.passed)
        )
    }));
    Some(Finding {
        title: format!(
            "{} of {} requests failed, most of them with {}",
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

/// Describes a class of failures. Returns the name of an unknown class.
fn describe(class: &str) -> &str {
    match class {
        "connect" => "refused connections",
        "tls" => "failed TLS handshakes",
        "timeout" => "timeouts",
        "connection" => "connections closed before a response",
        "closed_idle" => "connections that the service had closed while they were idle",
        "short_body" => "truncated bodies",
        "malformed" => "malformed HTTP responses",
        "redirect" => "redirects that could not be followed",
        "redirect_refused" => "redirects to hosts without permission",
        "unexpected_status" => "unexpected statuses",
        "failed_check" => "failed checks",
        "missing_capture" => "missing captures",
        "script" => "script errors",
        "script_timeout" => "script timeouts",
        "missing_variable" => "missing variables",
        "unsendable" => "requests that could not be built",
        "lost_user" => "a defect of the generator",
        other => other,
    }
}

fn advise(class: &str, request: &str) -> String {
    match class {
        "connect" => {
            "Check that the service still listens, and its limits on connections and open files."
                .to_owned()
        }
        "tls" => "Read the error in the evidence, and reproduce it with `curl -v` and the same \
             certificates."
            .to_owned(),
        "timeout" | "connection" | "short_body" => {
            "Read the log of the service at that time; lower --rate until the failures stop, and compare."
                .to_owned()
        }
        "closed_idle" => {
            "The service closes connections without announcing it. Raise its keep-alive timeout, or write \
             retry = \"idempotent\" under [http] to send such requests again, as most clients do."
                .to_owned()
        }
        "redirect" => format!(
            "Follow the redirects of `{request}` by hand with `curl -vL`; raise `follow` if there are more \
             than it allows."
        ),
        "redirect_refused" => {
            "Add --i-may-test-this-host HOST for the host in the evidence if you may test it, or leave out \
             `follow`."
                .to_owned()
        }
        "unexpected_status" => format!(
            "Send `{request}` by hand and read the response body; if the status is correct, add it to \
             `expect`."
        ),
        "failed_check" => format!(
            "Read the sampled response to `{request}`; correct the service or the check."
        ),
        "missing_capture" => format!(
            "Read the sampled response to `{request}`; correct the `capture`, or make it `optional` if the \
             value may be absent."
        ),
        "script_timeout" => format!(
            "Make the script of `{request}` do less: `capture` and `checks` cost far less."
        ),
        "script" => {
            format!("Read the error in the sample, and correct the script of `{request}`.")
        }
        "missing_variable" | "unsendable" => {
            format!("Correct the scenario: find the value that `{request}` needs, and the request that captures it.")
        }
        _ => "Read the log of the service at that time.".to_owned(),
    }
}

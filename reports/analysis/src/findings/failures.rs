//! The most frequent class of failures.

use tenfold_run_dir::Blame;
use tenfold_run_dir::counts::blame;

use crate::failure_class::describe;
use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};
use crate::summary::request::RequestSummary;

/// Maximum number of failed checks in the evidence.
const CHECKS_MAX: usize = 5;

/// Reports the most frequent class of failures, without those of the generator. `None` without failures.
pub(super) fn failures(summary: &Summary) -> Option<Finding> {
    let failures = || {
        let classes = summary.failures.iter();
        classes.filter(|(class, _)| blame(class) != Some(Blame::Generator))
    };
    let (class, count) = failures().max_by_key(|(_, count)| **count)?;
    let of = summary.arrivals.failed - summary.failed_by.generator;
    let mut evidence: Vec<String> = failures()
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
        advice: match class.as_str() {
            "unexpected_status" => advise_on_status(worst),
            class => advise(class, &worst.name),
        },
    })
}

/// Returns what to do about the most frequent unexpected status of a request.
fn advise_on_status(request: &RequestSummary) -> String {
    let unexpected = request
        .statuses
        .iter()
        .filter_map(|(status, count)| Some((status.parse::<u16>().ok()?, *count)))
        .filter(|(status, _)| !(200..300).contains(status))
        .max_by_key(|(_, count)| *count);
    let name = &request.name;
    match unexpected.map(|(status, _)| status) {
        Some(status @ (301 | 302 | 303 | 307 | 308)) => format!(
            "`{name}` is answered with a redirect: follow it with `follow = 5` under [http], or write \
             expect = [{status}]."
        ),
        Some(401) => format!(
            "`{name}` needs credentials: give them with --auth-basic-file or --auth-bearer-file, or log in first, \
             in a journey with `cookies = true` under [http]."
        ),
        Some(403) => format!(
            "The service refuses `{name}`: read the sampled response. A form usually needs the hidden token of its \
             page, captured with `css`, and the cookies of that page (`cookies = true` under [http])."
        ),
        Some(429) => format!(
            "The service limits the rate of `{name}`: lower --rate or --users, or raise its limit for this test."
        ),
        _ => advise("unexpected_status", name),
    }
}

/// Returns what to do about a class of failures of a request.
pub(super) fn advise(class: &str, request: &str) -> String {
    match class {
        "connect" => {
            "Check that the service still listens, and its limits on connections and open files."
                .to_owned()
        }
        "tls" => "Read the error in the evidence, and reproduce it with `curl -v` and the same \
             certificates."
            .to_owned(),
        "closed_idle" => {
            "The service closes connections without announcing it: its keep-alive timeout is shorter than the \
             users' pauses, or it closes after each answer. Raise that timeout above the pauses, let it \
             send `Connection: close`, or write retry = \"idempotent\" under [http]. If it crashes on a request, its log says so."
                .to_owned()
        }
        "timeout" | "connection" | "short_body" => {
            "Read the log of the service at that time; lower --rate until the failures stop, and compare."
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
        "local_ports" => {
            "Raise the number of local ports: widen net.ipv4.ip_local_port_range, keep connections alive, use \
             fewer users or a lower --rate, or send from several machines (tenfold merge)."
                .to_owned()
        }
        "open_files" => {
            "Raise the limit on open files (`ulimit -n`, fs.file-max), or use fewer --users.".to_owned()
        }
        "local_memory" => {
            "Raise net.ipv4.tcp_mem and the memory limit of the generator's control group, or use fewer --users."
                .to_owned()
        }
        "local_network" => {
            "Bring up the interface, or add the route: `ip route get ADDRESS` shows what is missing.".to_owned()
        }
        "local_denied" => {
            "Change the firewall rule, or the permissions of the socket, that forbids the connection.".to_owned()
        }
        "generator_limit" => {
            "Read the error in the evidence. With HTTP/2, try --http 1.1 or more --connections; otherwise report \
             the answer that Tenfold can't read."
                .to_owned()
        }
        "lost_user" => "Report it: a virtual user stopped unexpectedly, which is a defect.".to_owned(),
        _ => "Read the log of the service at that time.".to_owned(),
    }
}

//! Failures that are blamed on the generator.

use tenfold_run_dir::Blame;
use tenfold_run_dir::counts::blame;

use crate::failure_class::describe;
use crate::findings::failures::advise;
use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};

/// Reports what the generator or its machine ran out of. `None` if it ran out of nothing.
pub(super) fn own_failures(summary: &Summary) -> Option<Finding> {
    let own = || {
        let classes = summary.failures.iter();
        classes.filter(|(class, _)| blame(class) == Some(Blame::Generator))
    };
    let (class, _) = own().max_by_key(|(_, count)| **count)?;
    let mut evidence: Vec<String> = own()
        .map(|(class, count)| format!("{class}: {}", format::count(*count)))
        .collect();
    let errors = summary.connections.iter().flat_map(|all| &all.first_errors);
    evidence.extend(
        errors
            .filter(|(class, _)| blame(class) == Some(Blame::Generator))
            .map(|(class, error)| format!("first error of class `{class}`: {error}")),
    );
    Some(Finding {
        title: format!(
            "The generator failed {} of {} requests, most of them because of {}",
            format::count(summary.failed_by.generator),
            format::count(summary.arrivals.sent),
            describe(class)
        ),
        evidence,
        confidence: Confidence::High,
        advice: advise(class, ""),
    })
}

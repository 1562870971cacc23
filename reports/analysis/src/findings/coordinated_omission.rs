//! Coordinated omission: the wait of users that the service time does not show.

use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};

/// Minimum ratio of response time to service time at p99 to report.
const RATIO_MIN: u64 = 2;

/// Reports the part of the response time that coordinated omission would hide, if it is large.
pub(super) fn coordinated_omission(summary: &Summary) -> Option<Finding> {
    let generator = &summary.generator;
    if generator
        .lag_p99_ns
        .is_some_and(|lag| lag > generator.lag_bound_ns)
    {
        // The generator caused the wait, not the service.
        return None;
    }
    let latencies = &summary.latency_ns;
    // The lag of the generator is no wait of a user; an older run does not separate it.
    let unlagged = &latencies.response_without_lag;
    let (response, service) = (
        unlagged.p99.or(latencies.response.p99)?,
        latencies.service.p99?,
    );
    if response < RATIO_MIN * service.max(1) || response - service < 1_000_000 {
        return None;
    }
    let mut evidence = vec![format!(
        "at p99, the response time is {} from the intended start, and the service time is {} from sending",
        format::duration(response),
        format::duration(service)
    )];
    if latencies.blocked.count > 0 {
        evidence.push(format!(
            "{} arrivals waited for an idle user, {} at the median",
            format::count(latencies.blocked.count),
            format::maybe_duration(latencies.blocked.p50.or(latencies.blocked.max))
        ));
    }
    Some(Finding {
        title: format!(
            "A tool that times only requests would miss most of the wait: p99 {} instead of {}",
            format::duration(service),
            format::duration(response)
        ),
        evidence,
        confidence: Confidence::High,
        advice: "Quote the response time: the service time excludes the wait in the queue."
            .to_owned(),
    })
}

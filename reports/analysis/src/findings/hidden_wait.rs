//! How much of what users felt would not show in the time that requests took.

use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};

/// How many times the service time at p99 the response time must be to be worth telling.
const WORTH_TELLING: u64 = 2;

/// Tells what coordinated omission would hide, where it is much.
pub(super) fn hidden_wait(summary: &Summary) -> Option<Finding> {
    let generator = &summary.generator;
    if generator
        .lag_p99_ns
        .is_some_and(|lag| lag > generator.lag_bound_ns)
    {
        // The wait is the generator's own doing, not the service's.
        return None;
    }
    let latencies = &summary.latency_ns;
    // The generator's own grain is no wait that the load met; an older run can't tell it apart.
    let felt = &latencies.response_without_lag;
    let (response, service) = (felt.p99.or(latencies.response.p99)?, latencies.service.p99?);
    if response < WORTH_TELLING * service.max(1) || response - service < 1_000_000 {
        return None;
    }
    let mut evidence = vec![format!(
        "at p99, users felt {} from the intended moment; from sending, requests took {}",
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
            "Most of the wait would be hidden from a tool that times requests only: p99 {} instead \
             of {}",
            format::duration(service),
            format::duration(response)
        ),
        evidence,
        confidence: Confidence::High,
        advice: "Quote the response time; the service time leaves out the queue that the load met."
            .to_owned(),
    })
}

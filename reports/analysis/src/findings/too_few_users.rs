//! Too few users for the offered rate.

use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};

/// Reports that there were too few users for the offered rate, although the service answered as quickly as ever.
pub(super) fn too_few_users(summary: &Summary) -> Option<Finding> {
    let few = summary.too_few_users?;
    let service = &summary.latency_ns.service;
    let users = format::count(few.users);
    Some(Finding {
        title: format!(
            "Too few users: {users} users sent {} of {} offered",
            format::rate(summary.rate_per_s.sent),
            format::rate(summary.rate_per_s.offered)
        ),
        evidence: vec![
            format!(
                "of {} arrivals, {} waited for an idle user and {} were dropped, while all users waited for responses",
                format::count(summary.arrivals.planned),
                format::count(summary.latency_ns.blocked.count),
                format::count(summary.arrivals.dropped)
            ),
            format!(
                "the service took {} at the median and {} at its quickest, as quick as ever while all users were busy",
                format::maybe_duration(service.p50),
                format::maybe_duration(service.min)
            ),
        ],
        confidence: Confidence::Medium,
        advice: format!(
            "Raise --users to {} or more: {} of {} each keep {} busy (Little's law), and spare ones take the peaks.",
            format::count(few.needed),
            format::rate(summary.rate_per_s.offered),
            format::maybe_duration(service.mean),
            format::significant(
                summary.rate_per_s.offered * service.mean.unwrap_or_default() as f64 / 1e9
            )
        ),
    })
}

//! Request names that slow down as the load rises, while others do not.

use tenfold_run_dir::Run;

use crate::findings::load::Load;
use crate::findings::waits_by_request::waits_by_request;
use crate::format;
use crate::summary::finding::{Confidence, Finding};

/// Minimum ratio of the high rate to the low rate.
const RATES_MIN: f64 = 1.3;

/// Minimum ratio of the 90th percentiles of a name that slows down.
const SLOWER_MIN: f64 = 4.0;

/// Minimum number of answers of a name in the busiest seconds.
const ANSWERS_MIN: u64 = 50;

/// Reports request names that slowed down in the busiest third of the seconds, while others did not.
pub(super) fn slow_under_load(run: &Run, load: &Load) -> Option<Finding> {
    if run.manifest.model == "closed" {
        return None;
    }
    let mut counted: Vec<usize> = (0..load.seconds.len())
        .filter(|at| load.seconds[*at].counted)
        .collect();
    counted.sort_by(|a, b| {
        load.seconds[*a]
            .offered()
            .total_cmp(&load.seconds[*b].offered())
    });
    let third = counted.len() / 3;
    let (low, high) = (&counted[..third], &counted[counted.len() - third..]);
    let rate = |seconds: &[usize]| {
        let sum: f64 = seconds.iter().map(|at| load.seconds[*at].offered()).sum();
        sum / seconds.len().max(1) as f64
    };
    let (low_rate, high_rate) = (rate(low), rate(high));
    if low_rate <= 0.0 || high_rate < RATES_MIN * low_rate {
        return None;
    }
    let mut waits = waits_by_request(run, &load.seconds, high, low);
    waits.waited.retain(|wait| {
        wait.high.count >= ANSWERS_MIN
            && wait.high.p90_ns as f64 >= SLOWER_MIN * wait.low.p90_ns as f64
    });
    let worst = waits.waited.first().filter(|_| waits.is_split())?;
    Some(Finding {
        title: format!(
            "{} slowed down as the load rose, the other requests hardly: p90 {} at {}, {} at {}",
            waits.waited_names(),
            format::duration(worst.low.p90_ns),
            format::rate(low_rate),
            format::duration(worst.high.p90_ns),
            format::rate(high_rate)
        ),
        evidence: waits.evidence(),
        confidence: Confidence::Medium,
        advice: format!("{}.", waits.advice()),
    })
}

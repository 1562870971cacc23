//! Invariants of every run.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::counts::{RequestCounts, blame};
use tenfold_run_dir::{Blame, Metric, Run};

use crate::format;

/// Maximum relative difference between the sides of Little's law.
const LITTLE_TOLERANCE: f64 = 0.02;

/// Failure classes of the service for which it may not have counted the request.
const POSSIBLY_UNCOUNTED: [&str; 5] = ["connect", "tls", "connection", "closed_idle", "timeout"];

/// An invariant of every run, including warm-up.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// The invariant.
    pub name: String,
    /// True if it holds. `None` if that cannot be decided.
    pub holds: Option<bool>,
    /// Figures of both sides.
    pub figures: String,
}

/// Checks the invariants of a run.
pub(crate) fn identities(run: &Run) -> Vec<Identity> {
    let mut all = RequestCounts::default();
    for counts in run.counts.phases.iter().flatten() {
        all.add(counts);
    }
    let mut checked = vec![planned(run, &all), sent(&all), logged(run, &all)];
    checked.extend(server_counter(run, &all));
    checked.extend(little(run, &all));
    checked
}

fn planned(run: &Run, all: &RequestCounts) -> Identity {
    // In a run that is still active or was killed, some arrivals are not sent yet.
    let checkpoint = run.counts.checkpoint;
    let not_sent = checkpoint.map_or(0, |checkpoint| checkpoint.not_sent);
    let mut figures = format!(
        "{} planned, {} sent, {} dropped",
        format::count(all.planned),
        format::count(all.sent),
        format::count(all.dropped)
    );
    if not_sent > 0 {
        figures += &format!(
            ", {} not sent yet at the last checkpoint",
            format::count(not_sent)
        );
    }
    Identity {
        name: "planned = sent + dropped".to_owned(),
        holds: Some(all.planned == all.sent + all.dropped + not_sent),
        figures,
    }
}

fn sent(all: &RequestCounts) -> Identity {
    Identity {
        name: "sent = completed + failed + in flight".to_owned(),
        holds: Some(all.sent == all.completed + all.failed + all.in_flight),
        figures: format!(
            "{} sent, {} completed, {} failed, {} in flight at the end",
            format::count(all.sent),
            format::count(all.completed),
            format::count(all.failed),
            format::count(all.in_flight)
        ),
    }
}

/// Checks that the interval log is complete: a response time for each request that completed or timed out,
/// and a lag for each sent request.
fn logged(run: &Run, all: &RequestCounts) -> Identity {
    let logged = |metric| -> u64 {
        let series = run.latencies.series();
        series
            .filter(|(series, _)| series.metric == metric)
            .map(|(_, sum)| sum.len())
            .sum()
    };
    let (responses, lags) = (logged(Metric::Response), logged(Metric::Lag));
    let timed_out = all.failures.get("timeout").copied().unwrap_or(0);
    let expected = all.completed + timed_out;
    // After a crash of the host, the counts may be on disk and the end of the log lost.
    let possibly_lost = run.counts.checkpoint.is_some()
        && (responses, lags) != (expected, all.sent)
        && responses <= expected
        && lags <= all.sent;
    Identity {
        name: "the interval log is complete".to_owned(),
        holds: (!possibly_lost).then_some(responses == expected && lags == all.sent),
        figures: format!(
            "{} response times of {} requests completed or timed out, {} lags of {} sent",
            format::count(responses),
            format::count(expected),
            format::count(lags),
            format::count(all.sent)
        ),
    }
}

/// Checks the request counter of the service against the sent requests. A request that failed in transit or
/// was still in flight may or may not have reached the service.
fn server_counter(run: &Run, all: &RequestCounts) -> Option<Identity> {
    let counter = run.counts.server_counter.as_ref()?;
    let counted = counter.after.checked_sub(counter.before);
    let possibly_uncounted =
        |class: &str| POSSIBLY_UNCOUNTED.contains(&class) || blame(class) != Some(Blame::Service);
    let failures = all.failures.iter();
    let uncounted: u64 = failures
        .filter(|(class, _)| possibly_uncounted(class))
        .map(|(_, count)| count)
        .sum();
    let travel = &all.travel;
    // Redirects within the target are requests of their own; those to other origins may lead to it again.
    let here = travel.redirects - travel.elsewhere;
    let least = (all.sent + here).saturating_sub(uncounted + all.in_flight);
    let again = travel.redirects + travel.retries;
    // One generator may have sent its set-up requests after another began to count.
    let most = match run.manifest.merged_from.as_slice() {
        // The redirects of requests in flight are not counted yet.
        _ if travel.redirects > 0 && all.in_flight > 0 => u64::MAX,
        [] => all.sent + again,
        _ => all.sent + again + run.counts.set_up_requests,
    };
    let more = match again {
        0 => String::new(),
        _ => format!(
            ", {} redirects and {} retries",
            format::count(travel.redirects),
            format::count(travel.retries)
        ),
    };
    Some(Identity {
        name: "the service counted the sent requests".to_owned(),
        holds: Some(counted.is_some_and(|counted| (least..=most).contains(&counted))),
        figures: match counted {
            Some(counted) => format!(
                "{} increased by {}, {} sent{more}",
                counter.name,
                format::count(counted),
                format::count(all.sent)
            ),
            None => format!("{} decreased: the service was restarted", counter.name),
        },
    })
}

/// Checks Little's law: for any distributions, the mean number in flight is the rate times the mean service
/// time (Little, Operations Research 9, 1961).
///
/// The number in flight is integrated over time while requests start and end; the service times are summed
/// by request. Over the same period, both sums are in request-nanoseconds.
fn little(run: &Run, all: &RequestCounts) -> Option<Identity> {
    let ended = all.completed + all.failed;
    if ended == 0 || run.counts.elapsed_ns == 0 {
        return None;
    }
    let elapsed = run.counts.elapsed_ns as f64;
    let in_flight = run.counts.in_flight_ns as f64 / elapsed;
    let rate_times_service = run.counts.service_sum_ns as f64 / elapsed;
    let difference = (in_flight - rate_times_service).abs()
        / in_flight.max(rate_times_service).max(f64::MIN_POSITIVE);
    Some(Identity {
        name: "Little's law: mean in flight = rate x mean service time".to_owned(),
        // Requests that never ended are in the integral but not in the sum.
        holds: (all.in_flight == 0).then_some(difference <= LITTLE_TOLERANCE),
        figures: format!(
            "{} in flight on average; {} x {} = {}; difference {}",
            format::significant(in_flight),
            format::rate(ended as f64 * 1e9 / elapsed),
            format::duration(run.counts.service_sum_ns / ended),
            format::significant(rate_times_service),
            format::percent(difference)
        ),
    })
}

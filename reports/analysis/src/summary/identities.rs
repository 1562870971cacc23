//! What must hold in every run.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::counts::RequestCounts;
use tenfold_run_dir::{Metric, Run};

use crate::format;

/// How far the two sides of Little's law may be apart.
const LITTLE_TOLERANCE: f64 = 0.02;

/// Failures after which the service may not have counted the request.
const PERHAPS_UNSEEN: [&str; 9] = [
    "connect",
    "tls",
    "connection",
    "timeout",
    "lost_user",
    "unsendable",
    "missing_variable",
    "script",
    "script_timeout",
];

/// Something that must hold in every run, warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Identity {
    /// What must hold.
    pub name: String,
    /// Whether it does; none where it can't be told.
    pub holds: Option<bool>,
    /// The figures on both sides.
    pub figures: String,
}

/// Checks what must hold in every run.
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
    // Of a run that goes on, or went on until it was killed, some are on their way to be sent.
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
            ", {} not sent yet when it was last recorded",
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

/// The interval log holds a response time for every request that was answered as expected or timed
/// out, and a lag for every one that was sent; one that was cut short does not.
fn logged(run: &Run, all: &RequestCounts) -> Identity {
    let held = |metric| -> u64 {
        let series = run.latencies.series();
        series
            .filter(|(series, _)| series.metric == metric)
            .map(|(_, sum)| sum.len())
            .sum()
    };
    let (responses, lags) = (held(Metric::Response), held(Metric::Lag));
    let timed_out = all.failures.get("timeout").copied().unwrap_or(0);
    let expected = all.completed + timed_out;
    // A machine that stops may have kept the counts and lost the end of the log.
    let perhaps_lost = run.counts.checkpoint.is_some()
        && (responses, lags) != (expected, all.sent)
        && responses <= expected
        && lags <= all.sent;
    Identity {
        name: "the interval log is whole".to_owned(),
        holds: (!perhaps_lost).then_some(responses == expected && lags == all.sent),
        figures: format!(
            "{} response times of {} requests completed or timed out, {} lags of {} sent",
            format::count(responses),
            format::count(expected),
            format::count(lags),
            format::count(all.sent)
        ),
    }
}

/// The service counts what it was sent. A request that failed on the way, or was still on it, may or
/// may not have come there.
fn server_counter(run: &Run, all: &RequestCounts) -> Option<Identity> {
    let counter = run.counts.server_counter.as_ref()?;
    let counted = counter.after.checked_sub(counter.before);
    let unseen: u64 = PERHAPS_UNSEEN
        .iter()
        .filter_map(|class| all.failures.get(*class))
        .sum();
    let least = all.sent.saturating_sub(unseen + all.in_flight);
    // One generator may have set itself up while another already counted.
    let most = match run.manifest.merged_from.as_slice() {
        [] => all.sent,
        _ => all.sent + run.counts.set_up_requests,
    };
    Some(Identity {
        name: "the service counted what was sent".to_owned(),
        holds: Some(counted.is_some_and(|counted| (least..=most).contains(&counted))),
        figures: match counted {
            Some(counted) => format!(
                "{} went up by {}, {} sent",
                counter.name,
                format::count(counted),
                format::count(all.sent)
            ),
            None => format!("{} went down: the service was started anew", counter.name),
        },
    })
}

/// Little's law: the mean number in flight is the rate times the mean service time, whatever the
/// distributions (Little, Operations Research 9, 1961). The number is integrated over time as
/// requests come and go, the times are summed request by request; over one stretch of time both are
/// that many nanosecond-requests.
fn little(run: &Run, all: &RequestCounts) -> Option<Identity> {
    let ended = all.completed + all.failed;
    if ended == 0 || run.counts.elapsed_ns == 0 {
        return None;
    }
    let elapsed = run.counts.elapsed_ns as f64;
    let in_flight = run.counts.in_flight_ns as f64 / elapsed;
    let rate_times_service = run.counts.service_sum_ns as f64 / elapsed;
    let apart = (in_flight - rate_times_service).abs()
        / in_flight.max(rate_times_service).max(f64::MIN_POSITIVE);
    Some(Identity {
        name: "Little's law: mean in flight = rate x mean service time".to_owned(),
        // The times of requests that never ended are in the integral but in no sum.
        holds: (all.in_flight == 0).then_some(apart <= LITTLE_TOLERANCE),
        figures: format!(
            "{} in flight on average; {} x {} = {}; {} apart",
            format::significant(in_flight),
            format::rate(ended as f64 * 1e9 / elapsed),
            format::duration(run.counts.service_sum_ns / ended),
            format::significant(rate_times_service),
            format::percent(apart)
        ),
    })
}

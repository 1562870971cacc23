//! Stretches of time in which next to nothing was answered.

use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{Metric, Run};

use crate::format;
use crate::latency::counted_latencies::CountedLatencies;
use crate::stats::order_statistic::OrderStatistics;
use crate::summary::finding::{Confidence, Finding};
use crate::summary::window::Window;

/// The share of its arrivals that a second may answer and still count as stalled.
const ANSWERED: f64 = 0.10;

/// The share of its arrivals that must be sent for the generator to be above suspicion.
const SENT: f64 = 0.50;

/// Fewer arrivals a second say nothing.
const LEAST_PLANNED: u64 = 20;

/// Tells the longest stretch in which the service, or the generator, stood still.
pub(super) fn stalls(run: &Run, counted: &CountedLatencies, window: &Window) -> Option<Finding> {
    let rows: Vec<&Row> = window.rows(run).collect();
    let stalled = |row: &Row| {
        row.planned >= LEAST_PLANNED
            && ((row.reads + row.writes + row.failed) as f64) < row.planned as f64 * ANSWERED
    };
    let longest = rows
        .chunk_by(|a, b| stalled(a) && stalled(b) && a.end_ns() == b.start_ns)
        .filter(|stretch| stretch.first().is_some_and(|row| stalled(row)))
        .max_by_key(|stretch| stretch.len())?;
    let (first, last) = (longest.first()?, longest.last()?);
    let end = last.end_ns();
    let sum = |of: fn(&Row) -> u64| longest.iter().map(|row| of(row)).sum::<u64>();
    let (planned, sent) = (sum(|row| row.planned), sum(|row| row.sent));
    let answered = sum(|row| row.reads + row.writes + row.failed);
    // What was held up was done in the second after.
    let worst_lag = run.latencies.lag_peaks().longest_ns(first.start_ns, end);
    let median =
        OrderStatistics::of(&counted.histogram(Metric::Response, |_| true)).raw_quantile(0.5);
    // What waited for a user, or was dropped for want of one, was held up by the service.
    let held = last.waiting + sum(|row| row.dropped);
    let generator = ((sent + held) as f64) < planned as f64 * SENT;
    let mut evidence = vec![format!(
        "from second {} to {}: {} arrivals planned, {} sent, {} answered",
        first.start_ns / 1_000_000_000,
        end / 1_000_000_000,
        format::count(planned),
        format::count(sent),
        format::count(answered)
    )];
    if let Some(lag) = worst_lag {
        evidence.push(format!(
            "the generator's lag reached {} around then",
            format::duration(lag)
        ));
    }
    if let Some(median) = median {
        evidence.push(format!(
            "the median response of the whole run is {}",
            format::duration(median)
        ));
    }
    let at = first.start_ns / 1_000_000_000;
    let seconds = (end - first.start_ns) / 1_000_000_000;
    Some(if generator {
        Finding {
            title: format!(
                "The generator itself stood still for about {seconds} s, at second {at}"
            ),
            evidence,
            confidence: Confidence::High,
            advice:
                "Find what stopped the generator (a suspended process, a busy machine), and run \
                     it again."
                    .to_owned(),
        }
    } else {
        Finding {
            title: format!(
                "The service answered next to nothing for about {seconds} s, at second {at}"
            ),
            evidence,
            confidence: Confidence::High,
            advice: format!(
                "Look in the service's log at second {at}: a lock, a garbage collection, a full disk \
                 or a checkpoint holds everything at once."
            ),
        }
    })
}

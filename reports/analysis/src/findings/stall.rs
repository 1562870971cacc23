//! Stalls: periods in which almost nothing was answered.

use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{Metric, Run};

use crate::format;
use crate::latency::counted_latencies::CountedLatencies;
use crate::summary::finding::{Confidence, Finding};
use crate::summary::window::Window;
use tenfold_stats::OrderStatistics;

/// Maximum answered share of its arrivals for a second to count as stalled.
const ANSWERED_MAX: f64 = 0.10;

/// Minimum share of the arrivals that were sent or held up by the service. Below it, the generator stalled.
const SENT_MIN: f64 = 0.50;

/// Minimum number of arrivals for a second to count.
const PLANNED_MIN: u64 = 20;

/// Reports the longest stall of the service or of the generator.
pub(super) fn stalls(run: &Run, counted: &CountedLatencies, window: &Window) -> Option<Finding> {
    let rows: Vec<&Row> = window.rows(run).collect();
    let stalled = |row: &Row| {
        row.planned >= PLANNED_MIN
            && ((row.reads + row.writes + row.failed) as f64) < row.planned as f64 * ANSWERED_MAX
    };
    let longest = rows
        .chunk_by(|a, b| stalled(a) && stalled(b) && a.end_ns() == b.start_ns)
        .filter(|rows| rows.first().is_some_and(|row| stalled(row)))
        .max_by_key(|rows| rows.len())?;
    let (first, last) = (longest.first()?, longest.last()?);
    let end = last.end_ns();
    let sum = |of: fn(&Row) -> u64| longest.iter().map(|row| of(row)).sum::<u64>();
    let (planned, sent) = (sum(|row| row.planned), sum(|row| row.sent));
    let answered = sum(|row| row.reads + row.writes + row.failed);
    // Delayed arrivals are sent in the second after the stall.
    let worst_lag = run.latencies.lag_peaks().longest_ns(first.start_ns, end);
    let median =
        OrderStatistics::of(&counted.histogram(Metric::Response, |_| true)).raw_quantile(0.5);
    // Arrivals that waited for a user or were dropped were held up by the service.
    let held = last.waiting + sum(|row| row.dropped);
    let generator = ((sent + held) as f64) < planned as f64 * SENT_MIN;
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
            "the generator's lag reached {} at that time",
            format::duration(lag)
        ));
    }
    if let Some(median) = median {
        evidence.push(format!(
            "the median response time of the whole run is {}",
            format::duration(median)
        ));
    }
    let at = first.start_ns / 1_000_000_000;
    let seconds = (end - first.start_ns) / 1_000_000_000;
    Some(if generator {
        Finding {
            title: format!(
                "The generator itself stalled for about {seconds} s, at second {at}"
            ),
            evidence,
            confidence: Confidence::High,
            advice:
                "Find what stopped the generator (a suspended process, a busy host), and repeat the run."
                    .to_owned(),
        }
    } else {
        Finding {
            title: format!("The service stalled for about {seconds} s, at second {at}"),
            evidence,
            confidence: Confidence::High,
            advice: format!(
                "Read the log of the service at second {at}: a lock, a garbage collection, a full disk \
                 or a checkpoint can block all requests."
            ),
        }
    })
}

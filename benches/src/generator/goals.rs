//! Goals of the generator.

use tenfold_analysis::format;

use crate::generator::parts::maximum::{Maximum, RATE_FIRST};
use crate::generator::parts::memory;
use crate::generator::parts::precision::LOW_RATE;
use crate::generator::parts::table::Row;
use crate::generator::peer::{TENFOLD, WRK2};
use crate::generator::record::Record;
use crate::generator::server::ServerKind;
use crate::output::goal::Goal;
use crate::output::page::megabytes;

/// Maximum CPU time per request, as a factor of wrk2's.
const COST_OF_WRK2: f64 = 1.0;

/// Minimum share of the rate that both must achieve for a comparison of cost and lag.
const RATE_KEPT: f64 = 0.98;

/// Reason why cost and lag are not compared.
const NOT_COMPARED: &str = "wrk2 or tenfold was not measured, or did not achieve the rate";

/// Maximum lag, as a factor of wrk2's.
const LAG_OF_WRK2: f64 = 0.5;

/// Maximum 99th percentile of lag at the low rate, in nanoseconds.
const LAG_P99_NS: f64 = 150_000.0;

/// Rate that one core must sustain, in requests per second.
const SUSTAINED_PER_S: u32 = 90_000;

/// Maximum 99th percentile of lag at the first rate of the search, in nanoseconds.
const LAG_P99_OF_ONE_CORE_NS: f64 = 1_000_000.0;

/// Maximum deviation of the achieved rate from the planned one, as a share.
const OFF_RATE: f64 = 0.005;

/// Maximum memory of a thousand users, in bytes.
const MEMORY_BYTES: u64 = 64_000_000;

/// Maximum growth of memory over a turn that still counts as flat, in bytes.
const GROWTH_BYTES: i64 = 1_000_000;

/// Number of idle users that must work.
const IDLE_USERS: u32 = 10_000;

/// Compares the measurements with the goals.
pub(crate) fn goals(record: &Record) -> Vec<Goal> {
    let mut goals = Vec::new();
    if let Some(table) = record
        .tables
        .iter()
        .find(|table| table.server == ServerKind::Nginx)
    {
        // On a machine too slow for the rate, neither cost nor lag is the generator's own.
        let kept = |row: &&Row| row.rate_per_s.median >= RATE_KEPT * f64::from(table.rate);
        let (own, bar) = (
            table.row(TENFOLD.name()).filter(kept),
            table.row(WRK2.name()).filter(kept),
        );
        let cost = own.zip(bar).and_then(|(own, bar)| {
            let ratio = own.of_wrk2?;
            let said = format!(
                "{} times wrk2's: {} and {}",
                ratio.describe(format::significant),
                micro(own.cpu_us.median),
                micro(bar.cpu_us.median)
            );
            Some((said, ratio.median <= COST_OF_WRK2))
        });
        let goal = format!(
            "CPU time per request at {} at most wrk2's",
            format::rate(f64::from(table.rate))
        );
        goals.push(Goal::new(goal, cost, NOT_COMPARED));
        let lateness = own.zip(bar).and_then(|(own, bar)| {
            let lag = own.lag_p50_ns?.median;
            // wrk2's latency minus the service time is its own lag.
            let wrk2 = (bar.p50_ns?.median - own.service_p50_ns?.median).max(0.0);
            let said = format!(
                "{} against {}",
                format::duration_of(lag),
                format::duration_of(wrk2)
            );
            Some((said, lag <= LAG_OF_WRK2 * wrk2))
        });
        let goal = "median lag there at most half of wrk2's (its p50 minus the service time)";
        goals.push(Goal::new(goal.to_owned(), lateness, NOT_COMPARED));
    }
    if let Some(precision) = &record.precision {
        let lag = precision
            .table
            .row(TENFOLD.name())
            .and_then(|row| row.lag_p99_ns);
        let lag = lag.map(|lag| (lag.describe(format::duration_of), lag.median < LAG_P99_NS));
        let (low, most) = (
            format::rate(f64::from(LOW_RATE)),
            format::duration_of(LAG_P99_NS),
        );
        goals.push(Goal::new(
            format!("lag p99 at {low} under {most}"),
            lag,
            "not measured",
        ));
    }
    if let Some(best) = fastest(record) {
        let sustained = best.sustained_per_s.map(|rate| {
            let said = format!(
                "{} against {}",
                format::rate(f64::from(rate)),
                best.server.name()
            );
            (said, rate >= SUSTAINED_PER_S)
        });
        let goal = format!(
            "one core sustains {} against the fastest server",
            format::rate(f64::from(SUSTAINED_PER_S))
        );
        goals.push(Goal::new(goal, sustained, "no tried rate was sustained"));
    }
    if let Some(best) = fastest(record) {
        goals.extend(of_first_rate(best));
    }
    if let Some(memory) = &record.memory {
        let peak = memory.turn.peak_memory_bytes;
        let goal = format!(
            "peak memory of {} users under {}",
            format::count(u64::from(memory::USERS)),
            megabytes(MEMORY_BYTES as f64)
        );
        goals.push(Goal::new(
            goal,
            Some((megabytes(peak as f64), peak < MEMORY_BYTES)),
            "",
        ));
        let growth = memory.growth_bytes.map(|growth| {
            let said = format!(
                "{} growth in the last quarter",
                megabytes(growth.max(0) as f64)
            );
            (said, growth <= GROWTH_BYTES)
        });
        goals.push(Goal::new(
            "memory flat over time".to_owned(),
            growth,
            "the turn was too short",
        ));
    }
    if let Some(scale) = &record.scale {
        let idle = scale
            .by_idle_users
            .iter()
            .find(|turn| turn.users == IDLE_USERS);
        let idle = idle.map(|turn| {
            let (failed, opened) = (turn.report.failed.unwrap_or(0), turn.report.connections);
            let opened = opened.unwrap_or(0);
            let said = format!(
                "{} connections, {} failed, {}",
                format::count(opened),
                format::count(failed),
                megabytes(turn.peak_memory_bytes as f64)
            );
            (said, failed == 0 && opened >= u64::from(IDLE_USERS))
        });
        let goal = format!(
            "{} mostly idle users under the default limit of open files",
            format::count(u64::from(IDLE_USERS))
        );
        goals.push(Goal::new(goal, idle, "not measured; see the failed turns"));
    }
    goals
}

/// Returns the highest rate sustained against any server.
fn fastest(record: &Record) -> Option<&Maximum> {
    let maxima = record.maxima.iter();
    maxima.max_by_key(|maximum| maximum.sustained_per_s)
}

/// Goals for lag and achieved rate of one core at the first rate of the search.
fn of_first_rate(best: &Maximum) -> [Goal; 2] {
    let turn = best
        .attempts
        .iter()
        .map(|tried| &tried.turn)
        .find(|turn| turn.asked_per_s == Some(RATE_FIRST));
    let server = best.server.name();
    let lag = turn.and_then(|turn| {
        let lag = turn.report.lag_p99_ns? as f64;
        let said = format!("{} against {server}", format::duration_of(lag));
        Some((said, lag < LAG_P99_OF_ONE_CORE_NS))
    });
    let achieved = turn.map(|turn| {
        let off = turn.rate_per_s / f64::from(RATE_FIRST) - 1.0;
        let said = format!("{:+.2}% against {server}", off * 100.0);
        (said, off.abs() <= OFF_RATE)
    });
    let rate = format::rate(f64::from(RATE_FIRST));
    let most = format::duration_of(LAG_P99_OF_ONE_CORE_NS);
    let reason = "that rate was not tried";
    [
        Goal::new(format!("lag p99 at {rate} under {most}"), lag, reason),
        Goal::new(
            format!(
                "achieved rate at {rate} within {}% of the planned",
                OFF_RATE * 100.0
            ),
            achieved,
            reason,
        ),
    ]
}

/// Formats microseconds.
fn micro(us: f64) -> String {
    format!("{} µs", format::significant(us))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generator::parts::maximum::Attempt;
    use crate::generator::peer::report::PeerReport;
    use crate::generator::turn::Turn;

    fn maximum(asked_per_s: u32, rate_per_s: f64, lag_p99_ns: Option<u64>) -> Maximum {
        let turn = Turn {
            peer: TENFOLD.name().to_owned(),
            server: ServerKind::Nginx,
            asked_per_s: Some(asked_per_s),
            users: 64,
            requests: 1_000_000,
            rate_per_s,
            cpu_us: 9.0,
            whole_cpu_us: 9.0,
            cores: 0.9,
            server_cores: 0.9,
            peak_memory_bytes: 1,
            memory_bytes: Vec::new(),
            report: PeerReport {
                lag_p99_ns,
                ..PeerReport::default()
            },
        };
        Maximum {
            server: ServerKind::Nginx,
            sustained_per_s: Some(asked_per_s),
            failed_per_s: None,
            attempts: vec![Attempt {
                sustained: true,
                turn,
            }],
        }
    }

    #[test]
    fn judges_lag_and_rate_at_first_rate() {
        let met = |rate_per_s, lag_p99_ns| {
            of_first_rate(&maximum(RATE_FIRST, rate_per_s, lag_p99_ns)).map(|goal| goal.met)
        };
        assert_eq!(met(39_990.0, Some(999_999)), [Some(true), Some(true)]);
        assert_eq!(met(39_700.0, Some(1_000_000)), [Some(false), Some(false)]);
        assert_eq!(met(40_300.0, None), [None, Some(false)]);
        let other = of_first_rate(&maximum(20_000, 20_000.0, Some(1)));
        assert_eq!(other.map(|goal| goal.met), [None, None]);
    }

    #[test]
    fn describes_goals_at_first_rate() {
        let [lag, achieved] = of_first_rate(&maximum(RATE_FIRST, 39_990.0, Some(250_000)));
        assert_eq!(lag.asked, "lag p99 at 40,000/s under 1.00 ms");
        assert_eq!(
            achieved.asked,
            "achieved rate at 40,000/s within 0.5% of the planned"
        );
        assert_eq!(achieved.measured, "-0.02% against nginx");
    }
}

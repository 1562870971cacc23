//! Saturation: whether the generator or the service saturated first.

use tenfold_run_dir::Run;
use tenfold_run_dir::timeline::Row;

use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};
use crate::summary::window::Window;

/// Answered share of the offered rate below which the run counts as saturated.
const ANSWERED_MIN: f64 = 0.99;

/// Dropped share of the arrivals above which the run counts as saturated.
const DROPPED_MAX: f64 = 0.001;

/// Share of its available cores from which the service is short of CPU.
const SHORT_OF_CPU: f64 = 0.85;

/// Share of its available cores up to which the service has CPU to spare.
const CPU_TO_SPARE: f64 = 0.60;

/// The finding on saturation.
pub(super) struct Saturation {
    /// True if the generator or the service saturated.
    pub(super) saturated: bool,
    /// The finding.
    pub(super) finding: Finding,
}

/// Share of the cores of a host from which it has none to spare.
const HOST_FULL: f64 = 0.93;

/// Cores in use by other processes above which they are the likely cause.
const OTHERS_MAX: f64 = 0.5;

/// Cores in use that suggest a single busy thread.
const ONE_CORE: std::ops::RangeInclusive<f64> = 0.90..=1.10;

/// Reports whether the generator or the service saturated, with the evidence. `None` if nothing was sent.
pub(super) fn saturation(run: &Run, window: &Window, summary: &Summary) -> Option<Saturation> {
    if summary.arrivals.sent == 0 {
        return None;
    }
    let trend = InFlightTrend::of(run, window);
    let generator_late = summary.generator.lag_p99_ns.unwrap_or(0) > summary.generator.lag_bound_ns;
    let generator_full =
        summary.generator.saturated_seconds as f64 > 0.1 * summary.counted_s.max(1.0);
    // A wrong response counts as an answer: failures are a separate finding.
    let answered = window.sum(run, |row| row.reads + row.writes + row.failed);
    let planned = summary.arrivals.planned.max(1) as f64;
    // In a closed model, users wait for their answers: unanswered requests were in flight at the end.
    let is_closed = is_closed(run);
    let behind = !is_closed && answered / planned < ANSWERED_MIN;
    let dropped = summary.arrivals.dropped as f64 / planned > DROPPED_MAX;
    let evidence = evidence(run, window, summary, &trend);
    let (saturated, finding) = if generator_late || (generator_full && behind) {
        let confidence = if generator_late && generator_full {
            Confidence::High
        } else {
            Confidence::Medium
        };
        (
            true,
            generator_saturated(summary, generator_full, evidence, confidence),
        )
    } else if behind
        || dropped
        || (!is_closed && trend.grows())
        || (is_closed && is_short_of_cpu(summary))
    {
        (
            true,
            service_saturated(run, summary, &trend, behind, dropped, evidence),
        )
    } else {
        (false, unsaturated(run, summary, evidence))
    };
    Some(Saturation { saturated, finding })
}

/// Returns whether the service or the host has no CPU to spare.
fn is_short_of_cpu(summary: &Summary) -> bool {
    cpu_share(summary).is_some_and(|share| share >= SHORT_OF_CPU)
        || summary
            .host_usage
            .as_ref()
            .is_some_and(|host| host.cores_used > HOST_FULL * host.cores as f64)
}

/// Returns whether users set the pace, instead of a rate.
fn is_closed(run: &Run) -> bool {
    run.manifest.model == "closed"
}

fn generator_saturated(
    summary: &Summary,
    full: bool,
    evidence: Vec<String>,
    confidence: Confidence,
) -> Finding {
    let advice = if full {
        format!(
            "Lower --rate below {}, or run the generator on a separate machine, and repeat the run.",
            format::rate(summary.rate_per_s.achieved * 0.9)
        )
    } else {
        "Repeat the run with no other load on the generator host: the generator had CPU to spare, but \
         was not scheduled in time."
            .to_owned()
    };
    Finding {
        title: "The generator saturated before the service".to_owned(),
        evidence,
        confidence,
        advice,
    }
}

fn service_saturated(
    run: &Run,
    summary: &Summary,
    trend: &InFlightTrend,
    behind: bool,
    dropped: bool,
    evidence: Vec<String>,
) -> Finding {
    let symptoms = [behind, dropped, trend.grows() && !is_closed(run)]
        .into_iter()
        .filter(|symptom| *symptom)
        .count();
    let users_full = summary.generator.users_used >= u64::from(run.manifest.users)
        && summary.latency_ns.blocked.count > 0;
    let symptom = if is_closed(run) {
        format!(
            "The service sustained {} with {} users",
            format::rate(summary.rate_per_s.achieved),
            format::count(u64::from(run.manifest.users))
        )
    } else if behind {
        format!(
            "The service achieved {} of {} offered",
            format::rate(summary.rate_per_s.achieved),
            format::rate(summary.rate_per_s.offered)
        )
    } else if dropped {
        format!(
            "The service sustained the rate, but {} of the arrivals were dropped while it was slow",
            format::percent(
                summary.arrivals.dropped as f64 / summary.arrivals.planned.max(1) as f64
            )
        )
    } else {
        "The service fell behind: its queue grew".to_owned()
    };
    let cpu = cpu_share(summary);
    let host = summary.host_usage.as_ref();
    let host_full = run.manifest.shared_host != Some(false)
        && host.is_some_and(|host| host.cores_used > HOST_FULL * host.cores as f64);
    let others = host
        .and_then(|host| host.cores_used_by_others)
        .unwrap_or(0.0);
    // A generator near its lag bound may have made the service look slow.
    let nearly_late =
        summary.generator.lag_p99_ns.unwrap_or(0) > summary.generator.lag_bound_ns / 2;
    let peak = summary
        .target_usage
        .as_ref()
        .map(|usage| usage.peak_cores_used);
    let left = cores_left(summary);
    let allowed = summary
        .target_usage
        .as_ref()
        .and_then(|usage| usage.allowed_cores);
    let limited_by_box = allowed.is_some_and(|allowed| left.is_some_and(|left| allowed <= left));
    let place = match run.profile {
        Some(_) => "in the flamegraph",
        None => "with a profiler of the service (or give --admin if it offers /debug/pprof)",
    };
    let (cause, advice) = match cpu {
        Some(share) if share >= SHORT_OF_CPU && limited_by_box => (
            ", limited by the CPU allowance of its box",
            format!("Find the hot functions {place}, or choose a bigger box (--box)."),
        ),
        Some(share) if share >= SHORT_OF_CPU => (
            ", limited by CPU",
            format!("Find the hot functions {place}, or give the service more cores."),
        ),
        _ if host_full && others > OTHERS_MAX => (
            ", on a host that other processes kept busy",
            "Repeat the run with no other load on the host.".to_owned(),
        ),
        _ if host_full => (
            ", limited by the CPU of the host that it shares with the generator",
            format!("Find the hot functions {place}, or run generator and service on separate machines."),
        ),
        Some(_) if peak.is_some_and(|peak| ONE_CORE.contains(&peak)) => (
            ", and never used more than one core",
            format!("It seems limited to one thread: find that thread's work {place}, and run it on more \
             threads."),
        ),
        Some(share) if share <= CPU_TO_SPARE => (
            ", with CPU to spare: it was waiting, not computing",
            "Find the cause of the wait: a lock, the disk, a connection pool, or a concurrency limit.".to_owned(),
        ),
        _ => (
            "",
            "Lower --rate to find the rate that it sustains, and look at the seconds in which it fell behind.".to_owned(),
        ),
    };
    let advice = if users_full {
        format!(
            "{advice} All {} users were busy: raise --users if the service is expected to be that slow.",
            format::count(summary.generator.users_used)
        )
    } else {
        advice
    };
    Finding {
        title: format!("{symptom}{cause}"),
        evidence,
        confidence: if nearly_late {
            Confidence::Low
        } else if symptoms > 1 && cpu.is_some() {
            Confidence::High
        } else {
            Confidence::Medium
        },
        advice,
    }
}

fn unsaturated(run: &Run, summary: &Summary, evidence: Vec<String>) -> Finding {
    let offered = summary.rate_per_s.offered;
    let more = match is_closed(run) {
        true => format!(
            "--users {}, twice as many",
            u64::from(run.manifest.users) * 2
        ),
        false => format!("--rate {:.0}/s, twice this rate", round_rate(offered * 2.0)),
    };
    Finding {
        title: format!("Nothing saturated at {}", format::rate(offered)),
        evidence,
        confidence: Confidence::High,
        advice: format!("Raise the load until something saturates, for example with {more}."),
    }
}

/// Rounds a rate to two significant digits.
fn round_rate(per_second: f64) -> f64 {
    let magnitude = 10_f64
        .powf(per_second.max(1.0).log10().floor() - 1.0)
        .max(1.0);
    (per_second / magnitude).round().max(1.0) * magnitude
}

/// Returns the share of its available cores that the service used in its busiest second. `None` if the
/// service did not report its usage.
fn cpu_share(summary: &Summary) -> Option<f64> {
    let target = summary.target_usage.as_ref()?;
    let allowed = target.allowed_cores.unwrap_or(f64::INFINITY);
    Some(target.peak_cores_used / cores_left(summary)?.min(allowed))
}

/// Returns the cores of the host that the generator did not use.
fn cores_left(summary: &Summary) -> Option<f64> {
    let host = summary.host_usage.as_ref()?;
    Some((host.cores as f64 - summary.generator.cores_used).max(0.1))
}

fn evidence(run: &Run, window: &Window, summary: &Summary, trend: &InFlightTrend) -> Vec<String> {
    let generator = &summary.generator;
    let mut evidence = vec![format!(
        "{} offered, {} achieved ({})",
        format::rate(summary.rate_per_s.offered),
        format::rate(summary.rate_per_s.achieved),
        format::percent(summary.rate_per_s.share.unwrap_or(0.0))
    )];
    if let Some(lag) = generator.lag_p99_ns {
        evidence.push(format!(
            "the generator used {} cores; its lag was {} at p99, limit {}",
            format::significant(generator.cores_used),
            format::duration(lag),
            format::duration(generator.lag_bound_ns)
        ));
    }
    if let Some(target) = &summary.target_usage {
        evidence.push(format!(
            "the service used {} cores on average, {} in its busiest second",
            format::significant(target.cores_used),
            format::significant(target.peak_cores_used)
        ));
    }
    if let Some(host) = &summary.host_usage {
        evidence.push(format!(
            "the host used {} of its {} cores, {} in its busiest second",
            format::significant(host.cores_used),
            host.cores,
            format::significant(host.peak_cores_used)
        ));
    }
    if trend.grows() {
        evidence.push(format!(
            "requests in flight or waiting grew from {} to {}",
            format::significant(trend.early),
            format::significant(trend.late)
        ));
    }
    if summary.arrivals.dropped > 0 {
        evidence.push(format!(
            "{} arrivals were dropped because every user was busy for too long",
            format::count(summary.arrivals.dropped)
        ));
    }
    if let Some(second) = first_second_behind(run, window) {
        evidence.push(format!("the service first fell behind in second {second}"));
    }
    evidence
}

/// Returns the first second in which more than a tenth of the arrivals got no response.
fn first_second_behind(run: &Run, window: &Window) -> Option<u64> {
    window
        .rows(run)
        .find(|row| {
            row.planned >= 20 && ((row.reads + row.writes) as f64) < 0.9 * row.planned as f64
        })
        .map(|row| row.start_ns / 1_000_000_000)
}

/// Change in the number of requests in flight or waiting, from the first to the last third of the counted
/// phases.
///
/// `early_s` and `late_s` divide the number of each second by its arrivals, so that a rising rate does not
/// look like a growing queue.
struct InFlightTrend {
    early: f64,
    late: f64,
    early_s: f64,
    late_s: f64,
}

impl InFlightTrend {
    fn of(run: &Run, window: &Window) -> Self {
        let rows: Vec<&Row> = window.rows(run).filter(|row| row.planned > 0).collect();
        let third = rows.len() / 3;
        let mean = |rows: &[&Row], of: &dyn Fn(&Row) -> f64| {
            rows.iter().map(|row| of(row)).sum::<f64>() / rows.len().max(1) as f64
        };
        let pending = |row: &Row| (row.in_flight + row.waiting) as f64;
        let pending_s = |row: &Row| pending(row) / row.planned as f64;
        let (early, late) = (&rows[..third], &rows[rows.len() - third..]);
        Self {
            early: mean(early, &pending),
            late: mean(late, &pending),
            early_s: mean(early, &pending_s),
            late_s: mean(late, &pending_s),
        }
    }

    /// Returns whether the number grew by half, to more than a tenth of the arrivals of a second.
    fn grows(&self) -> bool {
        self.late_s > 1.5 * self.early_s && self.late_s > 0.1
    }
}

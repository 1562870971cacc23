//! Who gave out first: the generator or the service.

use tenfold_run_dir::Run;
use tenfold_run_dir::timeline::Row;

use crate::format;
use crate::summary::Summary;
use crate::summary::finding::{Confidence, Finding};
use crate::summary::window::Window;

/// The share of the offered rate below which something gave out.
const KEPT_UP: f64 = 0.99;

/// The share of dropped arrivals above which something gave out.
const MOST_DROPPED: f64 = 0.001;

/// The share of the processors left to it from which the service was short of them.
const SHORT_OF_CPU: f64 = 0.85;

/// The share below which it had processors to spare.
const CPU_TO_SPARE: f64 = 0.60;

/// What is said of who gave out first.
pub(super) struct FirstToGive {
    /// Whether somebody did.
    pub(super) somebody: bool,
    /// What is said.
    pub(super) finding: Finding,
}

/// The share of a machine's processors from which it has none left.
const FULL: f64 = 0.93;

/// Processors in use by other programs from which they are to blame.
const CROWDED: f64 = 0.5;

/// Processors in use that look like one thread that never rests.
const ONE_PROCESSOR: std::ops::RangeInclusive<f64> = 0.90..=1.10;

/// Says who gave out first, or that nobody did, with the evidence.
pub(super) fn first_to_give(run: &Run, window: &Window, summary: &Summary) -> Option<FirstToGive> {
    if summary.arrivals.sent == 0 {
        return None;
    }
    let trend = InFlightTrend::of(run, window);
    let generator_late = summary.generator.lag_p99_ns.unwrap_or(0) > summary.generator.lag_bound_ns;
    let generator_full =
        summary.generator.saturated_seconds as f64 > 0.1 * summary.counted_s.max(1.0);
    // A wrong answer is an answer: failures are a finding of their own.
    let answered = window.sum(run, |row| row.reads + row.writes + row.failed);
    let planned = summary.arrivals.planned.max(1) as f64;
    let behind = answered / planned < KEPT_UP;
    let dropped = summary.arrivals.dropped as f64 / planned > MOST_DROPPED;
    let evidence = evidence(run, window, summary, &trend);
    let (somebody, finding) = if generator_late || (generator_full && behind) {
        let confidence = if generator_late && generator_full {
            Confidence::High
        } else {
            Confidence::Medium
        };
        (
            true,
            generator_gave(summary, generator_full, evidence, confidence),
        )
    } else if behind || dropped || trend.grows() {
        (
            true,
            service_gave(run, summary, &trend, behind, dropped, evidence),
        )
    } else {
        (false, nobody_gave(summary, evidence))
    };
    Some(FirstToGive { somebody, finding })
}

fn generator_gave(
    summary: &Summary,
    full: bool,
    evidence: Vec<String>,
    confidence: Confidence,
) -> Finding {
    let advice = if full {
        format!(
            "Lower --rate below {}, or give the generator a machine of its own, and run it again.",
            format::rate(summary.rate_per_s.achieved * 0.9)
        )
    } else {
        "Run it again with nothing else on the generator's machine; the generator was not short of \
         work to do but of its turn to do it."
            .to_owned()
    };
    Finding {
        title: "The generator gave out before the service did".to_owned(),
        evidence,
        confidence,
        advice,
    }
}

fn service_gave(
    run: &Run,
    summary: &Summary,
    trend: &InFlightTrend,
    behind: bool,
    dropped: bool,
    evidence: Vec<String>,
) -> Finding {
    let signs = [behind, dropped, trend.grows()]
        .into_iter()
        .filter(|sign| *sign)
        .count();
    let users_full = summary.generator.users_used >= u64::from(run.manifest.users)
        && summary.latency_ns.blocked.count > 0;
    let what = if behind {
        format!(
            "The service kept up with {} of {}",
            format::rate(summary.rate_per_s.achieved),
            format::rate(summary.rate_per_s.offered)
        )
    } else if dropped {
        format!(
            "The service kept up, but {} of the arrivals were dropped while it was slow",
            format::percent(
                summary.arrivals.dropped as f64 / summary.arrivals.planned.max(1) as f64
            )
        )
    } else {
        "The service fell behind: its queue grew".to_owned()
    };
    let cpu = cpu_share(summary);
    let host = summary.host_usage.as_ref();
    let machine_full = run.manifest.shared_host != Some(false)
        && host.is_some_and(|host| host.cores_used > FULL * host.cores as f64);
    let others = host
        .and_then(|host| host.cores_used_by_others)
        .unwrap_or(0.0);
    // A generator that was nearly late may have made the service look slow.
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
    let is_held = allowed.is_some_and(|allowed| left.is_some_and(|left| allowed <= left));
    let (cause, advice) = match cpu {
        Some(share) if share >= SHORT_OF_CPU && is_held => (
            ", and used up the processor time of its box",
            "Look at the flamegraph for what takes the processor, or choose a bigger box (--box).",
        ),
        Some(share) if share >= SHORT_OF_CPU => (
            ", and ran out of processor",
            "Look at the flamegraph for what takes the processor, or give the service more of it.",
        ),
        _ if machine_full && others > CROWDED => (
            ", on a machine that other programs kept busy",
            "Run it again with nothing else on the machine.",
        ),
        _ if machine_full => (
            ", and the machine that it shares with the generator ran out of processor",
            "Look at the flamegraph for what takes the processor, or give generator and service a \
             machine each.",
        ),
        Some(_) if peak.is_some_and(|peak| ONE_PROCESSOR.contains(&peak)) => (
            ", and never used more than one processor",
            "It seems bound to one thread: look at the flamegraph for what runs there, and let it \
             use more of them.",
        ),
        Some(share) if share <= CPU_TO_SPARE => (
            ", with processor to spare: it was waiting, not computing",
            "Look for what it waits on: a lock, the disk, a connection pool, or a limit on what it \
             does at once.",
        ),
        _ => (
            "",
            "Lower --rate to find what it sustains, and look at the seconds in which it fell behind.",
        ),
    };
    let advice = if users_full {
        format!(
            "{advice} All {} users were busy: raise --users if the service is meant to be that slow.",
            format::count(summary.generator.users_used)
        )
    } else {
        advice.to_owned()
    };
    Finding {
        title: format!("{what}{cause}"),
        evidence,
        confidence: if nearly_late {
            Confidence::Low
        } else if signs > 1 && cpu.is_some() {
            Confidence::High
        } else {
            Confidence::Medium
        },
        advice,
    }
}

fn nobody_gave(summary: &Summary, evidence: Vec<String>) -> Finding {
    let offered = summary.rate_per_s.offered;
    Finding {
        title: format!("Nothing gave out at {}", format::rate(offered)),
        evidence,
        confidence: Confidence::High,
        advice: format!(
            "Raise the load until something gives; --rate {:.0}/s would be twice this.",
            round_rate(offered * 2.0)
        ),
    }
}

/// Rounds a rate to two significant digits, as a person would choose it.
fn round_rate(per_second: f64) -> f64 {
    let magnitude = 10_f64
        .powf(per_second.max(1.0).log10().floor() - 1.0)
        .max(1.0);
    (per_second / magnitude).round().max(1.0) * magnitude
}

/// The share of the processors it could have had that the service used in its busiest second; none
/// where it did not tell.
fn cpu_share(summary: &Summary) -> Option<f64> {
    let target = summary.target_usage.as_ref()?;
    let allowed = target.allowed_cores.unwrap_or(f64::INFINITY);
    Some(target.peak_cores_used / cores_left(summary)?.min(allowed))
}

/// The processors that the generator left.
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
            "the generator used {} processors and was {} late at p99, of {} it may be",
            format::significant(generator.cores_used),
            format::duration(lag),
            format::duration(generator.lag_bound_ns)
        ));
    }
    if let Some(target) = &summary.target_usage {
        evidence.push(format!(
            "the service used {} processors on average, {} in its busiest second",
            format::significant(target.cores_used),
            format::significant(target.peak_cores_used)
        ));
    }
    if let Some(host) = &summary.host_usage {
        evidence.push(format!(
            "the machine used {} of its {} processors, {} in its busiest second",
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
            "{} arrivals were dropped, since every user was busy for too long",
            format::count(summary.arrivals.dropped)
        ));
    }
    if let Some(second) = first_second_behind(run, window) {
        evidence.push(format!("it first fell behind in second {second}"));
    }
    evidence
}

/// The first second in which a tenth of the arrivals was not answered.
fn first_second_behind(run: &Run, window: &Window) -> Option<u64> {
    window
        .rows(run)
        .find(|row| {
            row.planned >= 20 && ((row.reads + row.writes) as f64) < 0.9 * row.planned as f64
        })
        .map(|row| row.start_ns / 1_000_000_000)
}

/// How the number of requests in flight or waiting changed over the counted phases, each second's
/// number divided by its arrivals, so that a rate that rises does not look like a queue that grows.
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
        let held = |row: &Row| (row.in_flight + row.waiting) as f64;
        let held_s = |row: &Row| held(row) / row.planned as f64;
        let (early, late) = (&rows[..third], &rows[rows.len() - third..]);
        Self {
            early: mean(early, &held),
            late: mean(late, &held),
            early_s: mean(early, &held_s),
            late_s: mean(late, &held_s),
        }
    }

    /// Whether it grew by half, and to more than a tenth of a second's arrivals.
    fn grows(&self) -> bool {
        self.late_s > 1.5 * self.early_s && self.late_s > 0.1
    }
}

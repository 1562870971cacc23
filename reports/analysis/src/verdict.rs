//! How far a measurement can be trusted, and whether the objectives are met.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::{Metric, Run};

use crate::generator::lag_bound_ns;
use crate::merge::seconds_apart;
use crate::merged::Merged;
use crate::order_statistic::OrderStatistics;
use crate::summary::Summary;
use crate::words;

/// The share of the offered rate that must be achieved, but for the service's own doing.
const LEAST_SHARE: f64 = 0.99;

/// Where half of the shortfall that makes a measurement invalid is reached.
const SUSPECT_SHARE: f64 = 0.995;

/// The share of the machine's processors that others may take before the host counts as noisy.
const MOST_STOLEN: f64 = 0.05;

/// The share of the machine's processors that other programs on it may use before it counts as busy.
const MOST_USED_BY_OTHERS: f64 = 0.25;

/// Failures that are the generator's own: a user of it stopped unexpectedly.
const OWN_FAILURES: [&str; 1] = ["lost_user"];

/// How far a measurement can be trusted, and whether the objectives are met.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Verdict {
    /// How far the measurement can be trusted.
    pub measurement: MeasurementVerdict,
    /// Whether the objectives are met.
    pub slo: SloVerdict,
    /// Why the measurement is not simply valid, in sentences with figures, the gravest first.
    pub reasons: Vec<String>,
}

/// How far a measurement can be trusted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MeasurementVerdict {
    /// The figures are the service's.
    Valid,
    /// The figures may be off: the generator or the machine came near its limits.
    Suspect,
    /// The figures are not the service's.
    #[default]
    Invalid,
}

/// Whether the objectives are met.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SloVerdict {
    /// All are.
    Met,
    /// At least one is not.
    Missed,
    /// There are none, or none is missed but one could not be judged.
    #[default]
    NotJudged,
}

/// Something that speaks against a measurement.
struct Objection {
    grade: MeasurementVerdict,
    reason: String,
}

/// Judges a measurement: every objection is heard, and the gravest decides.
pub(crate) fn judge(run: &Run, merged: &Merged, summary: &Summary) -> Verdict {
    let mut objections = Vec::new();
    objections.extend(nothing_measured(summary));
    objections.extend(broken_identities(summary));
    objections.extend(unfinished(run));
    objections.extend(parts(run));
    objections.extend(not_together(run));
    objections.extend(lag(summary));
    objections.extend(shortfall(summary));
    objections.extend(lag_in_the_tail(merged));
    objections.extend(own_failures(summary));
    objections.extend(debug_build(run));
    objections.extend(noisy_host(run, summary));
    objections.extend(busy_host(summary));
    objections.sort_by_key(|objection| match objection.grade {
        MeasurementVerdict::Invalid => 0,
        MeasurementVerdict::Suspect => 1,
        MeasurementVerdict::Valid => 2,
    });
    Verdict {
        measurement: objections
            .first()
            .map_or(MeasurementVerdict::Valid, |objection| objection.grade),
        slo: slo(summary),
        reasons: objections
            .into_iter()
            .map(|objection| objection.reason)
            .collect(),
    }
}

fn slo(summary: &Summary) -> SloVerdict {
    let mut rules = summary.rules.iter().map(|rule| rule.met);
    if rules.clone().any(|met| met == Some(false)) {
        SloVerdict::Missed
    } else if rules.len() > 0 && rules.all(|met| met == Some(true)) {
        SloVerdict::Met
    } else {
        SloVerdict::NotJudged
    }
}

fn invalid(reason: String) -> Option<Objection> {
    Some(Objection {
        grade: MeasurementVerdict::Invalid,
        reason,
    })
}

fn suspect(reason: String) -> Option<Objection> {
    Some(Objection {
        grade: MeasurementVerdict::Suspect,
        reason,
    })
}

fn nothing_measured(summary: &Summary) -> Option<Objection> {
    if summary.latency_ns.response.count > 0 {
        return None;
    }
    invalid(match summary.arrivals.sent {
        0 => "nothing was measured: no request of a counted phase was sent".to_owned(),
        sent => format!(
            "nothing was measured: of {} requests sent, none was answered as expected",
            words::count(sent)
        ),
    })
}

fn broken_identities(summary: &Summary) -> Vec<Objection> {
    let broken = summary
        .identities
        .iter()
        .filter(|identity| identity.holds == Some(false));
    broken
        .filter_map(|identity| {
            invalid(format!(
                "the books do not balance: \"{}\" does not hold ({})",
                identity.name, identity.figures
            ))
        })
        .collect()
}

/// What came of the last seconds is not known, and they may have been the worst.
fn unfinished(run: &Run) -> Option<Objection> {
    // Of a merged run, the parts tell it.
    let is_merged = !run.manifest.merged_from.is_empty();
    let checkpoint = run.counts.checkpoint.filter(|_| !is_merged)?;
    suspect(checkpoint.words())
}

/// A merged measurement is as bad as its worst part: a generator that was late does not come to be on
/// time for being one of many.
fn parts(run: &Run) -> Vec<Objection> {
    let parts = &run.manifest.merged_from;
    let of = parts.len();
    let mut objections = Vec::new();
    for (index, part) in parts.iter().enumerate() {
        let who = format!("generator {} of {of} ({})", index + 1, part.path);
        let why = part.reasons.join("; ");
        match part.measurement.as_str() {
            "valid" => {}
            "suspect" => objections.extend(suspect(format!("{who} by itself is suspect: {why}"))),
            _ => objections.extend(invalid(format!("{who} by itself is invalid: {why}"))),
        }
        if let Some(by) = &part.interrupted {
            objections.extend(suspect(format!(
                "{who} ended early ({by}), and its share of the load was missing from then on"
            )));
        }
    }
    objections
}

/// Seconds that generators may begin apart: the rows of their time lines are a second long.
const MOST_APART_S: u64 = 2;

/// Rows are added by the time since each generator's own beginning.
fn not_together(run: &Run) -> Option<Objection> {
    let parts = &run.manifest.merged_from;
    let began = |part: &Part| seconds_apart(&run.manifest.started_at, &part.started_at);
    let apart = parts.iter().filter_map(began).max()?;
    if apart <= MOST_APART_S {
        return None;
    }
    suspect(format!(
        "the generators began {apart} s apart, so that the merged load was offered at once only in part"
    ))
}

fn lag(summary: &Summary) -> Option<Objection> {
    let lag = summary.generator.lag_p99_ns?;
    let bound = summary.generator.lag_bound_ns;
    if lag > bound {
        return invalid(format!(
            "the generator was late: its own lag was {} at p99, and {} is the most that leaves the \
             response times the service's",
            words::duration(lag),
            words::duration(bound)
        ));
    }
    if lag > bound / 2 {
        return suspect(format!(
            "the generator was nearly late: its own lag was {} at p99, over half of the {} that \
             would make the measurement invalid",
            words::duration(lag),
            words::duration(bound)
        ));
    }
    None
}

/// Weighs what was offered and not achieved. The service is to blame for what it answered late or
/// wrongly, and for arrivals that waited or were dropped because it was slow; the generator for what
/// it had no processor time left to send.
fn shortfall(summary: &Summary) -> Option<Objection> {
    let share = summary.rate_per_s.share?;
    let generator = &summary.generator;
    let counted_seconds = summary.counted_s.max(1.0);
    let saturated = generator.saturated_seconds as f64 / counted_seconds;
    if share >= SUSPECT_SHARE || saturated < 0.01 {
        return None;
    }
    let figures = format!(
        "{} of the offered rate was achieved, and the generator's own thread had no processor time \
         to spare in {} of {} seconds",
        words::percent(share),
        generator.saturated_seconds,
        words::significant(counted_seconds)
    );
    if share < LEAST_SHARE {
        invalid(format!(
            "the generator could not send fast enough: {figures}"
        ))
    } else {
        suspect(format!(
            "the generator could hardly send fast enough: {figures}"
        ))
    }
}

/// The bound of p99, asked of p99.9: a short freeze of the generator hides beyond p99.
fn lag_in_the_tail(merged: &Merged) -> Option<Objection> {
    let of = |metric| OrderStatistics::of(&merged.histogram(metric, |_| true));
    let (lag, response) = (of(Metric::Lag), of(Metric::Response));
    let late = lag.quantile(0.999)?.value;
    let bound = lag_bound_ns(response.quantile(0.999).map(|estimate| estimate.value));
    let within_p99 = lag.raw_quantile(0.99)? <= lag_bound_ns(response.raw_quantile(0.99)) / 2;
    if late <= bound || !within_p99 {
        return None;
    }
    suspect(format!(
        "the tail beyond p99 is partly the generator's own: its lag was {} at p99.9",
        words::duration(late)
    ))
}

fn own_failures(summary: &Summary) -> Option<Objection> {
    let own: u64 = OWN_FAILURES
        .iter()
        .filter_map(|class| summary.failures.get(*class))
        .sum();
    if own == 0 {
        return None;
    }
    suspect(format!(
        "{} requests failed by a defect of the generator (class lost_user); please report it",
        words::count(own)
    ))
}

fn debug_build(run: &Run) -> Option<Objection> {
    // Of a merged run, each part has told it.
    if run.manifest.tool.build != "debug" || !run.manifest.merged_from.is_empty() {
        return None;
    }
    suspect(
        "tenfold itself is a debug build, which takes many times the processor time; build it with \
         --release"
            .to_owned(),
    )
}

fn noisy_host(run: &Run, summary: &Summary) -> Option<Objection> {
    let stolen = summary.host_usage.as_ref()?.cores_stolen?;
    let share = stolen / run.manifest.host.cores.max(1) as f64;
    if share <= MOST_STOLEN {
        return None;
    }
    suspect(format!(
        "the machine is noisy: {} of its processor time went to other machines (steal)",
        words::percent(share)
    ))
}

fn busy_host(summary: &Summary) -> Option<Objection> {
    let host = summary.host_usage.as_ref()?;
    let others = host.cores_used_by_others?;
    if others <= MOST_USED_BY_OTHERS * host.cores as f64 {
        return None;
    }
    suspect(format!(
        "the machine was busy: programs that are neither generator nor service used {} of its {} \
         processors",
        words::significant(others),
        host.cores
    ))
}

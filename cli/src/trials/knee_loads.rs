//! Runs at shares of a knee, with their findings.

use std::time::{Duration, Instant};

use tenfold_analysis::format;
use tenfold_analysis::knee::{
    End, Goal, KneeLoad, Outcome, OutcomeName, SearchReport, TrialReport,
};

use super::{Measured, Trial, Trials};
use crate::output::print;

/// Shares of the knee, with the name of the run.
const SHARES: [(&str, f64); 3] = [("half", 0.5), ("below", 0.95), ("above", 1.05)];

/// Warm-up of each run.
const WARM_UP: Duration = Duration::from_secs(1);

/// Time that each run takes beside its warm-up and its counted part.
const AROUND: Duration = Duration::from_secs(1);

/// Longest counted part of a run.
const LONGEST: Duration = Duration::from_secs(10);

/// Shortest counted part from which findings are worth the time.
const SHORTEST: Duration = Duration::from_secs(2);

/// Measures the service at shares of its knee. Returns no run if the time until `end` is too short, or if an end of the knee is not known.
/// The knee is worth more than these runs, so one that fails is noted, and is the last.
fn knee_loads(trials: &Trials<'_>, report: &SearchReport, end: Instant) -> Vec<KneeLoad> {
    let answer = &report.answer;
    let (Some(_), Some(_), Some(knee)) = (answer.sustained, answer.failed, answer.knee()) else {
        return Vec::new();
    };
    if answer.end == End::Stopped {
        return Vec::new();
    }
    let each = end.saturating_duration_since(Instant::now()) / SHARES.len() as u32;
    let counted = each.saturating_sub(WARM_UP + AROUND).min(LONGEST);
    // A run has whole seconds.
    let counted = Duration::from_secs(counted.as_secs());
    if counted < SHORTEST {
        print::note("note: no time was left for the runs at 0.5, 0.95 and 1.05 of the knee");
        return Vec::new();
    }
    let mut loads: Vec<KneeLoad> = Vec::new();
    let mut before: Option<(Outcome, f64)> = None;
    for (name, share) in SHARES {
        if let Some((outcome, rate)) = before {
            trials.pause_after(outcome, rate);
        }
        // A pause after an overload can take longer than planned.
        if Instant::now() + WARM_UP + counted > end {
            print::note(&format!(
                "note: no time was left for the run at {share} of the knee"
            ));
            break;
        }
        // `--max` may be just above the knee.
        let highest = trials.rate_max();
        let share = share.min(highest / knee);
        let rate = (knee * share).min(highest);
        let trial = Trial {
            rate,
            warm_up: WARM_UP,
            duration: counted,
            directory: name.to_owned(),
            profiles: false,
            users: None,
        };
        let run = trials.measure(&trial);
        if trials.is_interrupted() {
            break;
        }
        let Measured {
            outcome,
            figures,
            summary,
            ..
        } = match run {
            Ok(measured) => measured,
            Err(error) => {
                print::note(&format!(
                    "note: the run at {} failed: {error:#}",
                    format::rate(rate)
                ));
                break;
            }
        };
        let finding = summary.findings.first().map(|own| own.title.as_str());
        print::note(&format!(
            "{:>10} ({} of the knee)  {}",
            format::rate(rate),
            format::significant(share),
            finding.unwrap_or("no finding")
        ));
        loads.push(KneeLoad {
            share,
            trial: TrialReport {
                directory: trial.directory.into(),
                rate,
                duration_s: counted.as_secs_f64(),
                after_overload: before.is_some_and(|(outcome, _)| !outcome.is_sustained()),
                outcome: OutcomeName::of(outcome),
                figures,
            },
            findings: summary.findings,
        });
        before = Some((outcome, rate));
    }
    loads
}

/// Searches for the knee, and measures the service at shares of it.
pub(crate) fn search_with_loads(trials: &Trials<'_>, goal: Goal) -> anyhow::Result<SearchReport> {
    let end = Instant::now() + goal.within;
    let report = trials.search(goal)?;
    let loads = knee_loads(trials, &report, end);
    Ok(SearchReport { loads, ..report })
}

//! Runs at shares of a knee, with their findings.

use std::time::{Duration, Instant};

use tenfold_analysis::format;
use tenfold_analysis::knee::{End, Goal, KneeLoad, OutcomeName, SearchReport, TrialReport};

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
pub(crate) fn knee_loads(
    trials: &Trials<'_>,
    report: &SearchReport,
    end: Instant,
) -> anyhow::Result<Vec<KneeLoad>> {
    let answer = &report.answer;
    let (Some(_), Some(_), Some(knee)) = (answer.sustained, answer.failed, answer.knee()) else {
        return Ok(Vec::new());
    };
    if answer.end == End::Stopped {
        return Ok(Vec::new());
    }
    let each = end.saturating_duration_since(Instant::now()) / SHARES.len() as u32;
    let counted = each.saturating_sub(WARM_UP + AROUND).min(LONGEST);
    // A run has whole seconds.
    let counted = Duration::from_secs(counted.as_secs());
    if counted < SHORTEST {
        print::note("note: no time was left for the runs at 0.5, 0.95 and 1.05 of the knee");
        return Ok(Vec::new());
    }
    let mut loads: Vec<KneeLoad> = Vec::new();
    for (name, share) in SHARES {
        let rate = (knee * share).min(trials.rate_max());
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
        } = run?;
        trials.pause_after(outcome, rate);
        let finding = summary.findings.first().map(|own| own.title.as_str());
        print::note(&format!(
            "{:>10} ({share} of the knee)  {}",
            format::rate(rate),
            finding.unwrap_or("no finding")
        ));
        let before = loads.last().map(|before| before.trial.outcome);
        loads.push(KneeLoad {
            share,
            trial: TrialReport {
                directory: trial.directory.into(),
                rate,
                duration_s: counted.as_secs_f64(),
                after_overload: before.is_some_and(|before| before != OutcomeName::Sustained),
                outcome: OutcomeName::of(outcome),
                figures,
            },
            findings: summary.findings,
        });
    }
    Ok(loads)
}

/// Searches for the knee, and measures the service at shares of it.
pub(crate) fn search_with_loads(trials: &Trials<'_>, goal: Goal) -> anyhow::Result<SearchReport> {
    let end = Instant::now() + goal.within;
    let report = trials.search(goal)?;
    let loads = knee_loads(trials, &report, end)?;
    Ok(SearchReport { loads, ..report })
}

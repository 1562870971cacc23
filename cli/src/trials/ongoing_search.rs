//! A search for the knee, trial by trial.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use tenfold_analysis::format;
use tenfold_analysis::knee::{Attempt, Goal, OutcomeName, Search, SearchReport, TrialFigures};

use super::{Measured, SETTLED_RATES, Trial, Trials, WARM_UP};
use crate::output::print;

/// Warm-up of the first trial, which also fills caches and opens connections.
const FIRST_WARM_UP: Duration = Duration::from_secs(3);

/// A search that makes one trial at a time, so that others can be made between them.
pub(crate) struct OngoingSearch<'a> {
    trials: &'a Trials<'a>,
    goal: Goal,
    search: Search,
    figures: Vec<(PathBuf, TrialFigures)>,
    /// Beginning of each printed line.
    label: &'static str,
}

impl<'a> OngoingSearch<'a> {
    /// Begins a search. Logs the sessions in, which takes its time on a small box.
    pub(crate) fn begin(trials: &'a Trials<'a>, goal: Goal, label: &'static str) -> Self {
        // The first trial reports an error.
        let _ = trials.is_settled(SETTLED_RATES.0);
        Self {
            search: Search::new(goal, trials.first_rate, trials.arguments.rate_max()),
            figures: Vec::new(),
            trials,
            goal,
            label,
        }
    }

    /// Makes the next trial, and prints a line for it. Returns `false` at the end of the search.
    pub(crate) fn step(&mut self) -> anyhow::Result<bool> {
        let Some(attempt) = self.search.next() else {
            return Ok(false);
        };
        let began = Instant::now();
        let number = self.figures.len() + 1;
        let trial = Trial {
            rate: attempt.rate,
            warm_up: match number {
                1 => FIRST_WARM_UP,
                _ => WARM_UP,
            },
            duration: attempt.duration,
            directory: format!("trial-{number:02}"),
            profiles: false,
            users: None,
        };
        let tried = self.trials.measure(&trial);
        // An interrupted trial is an error or a part of one. Those before it still count.
        if self.trials.is_interrupted() {
            self.search.stop();
            return Ok(false);
        }
        let measured = tried?;
        self.trials.pause_after(measured.outcome, attempt.rate);
        self.search.record(measured.outcome, began.elapsed());
        print::note(&line(self.label, attempt, &measured, self.search.bracket()));
        self.figures
            .push((trial.directory.into(), measured.figures));
        Ok(true)
    }

    /// Ends the search early, unless it has its answer.
    pub(crate) fn stop(&mut self) {
        if self.search.next().is_some() {
            self.search.stop();
        }
    }

    /// Returns the search.
    pub(crate) fn search(&self) -> &Search {
        &self.search
    }

    /// Returns the answer with the figures of the trials.
    pub(crate) fn report(self) -> SearchReport {
        let scenario = &self.trials.scenario;
        let rules = scenario.rules.iter().map(|rule| rule.text.clone());
        let target = self.trials.service.endpoint.target.to_string();
        SearchReport::new(
            (&scenario.name, &target),
            rules.collect(),
            self.goal,
            self.search.answer(),
            self.figures,
        )
    }
}

/// Returns a line with the figures of a trial and the bracket after it.
fn line(
    label: &str,
    attempt: Attempt,
    measured: &Measured,
    (low, high): (Option<f64>, Option<f64>),
) -> String {
    let time = |ns: Option<u64>| ns.map_or("–".to_owned(), format::duration);
    let known = match (low.map(format::rate), high.map(format::rate)) {
        (Some(low), Some(high)) => format!("knee between {low} and {high}"),
        (Some(low), None) => format!("knee above {low}"),
        (None, Some(high)) => format!("knee below {high}"),
        (None, None) => String::new(),
    };
    format!(
        "{label}{:>10} for {:>2} s  {:<13}  p50 {:>8}  p99 {:>8}  {known}",
        format::rate(attempt.rate),
        attempt.duration.as_secs(),
        OutcomeName::of(measured.outcome).text(),
        time(measured.figures.p50_ns),
        time(measured.figures.p99_ns),
    )
}

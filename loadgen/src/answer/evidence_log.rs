//! Counts of checks and journeys, and samples of failures.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tenfold_run_dir::counts::{CheckCounts, Counts, JourneyCounts};
use tenfold_run_dir::sample::{SAMPLES_MAX, SAMPLES_OF_KIND_MAX, Sample};
use tenfold_scenarios::{Capture, Scenario};

use crate::http::Keep;

/// Bytes of a body that a sample shows.
pub(crate) const SHOWN_BODY_BYTES: usize = 2048;

/// Bytes of a body that are kept for a sample: more than it shows, so that a secret at the cut is
/// masked as a whole.
pub(crate) const SAMPLED_BODY_BYTES: usize = 16 * 1024;

/// The most names of checks for each request, which bounds those that scripts make.
const CHECK_NAMES_MAX: usize = 32;

/// The name under which further checks are counted.
const OTHER_CHECKS: &str = "(other checks)";

/// The end of a journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum JourneyEnd {
    /// At its last step, or by a script.
    Completed,
    /// At a failed request.
    Failed,
    /// Cut off, for this reason.
    CutOff(String),
    /// At the end of the run.
    Unfinished,
}

/// Counts of checks and journeys, and samples of failures. All users run on one thread, so its lock
/// is never contended; plain requests don't take it.
#[derive(Debug)]
pub(crate) struct EvidenceLog {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// By phase, by request.
    checks: Vec<Vec<BTreeMap<String, CheckCounts>>>,
    journeys: Vec<JourneyCounts>,
    samples: Vec<Sample>,
}

impl EvidenceLog {
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let of_request = |request: &tenfold_scenarios::Request| {
            let checks = request.checks.iter().map(|check| check.name.clone());
            let captures = request.captures.iter();
            let needed = captures.filter(|capture| !capture.optional);
            checks
                .chain(needed.map(Capture::check_name))
                .map(|name| (name, CheckCounts::default()))
                .collect::<BTreeMap<_, _>>()
        };
        let of_phase: Vec<_> = scenario.requests.iter().map(of_request).collect();
        let journeys = scenario.journeys.iter().map(|journey| JourneyCounts {
            name: journey.name.clone(),
            ..JourneyCounts::default()
        });
        Self {
            state: Mutex::new(State {
                checks: vec![of_phase; scenario.phases.len()],
                journeys: journeys.collect(),
                samples: Vec::new(),
            }),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Counts a check.
    pub(crate) fn checked(&self, phase: usize, request: usize, name: &str, passed: bool) {
        let mut state = self.state();
        let checks = &mut state.checks[phase][request];
        if !checks.contains_key(name) {
            let name = if checks.len() < CHECK_NAMES_MAX {
                name
            } else {
                OTHER_CHECKS
            };
            checks.entry(name.to_owned()).or_default();
        }
        let known = checks.contains_key(name);
        if let Some(counts) = checks.get_mut(if known { name } else { OTHER_CHECKS }) {
            counts.passed += u64::from(passed);
            counts.failed += u64::from(!passed);
        }
    }

    /// Counts a journey that begins.
    pub(crate) fn begun(&self, journey: &str) {
        self.with_journey(journey, |counts| counts.begun += 1);
    }

    /// Counts a journey that ended.
    pub(crate) fn ended(&self, journey: &str, end: JourneyEnd) {
        self.with_journey(journey, |counts| match end {
            JourneyEnd::Completed => counts.completed += 1,
            JourneyEnd::Failed => counts.failed += 1,
            // Computed from the others when the run ends.
            JourneyEnd::Unfinished => {}
            JourneyEnd::CutOff(reason) => {
                counts.cut_off += 1;
                counts.cut_off_because.get_or_insert(reason);
            }
        });
    }

    fn with_journey(&self, name: &str, with: impl FnOnce(&mut JourneyCounts)) {
        let mut state = self.state();
        if let Some(counts) = state.journeys.iter_mut().find(|counts| counts.name == name) {
            with(counts);
        }
    }

    /// Adds to `keep` the parts of an answer that a sample needs, unless there are enough samples.
    pub(crate) fn keep_for_sample(&self, request: &str, keep: Keep) -> Keep {
        if !self.wants(request, "unexpected_status", None) {
            return keep;
        }
        Keep {
            headers: true,
            body_limit: keep.body_limit.max(SAMPLED_BODY_BYTES),
            ..keep
        }
    }

    /// Returns true if another sample of this kind is wanted.
    pub(crate) fn wants(&self, request: &str, failure: &str, check: Option<&str>) -> bool {
        let state = self.state();
        let same = |sample: &&Sample| {
            sample.request == request
                && sample.failure == failure
                && sample.check.as_deref() == check
        };
        state.samples.len() < SAMPLES_MAX
            && state.samples.iter().filter(same).count() < SAMPLES_OF_KIND_MAX
    }

    /// Adds a sample with a masked body, truncating the body.
    pub(crate) fn add(&self, mut sample: Sample) {
        let shown = sample.body.floor_char_boundary(SHOWN_BODY_BYTES);
        sample.body.truncate(shown);
        self.state().samples.push(sample);
    }

    /// Returns the checks of a request and all samples since the last call, and forgets them.
    pub(crate) fn take(
        &self,
        phase: usize,
        request: usize,
    ) -> (BTreeMap<String, CheckCounts>, Vec<Sample>) {
        let mut state = self.state();
        let checks = std::mem::take(&mut state.checks[phase][request]);
        (checks, std::mem::take(&mut state.samples))
    }

    /// Adds the counts so far to those of the run, and returns the samples.
    pub(crate) fn add_to(&self, counts: &mut Counts) -> Vec<Sample> {
        let state = self.state();
        for (cells, phase) in counts.phases.iter_mut().zip(&state.checks) {
            for (cell, checks) in cells.iter_mut().zip(phase) {
                cell.checks.clone_from(checks);
            }
        }
        counts.journeys.clone_from(&state.journeys);
        for journey in &mut counts.journeys {
            let ended = journey.completed + journey.failed + journey.cut_off;
            journey.unfinished = journey.begun - ended;
        }
        state.samples.clone()
    }
}

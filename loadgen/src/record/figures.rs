//! Figures of a run so far, computed on the thread that writes the intervals: for progress and for
//! abort rules.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use tenfold_run_dir::latency_histogram;
use tenfold_run_dir::{Metric, Series};
use tenfold_scenarios::{Kind, Rule, Scenario, Share};

use crate::record::abort_rule;
use crate::record::abort_rule::Sample;
use crate::record::progress::{LatencyTotal, Percentiles};
use crate::record::progress_detail::{ProgressDetail, values_of};

/// The metrics shown as progress.
const SHOWN: [Metric; 3] = [Metric::Response, Metric::Service, Metric::Lag];

/// Figures of a run, up to the last interval that was handed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// The number of intervals handed over.
    pub(crate) intervals: u64,
    /// Percentiles of the last interval: response, service and lag.
    pub(crate) last: [Percentiles; SHOWN.len()],
    /// Latencies since the start.
    pub(crate) totals: Vec<LatencyTotal>,
    /// Latencies of the counted phases for each abort rule on a latency, with the rule's index.
    pub(crate) samples: Vec<(usize, Sample)>,
    /// The values behind these figures. `None` in a run of one generator.
    pub(crate) detail: Option<ProgressDetail>,
}

/// Figures that one thread computes and another reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedFigures(Arc<Mutex<Figures>>);

impl SharedFigures {
    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The number of intervals that the figures include.
    pub(crate) fn intervals(&self) -> u64 {
        self.lock().intervals
    }

    /// A copy of the current figures.
    pub(crate) fn read(&self) -> Figures {
        self.lock().clone()
    }
}

/// Computes the figures, interval by interval.
#[derive(Debug)]
pub(crate) struct FiguresBuilder {
    kinds: Vec<Kind>,
    counted: Vec<bool>,
    last: [Histogram<u64>; SHOWN.len()],
    totals: Vec<LatencyTotal>,
    rules: Vec<WatchedRule>,
    /// True if the figures are to be merged with those of other generators.
    is_part: bool,
    intervals: u64,
    shared: SharedFigures,
}

/// An abort rule on a latency, with all values in its scope.
#[derive(Debug)]
struct WatchedRule {
    index: usize,
    rule: Rule,
    metric: Metric,
    values: Histogram<u64>,
}

impl FiguresBuilder {
    /// Creates a builder for a share of a run of the scenario.
    pub(crate) fn new(scenario: &Scenario, share: Share) -> Self {
        let rules = scenario
            .rules
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| {
                Some(WatchedRule {
                    index,
                    rule: rule.clone(),
                    metric: abort_rule::latency_of(rule)?,
                    values: latency_histogram(),
                })
            });
        let totals = SHOWN.into_iter().flat_map(|metric| {
            [Kind::Read, Kind::Write].map(|kind| LatencyTotal::new(metric, kind))
        });
        Self {
            kinds: scenario
                .requests
                .iter()
                .map(|request| request.kind)
                .collect(),
            counted: scenario.phases.iter().map(|phase| !phase.warm_up).collect(),
            last: [
                latency_histogram(),
                latency_histogram(),
                latency_histogram(),
            ],
            totals: totals.collect(),
            rules: rules.collect(),
            is_part: !share.is_whole(),
            intervals: 0,
            shared: SharedFigures::default(),
        }
    }

    /// The figures, for another thread to read.
    pub(crate) fn shared(&self) -> SharedFigures {
        self.shared.clone()
    }

    /// Adds one series of an interval.
    pub(crate) fn add(&mut self, series: Series, values: &Histogram<u32>) {
        let shown = SHOWN.iter().position(|metric| *metric == series.metric);
        let kind = self.kinds[series.request];
        let counted = self.counted[series.phase];
        let mut rules: Vec<&mut WatchedRule> = self
            .rules
            .iter_mut()
            .filter(|watched| {
                let rule = &watched.rule;
                let in_scope = abort_rule::in_scope(rule.scope, series.request, kind)
                    && rule.phase.is_none_or(|phase| phase == series.phase);
                counted && watched.metric == series.metric && in_scope
            })
            .collect();
        if shown.is_none() && rules.is_empty() {
            return;
        }
        for step in values.iter_recorded() {
            let count = u64::from(step.count_at_value());
            let value = values.median_equivalent(step.value_iterated_to());
            if let Some(index) = shown {
                self.totals[2 * index + usize::from(kind == Kind::Write)].add(value, count);
                // The values come from a histogram with the same bounds.
                self.last[index].saturating_record_n(value, count);
            }
            for rule in &mut rules {
                rule.values.saturating_record_n(value, count);
            }
        }
    }

    /// Ends an interval: publishes its figures and begins the next.
    pub(crate) fn end_interval(&mut self) {
        self.intervals += 1;
        let figures = Figures {
            intervals: self.intervals,
            last: self.last.each_ref().map(Percentiles::of),
            totals: self.totals.clone(),
            samples: self
                .rules
                .iter()
                .map(|watched| (watched.index, Sample::of(&watched.values, &watched.rule)))
                .collect(),
            detail: self.is_part.then(|| self.detail()),
        };
        *self.shared.lock() = figures;
        self.last.iter_mut().for_each(Histogram::reset);
    }

    /// The values of the interval and of the rules. The recorder has the counts.
    fn detail(&self) -> ProgressDetail {
        let rules = self.rules.iter();
        ProgressDetail {
            last: self.last.each_ref().map(values_of),
            ended: Vec::new(),
            rules: rules
                .map(|watched| (watched.index, values_of(&watched.values)))
                .collect(),
        }
    }
}

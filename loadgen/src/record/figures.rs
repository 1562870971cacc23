//! What the intervals of a run come to, worked out on the thread that writes them: for whoever
//! watches, and for rules that end a run early.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hdrhistogram::Histogram;
use tenfold_run_dir::latency_histogram;
use tenfold_run_dir::{Metric, Series};
use tenfold_scenarios::{Kind, Rule, Scenario};

use crate::record::abort_rule;
use crate::record::abort_rule::Sample;
use crate::record::progress::{LatencyTotal, Percentiles};

/// The metrics that somebody watches.
const WATCHED: [Metric; 3] = [Metric::Response, Metric::Service, Metric::Lag];

/// What the intervals have come to, as of the last that was handed over.
#[derive(Debug, Clone, Default)]
pub(crate) struct Figures {
    /// How many intervals have been handed over.
    pub(crate) intervals: u64,
    /// Of the last interval, for each of response, service and lag.
    pub(crate) last: [Percentiles; WATCHED.len()],
    /// Since the start.
    pub(crate) totals: Vec<LatencyTotal>,
    /// Of the counted phases, for each rule on a latency that aborts, by its index.
    pub(crate) samples: Vec<(usize, Sample)>,
}

/// Figures that one thread works out and another reads.
#[derive(Debug, Clone, Default)]
pub(crate) struct SharedFigures(Arc<Mutex<Figures>>);

impl SharedFigures {
    fn lock(&self) -> MutexGuard<'_, Figures> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many intervals the figures are of.
    pub(crate) fn intervals(&self) -> u64 {
        self.lock().intervals
    }

    /// The figures as they are now.
    pub(crate) fn read(&self) -> Figures {
        self.lock().clone()
    }
}

/// Works the figures out, interval by interval.
#[derive(Debug)]
pub(crate) struct FiguresBuilder {
    kinds: Vec<Kind>,
    counted: Vec<bool>,
    last: [Histogram<u64>; WATCHED.len()],
    totals: Vec<LatencyTotal>,
    watched: Vec<Watched>,
    intervals: u64,
    shared: SharedFigures,
}

/// A rule on a latency that aborts, and all values it is about.
#[derive(Debug)]
struct Watched {
    index: usize,
    rule: Rule,
    metric: Metric,
    values: Histogram<u64>,
}

impl FiguresBuilder {
    /// An empty digest of a scenario's runs.
    pub(crate) fn new(scenario: &Scenario) -> Self {
        let watched = scenario
            .rules
            .iter()
            .enumerate()
            .filter_map(|(index, rule)| {
                Some(Watched {
                    index,
                    rule: rule.clone(),
                    metric: abort::latency_of(rule)?,
                    values: latency_histogram(),
                })
            });
        let totals = WATCHED.into_iter().flat_map(|metric| {
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
            watched: watched.collect(),
            intervals: 0,
            shared: SharedFigures::default(),
        }
    }

    /// The figures, for another thread to read.
    pub(crate) fn shared(&self) -> SharedFigures {
        self.shared.clone()
    }

    /// Takes one series of an interval in.
    pub(crate) fn add(&mut self, series: Series, values: &Histogram<u32>) {
        let Some(place) = WATCHED.iter().position(|metric| *metric == series.metric) else {
            return;
        };
        let kind = self.kinds[series.request];
        let total = &mut self.totals[2 * place + usize::from(kind == Kind::Write)];
        let counted = self.counted[series.phase];
        let mut watched: Vec<&mut Watched> = self
            .watched
            .iter_mut()
            .filter(|watched| {
                let in_scope = abort::in_scope(watched.rule.scope, series.request, kind);
                counted && watched.metric == series.metric && in_scope
            })
            .collect();
        for step in values.iter_recorded() {
            let count = u64::from(step.count_at_value());
            let value = values.median_equivalent(step.value_iterated_to());
            total.add(value, count);
            // The values come from a histogram of the same bounds.
            self.last[place].saturating_record_n(value, count);
            for watched in &mut watched {
                watched.values.saturating_record_n(value, count);
            }
        }
    }

    /// Ends an interval: what was taken in is told, and the next begins.
    pub(crate) fn end_interval(&mut self) {
        self.intervals += 1;
        let figures = Figures {
            intervals: self.intervals,
            last: self.last.each_ref().map(Percentiles::of),
            totals: self.totals.clone(),
            samples: self
                .watched
                .iter()
                .map(|watched| (watched.index, Sample::of(&watched.values, &watched.rule)))
                .collect(),
        };
        *self.shared.lock() = figures;
        self.last.iter_mut().for_each(Histogram::reset);
    }
}

//! Differences of the figures of two runs, with their intervals.

use tenfold_run_dir::{Metric, Run};

use crate::comparison::effect::{Direction, Effect, EffectUnit, RunEffects};
use crate::comparison::run_intervals::{Latencies, RunIntervals};
use crate::latency::counted_latencies::CountedLatencies;
use crate::summary::Summary;
use tenfold_stats::block_length;
use tenfold_stats::{MovingBlocks, bootstrap_interval};
use tenfold_stats::{SAMPLES_BEYOND, samples_beyond};

/// Number of replicates.
const REPLICATES: usize = 1_000;

/// Intervals of time that an interval of a figure needs.
const INTERVALS_MIN: usize = 10;

/// Greatest difference of two offered rates that count as one, as a share of the greater.
const OFFERED_TOLERANCE: f64 = 0.01;

/// Requests compared by name: the first ones that both runs have.
const REQUESTS_MAX: usize = 8;

/// Percentiles that are compared.
const QUANTILES: [(f64, &str); 4] = [(0.5, "p50"), (0.9, "p90"), (0.99, "p99"), (0.999, "p99.9")];

/// A run with its summary and name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) run: &'a Run,
    pub(super) summary: &'a Summary,
    pub(super) name: &'a str,
}

/// Returns the differences of a run from the first one.
///
/// Intervals come from a moving-block bootstrap over intervals of time ([`MovingBlocks`]), with blocks as long as the
/// autocorrelation asks for ([`block_length`]). If both runs planned the same load at the same time, the same intervals are
/// drawn from both, so that the course of the load does not count as noise. Otherwise each run is drawn by itself. The
/// intervals describe these two runs: they can't know how much a repetition on another day would differ.
pub(super) fn differences(first: Side<'_>, other: Side<'_>) -> RunEffects {
    let names: Vec<&str> = first
        .run
        .manifest
        .requests
        .iter()
        .map(|request| request.name.as_str())
        .filter(|name| {
            let mut requests = other.run.manifest.requests.iter();
            requests.any(|request| request.name == *name)
        })
        .take(REQUESTS_MAX)
        .collect();
    let intervals = RunIntervals::of(first.run, &names).zip(RunIntervals::of(other.run, &names));
    let intervals = intervals.filter(|(one, two)| one.count.min(two.count) >= INTERVALS_MIN);
    let mut figures = figures(first, other, &names);
    let mut effects = RunEffects {
        name: other.name.to_owned(),
        intervals: 0,
        interval_s: 0.0,
        block: 0,
        paired: false,
        effects: Vec::new(),
    };
    if let Some((one, two)) = &intervals {
        let paired = is_same_load(first.run, other.run);
        let block = blocks(one, two, paired);
        (effects.paired, effects.block) = (paired, block as u64);
        effects.intervals = one.count.min(two.count) as u64;
        effects.interval_s = one.interval_s;
        resample(one, two, paired, block, &mut figures);
    }
    effects.effects = figures.into_iter().map(Figure::effect).collect();
    if !offer_same_rate(first, other) {
        let rates = effects.effects.iter_mut();
        rates
            .filter(|effect| effect.unit == EffectUnit::PerSecond)
            .for_each(|rate| rate.direction = Direction::NotJudged);
    }
    effects
}

/// Returns whether two runs offered the same rate, within 1%.
fn offer_same_rate(one: Side<'_>, other: Side<'_>) -> bool {
    let [one, other] = [one, other].map(|side| side.summary.rate_per_s.offered);
    (one - other).abs() <= OFFERED_TOLERANCE * one.max(other)
}

/// A figure of both runs, and its replicates.
struct Figure {
    name: String,
    unit: EffectUnit,
    more_is_worse: bool,
    values: [Option<f64>; 2],
    of: Of,
    /// Differences of the replicates: of logarithms, or of shares.
    replicates: Vec<f64>,
    correction: f64,
}

/// The quantity that a figure is computed from.
#[derive(Debug, Clone, Copy)]
enum Of {
    Quantile(f64),
    /// The p99 of the nth request that both runs have.
    Request(usize),
    Rate,
    Errors,
    Cpu,
}

impl Figure {
    /// Returns the change between two values: a difference of logarithms, or of shares.
    fn difference(&self, [one, two]: [f64; 2]) -> Option<f64> {
        let difference = match self.unit {
            EffectUnit::Fraction => two - one,
            _ => (two / one).ln(),
        };
        difference.is_finite().then_some(difference)
    }

    fn effect(self) -> Effect {
        let [baseline, value] = self.values;
        let difference = baseline
            .zip(value)
            .and_then(|(one, two)| self.difference([one, two]));
        let interval =
            difference.and_then(|own| bootstrap_interval(own, &self.replicates, self.correction));
        let shown = |difference: f64| match self.unit {
            EffectUnit::Fraction => difference,
            _ => difference.exp_m1(),
        };
        let interval_95 = interval.map(|ends| ends.map(shown));
        Effect {
            direction: Direction::of(interval_95, self.more_is_worse),
            name: self.name,
            unit: self.unit,
            baseline,
            value,
            change: difference.map(shown),
            interval_95,
        }
    }
}

fn figures(first: Side<'_>, other: Side<'_>, names: &[&str]) -> Vec<Figure> {
    let sides = [first, other];
    let figure = |name: String, unit, more_is_worse, of, values| Figure {
        name,
        unit,
        more_is_worse,
        values,
        of,
        replicates: Vec::new(),
        correction: 1.0,
    };
    let quantiles = QUANTILES.into_iter().map(|(quantile, name)| {
        let values = sides.map(|side| {
            let response = &side.summary.latency_ns.response;
            let value = match name {
                "p50" => response.p50,
                "p90" => response.p90,
                "p99" => response.p99,
                _ => response.p999,
            };
            value.map(|ns| ns as f64)
        });
        let name = format!("response {name}");
        figure(name, EffectUnit::Ns, true, Of::Quantile(quantile), values)
    });
    let requests = names.iter().enumerate().map(|(index, name)| {
        let values = sides.map(|side| p99_of(side.run, name));
        let name = format!("p99 of \"{name}\"");
        figure(name, EffectUnit::Ns, true, Of::Request(index), values)
    });
    let rates = sides.map(|side| Some(side.summary.rate_per_s.achieved).filter(|rate| *rate > 0.0));
    let errors = sides.map(|side| side.summary.arrivals.error_rate());
    let cpu = sides.map(|side| side.summary.target_usage.as_ref()?.cpu_us_per_request);
    let others = [
        figure(
            "achieved rate".to_owned(),
            EffectUnit::PerSecond,
            false,
            Of::Rate,
            rates,
        ),
        figure(
            "failed or dropped".to_owned(),
            EffectUnit::Fraction,
            true,
            Of::Errors,
            errors,
        ),
        figure(
            "service CPU per request".to_owned(),
            EffectUnit::CpuUs,
            true,
            Of::Cpu,
            cpu,
        ),
    ];
    let several = if names.len() > 1 { names.len() } else { 0 };
    quantiles
        .chain(others)
        .chain(requests.take(several))
        .filter(|figure| figure.values.iter().any(Option::is_some))
        .collect()
}

/// Returns the response time at p99 of a request, if enough samples lie beyond it.
fn p99_of(run: &Run, name: &str) -> Option<f64> {
    let counted = CountedLatencies::of(run);
    let is_it = |index: usize| {
        let request = run.manifest.requests.get(index);
        request.is_some_and(|request| request.name == name)
    };
    let histogram = counted.histogram(Metric::Response, is_it);
    (samples_beyond(histogram.len(), 0.99) >= SAMPLES_BEYOND)
        .then(|| histogram.value_at_quantile(0.99) as f64)
}

/// Returns whether two runs planned the same load at the same time.
fn is_same_load(one: &Run, other: &Run) -> bool {
    let (a, b) = (&one.manifest, &other.manifest);
    let columns = |run: &Run| run.latencies.counted_columns().column_ns();
    a.scenario_text == b.scenario_text
        && a.overrides == b.overrides
        && a.phases == b.phases
        && columns(one) == columns(other)
}

/// Returns the block length that the autocorrelation of both runs asks for: of the mean latency, and of the tail.
fn blocks(one: &RunIntervals, two: &RunIntervals, paired: bool) -> usize {
    let tail = |own: &RunIntervals| {
        let mut counts = Vec::new();
        own.response.counts(&[(0, own.count)], &mut counts);
        let p99 = own.response.log_quantile(&counts, 0.99);
        own.response.shares_above(p99.map_or(f64::MAX, f64::exp))
    };
    let (tails, means) = (
        [tail(one), tail(two)],
        [one, two].map(|own| own.response.mean_logs().to_vec()),
    );
    let known = |values: &[Option<f64>]| -> Vec<f64> { values.iter().flatten().copied().collect() };
    let lengths = [tails, means].map(|[one, two]| match paired {
        true => {
            let pairs = one.iter().zip(&two);
            let differences: Vec<f64> = pairs
                .filter_map(|(one, two)| Some((*two)? - (*one)?))
                .collect();
            block_length(&differences)
        }
        false => block_length(&known(&one)).max(block_length(&known(&two))),
    });
    lengths.into_iter().max().unwrap_or(1)
}

/// Adds the replicates of every figure.
fn resample(
    one: &RunIntervals,
    two: &RunIntervals,
    paired: bool,
    block: usize,
    figures: &mut [Figure],
) {
    let count = one.count.min(two.count);
    let counts = match paired {
        true => [count, count],
        false => [one.count, two.count],
    };
    // Any seed will do; a fixed one makes the report of two runs the same every time.
    let [mut draws_one, mut draws_two] = [
        MovingBlocks::new(counts[0], block, 1),
        MovingBlocks::new(counts[1], block, 2),
    ];
    let correction = draws_one
        .spread_correction()
        .max(draws_two.spread_correction());
    let mut bins = Vec::new();
    for _ in 0..REPLICATES {
        let blocks_one = draws_one.draw();
        let blocks_two = match paired {
            true => blocks_one.clone(),
            false => draws_two.draw(),
        };
        let values = [
            replicate(one, &blocks_one, figures, &mut bins),
            replicate(two, &blocks_two, figures, &mut bins),
        ];
        for (index, figure) in figures.iter_mut().enumerate() {
            let pair = values[0][index].zip(values[1][index]);
            let difference = pair.and_then(|(one, two)| figure.difference([one, two]));
            figure.replicates.extend(difference);
            figure.correction = correction;
        }
    }
}

/// Computes every figure of one replicate.
fn replicate(
    own: &RunIntervals,
    blocks: &[(usize, usize)],
    figures: &[Figure],
    bins: &mut Vec<u64>,
) -> Vec<Option<f64>> {
    let completed = own.completed.sum(blocks);
    let quantile = |latencies: &Latencies, counts: &[u64], quantile| {
        latencies.log_quantile(counts, quantile).map(f64::exp)
    };
    own.response.counts(blocks, bins);
    let mut values: Vec<Option<f64>> = figures
        .iter()
        .map(|figure| match figure.of {
            Of::Quantile(at) => quantile(&own.response, bins, at),
            Of::Request(_) => None,
            Of::Rate => Some(completed / own.seconds.sum(blocks)),
            Of::Errors => {
                let lost = own.lost.sum(blocks);
                Some(lost / (lost + completed))
            }
            Of::Cpu => Some(own.cpu_us.as_ref()?.sum(blocks) / completed),
        })
        .collect();
    for (value, figure) in values.iter_mut().zip(figures) {
        if let Of::Request(index) = figure.of
            && let Some((_, latencies)) = own.requests.get(index)
        {
            latencies.counts(blocks, bins);
            *value = quantile(latencies, bins, 0.99);
        }
    }
    values
}

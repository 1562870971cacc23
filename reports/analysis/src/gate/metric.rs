//! One metric of both builds, and what the rounds say of it.

use serde::{Deserialize, Serialize};

use crate::gate::cluster::cluster_inflation;
use crate::gate::decision::GateVerdict;
use crate::gate::detectable::{rounds_needed, smallest_detectable};
use crate::gate::hodges_lehmann::{HodgesLehmann, Interval, WalshAverages, median as median_of};
use crate::gate::looks::Look;
use crate::gate::plan::Plan;
use crate::gate::round::{Pair, Round};
use crate::gate::scale::qn_scale;
use crate::gate::serial::{serial_inflation, weakened};
use crate::gate::settings::Limits;
use crate::words;

/// The share of the rounds that must tell a metric for it to pass: a build too slow to give enough
/// samples must not be judged by the rounds in which it did.
const LEAST_PRESENT: f64 = 0.75;

/// What a metric is for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// It decides.
    #[default]
    Gated,
    /// It is told beside those that decide.
    Informs,
}

/// A metric of which less is better.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metric {
    /// Its name, as in the rounds.
    pub name: String,
    /// The unit of its values and its floor, as reports say it.
    pub unit: String,
    /// What it is for.
    #[serde(default)]
    pub role: Role,
    /// Values below this count as this: what lies under it does not matter, and zero needs it.
    #[serde(default)]
    pub floor: f64,
    /// The effect this metric is gated for, where it is not that of all: a ratio less one.
    #[serde(default)]
    pub limit: Option<f64>,
    /// By how much a calibration found neighbouring rounds' likeness to raise the variance of an
    /// estimate. What the judged rounds show is used where it is greater.
    #[serde(default)]
    pub serial_inflation: Option<f64>,
    /// Why it is not gated, where it was meant to be.
    #[serde(default)]
    pub not_gated_because: Option<String>,
}

/// An estimated effect: the ratio of candidate to baseline, less one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Effect {
    /// The Hodges-Lehmann estimate: 0.05 is 5% more than the baseline.
    pub value: f64,
    /// Its interval; none where the rounds are too few for one.
    pub interval: Option<Interval>,
    /// Number of rounds behind it.
    pub count: usize,
}

/// What the rounds say of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricResult {
    /// The metric.
    pub metric: Metric,
    /// The effects that decide.
    pub limits: Limits,
    /// Its own verdict.
    pub verdict: GateVerdict,
    /// Whether the candidate is better by more than a slowdown would have to be worse. Passes too.
    pub improved: bool,
    /// The medians over the rounds, in the metric's unit; none where nothing was measured.
    pub medians: Option<Pair<f64>>,
    /// The effect; none where nothing was measured.
    pub effect: Option<Effect>,
    /// How `d` scatters from round to round, as a standard deviation; none below two rounds.
    pub noise: Option<f64>,
    /// By how much neighbouring rounds' likeness raises the variance of the estimate; at least 1.
    pub serial_inflation: f64,
    /// The smallest slowdown that these rounds would have told from none with the asked power.
    pub smallest_detectable: Option<f64>,
    /// The rounds it takes to tell the effect this metric is gated for from none.
    pub rounds_needed: Option<usize>,
    /// The p-value against "not slower", by itself.
    pub p_slower: f64,
    /// The same adjusted for the other gated tests; of a metric that informs, by itself.
    pub p_slower_adjusted: f64,
    /// The p-value against "not faster", adjusted likewise.
    pub p_faster_adjusted: f64,
    /// Why the verdict is what it is, in a sentence.
    pub reason: String,
}

impl Metric {
    /// Returns a metric that is gated with the limits of all.
    pub fn gated(name: &str, unit: &str) -> Self {
        Self {
            name: name.to_owned(),
            unit: unit.to_owned(),
            ..Self::default()
        }
    }

    /// Returns the values of the rounds that tell the metric, in their order.
    pub(crate) fn pairs(&self, rounds: &[Round]) -> Vec<Pair<f64>> {
        rounds
            .iter()
            .filter_map(|round| round.metrics.get(&self.name).copied())
            .filter(|pair| pair.log_ratio(self.floor).is_some())
            .collect()
    }

    /// Returns by how much the likeness of neighbouring rounds, and of those between two restarts, raises
    /// the variance of an estimate; at least 1.
    pub(crate) fn inflation(&self, rounds: &[Round]) -> f64 {
        let mut restarts = 0;
        let mut clusters = Vec::new();
        let mut differences = Vec::new();
        for round in rounds {
            restarts += usize::from(round.restarted);
            let pair = round.metrics.get(&self.name);
            if let Some(difference) = pair.and_then(|pair| pair.log_ratio(self.floor)) {
                clusters.push(restarts);
                differences.push(difference);
            }
        }
        serial_inflation(&differences).max(cluster_inflation(&differences, &clusters))
    }

    /// Returns `ln(candidate / baseline)` of the rounds that tell it, in their order.
    pub(crate) fn differences(&self, rounds: &[Round]) -> Vec<f64> {
        self.pairs(rounds)
            .iter()
            .filter_map(|pair| pair.log_ratio(self.floor))
            .collect()
    }
}

impl Effect {
    /// Makes a ratio of the shift of logarithms, its interval widened for the likeness of neighbours.
    pub(crate) fn of(shift: HodgesLehmann, inflation: f64) -> Self {
        let widened = |end: f64| (shift.value + (end - shift.value) * inflation.sqrt()).exp_m1();
        Self {
            value: shift.value.exp_m1(),
            interval: shift.interval.map(|interval| Interval {
                low: widened(interval.low),
                high: widened(interval.high),
                ..interval
            }),
            count: shift.count,
        }
    }
}

/// Measures a metric at a look. Its verdict is still open: [`judge`] gives it once the p-values of the
/// whole family are known.
pub(crate) fn measure(metric: &Metric, rounds: &[Round], plan: &Plan, look: Look) -> MetricResult {
    let limits = plan.settings().limits(metric.limit);
    let differences = metric.differences(rounds);
    let count = differences.len();
    let inflation = metric
        .inflation(rounds)
        .max(metric.serial_inflation.unwrap_or(1.0));
    let averages = WalshAverages::of(&differences);
    let p_value = |p: fn(&WalshAverages) -> f64| {
        averages
            .as_ref()
            .map_or(1.0, |averages| weakened(p(averages), inflation))
    };
    let (p_slower, p_faster) = (
        p_value(WalshAverages::p_greater),
        p_value(WalshAverages::p_less),
    );
    let noise = qn_scale(&differences);
    let (level, power) = (strictest_level(metric, plan, look), plan.settings().power);
    let long_run = noise.map(|noise| noise * inflation.sqrt());
    MetricResult {
        limits,
        verdict: GateVerdict::Inconclusive,
        improved: false,
        medians: medians(metric.pairs(rounds)),
        effect: averages.map(|averages| Effect::of(averages.estimate(look.alpha), inflation)),
        noise,
        serial_inflation: inflation,
        smallest_detectable: long_run.map(|noise| smallest_detectable(noise, count, level, power)),
        rounds_needed: long_run.map(|noise| rounds_needed(noise, limits.min_effect, level, power)),
        p_slower,
        p_slower_adjusted: p_slower,
        p_faster_adjusted: p_faster,
        reason: String::new(),
        metric: metric.clone(),
    }
}

/// The level at which the first of the family is tested: what the metric must reach by itself.
fn strictest_level(metric: &Metric, plan: &Plan, look: Look) -> f64 {
    match metric.role {
        Role::Gated => look.alpha / plan.tests() as f64,
        Role::Informs => look.alpha,
    }
}

fn medians(pairs: Vec<Pair<f64>>) -> Option<Pair<f64>> {
    let median = |of: fn(&Pair<f64>) -> f64| {
        let values: Vec<f64> = pairs.iter().map(of).collect();
        (!values.is_empty()).then(|| median_of(&values))
    };
    Some(Pair {
        baseline: median(|pair| pair.baseline)?,
        candidate: median(|pair| pair.candidate)?,
    })
}

/// Gives a measured metric its verdict at a look's level, by its adjusted p-values.
///
/// What is shown to lie within the tolerance passes, even where it is surely not nothing; what is surely
/// slower and estimated above the limit fails; all else is not known.
pub(crate) fn judge(result: &mut MetricResult, rounds: usize, alpha: f64) {
    let limits = result.limits;
    let Some(effect) = result.effect else {
        result.reason = "nothing was measured".to_owned();
        return;
    };
    let Some(interval) = effect.interval else {
        result.reason = format!("{} rounds are too few for an interval", effect.count);
        return;
    };
    let is_slower = interval.low > 0.0 && result.p_slower_adjusted <= alpha;
    let is_faster = interval.high < 0.0 && result.p_faster_adjusted <= alpha;
    if interval.high < limits.tolerance {
        if (effect.count as f64) < LEAST_PRESENT * rounds as f64 {
            result.reason = format!("only {} of {rounds} rounds tell it", effect.count);
            return;
        }
        result.verdict = GateVerdict::Pass;
        // As much better as a slowdown above the limit is worse: ln(1 + x) either way.
        result.improved = is_faster && effect.value.ln_1p() < -limits.fail_above.ln_1p();
        result.reason = if result.improved {
            format!("better by {}", words::percent(-effect.value))
        } else {
            format!("worse by less than {}", words::percent(limits.tolerance))
        };
    } else if is_slower && effect.value > limits.fail_above {
        result.verdict = GateVerdict::Fail;
        result.reason = format!(
            "worse by {}, and surely by more than {}",
            words::percent(effect.value),
            words::percent(interval.low)
        );
    } else if is_slower {
        result.reason = format!(
            "worse by {}, which may be more or less than {}",
            words::percent(effect.value),
            words::percent(limits.tolerance)
        );
    } else {
        result.reason = format!("may be worse by up to {}", words::percent(interval.high));
    }
}

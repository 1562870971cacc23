//! The result of one metric over the rounds.

use serde::{Deserialize, Serialize};

use crate::format;
use crate::gate::effect::Effect;
use crate::gate::metric::{Metric, Role};
use crate::gate::pair::Pair;
use crate::gate::plan::Plan;
use crate::gate::round::Round;
use crate::gate::settings::Limits;
use crate::gate::verdict::GateVerdict;
use crate::stats::alpha_spending::Look;
use crate::stats::hodges_lehmann::WalshAverages;
use crate::stats::median::median as median_of;
use crate::stats::power::{rounds_needed, smallest_detectable};
use crate::stats::qn_scale::qn_scale;
use crate::stats::serial::weakened;

/// The share of the rounds that must tell a metric for it to pass: a build too slow to give enough
/// samples must not be judged by the rounds in which it did.
const LEAST_PRESENT: f64 = 0.75;

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
            format!("better by {}", format::percent(-effect.value))
        } else {
            format!("worse by less than {}", format::percent(limits.tolerance))
        };
    } else if is_slower && effect.value > limits.fail_above {
        result.verdict = GateVerdict::Fail;
        result.reason = format!(
            "worse by {}, and surely by more than {}",
            format::percent(effect.value),
            format::percent(interval.low)
        );
    } else if is_slower {
        result.reason = format!(
            "worse by {}, which may be more or less than {}",
            format::percent(effect.value),
            format::percent(limits.tolerance)
        );
    } else {
        result.reason = format!("may be worse by up to {}", format::percent(interval.high));
    }
}

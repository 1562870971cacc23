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
use tenfold_stats::Look;
use tenfold_stats::WalshAverages;
use tenfold_stats::correct_p_value;
use tenfold_stats::median as median_of;
use tenfold_stats::qn_scale;
use tenfold_stats::{rounds_needed, smallest_detectable};

/// Minimum share of the rounds that must measure a metric for it to pass. A build that is often too slow
/// for enough samples must not be judged by its other rounds.
const PRESENT_MIN: f64 = 0.75;

/// The result of one metric over the rounds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricResult {
    /// The metric.
    pub metric: Metric,
    /// Effects that decide the verdict.
    pub limits: Limits,
    /// Verdict on this metric.
    pub verdict: GateVerdict,
    /// True if the candidate is faster by more than the effect at which a slowdown fails. Implies a pass.
    pub improved: bool,
    /// Medians over the rounds, in the unit of the metric. `None` if nothing was measured.
    pub medians: Option<Pair<f64>>,
    /// Estimated effect. `None` if nothing was measured.
    pub effect: Option<Effect>,
    /// Scale of `d` from round to round, as a standard deviation. `None` for fewer than two rounds.
    pub noise: Option<f64>,
    /// Variance inflation due to correlated rounds; at least 1.
    pub serial_inflation: f64,
    /// Smallest slowdown that these rounds detect with the configured power.
    pub smallest_detectable: Option<f64>,
    /// Number of rounds that detect the minimum effect.
    pub rounds_needed: Option<usize>,
    /// p-value against "not slower", unadjusted.
    pub p_slower: f64,
    /// p-value against "not slower", adjusted for the other gated tests. Unadjusted if the metric only informs.
    pub p_slower_adjusted: f64,
    /// p-value against "not faster", adjusted in the same way.
    pub p_faster_adjusted: f64,
    /// Reason for the verdict, in a sentence.
    pub reason: String,
}

/// Measures a metric at a look. [`judge`] sets the verdict once the p-values of the family are adjusted.
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
            .map_or(1.0, |averages| correct_p_value(p(averages), inflation))
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

/// Returns the level of the strictest test of the family.
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

/// Sets the verdict of a measured metric at the level of a look, from its adjusted p-values.
///
/// Passes if the interval lies below the tolerance, even if a slowdown within it is significant. Fails if the
/// slowdown is significant and its estimate exceeds the limit. Inconclusive otherwise.
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
        if (effect.count as f64) < PRESENT_MIN * rounds as f64 {
            result.reason = format!("only {} of {rounds} rounds measured it", effect.count);
            return;
        }
        result.verdict = GateVerdict::Pass;
        // Symmetric in logarithms: as much faster as a failing slowdown is slower.
        result.improved = is_faster && effect.value.ln_1p() < -limits.fail_above.ln_1p();
        result.reason = if result.improved {
            format!("better by {}", format::percent(-effect.value))
        } else {
            format!("worse by less than {}", format::percent(limits.tolerance))
        };
    } else if is_slower && effect.value > limits.fail_above {
        result.verdict = GateVerdict::Fail;
        result.reason = format!(
            "worse by {}, by at least {}",
            format::percent(effect.value),
            format::percent(interval.low)
        );
    } else if is_slower {
        result.reason = format!(
            "worse by {}, which may be above or below {}",
            format::percent(effect.value),
            format::percent(limits.tolerance)
        );
    } else {
        result.reason = format!("may be worse by up to {}", format::percent(interval.high));
    }
}

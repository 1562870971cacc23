//! Which metrics a machine can gate, from rounds of a build against itself.

use serde::{Deserialize, Serialize};

use crate::format;
use crate::gate::effect::Effect;
use crate::gate::metric::{Metric, Role};
use crate::gate::plan::Plan;
use crate::gate::round::Round;
use crate::stats::hodges_lehmann::WalshAverages;
use crate::stats::power::{rounds_needed, smallest_detectable};
use crate::stats::qn_scale::qn_scale;

/// The share of the least effect by which identical builds may surely differ.
const MOST_BIAS: f64 = 0.5;

/// The fewest rounds that say how noisy a metric is.
const LEAST_ROUNDS: usize = 8;

/// What rounds of a build against itself say of a metric.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricCalibration {
    /// The metric's name.
    pub name: String,
    /// Number of rounds that tell it.
    pub count: usize,
    /// How `d` scatters from round to round, as a standard deviation.
    pub noise: Option<f64>,
    /// By how much neighbouring rounds' likeness raises the variance of an estimate; at least 1.
    pub serial_inflation: f64,
    /// By how much the identical builds seem to differ.
    pub bias: Option<Effect>,
    /// The smallest slowdown that the budget of rounds tells from none with the asked power.
    pub smallest_detectable: Option<f64>,
    /// The rounds it takes to see the effect the metric is gated for.
    pub rounds_needed: Option<usize>,
    /// Whether the metric can be gated.
    pub gated: bool,
    /// Why not, in a sentence; none of one that can.
    pub reason: Option<String>,
}

/// Calibrates every metric of a plan by rounds of a build against itself, for gates of `budget` rounds.
///
/// A metric is gated where the budget lets the strictest test of its family see the metric's own
/// effect with the asked power, and the identical builds do not surely differ by half of it. Assumes
/// that the rounds to come are as noisy as these.
pub fn calibrate(rounds: &[Round], plan: &Plan, budget: usize) -> Vec<MetricCalibration> {
    let metrics = plan.metrics().iter();
    metrics
        .map(|metric| calibrate_metric(metric, rounds, plan, budget))
        .collect()
}

/// Returns the plan as a calibration of its metrics corrects it: those that cannot be gated only inform,
/// and say why; each knows how alike neighbouring rounds are.
pub fn calibrated(plan: &Plan, calibration: &[MetricCalibration]) -> Plan {
    let metrics = plan.metrics().iter().map(|metric| {
        let Some(own) = calibration.iter().find(|own| own.name == metric.name) else {
            return metric.clone();
        };
        let demoted = own.reason.clone().filter(|_| metric.role == Role::Gated);
        Metric {
            role: if demoted.is_some() {
                Role::Informs
            } else {
                metric.role
            },
            not_gated_because: demoted.or_else(|| metric.not_gated_because.clone()),
            serial_inflation: Some(own.serial_inflation),
            ..metric.clone()
        }
    });
    plan.with_metrics(metrics.collect())
}

fn calibrate_metric(
    metric: &Metric,
    rounds: &[Round],
    plan: &Plan,
    budget: usize,
) -> MetricCalibration {
    let differences = metric.differences(rounds);
    let settings = plan.settings();
    let effect = settings.limits(metric.limit).min_effect;
    let level = plan.last_look().alpha / plan.tests() as f64;
    let noise = qn_scale(&differences);
    let inflation = metric.inflation(rounds);
    let long_run = noise.map(|noise| noise * inflation.sqrt());
    // Both ends of every metric's interval share alpha.
    let tail = settings.alpha / (2 * plan.metrics().len().max(1)) as f64;
    let mut calibration = MetricCalibration {
        name: metric.name.clone(),
        count: differences.len(),
        noise,
        serial_inflation: inflation,
        bias: WalshAverages::of(&differences)
            .map(|averages| Effect::of(averages.estimate(tail), inflation)),
        smallest_detectable: long_run
            .map(|noise| smallest_detectable(noise, budget, level, settings.power)),
        rounds_needed: long_run.map(|noise| rounds_needed(noise, effect, level, settings.power)),
        gated: false,
        reason: None,
    };
    calibration.reason = objection(&calibration, effect, budget);
    calibration.gated = calibration.reason.is_none();
    calibration
}

fn objection(calibration: &MetricCalibration, effect: f64, budget: usize) -> Option<String> {
    if calibration.count < LEAST_ROUNDS {
        return Some(format!(
            "{} rounds tell it, and {LEAST_ROUNDS} are needed to know its noise",
            calibration.count
        ));
    }
    let needed = calibration.rounds_needed?;
    if needed > budget {
        let seen = calibration.smallest_detectable.unwrap_or(f64::INFINITY);
        return Some(format!(
            "{budget} rounds see {} at best, and {} takes {needed}",
            format::percent(seen),
            format::percent(effect)
        ));
    }
    let bias = calibration.bias?;
    let interval = bias.interval?;
    let surely = interval.low > 0.0 || interval.high < 0.0;
    (surely && bias.value.abs() > MOST_BIAS * effect).then(|| {
        format!(
            "a build differs from itself by {}",
            format::percent(bias.value.abs())
        )
    })
}

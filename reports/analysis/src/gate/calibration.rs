//! Calibration: the metrics that a machine can gate, from rounds of a build against itself.

use serde::{Deserialize, Serialize};

use crate::format;
use crate::gate::effect::Effect;
use crate::gate::metric::{Metric, Role};
use crate::gate::plan::Plan;
use crate::gate::round::Round;
use tenfold_stats::WalshAverages;
use tenfold_stats::qn_scale;
use tenfold_stats::{rounds_needed, smallest_detectable};

/// Maximum significant difference of identical builds, as a share of the minimum effect.
const BIAS_MAX: f64 = 0.5;

/// Minimum number of rounds for an estimate of the noise.
const ROUNDS_MIN: usize = 8;

/// Calibration of one metric, from rounds of a build against itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MetricCalibration {
    /// Name of the metric.
    pub name: String,
    /// Number of rounds that measured the metric.
    pub count: usize,
    /// Scale of `d` from round to round, as a standard deviation.
    pub noise: Option<f64>,
    /// Variance inflation due to correlated rounds; at least 1.
    pub serial_inflation: f64,
    /// Estimated difference of the identical builds.
    pub bias: Option<Effect>,
    /// Smallest slowdown that the budget of rounds detects with the configured power.
    pub smallest_detectable: Option<f64>,
    /// Number of rounds that detect the minimum effect.
    pub rounds_needed: Option<usize>,
    /// True if the metric can be gated.
    pub gated: bool,
    /// Reason why the metric cannot be gated, in a sentence. `None` if it can.
    pub reason: Option<String>,
}

/// Calibrates every metric of a plan from rounds of a build against itself, for gates of `budget` rounds.
///
/// A metric can be gated if the strictest test of its family detects the minimum effect within the budget and
/// the identical builds do not differ significantly by more than half of it. Assumes that later rounds are as
/// noisy as these.
pub fn calibrate(rounds: &[Round], plan: &Plan, budget: usize) -> Vec<MetricCalibration> {
    let metrics = plan.metrics().iter();
    metrics
        .map(|metric| calibrate_metric(metric, rounds, plan, budget))
        .collect()
}

/// Applies a calibration to a plan: metrics that cannot be gated only inform, with a reason, and each metric
/// gets its variance inflation.
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
    // Both ends of the intervals of all metrics share alpha.
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
    if calibration.count < ROUNDS_MIN {
        return Some(format!(
            "{} rounds measured it, and {ROUNDS_MIN} are needed to estimate its noise",
            calibration.count
        ));
    }
    let needed = calibration.rounds_needed?;
    if needed > budget {
        let detectable = calibration.smallest_detectable.unwrap_or(f64::INFINITY);
        return Some(format!(
            "{budget} rounds detect {} at best, and {} needs {needed}",
            format::percent(detectable),
            format::percent(effect)
        ));
    }
    let bias = calibration.bias?;
    let interval = bias.interval?;
    let is_significant = interval.low > 0.0 || interval.high < 0.0;
    (is_significant && bias.value.abs() > BIAS_MAX * effect).then(|| {
        format!(
            "a build differs from itself by {}",
            format::percent(bias.value.abs())
        )
    })
}

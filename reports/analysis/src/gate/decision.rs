//! Decision over all metrics, from the rounds so far.

use serde::{Deserialize, Serialize};

use crate::gate::failures::{self, FailureResult};
use crate::gate::metric::Role;
use crate::gate::metric_result::{self, MetricResult};
use crate::gate::plan::Plan;
use crate::gate::round::Round;
use crate::gate::verdict::GateVerdict;
use crate::stats::alpha_spending::Look;
use crate::stats::holm::holm;

/// Decision over all metrics.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// Verdict over all gated metrics and failures.
    pub verdict: GateVerdict,
    /// Number of rounds judged.
    pub rounds: usize,
    /// Look whose alpha the decision spent.
    pub look: Look,
    /// Result of each metric, in the order of the plan.
    pub metrics: Vec<MetricResult>,
    /// Result of failures. `None` if failures are not judged.
    pub failures: Option<FailureResult>,
    /// Reasons for the verdict, in sentences.
    pub reasons: Vec<String>,
}

/// Judges the rounds at the alpha of the first planned look that is not yet past.
///
/// Call it at a planned look, as [`crate::gate::next`] does, or once if the rounds end between two looks.
/// Additional looks would spend alpha that was not planned. The gate fails if any gated test fails, with
/// Holm's correction over all of them; is inconclusive if any is inconclusive; and passes if all pass and
/// at least one metric is gated. Improvements are a separate family at the same level.
pub fn decide(rounds: &[Round], plan: &Plan) -> Decision {
    let look = plan.look_for(rounds.len());
    let mut metrics: Vec<MetricResult> = plan
        .metrics()
        .iter()
        .map(|metric| metric_result::measure(metric, rounds, plan, look))
        .collect();
    let mut failures = plan.failures().map(|rule| failures::measure(rule, rounds));
    adjust(&mut metrics, failures.as_mut());
    for result in &mut metrics {
        metric_result::judge(result, rounds.len(), look.alpha);
    }
    if let Some(failures) = &mut failures {
        failures::judge(failures, look.alpha);
    }
    let (verdict, reasons) = overall(&metrics, failures.as_ref());
    Decision {
        verdict,
        rounds: rounds.len(),
        look,
        metrics,
        failures,
        reasons,
    }
}

/// Adjusts the p-values of the gated tests for multiple testing, separately for each direction.
fn adjust(metrics: &mut [MetricResult], failures: Option<&mut FailureResult>) {
    let gated = metrics
        .iter_mut()
        .filter(|result| result.metric.role == Role::Gated)
        .map(|result| (&mut result.p_slower_adjusted, &mut result.p_faster_adjusted));
    let failures = failures
        .filter(|result| result.rule.role == Role::Gated)
        .map(|result| (&mut result.p_more_adjusted, &mut result.p_fewer_adjusted));
    let (worse, better): (Vec<_>, Vec<_>) = gated.chain(failures).unzip();
    for family in [worse, better] {
        let adjusted = holm(&family.iter().map(|p| **p).collect::<Vec<_>>());
        for (p, adjusted) in family.into_iter().zip(adjusted) {
            *p = adjusted;
        }
    }
}

fn overall(
    metrics: &[MetricResult],
    failures: Option<&FailureResult>,
) -> (GateVerdict, Vec<String>) {
    let gated_metrics = metrics
        .iter()
        .filter(|result| result.metric.role == Role::Gated)
        .map(|result| {
            (
                result.metric.name.as_str(),
                result.verdict,
                result.reason.as_str(),
            )
        });
    let gated_failures = failures
        .filter(|result| result.rule.role == Role::Gated)
        .map(|result| ("failures", result.verdict, result.reason.as_str()));
    let of_metrics = gated_metrics.clone().count();
    let gated: Vec<_> = gated_metrics.chain(gated_failures).collect();
    let reasons = |verdict| {
        let matching = gated.iter().filter(|(_, own, _)| *own == verdict);
        matching
            .map(|(name, _, reason)| format!("{name}: {reason}"))
            .collect()
    };
    for verdict in [GateVerdict::Fail, GateVerdict::Inconclusive] {
        if gated.iter().any(|(_, own, _)| *own == verdict) {
            return (verdict, reasons(verdict));
        }
    }
    if of_metrics == 0 {
        let reason = "no metric is gated".to_owned();
        return (GateVerdict::Inconclusive, vec![reason]);
    }
    (GateVerdict::Pass, reasons(GateVerdict::Pass))
}

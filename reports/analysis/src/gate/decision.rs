//! Decision over all metrics, from the rounds so far.

use serde::{Deserialize, Serialize};

use crate::gate::failures::{self, FailureResult};
use crate::gate::metric::Role;
use crate::gate::metric_result::{self, MetricResult};
use crate::gate::plan::Plan;
use crate::gate::round::Round;
use crate::gate::verdict::GateVerdict;
use tenfold_stats::Look;
use tenfold_stats::holm;

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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::failures::FailureRule;
    use crate::gate::metric::Metric;
    use crate::gate::settings::Settings;

    fn metric(name: &str, role: Role) -> Metric {
        Metric {
            role,
            ..Metric::gated(name, "ns")
        }
    }

    /// Results without a round: one of each role, and one of failures with this role.
    fn results(roles: &[Role], of_failures: Role) -> (Vec<MetricResult>, FailureResult) {
        let metrics = roles.iter().zip(["a", "b", "c", "d"]);
        let metrics = metrics.map(|(role, name)| metric(name, *role)).collect();
        let rule = FailureRule {
            role: of_failures,
            ..FailureRule::default()
        };
        let plan = Plan::new(Settings::default(), metrics, Some(rule)).unwrap();
        let decision = decide(&[], &plan);
        (decision.metrics, decision.failures.unwrap())
    }

    const ROLES: [Role; 4] = [Role::Gated, Role::Informs, Role::Gated, Role::Gated];

    #[test]
    fn gated_tests_share_the_level_in_each_direction() {
        // The family of the test of Holm's procedure, and a metric outside of it.
        let slower = [0.01, 0.001, 0.04, 0.03];
        let faster = [0.9, 0.2, 0.1, 0.9];
        let (mut metrics, mut failures) = results(&ROLES, Role::Gated);
        for (result, (slower, faster)) in metrics.iter_mut().zip(slower.iter().zip(faster)) {
            (result.p_slower_adjusted, result.p_faster_adjusted) = (*slower, faster);
        }
        (failures.p_more_adjusted, failures.p_fewer_adjusted) = (0.005, 0.9);
        adjust(&mut metrics, Some(&mut failures));
        let is_near = |adjusted: [f64; 5], exact: [f64; 5]| {
            let mut pairs = adjusted.iter().zip(exact);
            let near = pairs.all(|(adjusted, exact)| (adjusted - exact).abs() < 1e-12);
            assert!(near, "{adjusted:?} is not {exact:?}");
        };
        let of = |p: fn(&MetricResult) -> f64, failures: f64| {
            let [a, b, c, d] = [0, 1, 2, 3].map(|index: usize| p(&metrics[index]));
            [a, b, c, d, failures]
        };
        is_near(
            of(|result| result.p_slower_adjusted, failures.p_more_adjusted),
            [0.03, 0.001, 0.06, 0.06, 0.02],
        );
        is_near(
            of(|result| result.p_faster_adjusted, failures.p_fewer_adjusted),
            [1.0, 0.2, 0.4, 1.0, 1.0],
        );
    }

    #[test]
    fn failures_that_inform_are_not_in_the_family() {
        let (mut metrics, mut failures) = results(&ROLES[..1], Role::Informs);
        metrics[0].p_slower_adjusted = 0.01;
        failures.p_more_adjusted = 0.005;
        adjust(&mut metrics, Some(&mut failures));
        assert_eq!(metrics[0].p_slower_adjusted, 0.01);
        assert_eq!(failures.p_more_adjusted, 0.005);
    }

    #[test]
    fn worst_verdict_of_the_gated_tests_decides() {
        use GateVerdict::{Fail, Inconclusive, Pass};
        let overall_of = |verdicts: [GateVerdict; 4], of_failures: GateVerdict| {
            let (mut metrics, mut failures) = results(&ROLES, Role::Gated);
            for (result, verdict) in metrics.iter_mut().zip(verdicts) {
                (result.verdict, result.reason) = (verdict, format!("{verdict:?}"));
            }
            (failures.verdict, failures.reason) = (of_failures, format!("{of_failures:?}"));
            overall(&metrics, Some(&failures))
        };
        let expect = |verdict, reasons: &[&str]| {
            let reasons = reasons.iter().map(|reason| (*reason).to_owned());
            (verdict, reasons.collect::<Vec<String>>())
        };
        // The second metric only informs.
        assert_eq!(
            overall_of([Pass, Fail, Pass, Pass], Pass),
            expect(Pass, &["a: Pass", "c: Pass", "d: Pass", "failures: Pass"])
        );
        assert_eq!(
            overall_of([Pass, Fail, Inconclusive, Pass], Inconclusive),
            expect(Inconclusive, &["c: Inconclusive", "failures: Inconclusive"])
        );
        assert_eq!(
            overall_of([Fail, Pass, Inconclusive, Fail], Inconclusive),
            expect(Fail, &["a: Fail", "d: Fail"])
        );
        assert_eq!(
            overall_of([Pass; 4], Fail),
            expect(Fail, &["failures: Fail"])
        );
    }

    #[test]
    fn gate_needs_a_gated_metric_to_pass() {
        let (mut metrics, mut failures) = results(&[Role::Informs], Role::Gated);
        (metrics[0].verdict, failures.verdict) = (GateVerdict::Pass, GateVerdict::Pass);
        let (verdict, reasons) = overall(&metrics, Some(&failures));
        assert_eq!(verdict, GateVerdict::Inconclusive);
        assert_eq!(reasons, ["no metric is gated"]);
        failures.verdict = GateVerdict::Fail;
        assert_eq!(overall(&metrics, Some(&failures)).0, GateVerdict::Fail);
        // Failures that only inform do not decide.
        failures.rule.role = Role::Informs;
        assert_eq!(
            overall(&metrics, Some(&failures)).0,
            GateVerdict::Inconclusive
        );
        assert_eq!(overall(&[], None).0, GateVerdict::Inconclusive);
    }
}

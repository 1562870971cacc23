//! Comparison of the error rates of both builds.

use serde::{Deserialize, Serialize};

use crate::format;
use crate::gate::metric::Role;
use crate::gate::pair::Pair;
use crate::gate::round::{Attempts, Round};
use crate::gate::verdict::GateVerdict;
use tenfold_stats::fisher_exact;
use tenfold_stats::newcombe_interval;
use tenfold_stats::sign_test;

/// Rule for the judgement of failures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FailureRule {
    /// Role in the decision.
    pub role: Role,
    /// Maximum increase of the error rate: 0.001 is one more failure in a thousand requests.
    pub limit: f64,
}

impl Default for FailureRule {
    fn default() -> Self {
        Self {
            role: Role::Gated,
            limit: 0.001,
        }
    }
}

/// The result of failures over the rounds.
///
/// Failure counts are mostly zero and have no useful ratio. Two tests replace the signed-rank test, and both
/// must be significant. Fisher's exact test compares the counts of all rounds. It assumes that requests fail
/// independently, but one bad second fails hundreds of them. The sign test, which assumes only independent
/// rounds, therefore also compares the rounds in which the candidate's error rate was higher with those in
/// which it was lower.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureResult {
    /// The rule.
    pub rule: FailureRule,
    /// Verdict on failures.
    pub verdict: GateVerdict,
    /// True if the candidate fails significantly fewer requests, by more than the limit.
    pub improved: bool,
    /// Requests and failures over all rounds.
    pub counts: Pair<Attempts>,
    /// Error rate of the candidate minus that of the baseline. `None` if a build was sent nothing.
    pub difference: Option<f64>,
    /// 95% interval of the difference (Newcombe, Interval estimation for the difference between independent
    /// proportions, Statistics in Medicine 17, 1998, method 10). Assumes independent requests.
    pub interval_95: [f64; 2],
    /// p-value against "not more failures", unadjusted: the greater one of the two tests.
    pub p_more: f64,
    /// p-value against "not more failures", adjusted for the other gated tests. Unadjusted if failures only
    /// inform.
    pub p_more_adjusted: f64,
    /// p-value against "not fewer failures", adjusted in the same way.
    pub p_fewer_adjusted: f64,
    /// Reason for the verdict, in a sentence.
    pub reason: String,
}

/// Counts failures. [`judge`] sets the verdict once the p-values of the family are adjusted.
pub(crate) fn measure(rule: FailureRule, rounds: &[Round]) -> FailureResult {
    let counted: Vec<Pair<Attempts>> = rounds.iter().filter_map(|round| round.failures).collect();
    let sum = |of: fn(&Pair<Attempts>) -> Attempts| {
        counted
            .iter()
            .map(of)
            .fold(Attempts::default(), |sum, one| Attempts {
                sent: sum.sent + one.sent,
                failed: sum.failed + one.failed.min(one.sent),
            })
    };
    let counts = Pair {
        baseline: sum(|pair| pair.baseline),
        candidate: sum(|pair| pair.candidate),
    };
    let mirrored: Vec<Pair<Attempts>> = counted.iter().map(swapped).collect();
    let p_more = p_more(&counted, counts);
    FailureResult {
        rule,
        verdict: GateVerdict::Inconclusive,
        improved: false,
        counts,
        difference: difference(counts),
        interval_95: newcombe_interval(counts.candidate.failures(), counts.baseline.failures()),
        p_more,
        p_more_adjusted: p_more,
        p_fewer_adjusted: self::p_more(&mirrored, swapped(&counts)),
        reason: String::new(),
    }
}

/// Sets the verdict on failures at the level of a look.
///
/// Failures pass if the measured increase is within the limit, without a proof that the true increase is. Such
/// a proof would need hundreds of thousands of requests, so a service with little traffic would never pass.
/// The interval shows the increase that remains possible.
pub(crate) fn judge(result: &mut FailureResult, alpha: f64) {
    let Some(difference) = result.difference else {
        result.reason = "no request was counted".to_owned();
        return;
    };
    let limit = result.rule.limit;
    if difference <= limit {
        result.verdict = GateVerdict::Pass;
        result.improved = result.p_fewer_adjusted <= alpha && difference < -limit;
        result.reason = if result.improved {
            format!(
                "{} fewer of all requests fail",
                format::percent(-difference)
            )
        } else {
            format!(
                "at most an additional {} of all requests fail",
                format::percent(limit)
            )
        };
    } else if result.p_more_adjusted <= alpha {
        result.verdict = GateVerdict::Fail;
        result.reason = format!(
            "an additional {} of all requests fail",
            format::percent(difference)
        );
    } else {
        result.reason = format!(
            "an additional {} of all requests failed, which may be chance",
            format::percent(difference)
        );
    }
}

fn swapped(pair: &Pair<Attempts>) -> Pair<Attempts> {
    Pair {
        baseline: pair.candidate,
        candidate: pair.baseline,
    }
}

fn difference(counts: Pair<Attempts>) -> Option<f64> {
    Some(counts.candidate.rate()? - counts.baseline.rate()?)
}

/// Returns the p-value against "the candidate fails no more": the greater one of the two tests.
fn p_more(rounds: &[Pair<Attempts>], counts: Pair<Attempts>) -> f64 {
    let differences = || rounds.iter().filter_map(|pair| difference(*pair));
    let more = differences().filter(|difference| *difference > 0.0).count();
    let fewer = differences().filter(|difference| *difference < 0.0).count();
    fisher_exact(counts.candidate.failures(), counts.baseline.failures())
        .max(sign_test(more as u64, fewer as u64))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(baseline: (u64, u64), candidate: (u64, u64)) -> Pair<Attempts> {
        let attempts = |(failed, sent)| Attempts { sent, failed };
        Pair {
            baseline: attempts(baseline),
            candidate: attempts(candidate),
        }
    }

    fn judged(rounds: &[Pair<Attempts>]) -> FailureResult {
        let rounds: Vec<Round> = rounds
            .iter()
            .map(|pair| Round {
                failures: Some(*pair),
                ..Round::default()
            })
            .collect();
        let mut result = measure(FailureRule::default(), &rounds);
        judge(&mut result, 0.001);
        result
    }

    #[test]
    fn fails_candidate_with_more_failures_each_round() {
        let result = judged(&[counts((0, 500), (10, 500)); 12]);
        assert_eq!(result.verdict, GateVerdict::Fail, "{result:?}");
        assert_eq!(result.reason, "an additional 2.00% of all requests fail");
        let mirrored = judged(&[counts((10, 500), (0, 500)); 12]);
        assert_eq!(
            (mirrored.verdict, mirrored.improved),
            (GateVerdict::Pass, true)
        );
    }

    #[test]
    fn one_bad_round_does_not_fail_candidate() {
        let mut rounds = [counts((0, 500), (0, 500)); 40];
        rounds[7] = counts((0, 500), (300, 500));
        let result = judged(&rounds);
        assert!(
            fisher_exact(
                result.counts.candidate.failures(),
                result.counts.baseline.failures()
            ) < 1e-80
        );
        assert_eq!(result.verdict, GateVerdict::Inconclusive, "{result:?}");
    }

    #[test]
    fn no_failures_pass_and_no_requests_do_not() {
        assert_eq!(
            judged(&[counts((0, 500), (0, 500)); 12]).verdict,
            GateVerdict::Pass
        );
        assert_eq!(judged(&[]).verdict, GateVerdict::Inconclusive);
        assert_eq!(
            judged(&[counts((0, 500), (0, 0)); 12]).verdict,
            GateVerdict::Inconclusive
        );
    }

    #[test]
    fn significant_increase_below_limit_passes() {
        // One more failure in two thousand requests, in every round.
        let result = judged(&[counts((0, 2000), (1, 2000)); 40]);
        assert!(result.p_more < 1e-6);
        assert_eq!(result.verdict, GateVerdict::Pass);
    }
}

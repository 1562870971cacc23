//! Whether the candidate fails more requests than the baseline.

use serde::{Deserialize, Serialize};

use crate::format;
use crate::gate::metric::Role;
use crate::gate::pair::Pair;
use crate::gate::round::{Attempts, Round};
use crate::gate::verdict::GateVerdict;
use crate::stats::fisher::fisher_exact;
use crate::stats::proportion::newcombe_interval;
use crate::stats::sign_test::sign_test;

/// How failures are judged.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FailureRule {
    /// What they are for.
    pub role: Role,
    /// The share of all requests by which failures may rise: 0.001 is one more in a thousand.
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

/// What the rounds say of failures.
///
/// There is no ratio of counts that are mostly zero, so that they have tests of their own, of which
/// both must be significant. The counts of all rounds are compared by Fisher's exact test, which
/// assumes that requests fail independently of one another; they do not, for one bad second fails
/// hundreds. So the rounds in which the candidate's share was the greater are compared with those in
/// which the baseline's was, by the sign test, which assumes only that rounds are independent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FailureResult {
    /// How they are judged.
    pub rule: FailureRule,
    /// The verdict on them.
    pub verdict: GateVerdict,
    /// Whether the candidate surely fails fewer, by more than the limit.
    pub improved: bool,
    /// Requests and failures of all rounds.
    pub counts: Pair<Attempts>,
    /// The candidate's share of failures less the baseline's; none where either sent nothing.
    pub difference: Option<f64>,
    /// Its 95% interval (Newcombe, Interval estimation for the difference between independent
    /// proportions, Statistics in Medicine 17, 1998, method 10). Assumes independent requests.
    pub interval_95: [f64; 2],
    /// The p-value against "not more failures", by itself: the greater of the two tests'.
    pub p_more: f64,
    /// The same adjusted for the other gated tests; of failures that inform, by itself.
    pub p_more_adjusted: f64,
    /// The p-value against "not fewer failures", adjusted likewise.
    pub p_fewer_adjusted: f64,
    /// Why the verdict is what it is, in a sentence.
    pub reason: String,
}

/// Counts failures; the verdict is still open.
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

/// Gives failures their verdict at a look's level.
///
/// That they do not rise is not shown but not refuted: a hundred thousand requests without a failure
/// show no less, and a service with few requests would never pass. The interval says what may be hidden.
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
                "no more than {} of all requests fail in addition",
                format::percent(limit)
            )
        };
    } else if result.p_more_adjusted <= alpha {
        result.verdict = GateVerdict::Fail;
        result.reason = format!("{} more of all requests fail", format::percent(difference));
    } else {
        result.reason = format!(
            "{} more of all requests failed, which may be chance",
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

/// Returns the p-value against "the candidate fails no more": the greater of the two tests'.
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
    fn a_candidate_that_fails_more_in_every_round_fails() {
        let result = judged(&[counts((0, 500), (10, 500)); 12]);
        assert_eq!(result.verdict, GateVerdict::Fail, "{result:?}");
        assert_eq!(result.reason, "2.00% more of all requests fail");
        let mirrored = judged(&[counts((10, 500), (0, 500)); 12]);
        assert_eq!(
            (mirrored.verdict, mirrored.improved),
            (GateVerdict::Pass, true)
        );
    }

    #[test]
    fn one_bad_second_does_not_fail_a_candidate() {
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
    fn no_failure_and_no_request_differ() {
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
    fn a_significant_trifle_passes() {
        // One in two thousand more, in every round.
        let result = judged(&[counts((0, 2000), (1, 2000)); 40]);
        assert!(result.p_more < 1e-6);
        assert_eq!(result.verdict, GateVerdict::Pass);
    }
}

//! Whether the candidate fails more requests than the baseline.

use serde::{Deserialize, Serialize};

use crate::gate::decision::GateVerdict;
use crate::gate::metric::Role;
use crate::gate::round::{Attempts, Pair, Round};
use crate::proportion::wilson_interval;
use crate::words;

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
        interval_95: newcombe_interval(counts),
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
            format!("{} fewer of all requests fail", words::percent(-difference))
        } else {
            format!(
                "no more than {} of all requests fail in addition",
                words::percent(limit)
            )
        };
    } else if result.p_more_adjusted <= alpha {
        result.verdict = GateVerdict::Fail;
        result.reason = format!("{} more of all requests fail", words::percent(difference));
    } else {
        result.reason = format!(
            "{} more of all requests failed, which may be chance",
            words::percent(difference)
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

fn newcombe_interval(counts: Pair<Attempts>) -> [f64; 2] {
    let Some(difference) = difference(counts) else {
        return [-1.0, 1.0];
    };
    let ends = |attempts: Attempts| {
        let share = attempts.rate().unwrap_or(0.0);
        let [low, high] = wilson_interval(attempts.failed, attempts.sent);
        (share - low, high - share)
    };
    let (baseline, candidate) = (ends(counts.baseline), ends(counts.candidate));
    [
        difference - candidate.0.hypot(baseline.1),
        difference + candidate.1.hypot(baseline.0),
    ]
}

fn p_more(rounds: &[Pair<Attempts>], counts: Pair<Attempts>) -> f64 {
    fisher(counts).max(sign_test(rounds))
}

/// The probability that the candidate has at least its share of all failures, when each is as likely
/// any request's (Fisher, 1935: the hypergeometric upper tail).
fn fisher(counts: Pair<Attempts>) -> f64 {
    let (candidate, baseline) = (counts.candidate, counts.baseline);
    let failed = candidate.failed + baseline.failed;
    let low = failed.saturating_sub(baseline.sent);
    let high = failed.min(candidate.sent);
    // P(x + 1) / P(x); each probability from its neighbour, scaled by the sum of all.
    let ratio = |x: u64| {
        (failed - x) as f64 * (candidate.sent - x) as f64
            / ((x + 1) as f64 * (baseline.sent + x + 1 - failed) as f64)
    };
    let all = (candidate.sent + baseline.sent + 2) as f64;
    let mode = (failed + 1) as f64 * (candidate.sent + 1) as f64 / all;
    let mode = (mode as u64).clamp(low, high);
    let (mut sum, mut tail) = (0.0, 0.0);
    let mut add = |x: u64, weight: f64| {
        sum += weight;
        if x >= candidate.failed {
            tail += weight;
        }
    };
    let mut weight = 1.0;
    add(mode, weight);
    for x in mode..high {
        weight *= ratio(x);
        add(x + 1, weight);
    }
    weight = 1.0;
    for x in (low..mode).rev() {
        weight /= ratio(x);
        add(x, weight);
    }
    tail / sum
}

/// The probability that at least so many of the rounds that differ have more failures of the candidate,
/// when either build is as likely to (Conover, Practical Nonparametric Statistics, section 3.4).
fn sign_test(rounds: &[Pair<Attempts>]) -> f64 {
    let (mut more, mut fewer) = (0_u32, 0_u32);
    for difference in rounds.iter().filter_map(|pair| difference(*pair)) {
        more += u32::from(difference > 0.0);
        fewer += u32::from(difference < 0.0);
    }
    let differing = more + fewer;
    let mut probability = 0.5_f64.powi(differing as i32);
    let mut tail = 0.0;
    // P(at most `fewer` of them go the other way).
    for x in 0..=fewer {
        tail += probability;
        probability *= f64::from(differing - x) / f64::from(x + 1);
    }
    tail.min(1.0)
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
    fn the_lady_tasting_tea_comes_out() {
        // Fisher, The Design of Experiments: three of four right, 17 / 70; all right, 1 / 70.
        assert!((fisher(counts((1, 4), (3, 4))) - 17.0 / 70.0).abs() < 1e-12);
        assert!((fisher(counts((0, 4), (4, 4))) - 1.0 / 70.0).abs() < 1e-12);
        assert_eq!(fisher(counts((0, 1000), (0, 1000))), 1.0);
        assert_eq!(fisher(counts((0, 0), (0, 0))), 1.0);
        let many = fisher(counts((50_000, 1_000_000), (50_000, 1_000_000)));
        assert!((many - 0.5).abs() < 0.005, "{many}");
    }

    #[test]
    fn intervals_of_differences_are_the_published_ones() {
        // Newcombe (1998), table II, method 10.
        for (candidate, baseline, low, high) in [
            ((56, 70), (48, 80), 0.0524, 0.3339),
            ((9, 10), (3, 10), 0.1705, 0.8090),
            ((5, 56), (0, 29), -0.0381, 0.1926),
        ] {
            let [a, b] = newcombe_interval(counts(baseline, candidate));
            assert!((a - low).abs() < 1e-4 && (b - high).abs() < 1e-4, "{a} {b}");
        }
    }

    #[test]
    fn signs_are_counted_exactly() {
        let more = counts((0, 100), (1, 100));
        let fewer = counts((1, 100), (0, 100));
        let alike = counts((1, 100), (1, 100));
        assert_eq!(sign_test(&[more; 5]), 1.0 / 32.0);
        // 1 + 5 of 32.
        assert_eq!(
            sign_test(&[more, more, more, more, fewer, alike]),
            6.0 / 32.0
        );
        assert_eq!(sign_test(&[alike; 9]), 1.0);
        assert_eq!(sign_test(&[]), 1.0);
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
        assert!(fisher(result.counts) < 1e-80);
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

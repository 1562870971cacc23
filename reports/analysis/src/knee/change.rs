//! Change of the knee from one build to another, and its verdict.

use serde::{Deserialize, Serialize};

use super::answer::{Answer, End};
use super::search::Search;

/// Probability that the true change is within the interval of a [`KneeChange`], by the estimates of both searches.
const CONFIDENCE: f64 = 0.98;

/// Share of the smallest loss that is to be found, from which a loss beyond chance counts. Half of the estimates of a loss lie below its
/// true size, so at the whole of it, half of them would be missed.
const COUNTS_FROM: f64 = 0.5;

/// Change of the knee from the baseline to the candidate, relative to the baseline's: -0.1 is 10% less.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct KneeChange {
    /// Median of the probable changes.
    pub estimate: f64,
    /// Ends of the central 98% of the probable changes.
    pub interval: [f64; 2],
}

/// What a change means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KneeVerdict {
    /// The candidate sustains more, beyond chance.
    More,
    /// The candidate loses less than the smallest loss that is to be found.
    NotLess,
    /// The candidate sustains less, beyond chance.
    Less,
    /// A loss is neither shown nor ruled out.
    Inconclusive,
}

impl KneeChange {
    /// Compares two searches with the same `rate_max`. `None` if an end of either knee is not known.
    pub fn between(baseline: &Search, candidate: &Search) -> Option<Self> {
        for own in [baseline, candidate] {
            let (Some(_), Some(_)) = own.bracket() else {
                return None;
            };
        }
        let probable = candidate.threshold().less(baseline.threshold());
        let tail = (1.0 - CONFIDENCE) / 2.0;
        let at = |probability: f64| {
            let mut sum = 0.0;
            let found = probable.iter().find(|(_, own)| {
                sum += own;
                sum >= probability
            });
            found.or(probable.last()).map(|(log, _)| log.exp() - 1.0)
        };
        Some(Self {
            estimate: at(0.5)?,
            interval: [at(tail)?, at(1.0 - tail)?],
        })
    }
}

impl KneeVerdict {
    /// Judges a change by the smallest loss that is to be found, as a share of the baseline's knee. Without a change, the ends that are
    /// known decide.
    pub fn of(
        change: Option<KneeChange>,
        baseline: &Answer,
        candidate: &Answer,
        min_effect: f64,
    ) -> Self {
        if [baseline, candidate]
            .map(|own| own.end)
            .contains(&End::Stopped)
        {
            return Self::Inconclusive;
        }
        let Some(KneeChange {
            estimate,
            interval: [low, high],
        }) = change
        else {
            return Self::of_ends(baseline, candidate, min_effect);
        };
        if high < 0.0 && estimate < -COUNTS_FROM * min_effect {
            Self::Less
        } else if low > 0.0 {
            Self::More
        } else if low > -min_effect {
            Self::NotLess
        } else {
            Self::Inconclusive
        }
    }

    /// Judges by ends that a long trial, or the end of the search, has confirmed: a short trial may have met a bad moment.
    fn of_ends(baseline: &Answer, candidate: &Answer, min_effect: f64) -> Self {
        let at_least = |high: Option<f64>, low: Option<f64>| {
            high.zip(low).is_some_and(|(high, low)| high >= low)
        };
        let is_sure =
            |own: &Answer| matches!(own.end, End::Confirmed | End::HighestRate | End::LowestRate);
        let sustained = |own: &Answer| own.sustained.filter(|_| own.passes > 0 || is_sure(own));
        let failed = |own: &Answer| own.failed.filter(|_| own.failures > 0 || is_sure(own));
        let limit = sustained(baseline).map(|rate| rate * (1.0 - min_effect));
        if at_least(sustained(candidate), failed(baseline)) {
            Self::More
        } else if at_least(limit, failed(candidate)) {
            Self::Less
        } else if at_least(sustained(candidate), sustained(baseline))
            && baseline.end == End::HighestRate
        {
            Self::NotLess
        } else {
            Self::Inconclusive
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(sustained: Option<f64>, failed: Option<f64>, end: End) -> Answer {
        Answer {
            sustained,
            failed,
            passes: 2,
            failures: 2,
            end,
            hysteresis: None,
            trials: Vec::new(),
        }
    }

    fn judged(estimate: f64, interval: [f64; 2]) -> KneeVerdict {
        let own = answer(Some(100.0), Some(105.0), End::Confirmed);
        let change = KneeChange { estimate, interval };
        KneeVerdict::of(Some(change), &own, &own, 0.1)
    }

    #[test]
    fn interval_and_estimate_decide() {
        assert_eq!(judged(-0.08, [-0.12, -0.04]), KneeVerdict::Less);
        assert_eq!(
            judged(-0.06, [-0.13, 0.01]),
            KneeVerdict::Inconclusive,
            "not beyond chance"
        );
        assert_eq!(
            judged(-0.04, [-0.06, -0.02]),
            KneeVerdict::NotLess,
            "beyond chance, but less than half of what counts"
        );
        assert_eq!(judged(-0.05, [-0.101, -0.02]), KneeVerdict::Inconclusive);
        assert_eq!(judged(0.0, [-0.099, 0.1]), KneeVerdict::NotLess);
        assert_eq!(judged(0.05, [0.01, 0.1]), KneeVerdict::More);
    }

    #[test]
    fn known_ends_decide_without_a_change() {
        let of =
            |baseline: &Answer, candidate: &Answer| KneeVerdict::of(None, baseline, candidate, 0.1);
        let known = answer(Some(100.0), Some(105.0), End::Confirmed);
        let at_least = |rate| answer(Some(rate), None, End::Generator);
        let below = |rate| answer(None, Some(rate), End::LowestRate);
        assert_eq!(of(&known, &at_least(105.0)), KneeVerdict::More);
        assert_eq!(of(&known, &at_least(104.0)), KneeVerdict::Inconclusive);
        assert_eq!(of(&known, &below(90.0)), KneeVerdict::Less);
        assert_eq!(of(&known, &below(91.0)), KneeVerdict::Inconclusive);
        let highest = answer(Some(1_000.0), None, End::HighestRate);
        assert_eq!(of(&highest, &highest), KneeVerdict::NotLess);
        assert_eq!(of(&highest, &known), KneeVerdict::Less);
        let short = Answer {
            failures: 0,
            ..answer(None, Some(50.0), End::Generator)
        };
        assert_eq!(of(&known, &short), KneeVerdict::Inconclusive);
        let stopped = answer(Some(50.0), Some(60.0), End::Stopped);
        assert_eq!(of(&known, &stopped), KneeVerdict::Inconclusive);
    }
}

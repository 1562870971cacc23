//! Alpha spending: the significance level of each planned interim look at a test.

use serde::{Deserialize, Serialize};

use crate::normal::{upper_quantile, upper_tail};

/// A planned interim look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// Number of rounds before the look.
    pub rounds: usize,
    /// Significance level of the look: its share of alpha.
    pub alpha: f64,
}

/// Spending function: the share of alpha that is spent after a share `t` of all planned rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// `alpha t`: in proportion to the rounds (Kim and DeMets, Biometrika 74, 1987, with rho = 1).
    /// Leaves an early look enough alpha to stop on a large effect.
    #[default]
    Proportional,
    /// `2 (1 - Phi(z(alpha / 2) / sqrt(t)))`: after O'Brien and Fleming (Lan and DeMets, Biometrika
    /// 70, 1983). Keeps nearly all alpha for the last look: an exact test of a dozen rounds can never be
    /// significant at the level of an early look.
    OBrienFleming,
}

impl Split {
    fn spent(self, alpha: f64, share: f64) -> f64 {
        match self {
            Self::Proportional => alpha * share,
            Self::OBrienFleming => 2.0 * upper_tail(upper_quantile(alpha / 2.0) / share.sqrt()),
        }
    }
}

/// Splits alpha between looks after the given numbers of rounds, which must increase.
///
/// The level of a look is the increase of the spending function since the previous look. The levels sum
/// to alpha, so the probability of a false alarm at any look is at most alpha (Boole's inequality), with
/// no assumption about how the looks depend on one another. Group-sequential bounds would give each
/// look a slightly higher level. They assume independent increments of a normal statistic, and rounds on
/// a shared machine do not guarantee that.
pub fn looks(alpha: f64, after_rounds: &[usize], split: Split) -> Vec<Look> {
    let all = after_rounds.last().copied().unwrap_or(0) as f64;
    let mut spent = 0.0;
    after_rounds
        .iter()
        .map(|rounds| {
            let up_to = split.spent(alpha, *rounds as f64 / all);
            let look = Look {
                rounds: *rounds,
                alpha: up_to - spent,
            };
            spent = up_to;
            look
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn obrien_fleming_matches_published_spending() {
        // Lan and DeMets (1983), five equal looks at one-sided 2.5%: the cumulative spending is
        // 0.0000, 0.0004, 0.0038, 0.0122 and 0.0250 for alpha / 2 in each tail (Proschan, Lan and
        // Wittes, Statistical Monitoring of Clinical Trials, chapter 5).
        let planned = looks(0.025, &[20, 40, 60, 80, 100], Split::OBrienFleming);
        let mut spent = 0.0;
        for (look, published) in planned.iter().zip([0.0000, 0.0004, 0.0038, 0.0122, 0.0250]) {
            spent += look.alpha;
            assert!((spent - published).abs() < 6e-5, "{look:?}: {spent}");
        }
    }

    #[test]
    fn proportional_levels_follow_rounds() {
        let levels: Vec<f64> = looks(0.01, &[12, 24, 40], Split::Proportional)
            .iter()
            .map(|look| look.alpha)
            .collect();
        for (level, exact) in levels.iter().zip([0.003, 0.003, 0.004]) {
            assert!((level - exact).abs() < 1e-12, "{levels:?}");
        }
    }

    proptest! {
        #[test]
        fn levels_sum_to_alpha(
            steps in prop::collection::vec(1_usize..50, 1..8),
            alpha in 0.001_f64..0.2,
            o_brien in any::<bool>(),
        ) {
            let after: Vec<usize> = steps
                .iter()
                .scan(0, |sum, step| { *sum += step; Some(*sum) })
                .collect();
            let split = if o_brien { Split::OBrienFleming } else { Split::Proportional };
            let planned = looks(alpha, &after, split);
            let sum: f64 = planned.iter().map(|look| look.alpha).sum();
            prop_assert!((sum - alpha).abs() < 1e-9);
            prop_assert!(planned.iter().all(|look| look.alpha >= 0.0));
        }
    }
}

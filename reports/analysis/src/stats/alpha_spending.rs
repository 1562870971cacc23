//! Planned looks at rounds that are still coming in, and what each may spend of alpha.

use serde::{Deserialize, Serialize};

use crate::stats::normal::{upper_quantile, upper_tail};

/// A planned look.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Look {
    /// The number of rounds it comes after.
    pub rounds: usize,
    /// The level at which it tests: its share of alpha.
    pub alpha: f64,
}

/// How alpha is spent with the rounds, as a function of the share `t` of all planned rounds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Split {
    /// `alpha t`: in proportion to the rounds (Kim and DeMets, Biometrika 74, 1987, with rho = 1).
    /// Leaves an early look enough that a great effect ends the gate there.
    #[default]
    Proportional,
    /// `2 (1 - Phi(z(alpha / 2) / sqrt(t)))`: after O'Brien and Fleming (Lan and DeMets, Biometrika
    /// 70, 1983). Keeps nearly all for the last look; an exact test of a dozen rounds can never be
    /// significant at what it leaves them.
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

/// Splits alpha between looks after the given numbers of rounds, which must rise.
///
/// Each look tests at what the spending function adds since the look before, so that the levels sum
/// to alpha, and the probability of a false alarm at any look is at most their sum (Boole's
/// inequality). Group-sequential bounds would give each look somewhat more by reckoning with how the
/// looks depend on one another; that needs independent increments of a normal statistic, which rounds
/// beside one another on a busy machine do not promise. The sum needs nothing.
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
    fn o_brien_and_fleming_spend_as_published() {
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
    fn proportional_is_in_proportion() {
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
        fn the_levels_sum_to_alpha(
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

//! Thousands of gates in virtual time, of rounds that were real.

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::{Decision, GateOutcome, GateVerdict, Next, Pair, Plan, Round, next};

use crate::gate::kind::Kind;
use crate::gate::proportion::Proportion;

/// Rounds between two restarts: what is alike in them stays together.
type Epoch = Vec<Round>;

/// What is drawn from: rounds of a build beside itself, and how they were judged.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    epochs: Vec<Epoch>,
    plans: Vec<Plan>,
}

/// What resampled gates of one kind came to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resampled {
    /// What was added to the candidate.
    pub(crate) kind: Kind,
    /// Gates that failed.
    pub(crate) failed: Proportion,
    /// Gates that failed by a metric that shows what was added.
    pub(crate) found: Proportion,
    /// Gates that passed.
    pub(crate) passed: Proportion,
    /// The mean number of rounds until the verdict.
    pub(crate) mean_rounds: f64,
}

impl Pool {
    /// Gathers the rounds of gates of a build beside itself; none where there is nothing to draw.
    pub(crate) fn of<'a>(outcomes: impl IntoIterator<Item = &'a GateOutcome>) -> Option<Self> {
        let mut pool = Self {
            epochs: Vec::new(),
            plans: Vec::new(),
        };
        for outcome in outcomes {
            for record in &outcome.rounds {
                if record.restarted || pool.epochs.is_empty() {
                    pool.epochs.push(Vec::new());
                }
                if let Some(epoch) = pool.epochs.last_mut() {
                    epoch.push(record.round());
                }
            }
            pool.plans.extend(plan_of(outcome));
        }
        (!pool.epochs.is_empty() && !pool.plans.is_empty()).then_some(pool)
    }

    /// Restarts that there were.
    pub(crate) fn epochs(&self) -> usize {
        self.epochs.len()
    }

    /// Rounds that there were.
    pub(crate) fn rounds(&self) -> usize {
        self.epochs.iter().map(Vec::len).sum()
    }

    /// Plays so many gates. Each is judged by the plan of one of the real ones, over epochs drawn with
    /// replacement, the builds of each trading places or not, and the candidate made greater by what is
    /// planted in a gate of this kind.
    pub(crate) fn resample(&self, kind: Kind, gates: u32, seed: u64) -> Resampled {
        let mut random = Pcg64Mcg::seed_from_u64(seed);
        let decisions: Vec<_> = (0..gates)
            .filter_map(|_| self.play(kind, &mut random))
            .collect();
        let verdict = |is| Proportion::of(&decisions, |decision| decision.verdict == is);
        let rounds: usize = decisions.iter().map(|decision| decision.rounds).sum();
        Resampled {
            kind,
            failed: verdict(GateVerdict::Fail),
            found: Proportion::of(&decisions, |decision| finds(decision, kind)),
            passed: verdict(GateVerdict::Pass),
            mean_rounds: rounds as f64 / decisions.len().max(1) as f64,
        }
    }

    fn play(&self, kind: Kind, random: &mut Pcg64Mcg) -> Option<Decision> {
        let plan = self.plans.choose(random)?;
        let mut rounds = Vec::new();
        let mut left: Vec<Round> = Vec::new();
        loop {
            let until = match next(&rounds, plan) {
                Next::Stop(decision) => return Some(*decision),
                Next::Continue { until_rounds } => until_rounds,
            };
            while rounds.len() < until {
                if left.is_empty() {
                    left = self.draw(kind, random)?;
                    // Taken from its end.
                    left.reverse();
                }
                rounds.extend(left.pop());
            }
        }
    }

    fn draw(&self, kind: Kind, random: &mut Pcg64Mcg) -> Option<Epoch> {
        let epoch = self.epochs.choose(random)?;
        let swapped = random.random::<bool>();
        Some(
            epoch
                .iter()
                .map(|round| altered(round, swapped, kind))
                .collect(),
        )
    }
}

/// Tells whether a decision fails a candidate by a metric that shows what was planted.
pub(crate) fn finds(decision: &Decision, kind: Kind) -> bool {
    decision.verdict == GateVerdict::Fail
        && decision.metrics.iter().any(|result| {
            result.verdict == GateVerdict::Fail
                && kind.metrics().contains(&result.metric.name.as_str())
        })
}

/// A round with its builds in each other's place, and the candidate slower.
fn altered(round: &Round, swapped: bool, kind: Kind) -> Round {
    let mut round = round.clone();
    for (name, pair) in &mut round.metrics {
        if swapped {
            *pair = traded(*pair);
        }
        if kind.metrics().contains(&name.as_str()) {
            pair.candidate *= 1.0 + kind.planted();
        }
    }
    if swapped {
        round.failures = round.failures.map(traded);
    }
    round
}

fn traded<T>(pair: Pair<T>) -> Pair<T> {
    Pair {
        baseline: pair.candidate,
        candidate: pair.baseline,
    }
}

/// The plan that a gate was judged by; none of one that was not.
fn plan_of(outcome: &GateOutcome) -> Option<Plan> {
    let decision = outcome.decision.as_ref()?;
    let metrics = decision.metrics.iter().map(|result| result.metric.clone());
    let failures = decision.failures.as_ref().map(|failures| failures.rule);
    Plan::new(outcome.settings.clone(), metrics.collect(), failures).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::kind::{CPU, MEAN};
    use crate::gate::sample::{EPOCH, rounds, run};

    fn pool(noise: f64, planted: &[(&str, f64)]) -> Pool {
        let runs: Vec<_> = (0..20)
            .map(|seed| run(0, Kind::Unchanged, rounds(16, noise, planted, seed)))
            .collect();
        Pool::of(runs.iter().map(|run| &run.outcome)).unwrap()
    }

    #[test]
    fn rounds_between_restarts_stay_together() {
        let pool = pool(0.02, &[]);
        assert_eq!((pool.rounds(), pool.epochs()), (320, 320 / EPOCH));
        assert!(pool.epochs.iter().all(|epoch| epoch.len() == EPOCH));
        assert_eq!(pool.plans.len(), 20);
        assert!(Pool::of(&[GateOutcome::default().concluded()]).is_none());
    }

    #[test]
    fn unchanged_builds_hardly_ever_fail_and_what_is_planted_is_found() {
        let pool = pool(0.02, &[]);
        let unchanged = pool.resample(Kind::Unchanged, 400, 1);
        assert!(unchanged.failed.hits <= 4, "{unchanged:?}");
        assert!(unchanged.passed.hits >= 390, "{unchanged:?}");
        assert_eq!(unchanged.found.hits, 0);
        for kind in [Kind::Cpu, Kind::Wait] {
            let planted = pool.resample(kind, 200, 1);
            assert!(planted.found.hits >= 195, "{planted:?}");
        }
    }

    /// The figure must show a gate that cries wolf: builds that differ by restart, each time anew.
    #[test]
    fn a_machine_that_favours_one_start_over_another_is_seen() {
        let mut outcomes = Vec::new();
        for seed in 0..20 {
            let mut all = Vec::new();
            for epoch in 0..4 {
                // As much slower as faster, in logarithms.
                let shift: f64 = if (seed + epoch) % 2 == 0 {
                    0.2
                } else {
                    1.0 / 1.2 - 1.0
                };
                let planted = [(CPU, shift)];
                all.extend(rounds(EPOCH, 0.002, &planted, seed * 100 + epoch));
            }
            outcomes.push(run(0, Kind::Unchanged, all).outcome);
        }
        let pool = Pool::of(&outcomes).unwrap();
        let unchanged = pool.resample(Kind::Unchanged, 400, 1);
        // Four restarts that all favour the baseline come once in 16 times, at the first look.
        assert!(unchanged.failed.share.unwrap() > 0.03, "{unchanged:?}");
    }

    /// A lasting difference between both sides is no effect of the candidate's: which is which is tossed.
    #[test]
    fn sides_trade_places() {
        let always = rounds(EPOCH, 0.0, &[(CPU, 0.1)], 1);
        let round = always[0].round();
        let traded = altered(&round, true, Kind::Unchanged);
        assert_eq!(traded.metrics[CPU].baseline, round.metrics[CPU].candidate);
        let slower = altered(&round, false, Kind::Wait);
        assert_eq!(slower.metrics[CPU], round.metrics[CPU]);
        let ratio = slower.metrics[MEAN].candidate / round.metrics[MEAN].candidate;
        assert!((ratio - 1.1).abs() < 1e-12);
    }

    #[test]
    fn the_same_seed_draws_the_same() {
        let pool = pool(0.03, &[]);
        let once = pool.resample(Kind::Cpu, 50, 9);
        assert_eq!(once, pool.resample(Kind::Cpu, 50, 9));
        assert_eq!(once.failed.count, 50);
    }
}

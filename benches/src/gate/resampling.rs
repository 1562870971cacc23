//! Resampling: thousands of simulated gates from real rounds.

use rand::seq::IndexedRandom as _;
use rand::{RngExt as _, SeedableRng as _};
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::{Decision, GateOutcome, GateVerdict, Next, Pair, Plan, Round, next};

use crate::gate::kind::Kind;
use crate::gate::proportion::Proportion;

/// Rounds between two restarts. They stay together, since a restart affects all of them.
type Epoch = Vec<Round>;

/// Rounds of a build against itself, and the plans by which they were judged.
#[derive(Debug, Clone)]
pub(crate) struct Pool {
    epochs: Vec<Epoch>,
    plans: Vec<Plan>,
}

/// Results of the resampled gates of one kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Resampled {
    /// Slowdown added to the candidate.
    pub(crate) kind: Kind,
    /// Gates that failed.
    pub(crate) failed: Proportion,
    /// Gates that failed by a metric that shows the slowdown.
    pub(crate) found: Proportion,
    /// Gates that passed.
    pub(crate) passed: Proportion,
    /// Mean number of rounds until the verdict.
    pub(crate) mean_rounds: f64,
}

impl Pool {
    /// Collects the rounds of gates of a build against itself. `None` without rounds.
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

    /// Returns the number of restarts.
    pub(crate) fn epochs(&self) -> usize {
        self.epochs.len()
    }

    /// Returns the number of rounds.
    pub(crate) fn rounds(&self) -> usize {
        self.epochs.iter().map(Vec::len).sum()
    }

    /// Simulates gates. Each uses the plan of a real gate and epochs drawn with replacement. The builds of each
    /// epoch are swapped at random, and the candidate is made slower by the slowdown of this kind.
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
                    // Popped from the end.
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
                .map(|round| alter(round, swapped, kind))
                .collect(),
        )
    }
}

/// Returns whether a decision fails the candidate by a metric that shows the slowdown.
pub(crate) fn finds(decision: &Decision, kind: Kind) -> bool {
    decision.verdict == GateVerdict::Fail
        && decision.metrics.iter().any(|result| {
            result.verdict == GateVerdict::Fail
                && kind.metrics().contains(&result.metric.name.as_str())
        })
}

/// Returns a round with its builds swapped if `swapped`, and the candidate slower.
fn alter(round: &Round, swapped: bool, kind: Kind) -> Round {
    let mut round = round.clone();
    for (name, pair) in &mut round.metrics {
        if swapped {
            *pair = swap(*pair);
        }
        if kind.metrics().contains(&name.as_str()) {
            pair.candidate *= 1.0 + kind.planted();
        }
    }
    if swapped {
        round.failures = round.failures.map(swap);
    }
    round
}

fn swap<T>(pair: Pair<T>) -> Pair<T> {
    Pair {
        baseline: pair.candidate,
        candidate: pair.baseline,
    }
}

/// Returns the plan that a gate was judged by. `None` if it was not judged.
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
    fn keeps_rounds_between_restarts_together() {
        let pool = pool(0.02, &[]);
        assert_eq!((pool.rounds(), pool.epochs()), (320, 320 / EPOCH));
        assert!(pool.epochs.iter().all(|epoch| epoch.len() == EPOCH));
        assert_eq!(pool.plans.len(), 20);
        assert!(Pool::of(&[GateOutcome::default().concluded()]).is_none());
    }

    #[test]
    fn passes_unchanged_builds_and_finds_slowdowns() {
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

    /// The figure must reveal a gate with false alarms: here, each restart favours one of the builds.
    #[test]
    fn reveals_false_alarms_of_restart_effects() {
        let mut outcomes = Vec::new();
        for seed in 0..20 {
            let mut all = Vec::new();
            for epoch in 0..4 {
                // Symmetric in logarithms.
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
        // Four restarts that all favour the baseline occur once in 16 times, at the first decision.
        assert!(unchanged.failed.share.unwrap() > 0.03, "{unchanged:?}");
    }

    /// A constant difference between the sides must not look like an effect: sides are assigned at random.
    #[test]
    fn swaps_sides_and_slows_candidate() {
        let always = rounds(EPOCH, 0.0, &[(CPU, 0.1)], 1);
        let round = always[0].round();
        let swap = alter(&round, true, Kind::Unchanged);
        assert_eq!(swap.metrics[CPU].baseline, round.metrics[CPU].candidate);
        let slower = alter(&round, false, Kind::Wait);
        assert_eq!(slower.metrics[CPU], round.metrics[CPU]);
        let ratio = slower.metrics[MEAN].candidate / round.metrics[MEAN].candidate;
        assert!((ratio - 1.1).abs() < 1e-12);
    }

    #[test]
    fn same_seed_gives_same_gates() {
        let pool = pool(0.03, &[]);
        let once = pool.resample(Kind::Cpu, 50, 9);
        assert_eq!(once, pool.resample(Kind::Cpu, 50, 9));
        assert_eq!(once.failed.count, 50);
    }
}

//! How much to plant: what a request costs here is measured first.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::GateOutcome;

use crate::gate::end_to_end::{self, GateJob};
use crate::gate::kind::{CPU, Kind, MEAN};
use crate::gate::planted_build::PlantedBuild;
use crate::gate::planted_server::steps_of;
use crate::workshop::Workshop;

/// The arithmetic of a request of the baseline.
const WORK: Duration = Duration::from_micros(350);

/// The wait of a request of the baseline: long enough for its tenth to be half a millisecond.
const WAIT: Duration = Duration::from_millis(5);

/// How much more arithmetic the candidate has from which the cost of a step is told.
const MORE_WORK: f64 = 0.5;

/// The shares of the whole cost that the arithmetic may be of; beyond them it was not measured.
const WORK_SHARE: std::ops::RangeInclusive<f64> = 0.2..=1.1;

/// The most that a request may take, as a factor of its wait; beyond it the server can't keep up.
const MOST_RESPONSE: f64 = 2.0;

/// What a request of the baseline costs, and the builds that cost more by what is planted.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sizing {
    /// The build that is known.
    pub(crate) baseline: PlantedBuild,
    /// Processor time of its request, all of the server's, in microseconds.
    pub(crate) cpu_us: f64,
    /// The share of that which the arithmetic is.
    pub(crate) work_share: f64,
    /// Its mean response time in microseconds.
    pub(crate) response_us: f64,
    /// Rounds that this was measured in.
    pub(crate) rounds: usize,
}

impl Sizing {
    /// Measures what a request costs: a build beside one with half as much arithmetic again.
    pub(crate) fn measure(
        workshop: &Workshop,
        budget: Duration,
        seed: u64,
    ) -> anyhow::Result<Self> {
        let baseline = PlantedBuild {
            steps: steps_of(WORK),
            wait_us: WAIT.as_micros() as u64,
        };
        let candidate = PlantedBuild {
            steps: (baseline.steps as f64 * (1.0 + MORE_WORK)).round() as u64,
            ..baseline
        };
        let job = GateJob {
            baseline,
            candidate,
            budget,
            seed,
            calibration: None,
        };
        let outcome = end_to_end::run(&job, workshop)
            .context("could not measure what a request of the planted server costs")?;
        Self::of(baseline, &outcome)
    }

    /// Tells the sizes from a gate whose candidate had half as much arithmetic again.
    fn of(baseline: PlantedBuild, outcome: &GateOutcome) -> anyhow::Result<Self> {
        let results = outcome
            .decision
            .iter()
            .flat_map(|decision| &decision.metrics);
        let measured = |name: &str| {
            let result = results.clone().find(|result| result.metric.name == name)?;
            Some((result.medians?.baseline, result.effect?))
        };
        let (Some((cpu_us, effect)), Some((response_us, _))) = (measured(CPU), measured(MEAN))
        else {
            bail!(
                "could not tell what a request of the planted server costs: {}",
                outcome.sentence
            );
        };
        let work_share = effect.value / MORE_WORK;
        if !WORK_SHARE.contains(&work_share) {
            bail!(
                "half as much arithmetic again was measured as {:.1}% more processor time; the machine is \
                 too busy to plant anything on it",
                effect.value * 100.0
            );
        }
        if response_us > MOST_RESPONSE * baseline.wait_us as f64 {
            bail!(
                "a request that waits {} us was answered after {response_us:.0} us; the machine is too busy \
                 to plant anything on it",
                baseline.wait_us
            );
        }
        Ok(Self {
            baseline,
            cpu_us,
            work_share,
            response_us,
            rounds: effect.count,
        })
    }

    /// The build that is judged in a gate of this kind.
    pub(crate) fn candidate(&self, kind: Kind) -> PlantedBuild {
        let baseline = self.baseline;
        match kind {
            Kind::Unchanged => baseline,
            Kind::Cpu => PlantedBuild {
                steps: (baseline.steps as f64 * (1.0 + kind.planted() / self.work_share)).round()
                    as u64,
                ..baseline
            },
            Kind::Wait => PlantedBuild {
                wait_us: baseline.wait_us + (self.response_us * kind.planted()).round() as u64,
                ..baseline
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::sample::{rounds, run};

    #[test]
    fn what_is_planted_is_a_share_of_the_whole() {
        let sizing = Sizing {
            baseline: PlantedBuild {
                steps: 100_000,
                wait_us: 5_000,
            },
            cpu_us: 400.0,
            work_share: 0.8,
            response_us: 6_000.0,
            rounds: 16,
        };
        assert_eq!(sizing.candidate(Kind::Unchanged), sizing.baseline);
        // 5% of the whole is 6.25% of four fifths of it.
        assert_eq!(sizing.candidate(Kind::Cpu).steps, 106_250);
        assert_eq!(sizing.candidate(Kind::Cpu).wait_us, 5_000);
        assert_eq!(sizing.candidate(Kind::Wait).wait_us, 5_600);
        assert_eq!(sizing.candidate(Kind::Wait).steps, 100_000);
    }

    #[test]
    fn nothing_is_planted_on_a_machine_that_is_too_busy() {
        let baseline = PlantedBuild {
            steps: 100_000,
            wait_us: 100,
        };
        // Both take 400 us of processor time, and as long to be answered.
        let alike = run(0, Kind::Unchanged, rounds(16, 0.001, &[], 1)).outcome;
        let error = Sizing::of(baseline, &alike).unwrap_err().to_string();
        assert!(error.contains("too busy"), "{error}");
        let dearer = rounds(16, 0.001, &[(CPU, 0.4)], 1);
        let dearer = run(0, Kind::Unchanged, dearer).outcome;
        let error = Sizing::of(baseline, &dearer).unwrap_err().to_string();
        assert!(error.contains("answered after 400 us"), "{error}");
        let patient = PlantedBuild {
            wait_us: 300,
            ..baseline
        };
        let sizing = Sizing::of(patient, &dearer).unwrap();
        assert!((sizing.work_share - 0.8).abs() < 0.01, "{sizing:?}");
    }

    #[test]
    fn nothing_is_planted_where_nothing_was_measured() {
        let baseline = PlantedBuild {
            steps: 1,
            wait_us: 1,
        };
        let error = Sizing::of(baseline, &GateOutcome::default().concluded()).unwrap_err();
        assert!(
            error.to_string().contains("Nothing was measured"),
            "{error}"
        );
    }
}

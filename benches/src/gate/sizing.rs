//! Size of the planted slowdowns, from the measured cost of a request.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::GateOutcome;

use crate::gate::end_to_end::{self, GateJob};
use crate::gate::kind::{CPU, Kind, MEAN};
use crate::gate::planted_build::PlantedBuild;
use crate::gate::planted_server::steps_of;
use crate::workshop::Workshop;

/// Arithmetic in a request of the baseline.
const WORK: Duration = Duration::from_micros(350);

/// Wait in a request of the baseline. A tenth of it is half a millisecond.
const WAIT: Duration = Duration::from_millis(5);

/// Additional arithmetic of the candidate that measures the cost of a step, as a ratio.
const MORE_WORK: f64 = 0.5;

/// Plausible shares of the arithmetic in the whole cost. Outside of them, the measurement failed.
const WORK_SHARE: std::ops::RangeInclusive<f64> = 0.2..=1.1;

/// Maximum response time as a factor of the wait. Above it, the server is overloaded.
const RESPONSE_MAX: f64 = 2.0;

/// Cost of a request of the baseline, and the builds with planted slowdowns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Sizing {
    /// Baseline build.
    pub(crate) baseline: PlantedBuild,
    /// CPU time of the server per request, in microseconds.
    pub(crate) cpu_us: f64,
    /// Share of the arithmetic in it.
    pub(crate) work_share: f64,
    /// Mean response time, in microseconds.
    pub(crate) response_us: f64,
    /// Number of rounds of the measurement.
    pub(crate) rounds: usize,
}

impl Sizing {
    /// Measures the cost of a request with a candidate that has half as much arithmetic again.
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
            .context("could not measure the cost of a request of the planted server")?;
        Self::of(baseline, &outcome)
    }

    /// Computes the sizes from a gate whose candidate had half as much arithmetic again.
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
                "could not measure the cost of a request of the planted server: {}",
                outcome.sentence
            );
        };
        let work_share = effect.value / MORE_WORK;
        if !WORK_SHARE.contains(&work_share) {
            bail!(
                "50% more arithmetic was measured as {:.1}% more CPU time; the machine is \
                 too busy to plant anything on it",
                effect.value * 100.0
            );
        }
        if response_us > RESPONSE_MAX * baseline.wait_us as f64 {
            bail!(
                "a request with a wait of {} us took {response_us:.0} us; the machine is too busy \
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

    /// Returns the candidate of a gate of this kind.
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
    fn plants_share_of_whole_cost() {
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
        // 5% of the whole is 6.25% of four fifths.
        assert_eq!(sizing.candidate(Kind::Cpu).steps, 106_250);
        assert_eq!(sizing.candidate(Kind::Cpu).wait_us, 5_000);
        assert_eq!(sizing.candidate(Kind::Wait).wait_us, 5_600);
        assert_eq!(sizing.candidate(Kind::Wait).steps, 100_000);
    }

    #[test]
    fn refuses_busy_machine() {
        let baseline = PlantedBuild {
            steps: 100_000,
            wait_us: 100,
        };
        // Both take 400 us of CPU time, and have a response time of 400 us.
        let alike = run(0, Kind::Unchanged, rounds(16, 0.001, &[], 1)).outcome;
        let error = Sizing::of(baseline, &alike).unwrap_err().to_string();
        assert!(error.contains("too busy"), "{error}");
        let dearer = rounds(16, 0.001, &[(CPU, 0.4)], 1);
        let dearer = run(0, Kind::Unchanged, dearer).outcome;
        let error = Sizing::of(baseline, &dearer).unwrap_err().to_string();
        assert!(error.contains("took 400 us"), "{error}");
        let patient = PlantedBuild {
            wait_us: 300,
            ..baseline
        };
        let sizing = Sizing::of(patient, &dearer).unwrap();
        assert!((sizing.work_share - 0.8).abs() < 0.01, "{sizing:?}");
    }

    #[test]
    fn refuses_missing_measurement() {
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

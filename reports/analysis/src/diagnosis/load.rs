//! Figures of the service from a run at a constant rate.

use tenfold_run_dir::Run;

use crate::findings::hot_spot::HotSpots;
use crate::findings::limit::CpuUse;
use crate::summary::Summary;

/// Share of the offered rate below which a service falls behind.
const BEHIND: f64 = 0.97;

/// Figures of the service from a run at a constant rate.
#[derive(Debug)]
pub(super) struct Load<'a> {
    /// The run.
    pub(super) run: &'a Run,
    /// Its summary.
    pub(super) summary: &'a Summary,
    /// Answers per second.
    pub(super) rate: f64,
    /// Mean CPU in use, in cores.
    pub(super) cpu: CpuUse,
    /// Functions and waits that stand out in its profiles.
    pub(super) hot: HotSpots,
}

impl<'a> Load<'a> {
    /// Reads a run.
    pub(super) fn of((run, summary): (&'a Run, &'a Summary)) -> Self {
        let mut cpu = CpuUse::of_summary(run, summary);
        // The rate is constant, so that the mean says more than the busiest second.
        cpu.service = summary.target_usage.as_ref().map(|usage| usage.cores_used);
        Self {
            run,
            summary,
            rate: summary.rate_per_s.achieved,
            cpu,
            hot: HotSpots::of(run),
        }
    }

    /// Returns whether the service answered less than was offered.
    pub(super) fn falls_behind(&self) -> bool {
        let rates = &self.summary.rate_per_s;
        rates.achieved < BEHIND * rates.offered
    }

    /// Mean service time, in seconds. `None` without answers.
    pub(super) fn service_s(&self) -> Option<f64> {
        let mean = self.summary.latency_ns.service.mean?;
        Some(mean as f64 / 1e9)
    }

    /// CPU time of the service for a request, in seconds. `None` if its use of CPU is not known.
    pub(super) fn demand_s(&self) -> Option<f64> {
        self.cpu
            .service
            .filter(|_| self.rate > 0.0)
            .map(|cores| cores / self.rate)
    }

    /// CPU time of service and generator for a request, in seconds. `None` if the use of either is not known.
    pub(super) fn shared_demand_s(&self) -> Option<f64> {
        Some(self.demand_s()? + self.cpu.generator / self.rate)
    }

    /// Rate at which the processors that the service may use are full, per second: `m / D`, the utilisation law.
    ///
    /// On a machine that it shares with the generator, both need a part of each request. `None` if it is not known.
    pub(super) fn full_at(&self) -> Option<f64> {
        let shared = self
            .cpu
            .cores
            .filter(|_| self.cpu.shared_host == Some(true))
            .zip(self.shared_demand_s())
            .map(|(cores, demand)| cores / demand);
        let own = self
            .cpu
            .allowed
            .zip(self.demand_s())
            .map(|(allowed, demand)| allowed / demand);
        match (shared, own) {
            (Some(shared), Some(own)) => Some(shared.min(own)),
            (shared, own) => shared.or(own),
        }
    }
}

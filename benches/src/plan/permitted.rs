//! Servers with a known number of permits, each held for a known time.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tenfold_analysis::{Scope, distributions};
use tenfold_run_dir::{Metric, Run, RunDir};
use tenfold_scenarios::Scenario;
use tenfold_simulation::{
    Demand, Discipline, Path as RequestPath, Routing, Step, System, Tier, Trials,
};

use crate::knee::real::{SCENARIO, SERVERS, start};
use crate::workshop::Workshop;
use crate::workshop::progress::report;
use crate::workshop::tenfold_run::{owned, tenfold};

/// Share of the capacity at which service times are measured.
const LOW: f64 = 0.1;

/// Share of the capacity at which response times are compared.
const LOAD: f64 = 0.7;

/// Time limit of a run.
const WITHIN: Duration = Duration::from_secs(120);

/// A server with permits, simulated and measured.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Permitted {
    /// Requests at a time.
    pub(crate) permits: u32,
    /// Time of each request, in microseconds.
    pub(crate) takes_us: u64,
    /// Capacity, per second.
    pub(crate) capacity: f64,
    /// Simulated knee, per second.
    pub(crate) knee: f64,
    /// Simulated response time at p99 at 70% of the capacity, in nanoseconds.
    pub(crate) p99_ns: f64,
    /// Measured one.
    pub(crate) measured_p99_ns: f64,
}

/// Returns the number of servers.
pub(super) fn servers(quick: bool) -> usize {
    if quick { 1 } else { SERVERS.len() }
}

/// Measures a server at a low load and at 70%, and simulates it from the first.
pub(super) fn compare(
    number: usize,
    quick: bool,
    workshop: &Workshop,
) -> anyhow::Result<Permitted> {
    let (permits, takes_us) = SERVERS[number];
    let folder = workshop.folder("plan")?;
    let (_server, port) = start(permits, takes_us, &folder, workshop)?;
    let capacity = f64::from(permits) / (takes_us as f64 / 1e6);
    let scenario = folder.join("knee.toml");
    // A run of ten seconds is too short for the objective, which is for searches.
    let lines = SCENARIO.lines().filter(|line| !line.starts_with("rules"));
    let text = lines.collect::<Vec<_>>().join("\n");
    std::fs::write(&scenario, text).context("could not write the scenario")?;
    let seconds = if quick { 10 } else { 30 };
    let run = |name: &str, rate: f64| -> anyhow::Result<Run> {
        let target = format!("http://127.0.0.1:{port}");
        let (rate, duration) = (format!("{rate}/s"), format!("{seconds}s"));
        let arguments = [
            "run",
            "knee.toml",
            "--target",
            &target,
            "--rate",
            &rate,
            "-d",
            &duration,
            "--no-profile",
            "--json",
            "--out",
            name,
        ];
        tenfold(workshop, &folder, &owned(&arguments), WITHIN)?;
        Ok(RunDir::open(&folder.join(name)).read()?)
    };
    let low = run("low", LOW * capacity)?;
    let loaded = run("loaded", LOAD * capacity)?;
    let system = System {
        tiers: vec![Tier {
            name: "permits".to_owned(),
            copies: 1,
            cores: permits,
            quota: None,
            discipline: Discipline::FirstComeFirstServed,
            routing: Routing::Random,
        }],
        paths: vec![RequestPath::of(vec![Step::to(0, service_times(&low)?)])],
        hop_s: 0.0,
    };
    let scenario = Scenario::parse(SCENARIO, Path::new("knee.toml"))?;
    let trials = Trials::new(&system, &scenario, capacity);
    let knee = trials.knee()?.and_then(|knee| knee.sustained);
    let at_load = trials.at(LOAD * capacity)?;
    let compared = Permitted {
        permits,
        takes_us,
        capacity,
        knee: knee.context("no rate was sustained in the simulation")?,
        p99_ns: at_load.quantile(0.99, |_| true).unwrap_or(0.0) * 1e9,
        measured_p99_ns: p99_ns(&loaded).context("the run has too few answers for a p99")?,
    };
    report(&format!(
        "{permits} permits of {takes_us} us: knee {:.1}/s of {capacity:.1}/s, p99 {:.1} ms, measured {:.1} ms",
        compared.knee,
        compared.p99_ns / 1e6,
        compared.measured_p99_ns / 1e6,
    ));
    Ok(compared)
}

/// Returns the service times of a run.
fn service_times(run: &Run) -> anyhow::Result<Demand> {
    let found = distributions(run, &[Scope::All]);
    let own = found.iter().find(|own| own.metric == Metric::Service);
    let own = own.context("the run at low load has no answers")?;
    let mut before = 0;
    let values = own.steps().into_iter().map(|step| {
        let count = step.count - before;
        before = step.count;
        (step.value_ns as f64 / 1e9, count as f64)
    });
    Demand::measured(values).context("the run at low load has no answers")
}

fn p99_ns(run: &Run) -> Option<f64> {
    let summary = tenfold_analysis::summarise(run);
    summary.latency_ns.response.p99.map(|ns| ns as f64)
}

//! What the tests of the generator share: a run against a server, and servers to run against.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "for tests, each of which uses the part that it needs"
)]

pub(crate) mod burst;
pub(crate) mod certificates;
pub(crate) mod raw;
pub(crate) mod secure;
pub(crate) mod shop;
pub(crate) mod stall;

use std::net::SocketAddr;
use std::time::Instant;

use hdrhistogram::Histogram;
use tenfold_loadgen::{LoadError, Options, Recording, Target};
use tenfold_run_dir::counts::RequestCounts;
use tenfold_run_dir::{Metric, RunDir, latency_histogram};
use tenfold_scenarios::Scenario;
use tokio::sync::watch;

/// A run that is over.
#[derive(Debug)]
pub(crate) struct Ran {
    pub(crate) recording: Recording,
    pub(crate) intervals: Vec<tenfold_run_dir::IntervalHistogram>,
    pub(crate) samples: Vec<tenfold_run_dir::sample::Sample>,
}

impl Ran {
    /// All values of one metric.
    pub(crate) fn latency(&self, metric: Metric) -> Histogram<u64> {
        let mut all = latency_histogram();
        for interval in self
            .intervals
            .iter()
            .filter(|interval| interval.series.metric == metric)
        {
            interval.histogram.add_to(&mut all);
        }
        all
    }

    /// What became of all arrivals; panics where the identities don't hold.
    pub(crate) fn total(&self) -> RequestCounts {
        let mut total = RequestCounts::default();
        for counts in self.recording.counts.phases.iter().flatten() {
            total.add(counts);
        }
        assert_eq!(total.planned, total.sent + total.dropped, "{total:?}");
        assert_eq!(
            total.sent,
            total.completed + total.failed + total.in_flight,
            "{total:?}"
        );
        total
    }
}

/// Runs a scenario against a server; `on_start` is told when the clock reads zero.
pub(crate) fn run(scenario: &str, server: SocketAddr, on_start: impl FnOnce(Instant)) -> Ran {
    let scenario = Scenario::parse(scenario, std::path::Path::new("test.toml")).unwrap();
    run_scenario(scenario, server, on_start)
}

/// Runs a scenario that has been read already.
pub(crate) fn run_scenario(
    scenario: Scenario,
    server: SocketAddr,
    on_start: impl FnOnce(Instant),
) -> Ran {
    let target = format!("http://{server}").parse().unwrap();
    try_run(scenario, target, on_start).unwrap()
}

/// Runs a scenario against a target, which may be of no use.
pub(crate) fn try_run(
    scenario: Scenario,
    target: Target,
    on_start: impl FnOnce(Instant),
) -> Result<Ran, LoadError> {
    try_run_paired(scenario, target, None, on_start)
}

/// Runs a scenario against a target and, where there is one, a candidate beside it.
pub(crate) fn try_run_paired(
    scenario: Scenario,
    target: Target,
    candidate: Option<Target>,
    on_start: impl FnOnce(Instant),
) -> Result<Ran, LoadError> {
    let directory = tempfile::tempdir().unwrap();
    let run_dir = RunDir::create(&directory.path().join("run")).unwrap();
    let (_tell, interrupt) = watch::channel(false);
    let recording = tenfold_loadgen::run(Options {
        scenario,
        target,
        candidate,
        run_dir: &run_dir,
        interrupt,
        on_ready: Box::new(|| ()),
        on_start: Box::new(on_start),
        on_progress: Box::new(|_| ()),
    })?;
    let intervals = run_dir.intervals(&recording.counts).unwrap();
    let intervals = intervals.collect::<Result<_, _>>().unwrap();
    let samples = run_dir.file("samples.json");
    let samples = match samples.exists() {
        true => serde_json::from_slice(&std::fs::read(samples).unwrap()).unwrap(),
        false => Vec::new(),
    };
    Ok(Ran {
        recording,
        intervals,
        samples,
    })
}

//! Support for the tests: runs, and servers to run against.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "test helpers may panic; some are for one test only"
)]

pub(crate) mod burst;
pub(crate) mod certificates;
pub(crate) mod http2_frames;
pub(crate) mod network_namespace;
pub(crate) mod raw;
pub(crate) mod recording;
pub(crate) mod secure;
pub(crate) mod shop;
pub(crate) mod site;
pub(crate) mod stall;

use std::net::SocketAddr;
use std::time::Instant;

use hdrhistogram::Histogram;
use tenfold_loadgen::{KnownSessions, LoadError, Options, Recording, Target};
use tenfold_run_dir::counts::RequestCounts;
use tenfold_run_dir::{Metric, RunDir, latency_histogram};
use tenfold_scenarios::Scenario;
use tokio::sync::watch;

/// A finished run.
#[derive(Debug)]
pub(crate) struct FinishedRun {
    pub(crate) recording: Recording,
    pub(crate) intervals: Vec<tenfold_run_dir::IntervalHistogram>,
    pub(crate) samples: Vec<tenfold_run_dir::sample::Sample>,
    /// `None` without the file.
    pub(crate) server_timing: Option<tenfold_run_dir::ServerTiming>,
}

impl FinishedRun {
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

    /// The counts of all arrivals.
    ///
    /// # Panics
    /// If the identities don't hold.
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

/// Reports that a test is skipped because `what` is missing.
///
/// # Panics
/// If the environment variable `CI` is set and not empty: CI runs every test.
#[expect(clippy::print_stderr, reason = "a skipped test must say so")]
pub(crate) fn skip(what: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|set| set.is_empty()),
        "tests must not be skipped in CI: {what} is missing"
    );
    eprintln!("skipped: {what} is missing");
}

/// Runs a scenario against a server. `on_start` receives the instant at which the clock reads zero.
pub(crate) fn run(
    scenario: &str,
    server: SocketAddr,
    on_start: impl FnOnce(Instant),
) -> FinishedRun {
    let scenario = Scenario::parse(scenario, std::path::Path::new("test.toml")).unwrap();
    run_scenario(scenario, server, on_start)
}

/// Runs a parsed scenario.
pub(crate) fn run_scenario(
    scenario: Scenario,
    server: SocketAddr,
    on_start: impl FnOnce(Instant),
) -> FinishedRun {
    let target = format!("http://{server}").parse().unwrap();
    try_run(scenario, target, on_start).unwrap()
}

/// Runs a scenario against a target, which may be unusable.
pub(crate) fn try_run(
    scenario: Scenario,
    target: Target,
    on_start: impl FnOnce(Instant),
) -> Result<FinishedRun, LoadError> {
    try_run_paired(scenario, target, None, on_start)
}

/// Runs a scenario against a target and an optional candidate.
pub(crate) fn try_run_paired(
    scenario: Scenario,
    target: Target,
    candidate: Option<Target>,
    on_start: impl FnOnce(Instant),
) -> Result<FinishedRun, LoadError> {
    try_run_knowing(
        scenario,
        (target, candidate),
        KnownSessions::default(),
        on_start,
    )
}

/// Runs a scenario with sessions that an earlier run may have logged in.
pub(crate) fn try_run_knowing(
    scenario: Scenario,
    (target, candidate): (Target, Option<Target>),
    sessions: KnownSessions,
    on_start: impl FnOnce(Instant),
) -> Result<FinishedRun, LoadError> {
    let directory = tempfile::tempdir().unwrap();
    let run_dir = RunDir::create(&directory.path().join("run")).unwrap();
    let (_sender, interrupt) = watch::channel(false);
    let recording = tenfold_loadgen::run(Options {
        scenario,
        share: tenfold_scenarios::Share::WHOLE,
        target,
        candidate,
        sessions,
        run_dir: &run_dir,
        interrupt,
        feed: None,
        on_ready: Box::new(|| ()),
        start: tenfold_loadgen::Start::Soon,
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
    let server_timing = std::fs::read(run_dir.file("server_timing.json")).ok();
    let server_timing = server_timing.map(|bytes| serde_json::from_slice(&bytes).unwrap());
    Ok(FinishedRun {
        recording,
        intervals,
        samples,
        server_timing,
    })
}

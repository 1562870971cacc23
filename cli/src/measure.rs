//! One measured run: load from the generator, and what the probe captures meanwhile.

use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenfold_loadgen::{Interrupt, Recording};
use tenfold_probe::profile::{self, Captured};
use tenfold_probe::{AdminListener, HostSampler, Metrics, ProbeError, Target};
use tenfold_run_dir::RunDir;
use tenfold_run_dir::counts::ServerCounter;
use tenfold_scenarios::Scenario;

use crate::live::Live;
use crate::manifest::Destination;

/// The metric that a target counts its requests with.
const COUNTER: &str = "http_server_requests_total";

/// Samples a CPU second of a profile: a prime, so that nothing periodic keeps step with it.
const PROFILE_HZ: u32 = 99;

/// The longest stretch that is profiled, in seconds.
const LONGEST_PROFILE_S: u64 = 10;

/// What is left of a phase at its beginning and end when it is profiled.
const PROFILE_MARGIN: Duration = Duration::from_millis(500);

/// Runs the scenario against its destination and writes what was recorded into `run_dir`.
///
/// Returns what was recorded, and why there is no CPU profile where one was to be taken.
pub(crate) fn measure(
    scenario: Scenario,
    destination: &Destination,
    run_dir: &RunDir,
    interrupt: Interrupt,
    live: &mut Live,
    with_profile: bool,
) -> anyhow::Result<(Recording, Option<ProbeError>)> {
    let target = destination.cleared.target().clone();
    let admin = destination.cleared.admin();
    let stretch = if with_profile {
        profiled_stretch(&scenario)
    } else {
        None
    };
    let mut before = None;
    let mut sampler = None;
    let mut profiling = None;
    let recording = tenfold_loadgen::run(tenfold_loadgen::Options {
        scenario,
        target,
        candidate: None,
        run_dir,
        interrupt,
        on_ready: Box::new(|| before = admin.and_then(counter)),
        on_start: Box::new(|start| {
            sampler = Some(HostSampler::start(
                Target::of(destination.pid, admin),
                start,
            ));
            if let (Some(admin), Some(stretch)) = (admin, stretch) {
                profiling = Some(capture_later(admin.clone(), start, stretch));
            }
        }),
        on_progress: Box::new(|progress| live.show(progress)),
    });
    live.finish();
    let host = sampler.map(HostSampler::stop).unwrap_or_default();
    let mut recording = recording?;
    recording.counts.server_counter =
        before
            .zip(admin.and_then(counter))
            .map(|(before, after)| ServerCounter {
                name: COUNTER.to_owned(),
                before,
                after,
            });
    run_dir.write_counts(&recording.counts)?;
    run_dir.write_timeline(&recording.timeline)?;
    run_dir.write_host(&host)?;
    let mut no_profile = None;
    if let Some(profiling) = profiling
        // The capture of a run that was interrupted is left to end by itself.
        && (recording.counts.interrupted.is_none() || profiling.is_finished())
        && let Ok(captured) = profiling.join()
    {
        match captured {
            Ok(captured) => {
                let stacks = captured.profile.folded();
                run_dir.write_profile(&captured.info, &captured.encoded, &stacks)?;
            }
            Err(error) => no_profile = Some(error),
        }
    }
    Ok((recording, no_profile))
}

/// The target's count of the requests that have reached it; none where it does not count.
fn counter(admin: &AdminListener) -> Option<u64> {
    Metrics::scrape(&admin.join("/metrics"))
        .ok()?
        .counter_sum(COUNTER)
}

/// Captures a profile when its stretch of the run has come, on a thread of its own.
fn capture_later(
    admin: AdminListener,
    start: Instant,
    (from, seconds): (Duration, u64),
) -> JoinHandle<Result<Captured, ProbeError>> {
    std::thread::spawn(move || {
        std::thread::sleep((start + from).saturating_duration_since(Instant::now()));
        profile::capture(&admin, seconds, PROFILE_HZ, start)
    })
}

/// The stretch that is profiled, as its begin and its whole seconds: the middle of the phase that
/// the scenario marks; none where no phase lasts long enough.
fn profiled_stretch(scenario: &Scenario) -> Option<(Duration, u64)> {
    let phase = scenario.phases.iter().find(|phase| phase.profiled)?;
    let seconds = phase.duration.saturating_sub(PROFILE_MARGIN * 2).as_secs();
    let seconds = seconds.min(LONGEST_PROFILE_S);
    let from = phase.start + (phase.duration - Duration::from_secs(seconds)) / 2;
    (seconds > 0).then_some((from, seconds))
}

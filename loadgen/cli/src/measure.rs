//! One measured run: load from the generator, and what the probe captures meanwhile.

use std::time::{Duration, Instant};

use anyhow::Context as _;
use tenfold_loadgen::Interrupt;
use tenfold_probe::metrics::Metrics;
use tenfold_probe::{HostSampler, profile};
use tenfold_run_dir::counts::ServerCounter;
use tenfold_run_dir::{HostTimeline, RunDir};
use tenfold_scenarios::{Phase, Scenario};

use crate::live::Live;
use crate::manifest::Destination;

/// The metric that a target counts its requests with.
const COUNTER: &str = "http_server_requests_total";

/// Samples a CPU second of a profile: a prime, so that nothing periodic keeps step with it.
const PROFILE_HZ: u32 = 99;

/// The longest stretch that is profiled.
const LONGEST_PROFILE: Duration = Duration::from_secs(10);

/// What is left of a phase at its beginning and end when it is profiled.
const PROFILE_MARGIN: Duration = Duration::from_millis(500);

/// Runs the scenario against its destination and writes all but the summary into `run_dir`.
pub(crate) fn measure(
    scenario: Scenario,
    destination: &Destination,
    run_dir: &RunDir,
    interrupt: Interrupt,
    live: &mut Live,
    with_profile: bool,
) -> anyhow::Result<()> {
    let target = destination.target.parse()?;
    let admin = destination.admin.as_deref();
    let stretch = if with_profile { scenario.phases.iter().find_map(profiled) } else { None };
    let mut before = None;
    let mut started = None;
    let mut sampler = None;
    let mut profiling = None;
    let recording = tenfold_loadgen::run(tenfold_loadgen::Options {
        scenario,
        target,
        run_dir,
        interrupt,
        on_ready: Box::new(|| before = admin.and_then(counter)),
        on_start: Box::new(|start| {
            started = Some(start);
            sampler = Some(HostSampler::start(start, destination.pid, admin));
            if let (Some(admin), Some((from, length))) = (admin, stretch) {
                profiling = Some(capture_later(admin.to_owned(), start, from, length));
            }
        }),
        on_progress: Box::new(|progress| live.show(progress)),
    });
    live.finish();
    let host = sampler.map_or_else(HostTimeline::default, HostSampler::stop);
    let mut recording = recording?;
    recording.counts.server_counter = before
        .zip(admin.and_then(counter))
        .map(|(before, after)| ServerCounter { name: COUNTER.to_owned(), before, after });
    run_dir.write_counts(&recording.counts)?;
    run_dir.write_timeline(&recording.timeline)?;
    run_dir.write_host(&host)?;
    // A capture whose run was interrupted is left to end by itself.
    if let Some(profiling) = profiling
        && (recording.counts.interrupted.is_none() || profiling.is_finished())
        && let Ok(captured) = profiling.join()
    {
        match captured {
            Ok(captured) => {
                let svg = profile::flamegraph_svg(&captured.profile)?;
                run_dir.write_profile(&captured.info, &captured.encoded, &svg)?;
            }
            Err(error) => eprintln_warning(&format!("no CPU profile: {error}")),
        }
    }
    Ok(())
}

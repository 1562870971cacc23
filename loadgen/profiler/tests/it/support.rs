//! What several tests need.

#![expect(clippy::print_stdout, reason = "a skipped test says why")]

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use tenfold_profiler::{Method, Options, Profile, ProfilerError, profile};
use tenfold_run_dir::FoldedStacks;

/// Profiles a process by perf events. `None` if the kernel denies it, with the reason on standard output.
///
/// # Panics
/// If it is denied in CI, which has the permission.
pub(crate) fn by_perf_events(pid: u32, duration: Duration) -> Option<Profile> {
    let options = Options {
        duration,
        method: Method::PerfEvents,
        ..Options::default()
    };
    let profile = match profile(&[pid], &options, &AtomicBool::new(false)) {
        Ok(profile) => profile,
        Err(error @ ProfilerError::Denied { .. }) => {
            skip(&error.to_string());
            return None;
        }
        Err(error) => panic!("{error}"),
    };
    if let Some(limit) = profile
        .limits
        .iter()
        .find(|limit| limit.contains("permits"))
    {
        skip(limit);
        return None;
    }
    Some(profile)
}

/// Reports why a test is skipped.
///
/// # Panics
/// If the environment variable `CI` is set and not empty: CI runs every test.
pub(crate) fn skip(reason: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|set| set.is_empty()),
        "tests must not be skipped in CI: {reason}"
    );
    println!("skipped: {reason}");
}

/// Share of the samples with a function whose name contains `name`.
pub(crate) fn share(stacks: &FoldedStacks, name: &str) -> f64 {
    let with = stacks
        .iter()
        .filter(|(frames, _)| frames.iter().any(|frame| frame.contains(name)));
    let samples: u64 = with.map(|(_, samples)| samples).sum();
    samples as f64 / stacks.samples().max(1) as f64
}

/// Asserts that the samples are as many as the CPU time makes one expect, within 5% and four standard deviations. Samples
/// may be lost if the test gets no CPU; then they are counted.
pub(crate) fn assert_complete(profile: &Profile) {
    let on_cpu = &profile.on_cpu;
    let tolerance = 0.05 * on_cpu.expected + 4.0 * on_cpu.expected.sqrt();
    let (captured, lost) = (on_cpu.captured as f64, on_cpu.lost as f64);
    assert!(
        captured > 0.0
            && captured <= on_cpu.expected + tolerance
            && captured + lost >= on_cpu.expected - tolerance,
        "{captured} of {:.1} samples, {lost} lost",
        on_cpu.expected
    );
    assert_eq!(on_cpu.dropped, 0);
    assert_eq!(on_cpu.stacks.samples(), on_cpu.captured);
}

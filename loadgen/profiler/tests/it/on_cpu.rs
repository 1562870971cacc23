//! Time on the CPU.

use std::time::Duration;

use crate::support::{assert_complete, by_perf_events, share};
use crate::target::Target;

#[test]
fn names_the_function_that_burns_cpu() {
    let target = Target::start("burn");
    let Some(profile) = by_perf_events(target.pid(), Duration::from_secs(3)) else {
        return;
    };
    assert_complete(&profile);
    let share = share(&profile.on_cpu.stacks, "burn_in_a_named_function");
    assert!(share >= 0.9, "{share} in\n{}", profile.on_cpu.stacks);
    // The name of the pool comes before the first function.
    let stacks = profile.on_cpu.stacks.iter();
    let from_start =
        stacks.filter(|(frames, _)| frames.get(1).is_some_and(|root| root == "_start"));
    let whole: u64 = from_start.map(|(_, samples)| samples).sum();
    assert!(
        whole as f64 >= 0.9 * profile.on_cpu.captured as f64,
        "stacks reach the root:\n{}",
        profile.on_cpu.stacks
    );
}

#[test]
fn profiles_children_and_threads_that_start_meanwhile() {
    let target = Target::start("children");
    let Some(profile) = by_perf_events(target.pid(), Duration::from_secs(3)) else {
        return;
    };
    assert_complete(&profile);
    let stacks = &profile.on_cpu.stacks;
    let in_threads = stacks.iter().filter(|(frames, _)| frames[0] == "brief");
    let in_threads: u64 = in_threads.map(|(_, samples)| samples).sum();
    assert!(in_threads > 0, "brief threads in\n{stacks}");
    let in_children = stacks.iter().filter(|(frames, _)| {
        frames[0] != "brief"
            && frames
                .iter()
                .any(|frame| frame.contains("burn_in_a_named_function"))
    });
    let in_children: u64 = in_children.map(|(_, samples)| samples).sum();
    assert!(in_children > 0, "children in\n{stacks}");
}

#[test]
fn ends_with_the_process() {
    let target = Target::start("burn-briefly");
    let begun = std::time::Instant::now();
    let options = tenfold_profiler::Options {
        duration: Duration::from_secs(60),
        ..Default::default()
    };
    let pid = target.pid();
    let reaper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_secs(1));
        drop(target);
    });
    let stop = std::sync::atomic::AtomicBool::new(false);
    tenfold_profiler::profile(&[pid], &options, &stop).unwrap();
    reaper.join().unwrap();
    assert!(begun.elapsed() < Duration::from_secs(30));
}

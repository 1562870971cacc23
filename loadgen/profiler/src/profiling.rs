//! Profiling: from process ids to a profile.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::options::{Method, Options};
use crate::permission;
use crate::process;
use crate::profile::{OffCpu, OnCpu, Profile};
use crate::recorder::Recorder;
use crate::rings::Permitted;
use crate::states::{self, States};
use crate::{ProfilerError, process_tree};

/// Pause between two reads of the ring buffers.
const PAUSE: Duration = Duration::from_millis(20);

/// Time over which switches are counted beforehand.
const COUNTING: Duration = Duration::from_millis(100);

/// Profiles processes and their descendants, also those that start meanwhile. Blocks for [`Options::duration`], or until
/// `stop` is set or the processes have ended.
///
/// # Errors
/// If a process does not exist, an option is out of its bounds, the kernel denies perf events and [`Options::method`] asks for
/// them, or file descriptors or memory are used up.
pub fn profile(
    processes: &[u32],
    options: &Options,
    stop: &AtomicBool,
) -> Result<Profile, ProfilerError> {
    options.check()?;
    let Some(&first) = processes.first() else {
        return Err(ProfilerError::Options("no process is named".to_owned()));
    };
    if let Some(pid) = processes.iter().find(|pid| !process::exists(**pid)) {
        return Err(ProfilerError::NoProcess { pid: *pid });
    }
    raise_descriptor_limit();
    let tree = process_tree(processes);
    let mut limits = Vec::new();
    let recorder = if options.method == Method::States {
        None
    } else {
        match start(&tree, options, &mut limits) {
            Ok(recorder) => Some(recorder),
            Err(source) if permission::is_denied(&source) => {
                if options.method == Method::PerfEvents {
                    return Err(ProfilerError::Denied {
                        pid: first,
                        source,
                        advice: permission::advice(),
                    });
                }
                limits.push(format!(
                    "the kernel denies perf events ({source}), so there are no stacks; {}",
                    permission::advice()
                ));
                None
            }
            Err(source) => {
                return Err(ProfilerError::Kernel {
                    pid: first,
                    action: "opening perf events",
                    source,
                });
            }
        }
    };
    let (duration, (on_cpu, off_cpu, missing)) = record(recorder, processes, options, stop);
    limits.extend(missing);
    Ok(Profile {
        processes: tree,
        duration,
        on_cpu,
        off_cpu,
        limits,
    })
}

/// Opens perf events with as much as the kernel permits.
fn start(
    tree: &[u32],
    options: &Options,
    limits: &mut Vec<String>,
) -> io::Result<(Recorder, Permitted)> {
    let switches = if options.off_cpu {
        switches_per_s(tree)
    } else {
        0
    };
    match Recorder::start(tree, options, switches, Permitted::Kernel) {
        Ok(recorder) => Ok((recorder, Permitted::Kernel)),
        Err(error) if permission::is_denied(&error) => {
            let recorder = Recorder::start(tree, options, switches, Permitted::Process)?;
            limits.push(format!(
                "the kernel permits stacks of the process only, so functions of the kernel and stacks of waits are missing; {}",
                permission::advice()
            ));
            Ok((recorder, Permitted::Process))
        }
        Err(error) => Err(error),
    }
}

/// Time on and off the CPU, and what they can't tell.
type Times = (OnCpu, Option<OffCpu>, Vec<String>);

/// Records until the end. Returns also the time that took.
fn record(
    recorder: Option<(Recorder, Permitted)>,
    processes: &[u32],
    options: &Options,
    stop: &AtomicBool,
) -> (Duration, Times) {
    let begun = Instant::now();
    let end = begun + options.duration;
    // Ends the loop if it returns false.
    let wait = |pause: Duration| {
        let left = end.saturating_duration_since(Instant::now());
        thread::sleep(pause.min(left));
        let ended = processes.iter().all(|pid| !process::exists(*pid));
        left > pause && !ended && !stop.load(Ordering::Relaxed)
    };
    let needs_states = match &recorder {
        Some((_, permitted)) => options.off_cpu && *permitted == Permitted::Process,
        None => true,
    };
    let mut states = needs_states.then(|| States::start(processes, options.hz));
    let Some((mut recorder, _)) = recorder else {
        let mut states = states.unwrap_or_else(|| States::start(processes, options.hz));
        while wait(states::PAUSE) {
            states.look();
        }
        let duration = begun.elapsed();
        let (on_cpu, off_cpu, limits) = states.finish();
        return (
            duration,
            (on_cpu, options.off_cpu.then_some(off_cpu), limits),
        );
    };
    let run_queue_before = run_queue(processes);
    let mut looked = Instant::now();
    while wait(PAUSE) {
        recorder.read();
        if let Some(states) = &mut states
            && looked.elapsed() >= states::PAUSE
        {
            looked = Instant::now();
            states.look();
        }
    }
    let run_queue = run_queue(processes).into_iter().map(|(tid, after)| {
        let before = run_queue_before.get(&tid).copied().unwrap_or_default();
        after.saturating_sub(before)
    });
    let run_queue: u64 = run_queue.fold(0, u64::saturating_add);
    let duration = begun.elapsed();
    let (on_cpu, mut off_cpu, mut limits) = recorder.finish();
    if let Some(off_cpu) = &mut off_cpu {
        off_cpu.run_queue = Some(Duration::from_nanos(run_queue));
    }
    if let Some(states) = states {
        let (_, by_state, missing) = states.finish();
        off_cpu = Some(by_state);
        limits.extend(missing);
    }
    (duration, (on_cpu, off_cpu, limits))
}

/// Run-queue time of each thread, in nanoseconds.
fn run_queue(processes: &[u32]) -> HashMap<u32, u64> {
    let tree = process_tree(processes);
    let threads = tree.into_iter().flat_map(|pid| {
        let threads = process::threads(pid).into_iter();
        threads.filter_map(move |tid| Some((tid, process::sched_stat(pid, tid)?.run_queue_ns)))
    });
    threads.collect()
}

/// Counts the switches of all threads for a moment.
fn switches_per_s(tree: &[u32]) -> u64 {
    let count = || -> u64 {
        let of_process = |pid: &u32| -> u64 {
            let threads = process::threads(*pid);
            let counts = threads
                .iter()
                .map(|tid| process::context_switches(*pid, *tid));
            counts.fold(0, u64::saturating_add)
        };
        tree.iter().map(of_process).fold(0, u64::saturating_add)
    };
    let before = count();
    let begun = Instant::now();
    thread::sleep(COUNTING);
    let switches = count().saturating_sub(before);
    let ms = u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX);
    switches.saturating_mul(1000) / ms.max(1)
}

/// Raises the limit of open files to the most that is permitted: each thread needs several.
fn raise_descriptor_limit() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit {
        current: limit.maximum,
        maximum: limit.maximum,
    };
    // If it fails, opening events names the cause.
    let _ = setrlimit(Resource::Nofile, raised);
}

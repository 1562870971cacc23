//! Profiling: from process ids to a profile.

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::ProfilerError;
use crate::options::{Method, Options};
use crate::permission;
use crate::process::{self, ProcessSet};
use crate::profile::{OffCpu, OnCpu, Profile};
use crate::recorder::{Recorded, Recorder};
use crate::rings::Permitted;
use crate::states::{self, States};

/// Pause between two reads of the ring buffers.
const PAUSE: Duration = Duration::from_millis(20);

/// Time over which switches are counted beforehand.
const COUNTING: Duration = Duration::from_millis(100);

/// A recording of processes whose functions have no names yet.
pub struct Recording {
    processes: Vec<u32>,
    names: Vec<String>,
    threads: u64,
    began: Instant,
    duration: Duration,
    denied: Option<String>,
    limits: Vec<String>,
    recorded: Option<Recorded>,
    states: Option<Times>,
    run_queue: Option<Duration>,
}

/// Profiles processes and their descendants, also those that start meanwhile. Blocks for [`Options::duration`], or until
/// `stop` is set or the processes have ended, and then until the functions are named.
///
/// # Errors
/// If a process does not exist, an option is out of its bounds, the kernel denies perf events and [`Options::method`] asks for
/// them, or file descriptors or memory are used up.
pub fn profile(
    processes: &[u32],
    options: &Options,
    stop: &AtomicBool,
) -> Result<Profile, ProfilerError> {
    record(processes, options, stop).map(Recording::into_profile)
}

/// Like [`profile`], but leaves the names of functions to [`Recording::into_profile`], which costs CPU time that would
/// disturb a measurement.
///
/// # Errors
/// As for [`profile`].
pub fn record(
    processes: &[u32],
    options: &Options,
    stop: &AtomicBool,
) -> Result<Recording, ProfilerError> {
    options.check()?;
    if let Some(pid) = processes.iter().find(|pid| !process::exists(**pid)) {
        return Err(ProfilerError::NoProcess { pid: *pid });
    }
    let set = ProcessSet {
        roots: processes.to_vec(),
        excluded: options.excluded.clone(),
    };
    let tree = set.tree();
    let Some(&first) = tree.first() else {
        return Err(ProfilerError::Options("no process is named".to_owned()));
    };
    raise_descriptor_limit();
    let names = tree.iter().map(|pid| process::thread_name(*pid, *pid));
    let names = names.collect();
    let threads = tree.iter().map(|pid| process::threads(*pid).len() as u64);
    let threads = threads.sum();
    let mut denied = None;
    let recorder = if options.method == Method::States {
        None
    } else {
        match start(&set, options, &mut denied) {
            Ok(recorder) => Some(recorder),
            Err(source) if permission::is_denied(&source) => {
                if options.method == Method::PerfEvents {
                    return Err(ProfilerError::Denied {
                        pid: first,
                        source,
                        advice: permission::advice(),
                    });
                }
                denied = Some(format!(
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
    let began = match &recorder {
        Some((recorder, _)) => recorder.began(),
        None => Instant::now(),
    };
    let recording = Recording {
        processes: tree,
        names,
        threads,
        began,
        duration: Duration::ZERO,
        denied,
        limits: Vec::new(),
        recorded: None,
        states: None,
        run_queue: None,
    };
    let end = began + options.duration;
    // Ends the loop if it returns false.
    let wait = |pause: Duration| {
        let left = end.saturating_duration_since(Instant::now());
        thread::sleep(pause.min(left));
        left > pause && !set.has_ended() && !stop.load(Ordering::Relaxed)
    };
    Ok(match recorder {
        Some((recorder, permitted)) => {
            let needs_states = options.off_cpu && permitted == Permitted::Process;
            let states = needs_states.then(|| States::start(&set, options.hz));
            record_events(recording, recorder, states, &set, wait)
        }
        None => record_states(recording, &set, options, wait),
    })
}

impl Recording {
    /// Start of the recording.
    pub fn began(&self) -> Instant {
        self.began
    }

    /// Sentence on what the kernel denies, with the setting that permits it. `None` if the recording has stacks on and off the
    /// CPU.
    pub fn denied(&self) -> Option<&str> {
        self.denied.as_deref()
    }

    /// Names of the processes, roots first.
    pub fn names(&self) -> &[String] {
        &self.names
    }

    /// Adds a sentence about what the profile can't tell.
    #[must_use]
    pub fn limited_by(mut self, limit: &str) -> Self {
        self.limits.push(limit.to_owned());
        self
    }

    /// Names the functions. That takes less than a second for most programs, and longer for large ones with debug
    /// information.
    pub fn into_profile(self) -> Profile {
        let mut limits: Vec<String> = self.denied.into_iter().chain(self.limits).collect();
        let method = match self.recorded {
            Some(_) => Method::PerfEvents,
            None => Method::States,
        };
        let (mut on_cpu, mut off_cpu) = (None, None);
        if let Some(recorded) = self.recorded {
            let (on, off, missing) = recorded.name();
            (on_cpu, off_cpu) = (Some(on), off);
            limits.extend(missing);
        }
        if let Some(off_cpu) = &mut off_cpu {
            off_cpu.run_queue = self.run_queue;
        }
        if let Some((on, off, missing)) = self.states {
            on_cpu = on_cpu.or(Some(on));
            off_cpu = off_cpu.or(off);
            limits.extend(missing);
        }
        Profile {
            processes: self.processes,
            names: self.names,
            threads: self.threads,
            method,
            duration: self.duration,
            on_cpu: on_cpu.unwrap_or_default(),
            off_cpu,
            limits,
        }
    }
}

impl std::fmt::Debug for Recording {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recording")
            .field("processes", &self.processes)
            .field("duration", &self.duration)
            .field("denied", &self.denied)
            .finish_non_exhaustive()
    }
}

/// Records perf events, and states of threads beside them, while `wait` returns true.
fn record_events(
    recording: Recording,
    mut recorder: Recorder,
    mut states: Option<States>,
    set: &ProcessSet,
    wait: impl Fn(Duration) -> bool,
) -> Recording {
    let run_queue_before = run_queue(set);
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
    let run_queue = run_queue(set).into_iter().map(|(tid, after)| {
        let before = run_queue_before.get(&tid).copied().unwrap_or_default();
        after.saturating_sub(before)
    });
    let run_queue: u64 = run_queue.fold(0, u64::saturating_add);
    Recording {
        duration: recording.began.elapsed(),
        recorded: Some(recorder.finish()),
        states: states.map(|states| {
            let (on_cpu, off_cpu, limits) = states.finish();
            (on_cpu, Some(off_cpu), limits)
        }),
        run_queue: Some(Duration::from_nanos(run_queue)),
        ..recording
    }
}

/// Reads states of threads while `wait` returns true.
fn record_states(
    recording: Recording,
    set: &ProcessSet,
    options: &Options,
    wait: impl Fn(Duration) -> bool,
) -> Recording {
    let mut states = States::start(set, options.hz);
    while wait(states::PAUSE) {
        states.look();
    }
    let duration = recording.began.elapsed();
    let (on_cpu, off_cpu, limits) = states.finish();
    Recording {
        duration,
        states: Some((on_cpu, options.off_cpu.then_some(off_cpu), limits)),
        ..recording
    }
}

/// Opens perf events with as much as the kernel permits.
fn start(
    set: &ProcessSet,
    options: &Options,
    denied: &mut Option<String>,
) -> io::Result<(Recorder, Permitted)> {
    let switches = if options.off_cpu {
        switches_per_s(&set.tree())
    } else {
        0
    };
    match Recorder::start(set, options, switches, Permitted::Kernel) {
        Ok(recorder) => Ok((recorder, Permitted::Kernel)),
        Err(error) if permission::is_denied(&error) => {
            let recorder = Recorder::start(set, options, switches, Permitted::Process)?;
            *denied = Some(format!(
                "the kernel permits stacks of the process only, so functions of the kernel and stacks of waits are missing; {}",
                permission::advice()
            ));
            Ok((recorder, Permitted::Process))
        }
        Err(error) => Err(error),
    }
}

/// Time on and off the CPU, and their gaps.
type Times = (OnCpu, Option<OffCpu>, Vec<String>);

/// Run-queue time of each thread, in nanoseconds.
fn run_queue(set: &ProcessSet) -> HashMap<u32, u64> {
    let tree = set.tree();
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

//! The profile of a run: taken while load is sent, named and written afterwards.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, RecvError, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use tenfold_loadgen::{Interrupt, OtherThread};
use tenfold_probe::profile::{self, Captured};
use tenfold_probe::{AdminListener, ProbeError};
use tenfold_profiler::{Method, Options, Profile, ProfilerError, Recording};
use tenfold_run_dir::{RunDir, RunDirError};

use crate::profile_window::Window;
use crate::profiled_processes::ProfiledProcesses;

/// Samples per CPU second. A prime, so that no periodic work aligns with the samples.
const PROFILE_HZ: u32 = 99;

/// Priority of the thread that profiles: behind the generator, if both want the same CPU.
const NICENESS: i32 = 10;

/// Time to name functions after which the user gets a note.
const NAMING_NOTE: Duration = Duration::from_secs(3);

/// Time to name functions after which the profile is given up.
const NAMING_MAX: Duration = Duration::from_secs(60);

/// Pause between two looks at an interrupt.
const LOOK: Duration = Duration::from_millis(50);

/// Time in which a profile ends that is stopped.
const STOPPING: Duration = Duration::from_millis(500);

/// Sources of a profile.
#[derive(Debug, Clone)]
pub(crate) struct Sources {
    /// Processes on this machine.
    pub(crate) processes: ProfiledProcesses,
    /// The service's own profiler.
    pub(crate) admin: Option<AdminListener>,
}

/// A profile being taken on a thread of its own.
pub(crate) struct Profiling {
    start: Instant,
    /// Dropped to end a profile that has not begun.
    load: Option<Sender<()>>,
    stop: Arc<AtomicBool>,
    thread: JoinHandle<Taken>,
}

/// A profile without names.
#[derive(Default)]
struct Taken {
    /// Of processes on this machine.
    recording: Option<Recording>,
    /// The service's own.
    own: Option<Captured>,
    notes: Vec<String>,
}

impl Profiling {
    /// Takes a profile once the run, which starts at `start`, reaches the window. `None` if the system refuses a thread: the
    /// run matters more.
    pub(crate) fn start(window: Window, sources: Sources, start: Instant) -> Option<Self> {
        let (load, ended) = mpsc::channel();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let thread = thread::Builder::new()
            .name("tenfold-profile".into())
            .spawn(move || {
                let wait = (start + window.from).saturating_duration_since(Instant::now());
                match ended.recv_timeout(wait) {
                    Err(RecvTimeoutError::Timeout) => sources.take(window, start, &stopped),
                    Ok(()) | Err(RecvTimeoutError::Disconnected) => Taken::default(),
                }
            });
        Some(Self {
            start,
            load: Some(load),
            stop,
            thread: thread.ok()?,
        })
    }

    /// Ends the profile early: no more load is sent.
    pub(crate) fn stop(&mut self) {
        self.load = None;
        self.stop.store(true, Ordering::Relaxed);
    }

    /// Names the functions, and writes the profile. Calls `on_delay` if that takes more than 3 s; an interrupt then ends it.
    /// Returns what the user should know.
    ///
    /// # Errors
    /// If a file can't be written.
    pub(crate) fn write(
        self,
        run_dir: &RunDir,
        interrupt: &Interrupt,
        on_delay: impl FnOnce(),
    ) -> Result<Vec<String>, RunDirError> {
        let is_interrupted = *interrupt.borrow();
        if is_interrupted && !self.stops_soon() {
            // The service's own profiler is left to end by itself.
            return Ok(Vec::new());
        }
        // If the thread panicked, it has printed a message.
        let mut taken = self.thread.join().unwrap_or_default();
        let began = taken.recording.as_ref().map(Recording::began);
        let profile = match taken.recording.take() {
            Some(recording) => match name(recording, interrupt, on_delay) {
                Ok(profile) => Some(profile),
                Err(reason) => {
                    taken.notes.push(reason);
                    None
                }
            },
            None => None,
        };
        if let Some(own) = &taken.own {
            run_dir.write_profile(&own.info, &own.encoded, &own.profile.folded())?;
        }
        if let (Some(profile), Some(began)) = (profile, began) {
            let start = began.saturating_duration_since(self.start);
            write(run_dir, &profile, ns(start), taken.own.is_none())?;
        }
        Ok(taken.notes)
    }

    fn stops_soon(&self) -> bool {
        let begun = Instant::now();
        while !self.thread.is_finished() && begun.elapsed() < STOPPING {
            thread::sleep(LOOK);
        }
        self.thread.is_finished()
    }
}

impl Sources {
    /// Profiles the processes by perf events, on and off the CPU. If that can't be done, takes the service's own profile, and
    /// reads the states of the threads.
    fn take(&self, window: Window, start: Instant, stop: &AtomicBool) -> Taken {
        let _other = OtherThread::new();
        // If it fails, the thread has the priority of the others.
        let _ = rustix::process::setpriority_process(None, NICENESS);
        let found = match self.processes.find() {
            Ok(found) => found,
            Err(reason) => return self.take_own(window, start, None, Some(reason), stop),
        };
        let Some(pids) = found else {
            return self.take_own(window, start, None, None, stop);
        };
        match tenfold_profiler::record(&pids, &options(window, Method::PerfEvents), stop) {
            Ok(recording) => {
                let doubt = self.processes.doubt(recording.names());
                let denied = recording.denied().map(str::to_owned);
                Taken {
                    notes: doubt.into_iter().chain(denied).collect(),
                    recording: Some(recording),
                    own: None,
                }
            }
            Err(error) => {
                let denied = matches!(error, ProfilerError::Denied { .. });
                let processes = denied.then_some(pids.as_slice());
                self.take_own(window, start, processes, Some(error.to_string()), stop)
            }
        }
    }

    /// Takes the service's own profile, and the states of `processes` meanwhile. `reason` says why there are no perf events.
    fn take_own(
        &self,
        window: Window,
        start: Instant,
        processes: Option<&[u32]>,
        reason: Option<String>,
        stop: &AtomicBool,
    ) -> Taken {
        let (own, recording) = thread::scope(|scope| {
            let own = self.admin.as_ref().map(|admin| {
                scope.spawn(move || profile::capture(admin, window.seconds, PROFILE_HZ, start))
            });
            let recording = processes.and_then(|pids| {
                tenfold_profiler::record(pids, &options(window, Method::States), stop).ok()
            });
            (own.and_then(|own| own.join().ok()), recording)
        });
        let mut notes = Vec::new();
        if let Some(reason) = reason {
            let missing = match (&own, &recording) {
                (Some(Ok(_)), Some(_)) => "the profile has no stacks of waits",
                (Some(Ok(_)), None) => "the profile has no waits",
                (_, Some(_)) => "the profile has no functions",
                (_, None) => "no profile",
            };
            notes.push(format!("{missing}: {reason}"));
        }
        let own = match own {
            Some(Ok(own)) => Some(own),
            Some(Err(error)) => {
                notes.push(no_cpu_profile(&error));
                None
            }
            None => None,
        };
        Taken {
            recording: recording.map(|recording| match notes.first() {
                Some(note) => recording.limited_by(note),
                None => recording,
            }),
            own,
            notes,
        }
    }
}

fn no_cpu_profile(error: &ProbeError) -> String {
    format!("no CPU profile: {error}")
}

fn options(window: Window, method: Method) -> Options {
    Options {
        hz: PROFILE_HZ,
        duration: Duration::from_secs(window.seconds),
        method,
        // The service may have started the generator, as a test does.
        excluded: vec![std::process::id()],
        ..Options::default()
    }
}

/// Names the functions of a recording on a thread of its own, until an interrupt.
fn name(
    recording: Recording,
    interrupt: &Interrupt,
    on_delay: impl FnOnce(),
) -> Result<Profile, String> {
    let was_interrupted = *interrupt.borrow();
    let (sender, named) = mpsc::channel();
    let began = Instant::now();
    let thread = thread::Builder::new()
        .name("tenfold-symbols".into())
        .spawn(move || {
            // Nobody waits for it after an interrupt.
            let _ = sender.send(recording.into_profile());
        });
    if let Err(error) = thread {
        return Err(format!("no profile: could not start a thread: {error}"));
    }
    let panicked = |_: RecvError| "no profile: its functions could not be named".to_owned();
    let interrupted = || "no profile: interrupted while its functions were named".to_owned();
    if let Some(profile) = wait_for(&named, began + NAMING_NOTE, || false).map_err(panicked)? {
        return Ok(profile);
    }
    if was_interrupted {
        return Err(interrupted());
    }
    on_delay();
    let is_interrupted = || *interrupt.borrow();
    let profile = wait_for(&named, began + NAMING_MAX, is_interrupted).map_err(panicked)?;
    profile.ok_or_else(|| match is_interrupted() {
        true => interrupted(),
        false => format!(
            "no profile: its functions were not named within {} s",
            NAMING_MAX.as_secs()
        ),
    })
}

/// Waits for a profile. `None` if there was none before `until`, or before `is_over` returned true.
///
/// # Errors
/// If the thread that names it has ended without it.
fn wait_for(
    named: &Receiver<Profile>,
    until: Instant,
    is_over: impl Fn() -> bool,
) -> Result<Option<Profile>, RecvError> {
    loop {
        match named.recv_timeout(LOOK) {
            Ok(profile) => return Ok(Some(profile)),
            Err(RecvTimeoutError::Disconnected) => return Err(RecvError),
            Err(RecvTimeoutError::Timeout) if is_over() || Instant::now() >= until => {
                return Ok(None);
            }
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}

/// Writes a profile of processes: waits, and the time on the CPU unless the service's own profile has it.
fn write(
    run_dir: &RunDir,
    profile: &Profile,
    start_ns: u64,
    with_cpu: bool,
) -> Result<(), RunDirError> {
    if with_cpu {
        let (info, stacks) = (profile.info(start_ns), &profile.on_cpu.stacks);
        // Without functions, it is no profile for other tools.
        let encoded = match profile.method {
            Method::States => None,
            Method::Best | Method::PerfEvents => {
                profile::encode(stacks, info.hz, profile.duration).ok()
            }
        };
        match encoded {
            Some(encoded) => run_dir.write_profile(&info, &encoded, stacks)?,
            None => run_dir.write_stacks(&info, stacks)?,
        }
    }
    if let Some(waits) = profile.off_cpu_profile(start_ns) {
        run_dir.write_off_cpu(&waits)?;
    }
    Ok(())
}

fn ns(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

//! CPU profiles of this process, compatible with Go's `/debug/pprof/profile`.

use std::collections::HashMap;
use std::hint::black_box;
use std::io::{self, Write};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use flate2::Compression;
use flate2::write::GzEncoder;
use pprof::{Frames, ProfilerGuard, Report};
use rustix::process::setpriority_process;
use tenfold_profile_proto::{Function, Label, Line, Location, Message, Profile, Sample, ValueType};

use super::process;

/// Nice value of the thread that encodes a profile: about a tenth of a contended core. On Linux, each
/// thread has its own.
pub(super) const NICE: i32 = 10;

/// Captured profile.
#[derive(Debug)]
pub(crate) struct CpuProfile {
    /// Gzipped `profile.proto`.
    pub(crate) gzipped: Vec<u8>,
    /// Number of captured samples.
    pub(crate) samples: u64,
    /// CPU time of the process during the capture; times `hz`, the expected number of samples.
    pub(crate) cpu_time: Duration,
}

/// Failure to capture a profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// Another capture is in progress; only one can run at a time.
    #[error("another profile is in progress; try again when it is done")]
    Busy,
    /// The profiler failed.
    #[error("could not capture a profile: {0}")]
    Profiler(#[from] pprof::Error),
    /// Compression failed.
    #[error("could not compress the profile: {0}")]
    Pack(#[from] io::Error),
    /// The thread could not be started.
    #[error("could not capture a profile: {0}")]
    Thread(io::Error),
    /// The task was cancelled.
    #[error("could not capture a profile: the task was cancelled")]
    Cancelled,
}

/// Captures a profile for `seconds`, with `hz` samples per second of CPU time.
pub(crate) async fn capture(seconds: u32, hz: i32) -> Result<CpuProfile, ProfileError> {
    let lock = ProfilerLock::acquire().ok_or(ProfileError::Busy)?;
    // Starting unwinds and symbolises its own stack first, which would block an async thread.
    let starting = tokio::task::spawn_blocking(move || ProfilerGuard::new(hz));
    let guard = starting.await.map_err(|_| ProfileError::Cancelled)??;
    let began = SystemTime::now();
    let cpu_before = process::cpu_time();
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    let cpu_time = process::cpu_time().saturating_sub(cpu_before);
    // Symbolising reads debug information. It needs a thread of low priority, so that it does not
    // take CPU from the service while it is measured.
    let (sender, receiver) = tokio::sync::oneshot::channel();
    let work = move || {
        let unnamed = guard.report().build_unresolved()?;
        drop(guard);
        drop(lock);
        let _ = setpriority_process(None, NICE);
        let mut data = HashMap::new();
        for (frames, count) in unnamed.data {
            *data.entry(Frames::from(frames)).or_default() += count;
        }
        let report = Report {
            data,
            timing: unnamed.timing,
        };
        let profile = profile(&report, began, hz);
        let samples = report
            .data
            .values()
            .map(|count| count.unsigned_abs() as u64);
        Ok(CpuProfile {
            samples: samples.sum(),
            gzipped: compress(&profile)?,
            cpu_time,
        })
    };
    std::thread::Builder::new()
        .name("profile".to_owned())
        .spawn(move || {
            let _ = sender.send(work());
        })
        .map_err(ProfileError::Thread)?;
    receiver.await.unwrap_or(Err(ProfileError::Cancelled))
}

/// Prepares the profiler, once, while the process is idle.
///
/// The unwinder builds its tables at the first sample, in the signal handler. There, it must not
/// allocate if the interrupted thread was allocating. So this takes the first sample, in a loop of
/// pure arithmetic.
pub(crate) fn prime() {
    static PRIMED: Once = Once::new();
    PRIMED.call_once(|| {
        let Some(_lock) = ProfilerLock::acquire() else {
            return;
        };
        let Ok(_guard) = ProfilerGuard::new(1_000) else {
            return;
        };
        let began = Instant::now();
        let mut number = 1_u64;
        while began.elapsed() < Duration::from_millis(20) {
            number = black_box(
                number
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1),
            );
        }
    });
}

static LOCKED: AtomicBool = AtomicBool::new(false);

/// Exclusive use of the profiler: its signal and timer belong to the whole process.
struct ProfilerLock;

impl ProfilerLock {
    fn acquire() -> Option<Self> {
        let locked = LOCKED.swap(true, Ordering::AcqRel);
        (!locked).then_some(Self)
    }
}

impl Drop for ProfilerLock {
    fn drop(&mut self) {
        LOCKED.store(false, Ordering::Release);
    }
}

/// Encodes and compresses a profile.
pub(super) fn compress(profile: &Profile) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&profile.encode_to_vec())?;
    encoder.finish()
}

/// String table: the index of each string, and the strings by index.
#[derive(Default)]
pub(super) struct Strings(HashMap<String, i64>, Vec<String>);

impl Strings {
    /// Returns the index of a string.
    pub(super) fn index(&mut self, text: &str) -> i64 {
        if let Some(index) = self.0.get(text) {
            return *index;
        }
        let index = self.1.len() as i64;
        self.0.insert(text.to_owned(), index);
        self.1.push(text.to_owned());
        index
    }

    /// Returns the strings by index.
    pub(super) fn into_table(self) -> Vec<String> {
        self.1
    }
}

fn profile(report: &Report, began: SystemTime, hz: i32) -> Profile {
    let period_ns = 1_000_000_000 / i64::from(hz.max(1));
    let mut strings = Strings::default();
    strings.index("");
    let mut value_type = |name, unit| ValueType {
        r#type: strings.index(name),
        unit: strings.index(unit),
    };
    let sample_type = vec![
        value_type("samples", "count"),
        value_type("cpu", "nanoseconds"),
    ];
    let period_type = Some(value_type("cpu", "nanoseconds"));
    let thread = strings.index("thread");

    let mut functions: Vec<Function> = Vec::new();
    let mut function_ids = HashMap::new();
    let mut locations: Vec<Location> = Vec::new();
    let mut location_ids: HashMap<Vec<(u64, i64)>, u64> = HashMap::new();
    let mut sample = Vec::with_capacity(report.data.len());
    for (stack, &count) in &report.data {
        let mut location_id = Vec::with_capacity(stack.frames.len());
        for frame in &stack.frames {
            let mut lines = Vec::with_capacity(frame.len());
            for symbol in frame {
                let names = (symbol.name(), symbol.filename().into_owned());
                let system_name = strings.index(&symbol.sys_name());
                let (name, filename) = (strings.index(&names.0), strings.index(&names.1));
                let id = *function_ids.entry((name, filename)).or_insert_with(|| {
                    let id = functions.len() as u64 + 1;
                    functions.push(Function {
                        id,
                        name,
                        system_name,
                        filename,
                    });
                    id
                });
                lines.push((id, i64::from(symbol.lineno())));
            }
            if lines.is_empty() {
                continue;
            }
            let id = *location_ids.entry(lines).or_insert_with_key(|lines| {
                let id = locations.len() as u64 + 1;
                let line = lines
                    .iter()
                    .map(|&(function_id, line)| Line { function_id, line });
                locations.push(Location {
                    id,
                    line: line.collect(),
                    ..Location::default()
                });
                id
            });
            location_id.push(id);
        }
        sample.push(Sample {
            location_id,
            value: vec![count as i64, count as i64 * period_ns],
            label: vec![Label {
                key: thread,
                str: strings.index(&stack.thread_name_or_id()),
            }],
        });
    }
    Profile {
        sample_type,
        sample,
        location: locations,
        function: functions,
        string_table: strings.into_table(),
        time_nanos: nanos(began.duration_since(UNIX_EPOCH).unwrap_or_default()),
        duration_nanos: nanos(report.timing.duration),
        period_type,
        period: period_ns,
        ..Profile::default()
    }
}

/// Returns nanoseconds, as the format has them.
pub(super) fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

//! Profiles of the CPU time of this process, as Go's `/debug/pprof/profile` gives them.

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

/// How far the thread that writes a profile steps back behind the others (on Linux, a thread has a priority of
/// its own): to about a tenth of a processor that is wanted by all.
const NICE: i32 = 10;

/// A profile of a stretch of time.
#[derive(Debug)]
pub(crate) struct CpuProfile {
    /// The gzipped `profile.proto`.
    pub(crate) gzipped: Vec<u8>,
    /// How many samples were captured.
    pub(crate) samples: u64,
    /// The CPU time that the process took meanwhile; this times `hz` is how many samples there
    /// should be.
    pub(crate) cpu_time: Duration,
}

/// Why there is no profile.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ProfileError {
    /// Another profile is being taken, of which there can be one at a time.
    #[error("another profile is being taken; try again when it is done")]
    Busy,
    /// The profiler failed.
    #[error("could not take a profile: {0}")]
    Profiler(#[from] pprof::Error),
    /// Packing it failed.
    #[error("could not pack the profile: {0}")]
    Pack(#[from] io::Error),
    /// There is no thread for it.
    #[error("could not take a profile: {0}")]
    Thread(io::Error),
    /// It was given up.
    #[error("could not take a profile: the work was cancelled")]
    Cancelled,
}

/// Takes a profile, `hz` times per second of CPU time, for so long.
pub(crate) async fn capture(seconds: u32, hz: i32) -> Result<CpuProfile, ProfileError> {
    let turn = Turn::take().ok_or(ProfileError::Busy)?;
    // Starting walks and names its own stack first: no work for an async thread either.
    let starting = tokio::task::spawn_blocking(move || ProfilerGuard::new(hz));
    let guard = starting.await.map_err(|_| ProfileError::Cancelled)??;
    let began = SystemTime::now();
    let cpu_before = process::cpu_time();
    tokio::time::sleep(Duration::from_secs(seconds.into())).await;
    let cpu_time = process::cpu_time().saturating_sub(cpu_before);
    // Finding the names of functions reads debug information: no work for an async thread, nor for one that
    // takes the processor from those that answer while somebody measures them.
    let (tell, told) = tokio::sync::oneshot::channel();
    let work = move || {
        let unnamed = guard.report().build_unresolved()?;
        drop(guard);
        drop(turn);
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
            gzipped: pack(&profile)?,
            cpu_time,
        })
    };
    std::thread::Builder::new()
        .name("profile".to_owned())
        .spawn(move || {
            let _ = tell.send(work());
        })
        .map_err(ProfileError::Thread)?;
    told.await.unwrap_or(Err(ProfileError::Cancelled))
}

/// Makes the profiler ready, once, while the process does nothing else.
///
/// The unwinder builds its tables at the first sample, inside the signal handler, where it must not
/// allocate if the thread that was interrupted was allocating itself. So the first sample is taken
/// here, of a loop that does arithmetic.
pub(crate) fn prime() {
    static PRIMED: Once = Once::new();
    PRIMED.call_once(|| {
        let Some(_turn) = Turn::take() else { return };
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

static TAKEN: AtomicBool = AtomicBool::new(false);

/// The right to take a profile: signals and timer belong to the whole process.
struct Turn;

impl Turn {
    fn take() -> Option<Self> {
        let taken = TAKEN.swap(true, Ordering::AcqRel);
        (!taken).then_some(Self)
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        TAKEN.store(false, Ordering::Release);
    }
}

fn pack(profile: &Profile) -> io::Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&profile.encode_to_vec())?;
    encoder.finish()
}

/// The numbers of things, in the order they were first met.
#[derive(Default)]
struct Strings(HashMap<String, i64>, Vec<String>);

impl Strings {
    fn number(&mut self, text: &str) -> i64 {
        if let Some(number) = self.0.get(text) {
            return *number;
        }
        let number = self.1.len() as i64;
        self.0.insert(text.to_owned(), number);
        self.1.push(text.to_owned());
        number
    }
}

fn profile(report: &Report, began: SystemTime, hz: i32) -> Profile {
    let period_ns = 1_000_000_000 / i64::from(hz.max(1));
    let mut strings = Strings::default();
    strings.number("");
    let mut value_type = |name, unit| ValueType {
        r#type: strings.number(name),
        unit: strings.number(unit),
    };
    let sample_type = vec![
        value_type("samples", "count"),
        value_type("cpu", "nanoseconds"),
    ];
    let period_type = Some(value_type("cpu", "nanoseconds"));
    let thread = strings.number("thread");

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
                let system_name = strings.number(&symbol.sys_name());
                let (name, filename) = (strings.number(&names.0), strings.number(&names.1));
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
                str: strings.number(&stack.thread_name_or_id()),
            }],
        });
    }
    Profile {
        sample_type,
        sample,
        location: locations,
        function: functions,
        string_table: strings.1,
        time_nanos: nanos(began.duration_since(UNIX_EPOCH).unwrap_or_default()),
        duration_nanos: nanos(report.timing.duration),
        period_type,
        period: period_ns,
        ..Profile::default()
    }
}

fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

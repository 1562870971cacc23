//! Sampling the machine and the target's process while load runs.

use std::fs::File;
use std::io::{Read, Seek};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenfold_run_dir::HostTimeline;
use tenfold_run_dir::host_timeline::HostSample;

use crate::procfs::CpuTicks;
use crate::{AdminListener, http, metrics, procfs};

/// How often a sample is taken.
const PERIOD: Duration = Duration::from_secs(1);

/// How long a scrape may take: it must not put off the next sample.
const SCRAPE_TIMEOUT: Duration = Duration::from_millis(500);

/// Samples kept: a day's worth. A longer run keeps its first day.
const SAMPLES_MAX: usize = 86_400;

/// The process to sample beside the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// None: the machine alone.
    Unknown,
    /// A process on this machine, by its id.
    Process(u32),
    /// Whatever answers at this address with `process_cpu_seconds_total` and
    /// `process_resident_memory_bytes`, the names that Prometheus' client libraries use.
    Metrics(AdminListener),
}

impl Target {
    /// Chooses the process where its id is known, for that is cheaper and disturbs nobody; else the
    /// metrics; else none.
    pub fn of(pid: Option<u32>, admin: Option<&AdminListener>) -> Self {
        match (pid, admin) {
            (Some(pid), _) if cfg!(target_os = "linux") => Self::Process(pid),
            (_, Some(listener)) => Self::Metrics(listener.clone()),
            (_, None) => Self::Unknown,
        }
    }
}

/// Samples the machine and a target once a second, on a thread of its own.
///
/// A sample of the machine and a local process is two reads of `/proc` on files held open. With the
/// waking up it took 130 us of CPU time in a debug build on a busy 2-core virtual machine, a
/// hundredth of a per cent of a core; 20 us of it are the reads, which the test
/// `sampling_costs_next_to_nothing` holds under a millisecond. A sample over `/metrics` costs what
/// the target takes to answer one request.
///
/// CPU times come in clock ticks, usually of 10 ms, which is 1% of a core in a sample of a second.
#[derive(Debug)]
pub struct HostSampler {
    stop: Sender<()>,
    thread: Option<JoinHandle<HostTimeline>>,
}

impl HostSampler {
    /// Begins to sample; times are counted from `start`, the start of the run.
    ///
    /// It can be started ahead of the run: a stretch that ends before `start` is left out. The one
    /// that `start` falls into is kept whole, so the first sample may reach back a little further.
    ///
    /// Where the system grants no thread, nothing is sampled: a run is worth more than its samples.
    pub fn start(target: Target, start: Instant) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("tenfold-probe".into())
            .spawn(move || {
                let mut source = Source::open(target);
                let mut timeline = HostTimeline::default();
                let mut last = source.read();
                let mut due = last.at + PERIOD;
                loop {
                    let wait = due.saturating_duration_since(Instant::now());
                    let ended = match stopped.recv_timeout(wait) {
                        Err(RecvTimeoutError::Timeout) => false,
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => true,
                    };
                    let next = source.read();
                    if next.at > start && timeline.samples.len() < SAMPLES_MAX {
                        timeline
                            .samples
                            .push(sample(&last, &next, start, source.ticks_a_second));
                    }
                    if ended {
                        return timeline;
                    }
                    last = next;
                    // After a pause of the whole machine, one long sample rather than a burst.
                    while due <= last.at {
                        due += PERIOD;
                    }
                }
            })
            .ok();
        Self { stop, thread }
    }

    /// Takes a last sample, of the stretch that has begun, and returns them all.
    pub fn stop(mut self) -> HostTimeline {
        let _ = self.stop.send(());
        self.thread
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for HostSampler {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            // At most one scrape away.
            let _ = thread.join();
        }
    }
}

/// Where readings come from.
struct Source {
    machine: Option<File>,
    target: TargetSource,
    ticks_a_second: f64,
    text: String,
}

enum TargetSource {
    Unknown,
    // Held open, it goes on to mean this process: it can't be read once that has ended, even where
    // its id has been given to another.
    Process(File),
    Metrics { client: ureq::Agent, url: String },
}

/// What was read at one moment.
struct Reading {
    at: Instant,
    machine: Option<CpuTicks>,
    target_cpu_ns: Option<u64>,
    target_memory_bytes: Option<u64>,
}

impl Source {
    fn open(target: Target) -> Self {
        Self {
            machine: File::open("/proc/stat").ok(),
            target: match target {
                Target::Unknown => TargetSource::Unknown,
                Target::Process(pid) => File::open(format!("/proc/{pid}/stat"))
                    .map_or(TargetSource::Unknown, TargetSource::Process),
                Target::Metrics(listener) => TargetSource::Metrics {
                    client: http::client(&listener, SCRAPE_TIMEOUT),
                    url: listener.url().to_owned(),
                },
            },
            ticks_a_second: rustix::param::clock_ticks_per_second() as f64,
            text: String::new(),
        }
    }

    fn read(&mut self) -> Reading {
        let (target_cpu_ns, target_memory_bytes) = self.read_target();
        let machine = self
            .machine
            .as_mut()
            .and_then(|file| reread(file, &mut self.text))
            .and_then(procfs::cpu_ticks);
        Reading {
            at: Instant::now(),
            machine,
            target_cpu_ns,
            target_memory_bytes,
        }
    }

    fn read_target(&mut self) -> (Option<u64>, Option<u64>) {
        match &mut self.target {
            TargetSource::Unknown => (None, None),
            TargetSource::Process(file) => {
                let stat = reread(file, &mut self.text).and_then(procfs::process_stat);
                let ns_a_tick = 1e9 / self.ticks_a_second;
                (
                    stat.map(|stat| (stat.cpu_ticks as f64 * ns_a_tick) as u64),
                    stat.map(|stat| stat.resident_pages * rustix::param::page_size() as u64),
                )
            }
            TargetSource::Metrics { client, url } => {
                let Ok(metrics) = metrics::scrape(client, url, SCRAPE_TIMEOUT) else {
                    return (None, None);
                };
                (
                    metrics
                        .sum("process_cpu_seconds_total")
                        .map(|seconds| (seconds * 1e9) as u64),
                    metrics.counter_sum("process_resident_memory_bytes"),
                )
            }
        }
    }
}

/// Reads a file of `/proc` anew.
fn reread<'a>(file: &mut File, text: &'a mut String) -> Option<&'a str> {
    text.clear();
    file.rewind().ok()?;
    file.read_to_string(text).ok()?;
    Some(text)
}

fn sample(last: &Reading, next: &Reading, start: Instant, ticks_a_second: f64) -> HostSample {
    let duration = next.at.duration_since(last.at);
    let cores = |ticks: fn(&CpuTicks) -> u64| {
        let (last, next) = (last.machine.as_ref()?, next.machine.as_ref()?);
        // The counters of a machine that was moved have been seen to step back.
        let ticks = ticks(next).saturating_sub(ticks(last));
        Some(ticks as f64 / ticks_a_second / duration.as_secs_f64().max(1e-9))
    };
    HostSample {
        at_ns: nanoseconds(next.at.saturating_duration_since(start)),
        duration_ns: nanoseconds(duration),
        host_cores_used: cores(|ticks| ticks.used),
        host_cores_stolen: cores(|ticks| ticks.stolen),
        // A counter that steps back is another process's: the target was restarted.
        target_cpu_ns: last
            .target_cpu_ns
            .zip(next.target_cpu_ns)
            .and_then(|(last, next)| next.checked_sub(last)),
        target_memory_bytes: next.target_memory_bytes,
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_seen_at_work() {
        let start = Instant::now();
        let sampler = HostSampler::start(Target::Process(std::process::id()), start);
        let mut spins = 0_u64;
        while start.elapsed() < Duration::from_millis(1_300) {
            spins = std::hint::black_box(spins + 1);
        }
        let timeline = sampler.stop();
        assert_eq!(timeline.samples.len(), 2);
        let cpu_ns: u64 = timeline
            .samples
            .iter()
            .map(|sample| sample.target_cpu_ns.unwrap())
            .sum();
        // On a busy machine the loop gets less than a core; other tests may add to it.
        assert!(cpu_ns > 200_000_000, "{cpu_ns}");
        for sample in &timeline.samples {
            assert!(sample.target_memory_bytes.unwrap() > 100_000);
            assert!(sample.host_cores_used.unwrap() >= 0.0);
            assert!(sample.host_cores_stolen.unwrap() >= 0.0);
        }
        let first = &timeline.samples[0];
        assert!(first.at_ns.abs_diff(first.duration_ns) < 500_000_000);
        let covered: u64 = timeline
            .samples
            .iter()
            .map(|sample| sample.duration_ns)
            .sum();
        assert!(timeline.samples[1].at_ns.abs_diff(covered) < 500_000_000);
    }

    #[test]
    fn a_process_that_ends_tells_nothing_more() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let mut source = Source::open(Target::Process(child.id()));
        assert!(source.read().target_cpu_ns.is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        let after = source.read();
        assert_eq!(after.target_cpu_ns, None);
        assert_eq!(after.target_memory_bytes, None);
    }

    #[test]
    fn a_target_that_is_not_there_leaves_the_machine() {
        for target in [
            Target::Unknown,
            Target::Process(u32::MAX),
            Target::Metrics("127.0.0.1:1".into()),
        ] {
            let sampler = HostSampler::start(target, Instant::now());
            let timeline = sampler.stop();
            assert_eq!(timeline.samples.len(), 1);
            assert_eq!(timeline.samples[0].target_cpu_ns, None);
            assert!(timeline.samples[0].host_cores_used.is_some());
        }
    }

    #[test]
    fn the_process_is_preferred() {
        assert_eq!(Target::of(Some(1), Some(&"a".into())), Target::Process(1));
        assert_eq!(
            Target::of(None, Some(&"a".into())),
            Target::Metrics("a".into())
        );
        assert_eq!(Target::of(None, None), Target::Unknown);
    }

    #[test]
    fn sampling_costs_next_to_nothing() {
        let mut source = Source::open(Target::Process(std::process::id()));
        let cpu = || {
            let now = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
            Duration::new(now.tv_sec as u64, now.tv_nsec as u32)
        };
        let before = cpu();
        for _ in 0..100 {
            assert!(source.read().target_cpu_ns.is_some());
        }
        let each = (cpu() - before) / 100;
        println!("{each:?} of CPU time for a sample");
        assert!(each < Duration::from_millis(1), "{each:?}");
    }
}

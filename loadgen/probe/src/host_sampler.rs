//! Samples of the machine and of the target's process while load runs.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::File;
use std::io::{Read, Seek};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenfold_run_dir::HostTimeline;
use tenfold_run_dir::host_timeline::HostSample;

use crate::host_counters::{HostCounters, HostReading};
use crate::procfs::CpuTicks;
use crate::{AdminListener, http, metrics, process_tree, procfs};

/// Time between two samples.
const PERIOD: Duration = Duration::from_secs(1);

/// Samples after which the descendants of a process are looked up again.
const READINGS_PER_LOOK: u32 = 5;

/// Timeout of a scrape, short enough not to delay the next sample.
const SCRAPE_TIMEOUT: Duration = Duration::from_millis(500);

/// Most samples kept: those of the first day.
const SAMPLES_MAX: usize = 86_400;

/// The process to sample besides the machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// No process.
    Unknown,
    /// A process on this machine, by process id.
    Process(u32),
    /// Processes on this machine and their descendants.
    Trees(Vec<u32>),
    /// The process that reports `process_cpu_seconds_total` and `process_resident_memory_bytes` at this listener. The names
    /// are those of the Prometheus client libraries.
    Metrics(AdminListener),
}

impl Target {
    /// Prefers the process id, which is cheaper and does not disturb the target, to the metrics.
    pub fn of(pid: Option<u32>, admin: Option<&AdminListener>) -> Self {
        match (pid, admin) {
            (Some(pid), _) if cfg!(target_os = "linux") => Self::Process(pid),
            (_, Some(listener)) => Self::Metrics(listener.clone()),
            (_, None) => Self::Unknown,
        }
    }
}

/// Samples the machine and a target once per second, on a separate thread.
///
/// A sample of the machine and a local process is eight reads of `/proc`, from files that stay open; the test
/// `a_sample_takes_less_than_a_millisecond` sets their limit, 0.1% of a core. A sample from `/metrics` costs the target one
/// request.
///
/// The unit of CPU times is the clock tick, usually 10 ms. That is 1% of a core in one second.
#[derive(Debug)]
pub struct HostSampler {
    stop: Sender<()>,
    thread: Option<JoinHandle<HostTimeline>>,
}

impl HostSampler {
    /// Starts to sample. Times count from `start`, the start of the run.
    ///
    /// The sampler can be started before the run. Intervals that end before `start` are dropped. The interval that contains
    /// `start` is kept whole, so the first sample may start earlier.
    ///
    /// If the system refuses a thread, there are no samples: the run matters more.
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
                            .push(sample(&last, &next, start, source.ticks_per_second));
                    }
                    if ended {
                        return timeline;
                    }
                    last = next;
                    // After a pause of the machine, take one long sample rather than a burst.
                    while due <= last.at {
                        due += PERIOD;
                    }
                }
            })
            .ok();
        Self { stop, thread }
    }

    /// Takes a last sample, of the interval in progress, and returns all samples.
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
            // Waits for one scrape at most.
            let _ = thread.join();
        }
    }
}

/// Source of readings.
struct Source {
    machine: Option<File>,
    counters: HostCounters,
    target: TargetSource,
    ticks_per_second: f64,
    text: String,
}

enum TargetSource {
    Unknown,
    // Stays open, so that it refers to this process even if the system reuses its id. Reads fail once the process has
    // ended.
    Process(File),
    Trees(Trees),
    Metrics { client: ureq::Agent, url: String },
}

/// Values at one moment.
struct Reading {
    at: Instant,
    machine: Option<CpuTicks>,
    host: HostReading,
    target_cpu_ns: Option<u64>,
    target_memory_bytes: Option<u64>,
}

impl Source {
    fn open(target: Target) -> Self {
        Self {
            machine: File::open("/proc/stat").ok(),
            counters: HostCounters::open(),
            target: match target {
                Target::Unknown => TargetSource::Unknown,
                Target::Process(pid) => File::open(format!("/proc/{pid}/stat"))
                    .map_or(TargetSource::Unknown, TargetSource::Process),
                Target::Trees(roots) => TargetSource::Trees(Trees::of(roots)),
                Target::Metrics(listener) => TargetSource::Metrics {
                    client: http::client(&listener, SCRAPE_TIMEOUT),
                    url: listener.url().to_owned(),
                },
            },
            ticks_per_second: rustix::param::clock_ticks_per_second() as f64,
            text: String::new(),
        }
    }

    fn read(&mut self) -> Reading {
        let (target_cpu_ns, target_memory_bytes) = self.read_target();
        let mut stat = String::new();
        let stat = self
            .machine
            .as_mut()
            .and_then(|file| reread(file, &mut stat));
        let machine = stat.and_then(procfs::cpu_ticks);
        let host = self.counters.read(stat, &mut self.text);
        Reading {
            at: Instant::now(),
            machine,
            host,
            target_cpu_ns,
            target_memory_bytes,
        }
    }

    fn read_target(&mut self) -> (Option<u64>, Option<u64>) {
        match &mut self.target {
            TargetSource::Unknown => (None, None),
            TargetSource::Process(file) => {
                usage(file, self.ticks_per_second, &mut self.text).unzip()
            }
            TargetSource::Trees(trees) => trees.read(self.ticks_per_second, &mut self.text),
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

/// Processes and their descendants. Forking servers start and end workers, so the descendants are looked up again and again.
struct Trees {
    roots: Vec<u32>,
    /// The `stat` file of each process, by process id, and its CPU time at the last reading, in nanoseconds.
    files: BTreeMap<u32, (File, u64)>,
    /// CPU time of all processes since the first reading, in nanoseconds. What a process used before it was found, and after
    /// the last reading before its end, is not in it.
    cpu_ns: u64,
    /// Readings until the descendants are looked up again.
    left: u32,
}

impl Trees {
    fn of(roots: Vec<u32>) -> Self {
        Self {
            roots,
            files: BTreeMap::new(),
            cpu_ns: 0,
            left: 0,
        }
    }

    /// Returns CPU time, in nanoseconds, and memory, in bytes: sums over the processes that live. `None` without any.
    fn read(&mut self, ticks_per_second: f64, text: &mut String) -> (Option<u64>, Option<u64>) {
        if self.left == 0 {
            self.left = READINGS_PER_LOOK;
            for root in &self.roots {
                for process in process_tree::tree(*root) {
                    if let Entry::Vacant(entry) = self.files.entry(process)
                        && let Ok(mut file) = File::open(format!("/proc/{process}/stat"))
                        && let Some((cpu_ns, _)) = usage(&mut file, ticks_per_second, text)
                    {
                        entry.insert((file, cpu_ns));
                    }
                }
            }
        }
        self.left -= 1;
        let mut memory = None;
        let cpu_ns = &mut self.cpu_ns;
        self.files.retain(|_, (file, last)| {
            let Some((own_ns, bytes)) = usage(file, ticks_per_second, text) else {
                return false;
            };
            *cpu_ns += own_ns.saturating_sub(*last);
            *last = own_ns;
            *memory.get_or_insert(0) += bytes;
            true
        });
        (memory.map(|_| self.cpu_ns), memory)
    }
}

/// Returns CPU time, in nanoseconds, and memory, in bytes, from the `stat` file of a process. `None` once it has ended.
fn usage(file: &mut File, ticks_per_second: f64, text: &mut String) -> Option<(u64, u64)> {
    let stat = reread(file, text).and_then(procfs::process_stat)?;
    Some((
        (stat.cpu_ticks as f64 * 1e9 / ticks_per_second) as u64,
        stat.resident_pages * rustix::param::page_size() as u64,
    ))
}

/// Reads a file of `/proc` again from its start.
pub(crate) fn reread<'a>(file: &mut File, text: &'a mut String) -> Option<&'a str> {
    text.clear();
    file.rewind().ok()?;
    file.read_to_string(text).ok()?;
    Some(text)
}

fn sample(last: &Reading, next: &Reading, start: Instant, ticks_per_second: f64) -> HostSample {
    let duration = next.at.duration_since(last.at);
    let cores = |ticks: fn(&CpuTicks) -> u64| {
        let (last, next) = (last.machine.as_ref()?, next.machine.as_ref()?);
        // Counters can step back when a virtual machine migrates.
        let ticks = ticks(next).saturating_sub(ticks(last));
        Some(ticks as f64 / ticks_per_second / duration.as_secs_f64().max(1e-9))
    };
    HostSample {
        at_ns: nanoseconds(next.at.saturating_duration_since(start)),
        duration_ns: nanoseconds(duration),
        host_cores_used: cores(|ticks| ticks.used),
        host_cores_stolen: cores(|ticks| ticks.stolen),
        // A counter that steps back belongs to a new process: the target was restarted.
        target_cpu_ns: last
            .target_cpu_ns
            .zip(next.target_cpu_ns)
            .and_then(|(last, next)| next.checked_sub(last)),
        target_memory_bytes: next.target_memory_bytes,
        resources: Some(next.host.since(&last.host, duration)),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn samples_cpu_and_memory_of_this_process() {
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
        // The loop gets less than a core on a busy machine, and other tests add to it.
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
    fn tree_counts_its_descendants() {
        let burning = "i=0; while [ $i -lt 100000000 ]; do i=$((i+1)); done";
        let mut parent = std::process::Command::new("sh")
            .args(["-c", &format!("({burning}) & sleep 60")])
            .spawn()
            .unwrap();
        std::thread::sleep(Duration::from_millis(300));
        let own = process_tree::tree(parent.id());
        let mut source = Source::open(Target::Trees(vec![parent.id()]));
        let before = source.read().target_cpu_ns.unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let after = source.read().target_cpu_ns.unwrap();
        parent.kill().unwrap();
        parent.wait().unwrap();
        for process in own.iter().skip(1).filter_map(|id| i32::try_from(*id).ok()) {
            let id = rustix::process::Pid::from_raw(process).unwrap();
            let _ = rustix::process::kill_process(id, rustix::process::Signal::KILL);
        }
        // The loop gets less than a core on a busy machine.
        assert!(after - before > 100_000_000, "{before} {after}");
    }

    #[test]
    fn ended_process_has_no_values() {
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
    fn samples_the_machine_without_a_target() {
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
    fn prefers_process_to_metrics() {
        assert_eq!(Target::of(Some(1), Some(&"a".into())), Target::Process(1));
        assert_eq!(
            Target::of(None, Some(&"a".into())),
            Target::Metrics("a".into())
        );
        assert_eq!(Target::of(None, None), Target::Unknown);
    }

    #[test]
    fn a_sample_takes_less_than_a_millisecond() {
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

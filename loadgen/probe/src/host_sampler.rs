//! Samples of the machine and of the target's process while load runs.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{Read, Seek};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenfold_run_dir::HostTimeline;
use tenfold_run_dir::host_timeline::{BoxSample, BoxTimeline, HostSample};

use crate::host_counters::{HostCounters, HostReading};
use crate::other_processes::OtherProcesses;
use crate::procfs::CpuTicks;
use crate::target_processes::{TargetProcesses, TargetReading};
use crate::{AdminListener, http, metrics, procfs};

/// Time between two samples.
const PERIOD: Duration = Duration::from_secs(1);

/// Samples after which other processes are looked at again.
const SAMPLES_PER_LOOK: usize = 5;

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
/// A sample of the machine and a local process is some fifteen reads of `/proc` and of its control group; the test
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
        Self::start_with_boxes(target, Vec::new(), start)
    }

    /// As [`HostSampler::start`]. Samples the boxes of a stage as well, each by its name and its first process.
    pub fn start_with_boxes(target: Target, boxes: Vec<(String, u32)>, start: Instant) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("tenfold-probe".into())
            .spawn(move || {
                let mut source = Source::open(target);
                let mut timeline = HostTimeline::default();
                let mut others = OtherProcesses::look();
                let mut boxes: Vec<SampledBox> = boxes.into_iter().map(SampledBox::of).collect();
                for own in &mut boxes {
                    own.sample(start, source.ticks_per_second);
                }
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
                    for own in &mut boxes {
                        own.sample(start, source.ticks_per_second);
                    }
                    if ended || timeline.samples.len().is_multiple_of(SAMPLES_PER_LOOK) {
                        timeline.others =
                            others.since(&source.processes(), source.ticks_per_second);
                    }
                    if ended {
                        timeline.boxes = boxes.into_iter().map(|own| own.timeline).collect();
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

/// A box that is sampled.
struct SampledBox {
    processes: TargetProcesses,
    timeline: BoxTimeline,
    last: Option<(Instant, TargetReading)>,
}

impl SampledBox {
    fn of((name, process): (String, u32)) -> Self {
        Self {
            processes: TargetProcesses::trees(vec![process]),
            timeline: BoxTimeline {
                name,
                samples: Vec::new(),
            },
            last: None,
        }
    }

    /// Takes a sample, unless it is the first reading or the interval ended before the start of the run.
    fn sample(&mut self, start: Instant, ticks_per_second: f64) {
        let next = self.processes.read(ticks_per_second, &mut String::new());
        let at = Instant::now();
        let last = self.last.replace((at, next));
        let samples = &mut self.timeline.samples;
        let Some((from, last)) = last.filter(|_| at > start && samples.len() < SAMPLES_MAX) else {
            return;
        };
        samples.push(BoxSample {
            at_ns: nanoseconds(at.saturating_duration_since(start)),
            duration_ns: nanoseconds(at.duration_since(from)),
            cpu_ns: next.cpu_since(&last),
            memory_bytes: next.memory_bytes,
            limits: next.limits_since(&last),
        });
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
    Processes(TargetProcesses),
    Metrics { client: ureq::Agent, url: String },
}

/// Values at one moment.
struct Reading {
    at: Instant,
    machine: Option<CpuTicks>,
    host: HostReading,
    target: TargetReading,
}

impl Source {
    fn open(target: Target) -> Self {
        let ticks_per_second = rustix::param::clock_ticks_per_second() as f64;
        Self {
            machine: File::open("/proc/stat").ok(),
            counters: HostCounters::open(),
            target: match target {
                Target::Unknown => TargetSource::Unknown,
                Target::Process(pid) => {
                    TargetSource::Processes(TargetProcesses::one(pid, ticks_per_second))
                }
                Target::Trees(roots) => TargetSource::Processes(TargetProcesses::trees(roots)),
                Target::Metrics(listener) => TargetSource::Metrics {
                    client: http::client(&listener, SCRAPE_TIMEOUT),
                    url: listener.url().to_owned(),
                },
            },
            ticks_per_second,
            text: String::new(),
        }
    }

    fn read(&mut self) -> Reading {
        let target = self.read_target();
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
            target,
        }
    }

    /// Returns the processes of the target. Empty if they are not known.
    fn processes(&self) -> BTreeSet<u32> {
        match &self.target {
            TargetSource::Processes(processes) => processes.ids().collect(),
            TargetSource::Unknown | TargetSource::Metrics { .. } => BTreeSet::new(),
        }
    }

    fn read_target(&mut self) -> TargetReading {
        match &mut self.target {
            TargetSource::Unknown => TargetReading::default(),
            TargetSource::Processes(processes) => {
                processes.read(self.ticks_per_second, &mut self.text)
            }
            TargetSource::Metrics { client, url } => {
                let Ok(metrics) = metrics::scrape(client, url, SCRAPE_TIMEOUT) else {
                    return TargetReading::default();
                };
                let cpu_s = metrics.sum("process_cpu_seconds_total");
                TargetReading {
                    cpu_ns: cpu_s.map(|seconds| (seconds * 1e9) as u64),
                    memory_bytes: metrics.counter_sum("process_resident_memory_bytes"),
                    open_files: metrics.counter_sum("process_open_fds"),
                    open_files_allowed: metrics.counter_sum("process_max_fds"),
                    ..TargetReading::default()
                }
            }
        }
    }
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
        target_cpu_ns: next.target.cpu_since(&last.target),
        target_memory_bytes: next.target.memory_bytes,
        target_limits: next.target.limits_since(&last.target),
        resources: Some(next.host.since(&last.host, duration)),
    }
}

fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;
    use crate::process_tree;

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
        let before = source.read().target.cpu_ns.unwrap();
        std::thread::sleep(Duration::from_secs(1));
        let after = source.read().target.cpu_ns.unwrap();
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
    fn samples_boxes_beside_the_target() {
        let start = Instant::now();
        let boxes = vec![("web".to_owned(), std::process::id())];
        let sampler = HostSampler::start_with_boxes(Target::Unknown, boxes, start);
        std::thread::sleep(Duration::from_millis(1_200));
        let timeline = sampler.stop();
        let [web] = &timeline.boxes[..] else {
            panic!("{timeline:?}")
        };
        assert_eq!((web.name.as_str(), web.samples.len()), ("web", 2));
        assert!(web.samples[0].cpu_ns.is_some() && web.samples[0].memory_bytes.is_some());
        assert!(web.samples[0].limits.unwrap().open_files.unwrap() > 0);
    }

    #[test]
    fn ended_process_has_no_values() {
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let mut source = Source::open(Target::Process(child.id()));
        assert!(source.read().target.cpu_ns.is_some());
        child.kill().unwrap();
        child.wait().unwrap();
        let after = source.read();
        assert_eq!(after.target.cpu_ns, None);
        assert_eq!(after.target.memory_bytes, None);
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
            assert!(source.read().target.cpu_ns.is_some());
        }
        let each = (cpu() - before) / 100;
        println!("{each:?} of CPU time for a sample");
        assert!(each < Duration::from_millis(1), "{each:?}");
    }
}

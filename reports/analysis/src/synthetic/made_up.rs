//! Synthetic runs from a model of a service and its traffic.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::path::PathBuf;

use tenfold_run_dir::counts::{GeneratorUsage, KeyCounts, ServerCounter, TopCount};
use tenfold_run_dir::host_timeline::HostSample;
use tenfold_run_dir::manifest::{
    Host, KeyShare, KeySpaceInfo, PhaseInfo, RequestInfo, StepInfo, Tool,
};
use tenfold_run_dir::scaling::Scaling;
use tenfold_run_dir::target_metrics::{MetricKind, MetricSeries};
use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{
    HostTimeline, IntervalFold, IntervalHistogram, Manifest, ProfileInfo, Run, ServerTiming,
    TargetMetrics, Timeline,
};

use crate::synthetic::recorder::{Event, ROW_NS, Recorder};
use crate::synthetic::stream::Stream;

/// A model of a service and its traffic. The run depends on these figures and the seed alone.
#[derive(Debug, Clone)]
pub struct MadeUp {
    /// Seed of all random numbers.
    pub seed: u64,
    /// Traffic.
    pub traffic: Traffic,
    /// Arrivals per second of each step of the counted phase, which replace the spike. Empty for a spike.
    pub steps: Vec<f64>,
    /// Maximum number of concurrent requests in the service. `None` for no limit.
    pub workers: Option<usize>,
    /// Median work time of a read, in nanoseconds.
    pub work_ns: u64,
    /// Work time of a write, as a multiple of that of a read.
    pub write_factor: f64,
    /// Sigma of the log-normal distribution of work times; 0 for constant times.
    pub work_sigma: f64,
    /// Share of the work time that needs CPU; the rest waits.
    pub cpu_share: f64,
    /// A request by its index, and its work time as a multiple of that of a read. `None` if no request is slow.
    pub slow_request: Option<(usize, f64)>,
    /// Requests by their indices that share a pool of their own, and its size. `None` without such a pool.
    pub pool: Option<(Vec<usize>, usize)>,
    /// Stall of the service: start and duration, in nanoseconds.
    pub stall_ns: Option<(u64, u64)>,
    /// Freeze of the generator: start and duration, in nanoseconds.
    pub freeze_ns: Option<(u64, u64)>,
    /// Usual lag of the generator, in nanoseconds.
    pub lag_ns: u64,
    /// Share of responses with an unexpected status.
    pub failing: f64,
    /// Maximum wait of an arrival, in nanoseconds. An arrival that would wait longer is dropped.
    pub wait_ns: u64,
    /// Objectives.
    pub rules: Vec<String>,
    /// Names of the requests: reads, then one write.
    pub names: Vec<String>,
}

/// Traffic of a synthetic run.
#[derive(Debug, Clone, Copy)]
pub struct Traffic {
    /// Arrivals per second, before and after the spike.
    pub per_second: f64,
    /// Arrivals per second at the peak of the spike.
    pub peak_per_second: f64,
    /// Duration of warm-up, in seconds.
    pub warm_up_s: u64,
    /// Duration of the counted phase, in seconds.
    pub counted_s: u64,
    /// True for evenly spaced arrivals; false for random ones.
    pub even: bool,
}

impl Default for MadeUp {
    /// A healthy service with a spike close to its capacity.
    fn default() -> Self {
        Self {
            seed: 42,
            traffic: Traffic {
                per_second: 1_000.0,
                peak_per_second: 3_400.0,
                warm_up_s: 5,
                counted_s: 55,
                even: false,
            },
            steps: Vec::new(),
            workers: Some(2),
            work_ns: 400_000,
            write_factor: 5.0,
            work_sigma: 0.45,
            cpu_share: 0.8,
            slow_request: None,
            pool: None,
            stall_ns: None,
            freeze_ns: None,
            lag_ns: 80_000,
            failing: 0.0,
            wait_ns: 5_000_000_000,
            rules: [
                "p99 < 250ms for \"read post\"",
                "p50 < 5ms",
                "errors < 0.1%",
                "rate > 99%",
            ]
            .map(str::to_owned)
            .to_vec(),
            names: ["read post", "read feed", "read user", "create post"]
                .map(str::to_owned)
                .to_vec(),
        }
    }
}

impl MadeUp {
    /// The stall oracle: constant arrivals over 20 s, answered in 1 ms except during a stall of 2 s.
    ///
    /// The response time at a quantile `q > 0.9` is `2 (1 - (1 - q) / 0.1)` seconds.
    pub fn stall_oracle() -> Self {
        Self {
            traffic: Traffic {
                per_second: 1_000.0,
                peak_per_second: 1_000.0,
                warm_up_s: 0,
                counted_s: 20,
                even: true,
            },
            workers: None,
            work_ns: 1_000_000,
            write_factor: 1.0,
            work_sigma: 0.0,
            stall_ns: Some((8_000_000_000, 2_000_000_000)),
            lag_ns: 0,
            rules: Vec::new(),
            names: ["read post", "create post"].map(str::to_owned).to_vec(),
            ..Self::default()
        }
    }

    /// Simulates the run.
    pub fn play(&self) -> Run {
        self.play_with_log().0
    }

    /// Simulates the run. Also returns the interval log that its latencies were folded from.
    pub fn play_with_log(&self) -> (Run, Vec<IntervalHistogram>) {
        let mut random = Stream::new(self.seed);
        let mut recorder = Recorder::new(2, self.names.len());
        let mut keys = KeyCounts::default();
        let mut tops =
            [1_u64, 10, 100, 1_000, 10_000, 100_000].map(|top| TopCount { top, requests: 0 });
        let idle =
            |size: usize| -> BinaryHeap<Reverse<u64>> { (0..size).map(|_| Reverse(0)).collect() };
        let mut workers = idle(self.workers.unwrap_or(0));
        let mut pool = idle(self.pool.as_ref().map_or(0, |(_, size)| *size));
        let mut work_by_second = BTreeMap::<u64, u64>::new();
        let mut intended = 0.0_f64;
        let mut number = 0_u64;
        let warm_up_end = self.traffic.warm_up_s * ROW_NS;
        loop {
            let gap = if self.traffic.even {
                1.0
            } else {
                random.exponential()
            };
            intended += gap * 1e9 / self.rate_at(intended / 1e9);
            let at = intended.round() as u64;
            if at > warm_up_end + self.traffic.counted_s * ROW_NS {
                break;
            }
            let phase = usize::from(at > warm_up_end);
            number += 1;
            let write = number.is_multiple_of(101);
            let request = if write {
                self.names.len() - 1
            } else {
                (random.next() % (self.names.len() as u64 - 1)) as usize
            };
            let sent = self.held(
                self.freeze_ns,
                at + (self.lag_ns as f64 * random.exponential()) as u64,
            );
            let factor = match self.slow_request {
                Some((slow, factor)) if slow == request => factor,
                _ if write => self.write_factor,
                _ => 1.0,
            };
            let is_pooled = self
                .pool
                .as_ref()
                .is_some_and(|(of, _)| of.contains(&request));
            let free = if is_pooled { &mut pool } else { &mut workers };
            let spread = if self.work_sigma > 0.0 {
                random.log_normal(self.work_sigma)
            } else {
                1.0
            };
            let work = (self.work_ns as f64 * factor * spread) as u64;
            let begin = match free.peek() {
                Some(Reverse(at)) => sent.max(*at),
                None => sent,
            };
            if begin - at > self.wait_ns {
                recorder.dropped(phase, request, at, at + self.wait_ns);
                continue;
            }
            let done = self.held(self.stall_ns, begin + work).max(sent + 1);
            if free.pop().is_some() {
                free.push(Reverse(done));
            }
            *work_by_second.entry(begin / ROW_NS).or_default() += work;
            let failed = random.unit() < self.failing;
            let status = if failed { 503 } else { 200 };
            recorder.answered(Event {
                phase,
                request,
                write,
                intended: at,
                sent,
                done,
                status,
                failed,
            });
            if phase == 1 && !write {
                let rank = zipfian_rank(random.unit());
                keys.requests += 1;
                for top in tops.iter_mut().filter(|top| rank < top.top) {
                    top.requests += 1;
                }
            }
        }
        keys.top = tops.to_vec();
        self.run(recorder, keys, &work_by_second)
    }

    /// Returns the arrivals per second at a time. The spike lasts a tenth of the run, at two thirds of it.
    fn rate_at(&self, at_s: f64) -> f64 {
        let traffic = &self.traffic;
        let since = (at_s - traffic.warm_up_s as f64) / traffic.counted_s as f64;
        let step = (since * self.steps.len() as f64).max(0.0) as usize;
        if let Some(last) = self.steps.len().checked_sub(1) {
            return self.steps[step.min(last)];
        }
        let total = (traffic.warm_up_s + traffic.counted_s) as f64;
        let (middle, width) = (total * 0.6, total * 0.06);
        let height = (-((at_s - middle) / width).powi(2)).exp();
        let swell = 1.0 + 0.15 * (at_s / total * std::f64::consts::TAU).sin();
        let base = if traffic.even { 1.0 } else { swell };
        traffic.per_second * base + (traffic.peak_per_second - traffic.per_second) * height
    }

    fn held(&self, period: Option<(u64, u64)>, at: u64) -> u64 {
        match period {
            Some((start, length)) if (start..start + length).contains(&at) => start + length,
            _ => at,
        }
    }

    fn run(
        &self,
        recorder: Recorder,
        keys: KeyCounts,
        work: &BTreeMap<u64, u64>,
    ) -> (Run, Vec<IntervalHistogram>) {
        let (mut counts, mut timeline, intervals) = recorder.finish();
        let mut cpu_ns = 0;
        for row in &mut timeline.rows {
            row.phase = usize::from(row.start_ns >= self.traffic.warm_up_s * ROW_NS);
            row.generator_cpu_ns = row.sent * 9_000 + 20_000_000;
            cpu_ns += row.generator_cpu_ns;
        }
        let sent: u64 = counts
            .phases
            .iter()
            .flatten()
            .map(|counts| counts.sent)
            .sum();
        counts.server_counter = Some(ServerCounter {
            name: "http_requests_total".to_owned(),
            before: 64,
            after: 64 + sent,
        });
        counts.set_up_requests = 64;
        counts.generator = GeneratorUsage {
            cpu_ns,
            wall_ns: timeline.rows.len() as u64 * ROW_NS,
            peak_memory_bytes: 38 << 20,
            connections: 212,
            users_used: 212,
            quantum_ns: Some(100_000),
            shortest_quantum_ns: Some(0),
        };
        counts.keys = vec![keys];
        let samples = timeline.rows.iter().map(|row| {
            let work = *work.get(&(row.start_ns / ROW_NS)).unwrap_or(&0);
            let target_cpu_ns = (work as f64 * self.cpu_share) as u64;
            HostSample {
                at_ns: row.start_ns + ROW_NS,
                duration_ns: ROW_NS,
                host_cores_used: Some((target_cpu_ns + row.generator_cpu_ns) as f64 / 1e9 + 0.05),
                host_cores_stolen: Some(0.004),
                target_cpu_ns: Some(target_cpu_ns),
                target_memory_bytes: Some((120 << 20) + row.sent * 1024),
                target_limits: None,
                resources: None,
            }
        });
        let samples: Vec<HostSample> = samples.collect();
        let manifest = self.manifest();
        let mut latencies = IntervalFold::of_run(&manifest, &timeline);
        latencies.extend(&intervals);
        let metrics = metrics(&timeline);
        let run = Run {
            path: PathBuf::from(format!("runs/20260101T000000Z-made-up-{}", self.seed)),
            manifest,
            profile: Some(ProfileInfo {
                source: "http://127.0.0.1:9100/debug/pprof/profile".to_owned(),
                start_ns: 20 * ROW_NS,
                duration_ns: 10 * ROW_NS,
                hz: 99.0,
                captured: 472,
                expected: Some(481.2),
                cpu_s: Some(4.86),
            }),
            counts,
            timeline,
            host: HostTimeline {
                samples,
                others: Vec::new(),
                boxes: Vec::new(),
            },
            boxes: Vec::new(),
            balancers: Vec::new(),
            scaling: Scaling::default(),
            incidents: Vec::new(),
            faults: None,
            components: Vec::new(),
            heap: None,
            latencies,
            generators: Vec::new(),
            agents: Default::default(),
            flamegraph: None,
            off_cpu: None,
            metrics,
            samples: Vec::new(),
            server_timing: ServerTiming::default(),
        };
        (run, intervals)
    }

    fn steps(&self, start_ns: u64, duration_ns: u64) -> Vec<StepInfo> {
        let count = self.steps.len() as u64;
        let start = |index: u64| start_ns + duration_ns * index / count;
        let rates = (0..).zip(&self.steps);
        rates
            .map(|(index, rate)| StepInfo {
                start_ns: start(index),
                duration_ns: start(index + 1) - start(index),
                rate_per_s: *rate,
            })
            .collect()
    }

    fn manifest(&self) -> Manifest {
        let (warm_up_ns, counted_ns) = (
            self.traffic.warm_up_s * ROW_NS,
            self.traffic.counted_s * ROW_NS,
        );
        let phase = |name: &str, start_ns, duration_ns, warm_up| PhaseInfo {
            name: name.to_owned(),
            kind: "spike".to_owned(),
            start_ns,
            duration_ns,
            warm_up,
            steps: Vec::new(),
        };
        let last = self.names.len() - 1;
        let requests = self
            .names
            .iter()
            .enumerate()
            .map(|(index, name)| RequestInfo {
                name: name.clone(),
                kind: if index == last { "write" } else { "read" }.to_owned(),
                method: if index == last { "POST" } else { "GET" }.to_owned(),
                key_space: (index < last).then_some(0),
            });
        Manifest {
            version: 1,
            tool: Tool {
                version: "0.1.0".to_owned(),
                git_revision: Some("0123456".to_owned()),
                build: "release".to_owned(),
            },
            scenario: "made up".to_owned(),
            scenario_text:
                "version = 1\nname = \"made up\"\nseed = 42\n\n[[phases]]\nname = \"day\"\n\
                            kind = \"spike\"\nbase = \"1000/s\"\npeak = \"3400/s\"\n"
                    .to_owned(),
            seed: self.seed,
            model: "open".to_owned(),
            overrides: BTreeMap::from([("--duration".to_owned(), "60s".to_owned())]),
            command: [
                "tenfold",
                "run",
                "scenarios/uneven.toml",
                "-d",
                "60s",
                "--seed",
                "42",
            ]
            .map(str::to_owned)
            .to_vec(),
            started_at: "2026-01-01T00:00:00Z".to_owned(),
            target: "http://127.0.0.1:8080".to_owned(),
            stage: Some("single-box".to_owned()),
            users: 10_000,
            phases: vec![
                phase("warm-up", 0, warm_up_ns, true),
                PhaseInfo {
                    kind: if self.steps.is_empty() {
                        "spike"
                    } else {
                        "steps"
                    }
                    .to_owned(),
                    steps: self.steps(warm_up_ns, counted_ns),
                    ..phase("day", warm_up_ns, counted_ns, false)
                },
            ],
            requests: requests.collect(),
            key_spaces: vec![KeySpaceInfo {
                name: "posts".to_owned(),
                count: KEYS,
                popularity: "Zipfian, exponent 1".to_owned(),
                theory: [1_u64, 10, 100, 1_000, 10_000, 100_000]
                    .map(|top| KeyShare {
                        top,
                        share: harmonic(top) / harmonic(KEYS),
                    })
                    .to_vec(),
            }],
            rules: self.rules.clone(),
            host: Host {
                cores: 2,
                cpu: "Example processor, 2.90 GHz".to_owned(),
                kernel: "Linux 6.18".to_owned(),
                memory_bytes: 8 << 30,
                open_files: 1 << 20,
                load_1m: 0.31,
            },
            shared_host: Some(true),
            boxes: Vec::new(),
            unconfined_because: None,
            service_boxes: Vec::new(),
            generators: 1,
            merged_from: Vec::new(),
            files: Vec::new(),
        }
    }
}

/// Returns metrics of the service: two that follow the load, and one that does not.
fn metrics(timeline: &Timeline) -> TargetMetrics {
    let rows = || timeline.rows.iter();
    let series = |name: &str, kind, values: Vec<f64>| MetricSeries {
        name: name.to_owned(),
        kind,
        chosen: false,
        values: values.into_iter().map(Some).collect(),
    };
    let mut total = 0;
    let requests = rows().map(|row| {
        total += row.sent;
        total as f64
    });
    let depth = rows().map(|row| row.in_flight as f64);
    let noise = rows().map(|row| (row.start_ns / ROW_NS * 7 % 5) as f64);
    TargetMetrics {
        at_ns: rows().map(Row::end_ns).collect(),
        series: vec![
            series(
                "http_requests_total",
                MetricKind::Counter,
                requests.collect(),
            ),
            series("queue_depth", MetricKind::Gauge, depth.collect()),
            series("clock_skew", MetricKind::Gauge, noise.collect()),
        ],
        left_out: 0,
    }
}

/// Number of keys of the key space.
const KEYS: u64 = 100_000;

/// Returns the n-th harmonic number, by the Euler-Maclaurin formula beyond the first thousand.
fn harmonic(n: u64) -> f64 {
    if n <= 1_000 {
        return (1..=n).map(|k| 1.0 / k as f64).sum();
    }
    let n = n as f64;
    n.ln() + 0.577_215_664_901_532_9 + 1.0 / (2.0 * n) - 1.0 / (12.0 * n * n)
}

/// Returns the rank, from 0, at which a Zipfian distribution with exponent 1 reaches a share.
fn zipfian_rank(share: f64) -> u64 {
    let wanted = share * harmonic(KEYS);
    let (mut low, mut high) = (1, KEYS);
    while low < high {
        let middle = (low + high) / 2;
        if harmonic(middle) < wanted {
            low = middle + 1
        } else {
            high = middle
        }
    }
    low - 1
}

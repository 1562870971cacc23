//! A profile from the states of threads in `/proc`: what is known without perf events.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use tenfold_run_dir::FoldedStacks;
use tenfold_run_dir::off_cpu::{Idleness, WaitKind};

use crate::options::Method;
use crate::process::{self, ProcessSet, SchedStat};
use crate::profile::{OffCpu, OnCpu, Wait};
use crate::stack_table::StackTable;
use crate::thread_pools::PoolId;
use crate::wait_kind::{idleness_of, kind_of};

/// Pause between two looks.
pub(crate) const PAUSE: Duration = Duration::from_millis(50);

/// Most threads that are looked at.
const THREADS_MAX: usize = 4096;

/// States of the threads of a process tree over time.
#[derive(Debug)]
pub(crate) struct States {
    processes: ProcessSet,
    hz: u32,
    pools: StackTable,
    threads: HashMap<u32, Thread>,
    /// Times of threads that have ended.
    ended: Vec<Thread>,
    waits: HashMap<(PoolId, Option<String>, bool), (u64, Duration)>,
    last: Instant,
    looks: u64,
}

#[derive(Debug, Clone, Copy)]
struct Thread {
    pid: u32,
    pool: PoolId,
    first: SchedStat,
    last: SchedStat,
    seen: u64,
}

impl States {
    /// Begins with the threads of these processes.
    pub(crate) fn start(processes: &ProcessSet, hz: u32) -> Self {
        let mut states = Self {
            processes: processes.clone(),
            hz,
            pools: StackTable::new(1),
            threads: HashMap::new(),
            ended: Vec::new(),
            waits: HashMap::new(),
            last: Instant::now(),
            looks: 0,
        };
        states.look();
        states.waits.clear();
        states
    }

    /// Looks at all threads. The time since the last look counts for the state that each is in now.
    pub(crate) fn look(&mut self) {
        let now = Instant::now();
        let elapsed = now.duration_since(self.last);
        self.last = now;
        self.looks += 1;
        let looked = self.processes.tree();
        let threads = looked.into_iter().flat_map(|pid| {
            let threads = process::threads(pid).into_iter();
            threads.map(move |tid| (pid, tid))
        });
        for (pid, tid) in threads.take(THREADS_MAX) {
            self.look_at(pid, tid, elapsed);
        }
        let looks = self.looks;
        let ended = self.threads.extract_if(|_, thread| thread.seen < looks);
        self.ended.extend(ended.map(|(_, thread)| thread));
        self.sum_ended();
    }

    fn look_at(&mut self, pid: u32, tid: u32, elapsed: Duration) {
        let Some(state) = process::state(pid, tid) else {
            return;
        };
        let times = process::sched_stat(pid, tid).unwrap_or_default();
        let pools = &mut self.pools;
        let thread = self.threads.entry(tid).or_insert_with(|| Thread {
            pid,
            pool: pools.pool(&process::thread_name(pid, tid)),
            first: if self.looks == 1 {
                times
            } else {
                SchedStat::default()
            },
            last: times,
            seen: 0,
        });
        thread.last = times;
        thread.seen = self.looks;
        let disk = state == 'D';
        if disk || matches!(state, 'S' | 'T' | 't') {
            let function = process::wait_channel(pid, tid);
            let wait = self.waits.entry((thread.pool, function, disk)).or_default();
            wait.0 += 1;
            wait.1 += elapsed;
        }
    }

    /// Keeps one sum a pool of the threads that have ended, so that their number is of no matter.
    fn sum_ended(&mut self) {
        let mut sums: HashMap<PoolId, Thread> = HashMap::new();
        for thread in self.ended.drain(..) {
            let times = thread.times();
            let sum = sums.entry(thread.pool).or_insert(Thread {
                first: SchedStat::default(),
                last: SchedStat::default(),
                ..thread
            });
            sum.last.cpu_ns = sum.last.cpu_ns.saturating_add(times.cpu_ns);
            sum.last.run_queue_ns = sum.last.run_queue_ns.saturating_add(times.run_queue_ns);
        }
        self.ended.extend(sums.into_values());
    }

    /// Run-queue time of all threads so far.
    fn run_queue(&self) -> Duration {
        let threads = self.threads.values().chain(&self.ended);
        let ns = threads.map(|thread| thread.times().run_queue_ns);
        Duration::from_nanos(ns.fold(0, u64::saturating_add))
    }

    /// Ends the profile: time on the CPU by thread pool, and off the CPU by pool and kernel function.
    pub(crate) fn finish(mut self) -> (OnCpu, OffCpu, Vec<String>) {
        self.look();
        let mut stacks = FoldedStacks::default();
        let mut cpu_ns: u64 = 0;
        for thread in self.threads.values().chain(&self.ended) {
            let ns = thread.times().cpu_ns;
            cpu_ns = cpu_ns.saturating_add(ns);
            let samples = u128::from(ns) * u128::from(self.hz) / 1_000_000_000;
            let process = process::thread_name(thread.pid, thread.pid);
            let pool = self.pools.pool_name(thread.pool);
            let frames = [process.as_str(), pool];
            let known = if process.is_empty() || process == pool {
                &frames[1..]
            } else {
                &frames[..]
            };
            stacks.add(
                known.iter().copied(),
                u64::try_from(samples).unwrap_or(u64::MAX),
            );
        }
        let cpu = Duration::from_nanos(cpu_ns);
        let on_cpu = OnCpu {
            hz: f64::from(self.hz),
            captured: stacks.samples(),
            expected: cpu.as_secs_f64() * f64::from(self.hz),
            lost: 0,
            dropped: 0,
            cpu,
            stacks,
        };
        let mut waits: Vec<Wait> = self
            .waits
            .iter()
            .map(|(key, time)| self.wait(key, *time))
            .collect();
        waits.sort_by(|a, b| b.ns.cmp(&a.ns).then_with(|| a.frames.cmp(&b.frames)));
        let looks = waits.iter().map(|wait| wait.waits).sum();
        let off_cpu = OffCpu {
            method: Method::States,
            waits,
            captured: 0,
            expected: looks,
            lost: 0,
            run_queue: Some(self.run_queue()),
        };
        let limits = vec![format!(
            "states of threads were read every {} ms: they show neither functions of the process nor waits that are shorter",
            PAUSE.as_millis()
        )];
        (on_cpu, off_cpu, limits)
    }

    fn wait(&self, key: &(PoolId, Option<String>, bool), (looks, time): (u64, Duration)) -> Wait {
        let (pool, function, disk) = key;
        let kernel: Vec<&str> = function.as_deref().into_iter().collect();
        let kind = match kind_of(&kernel, &[]) {
            WaitKind::Other if *disk => WaitKind::Disk,
            kind => kind,
        };
        let idleness = match idleness_of(kind, &[]) {
            Idleness::Blocked if !disk => Idleness::Unknown,
            known => known,
        };
        let pool = self.pools.pool_name(*pool).to_owned();
        let function_frame = function.as_ref().map(|name| format!("{name}_[k]"));
        Wait {
            kind,
            idleness,
            function: function.clone(),
            frames: [pool].into_iter().chain(function_frame).collect(),
            waits: looks,
            ns: u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
        }
    }
}

impl Thread {
    /// Times since the start of the profile, or of the thread if it is younger.
    fn times(&self) -> SchedStat {
        SchedStat {
            cpu_ns: self.last.cpu_ns.saturating_sub(self.first.cpu_ns),
            run_queue_ns: self
                .last
                .run_queue_ns
                .saturating_sub(self.first.run_queue_ns),
        }
    }
}

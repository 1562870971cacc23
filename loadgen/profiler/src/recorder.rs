//! A profile by perf events.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, HashSet};
use std::io;
use std::time::{Duration, Instant};

use tenfold_run_dir::FoldedStacks;
use tenfold_run_dir::off_cpu::{Idleness, WaitKind};

use crate::address_space::AddressSpace;
use crate::code_place::{CodePlaces, PlaceId};
use crate::earlier_waits::EarlierWaits;
use crate::named_stacks::NamedStack;
use crate::options::{Method, Options};
use crate::permission;
use crate::process::{self, ProcessSet};
use crate::profile::{OffCpu, OnCpu, Wait};
use crate::record::{Event, Record, Sample};
use crate::registers;
use crate::rings::{Permitted, Rings};
use crate::stack_table::{StackId, StackTable};
use crate::symbols::Symbols;
use crate::thread_pools::PoolId;
use crate::wait_kind::{blocking_function, idleness_of, kind_of};
use crate::waits::{Tally, Waits};

/// Most processes whose memory is known at a time.
const PROCESSES_MAX: usize = 16 * 1024;

/// Rounds in which threads are searched that started meanwhile.
const ROUNDS_MAX: usize = 5;

/// Records perf events of a process tree.
pub(crate) struct Recorder {
    rings: Rings,
    hz: u32,
    off_cpu: bool,
    start_ns: u64,
    began: Instant,
    /// The processes. Clocks of the CPUs sample others too.
    processes: HashSet<u32>,
    /// CPU time of the processes before, as `/proc` counts it.
    cpu_before: HashMap<u32, Duration>,
    places: CodePlaces,
    table: StackTable,
    cache: registers::Cache,
    spaces: HashMap<u32, AddressSpace>,
    pools: HashMap<u32, PoolId>,
    samples: HashMap<StackId, u64>,
    dropped: u64,
    waits: Waits,
    earlier: EarlierWaits,
    symbols: Symbols,
}

impl Recorder {
    /// Opens perf events for all threads of these processes.
    ///
    /// # Errors
    /// If the kernel denies or can't do it.
    pub(crate) fn start(
        set: &ProcessSet,
        options: &Options,
        switches_per_s: u64,
        permitted: Permitted,
    ) -> io::Result<Self> {
        let threads = |processes: &[u32]| -> Vec<(u32, u32)> {
            let of_process = |pid: &u32| {
                let pid = *pid;
                process::threads(pid).into_iter().map(move |tid| (pid, tid))
            };
            processes.iter().flat_map(of_process).collect()
        };
        // Reading large programs takes a while, in which records would be lost.
        let mut places = CodePlaces::default();
        let mut spaces: HashMap<u32, AddressSpace> = HashMap::new();
        for pid in set.tree() {
            spaces.insert(pid, AddressSpace::of_process(pid, &mut places));
        }
        let mut pending = threads(&set.tree());
        let mut rings = Rings::new(options, pending.len(), switches_per_s, permitted)?;
        let mut open: HashSet<u32> = HashSet::new();
        for _ in 0..ROUNDS_MAX {
            for (_, tid) in &pending {
                match rings.open(*tid).and_then(|()| rings.count(*tid)) {
                    Ok(()) => {}
                    // It has ended.
                    Err(error)
                        if error.raw_os_error() == Some(rustix::io::Errno::SRCH.raw_os_error()) => {
                    }
                    Err(error) => return Err(error),
                }
                open.insert(*tid);
            }
            open.extend(rings.started());
            pending = threads(&set.tree());
            pending.retain(|(_, tid)| !open.contains(tid));
            if pending.is_empty() {
                break;
            }
        }
        let mut recorder = Self {
            rings,
            hz: options.hz,
            off_cpu: options.off_cpu && permitted == Permitted::Kernel,
            start_ns: monotonic_ns(),
            began: Instant::now(),
            processes: set.tree().into_iter().collect(),
            cpu_before: HashMap::new(),
            places,
            table: StackTable::new(options.stacks_max),
            cache: registers::Cache::default(),
            spaces,
            pools: HashMap::new(),
            samples: HashMap::new(),
            dropped: 0,
            waits: Waits::default(),
            earlier: EarlierWaits::default(),
            symbols: Symbols::default(),
        };
        for (pid, tid) in threads(&set.tree()) {
            let pool = recorder.pool(pid, tid);
            if recorder.off_cpu {
                recorder.earlier.begin(pid, tid, pool, recorder.start_ns);
            }
        }
        for pid in set.tree() {
            recorder.cpu_before.insert(pid, process::cpu_time(pid));
            let space = recorder.spaces.entry(pid).or_default();
            space.refresh(pid, &mut recorder.places);
        }
        Ok(recorder)
    }

    /// Time at which all events were open.
    pub(crate) fn began(&self) -> Instant {
        self.began
    }

    /// Reads what the kernel has recorded so far. To be called several times a second.
    pub(crate) fn read(&mut self) {
        for record in self.rings.take(monotonic_ns()) {
            self.add_record(record);
        }
    }

    fn add_record(&mut self, record: Record) {
        let Record {
            pid,
            tid,
            time_ns,
            event,
        } = record;
        match event {
            Event::Fork { parent_pid } if self.processes.contains(&parent_pid) => {
                self.processes.insert(pid);
            }
            _ if !self.processes.contains(&pid) => return,
            _ => {}
        }
        match event {
            Event::Sample(sample) => {
                let pool = self.pool(pid, tid);
                match self.stack(pid, pool, &sample) {
                    Some(stack) => *self.samples.entry(stack).or_default() += 1,
                    None => self.dropped += 1,
                }
            }
            Event::SwitchSample(sample) => {
                let pool = self.pool(pid, tid);
                let stack = self.stack(pid, pool, &sample);
                self.waits.sample(tid, pool, stack);
            }
            Event::SwitchOut { preempted } => {
                let pool = self.pool(pid, tid);
                self.earlier.cancel(tid);
                self.waits.leave(tid, pool, time_ns, preempted);
            }
            Event::SwitchIn => {
                self.earlier.end(tid, time_ns);
                self.waits.enter(tid, time_ns);
            }
            Event::Fork { parent_pid } => self.fork(pid, tid, parent_pid),
            Event::Exit => {
                self.waits.forget(tid);
                self.pools.remove(&tid);
                self.rings.close(tid);
                // The first thread may end before the others.
                if tid == pid && !process::exists(pid) {
                    self.spaces.remove(&pid);
                    self.processes.remove(&pid);
                }
            }
            Event::Name { name, exec } => {
                let pool = self.table.pool(&name);
                self.pools.insert(tid, pool);
                if exec {
                    self.spaces.insert(pid, AddressSpace::default());
                }
            }
            Event::Map(mapping) => {
                let space = self.spaces.entry(pid).or_default();
                space.add(pid, &mapping, &mut self.places);
            }
            Event::Lost(_) | Event::Throttled => {}
        }
    }

    fn fork(&mut self, pid: u32, tid: u32, parent_pid: u32) {
        self.pools.remove(&tid);
        if pid != parent_pid
            && self.spaces.len() < PROCESSES_MAX
            && let Some(parent) = self.spaces.get(&parent_pid).cloned()
        {
            self.spaces.insert(pid, parent);
        }
        if !self.rings.inherit() {
            // The thread may have ended, or all descriptors may be used: then its CPU time is missing in the samples.
            let _ = self.rings.open(tid);
        }
    }

    fn pool(&mut self, pid: u32, tid: u32) -> PoolId {
        if let Some(pool) = self.pools.get(&tid) {
            return *pool;
        }
        let names = [
            process::thread_name(pid, tid),
            process::thread_name(pid, pid),
        ];
        let name = names.iter().find(|name| !name.is_empty());
        let pool = self.table.pool(name.map_or("[ended]", String::as_str));
        self.pools.insert(tid, pool);
        pool
    }

    fn stack(&mut self, pid: u32, pool: PoolId, sample: &Sample) -> Option<StackId> {
        if !self.spaces.contains_key(&pid) && self.spaces.len() < PROCESSES_MAX {
            let space = AddressSpace::of_process(pid, &mut self.places);
            self.spaces.insert(pid, space);
        }
        let space = self.spaces.get_mut(&pid)?;
        let mut frames = space.stack(sample, &mut self.cache);
        if frames.iter().any(|frame| frame.place == PlaceId::UNKNOWN) && space.is_stale() {
            space.refresh(pid, &mut self.places);
            frames = space.stack(sample, &mut self.cache);
        }
        let id = self.table.id(pool, frames);
        if self.table.is_full() {
            self.table.name_all(&mut self.symbols, &self.places);
        }
        id
    }

    /// Ends the recording and closes the events.
    pub(crate) fn finish(mut self) -> Recorded {
        let end_ns = monotonic_ns();
        for record in self.rings.take_all() {
            self.add_record(record);
        }
        let cpu = Duration::from_nanos(self.cpu_ns());
        self.waits.end(end_ns);
        let [lost, lost_switches] = self.rings.lost();
        Recorded {
            hz: self.hz,
            cpu,
            lost,
            limits: self.limits(),
            places: self.places,
            table: self.table,
            samples: self.samples,
            dropped: self.dropped,
            off_cpu: self.off_cpu.then(|| RecordedWaits {
                waits: self.waits,
                earlier: self.earlier.finish(end_ns),
                lost: lost_switches,
            }),
        }
    }

    /// CPU time of the processes, in nanoseconds: the greater of what the events and `/proc` count, so that threads without
    /// events show as missing samples.
    fn cpu_ns(&mut self) -> u64 {
        /// Each of four figures was rounded down to a clock tick.
        const ROUNDING: Duration = Duration::from_millis(40);
        let by_proc: Duration = self
            .cpu_before
            .iter()
            .map(|(pid, before)| {
                let used = process::cpu_time(*pid).saturating_sub(*before);
                used.saturating_sub(ROUNDING)
            })
            .sum();
        let by_proc = u64::try_from(by_proc.as_nanos()).unwrap_or(u64::MAX);
        self.rings.cpu_ns().max(by_proc)
    }

    /// Returns the gaps of the profile, besides dropped samples.
    fn limits(&self) -> Vec<String> {
        let mut limits = Vec::new();
        if self.off_cpu && self.rings.switch_period() > 1 {
            limits.push(format!(
                "the threads switched so often that only every {}th wait was sampled",
                self.rings.switch_period()
            ));
        }
        if self.off_cpu && permission::hides_kernel_names() {
            limits.push(
                "kernel.kptr_restrict hides the names of the kernel's functions, so what a wait is for is unknown; run as root, or \
                 `sysctl kernel.kptr_restrict=0`"
                    .to_owned(),
            );
        }
        if !self.rings.samples_short_threads() {
            limits.push(format!(
                "this user may sample its own threads only: those that live for less than {:.1} ms of CPU time are missing; run as \
                 root, or `sysctl kernel.perf_event_paranoid=0`",
                1e3 / f64::from(self.hz)
            ));
        }
        if self.off_cpu && !self.rings.inherit() {
            limits.push(format!(
                "there are {} ring buffers: the first milliseconds of threads that started during the profile are missing",
                self.rings.len()
            ));
        }
        limits
    }
}

/// Stacks by addresses, as recorded. It may be sent to another thread.
pub(crate) struct Recorded {
    hz: u32,
    cpu: Duration,
    lost: u64,
    limits: Vec<String>,
    places: CodePlaces,
    table: StackTable,
    samples: HashMap<StackId, u64>,
    dropped: u64,
    off_cpu: Option<RecordedWaits>,
}

/// Waits by stack.
struct RecordedWaits {
    waits: Waits,
    earlier: Vec<(PoolId, String, Tally)>,
    /// Records of switches that were lost.
    lost: u64,
}

impl Recorded {
    /// Names the functions. Returns time on and off the CPU, and their gaps.
    pub(crate) fn name(mut self) -> (OnCpu, Option<OffCpu>, Vec<String>) {
        self.table.name_all(&mut Symbols::default(), &self.places);
        let mut on_cpu = OnCpu {
            hz: f64::from(self.hz),
            stacks: FoldedStacks::default(),
            captured: 0,
            expected: self.cpu.as_secs_f64() * f64::from(self.hz),
            lost: self.lost,
            dropped: self.dropped,
            cpu: self.cpu,
        };
        for (stack, samples) in &self.samples {
            if let Some(stack) = self.table.named(*stack) {
                let frames = frames(&self.table, stack);
                on_cpu
                    .stacks
                    .add(frames.iter().map(String::as_str), *samples);
                on_cpu.captured += samples;
            } else {
                on_cpu.dropped += samples;
            }
        }
        let off_cpu = self.off_cpu.map(|recorded| off_cpu(&self.table, recorded));
        let waits_dropped = off_cpu.as_ref().map_or(0, |(_, dropped)| *dropped);
        let mut limits = self.limits;
        if on_cpu.dropped + waits_dropped > 0 {
            limits.insert(
                0,
                format!(
                    "there were more than {} distinct stacks: samples of further ones were dropped",
                    self.table.named_stacks().len()
                ),
            );
        }
        (on_cpu, off_cpu.map(|(off_cpu, _)| off_cpu), limits)
    }
}

/// Returns the waits by names, and the number of those whose stack was dropped.
fn off_cpu(table: &StackTable, recorded: RecordedWaits) -> (OffCpu, u64) {
    let mut dropped = 0;
    let mut merged: HashMap<(Vec<String>, WaitKind), Wait> = HashMap::new();
    let mut add = |wait: Wait| match merged.entry((wait.frames.clone(), wait.kind)) {
        Entry::Occupied(mut entry) => {
            let sum = entry.get_mut();
            sum.waits = sum.waits.saturating_add(wait.waits);
            sum.ns = sum.ns.saturating_add(wait.ns);
        }
        Entry::Vacant(entry) => {
            entry.insert(wait);
        }
    };
    let pool_of = |stack| table.named(stack).map(|stack| stack.pool);
    for (stack, preempted, tally) in recorded.waits.by_stack(pool_of) {
        match stack.map(|stack| table.named(stack)) {
            Ok(Some(stack)) => add(wait(table, stack, preempted, tally)),
            Ok(None) => dropped += tally.waits,
            Err(pool) => add(wait_without_stack(table, pool, None, preempted, tally)),
        }
    }
    for (pool, function, tally) in recorded.earlier {
        add(wait_without_stack(
            table,
            pool,
            Some(function),
            false,
            tally,
        ));
    }
    let mut waits: Vec<Wait> = merged.into_values().collect();
    waits.sort_by(|a, b| b.ns.cmp(&a.ns).then_with(|| a.frames.cmp(&b.frames)));
    let off_cpu = OffCpu {
        method: Method::PerfEvents,
        waits,
        captured: recorded.waits.sampled(),
        expected: recorded.waits.count(),
        lost: recorded.waits.lost() + recorded.lost + dropped,
        run_queue: None,
    };
    (off_cpu, dropped)
}

/// Thread pool and functions, root first.
fn frames(table: &StackTable, stack: &NamedStack) -> Vec<String> {
    let names = table.named_stacks();
    join(
        table.pool_name(stack.pool),
        &names.names(&stack.process),
        &names.names(&stack.kernel),
    )
}

/// Name of a function that is not known.
const UNKNOWN: &str = "[unknown]";

/// Joins a thread pool with functions, innermost first, to a stack, root first.
fn join(pool: &str, process: &[&str], kernel: &[&str]) -> Vec<String> {
    let mut process: Vec<&str> = process.iter().rev().copied().collect();
    // A stack that could not be followed is long and says nothing.
    process.dedup_by(|name, before| name == before && *name == UNKNOWN);
    let process = process.into_iter().map(str::to_owned);
    let kernel = kernel.iter().rev().map(|name| format!("{name}_[k]"));
    [pool.to_owned()]
        .into_iter()
        .chain(process)
        .chain(kernel)
        .collect()
}

fn wait(table: &StackTable, stack: &NamedStack, preempted: bool, tally: Tally) -> Wait {
    let names = table.named_stacks();
    let (process, kernel) = (names.names(&stack.process), names.names(&stack.kernel));
    let (kind, blocking) = if preempted {
        (WaitKind::RunQueue, None)
    } else {
        (kind_of(&kernel, &process), blocking_function(&kernel))
    };
    let shown = match blocking {
        Some(index) => &kernel[index..],
        // An interrupt that preempted the thread tells nothing about it.
        None => &[],
    };
    Wait {
        kind,
        idleness: idleness_of(kind, &process),
        function: shown.first().map(|name| (*name).to_owned()),
        frames: join(table.pool_name(stack.pool), &process, shown),
        waits: tally.waits,
        ns: tally.ns,
    }
}

fn wait_without_stack(
    table: &StackTable,
    pool: PoolId,
    function: Option<String>,
    preempted: bool,
    tally: Tally,
) -> Wait {
    let kernel: Vec<&str> = function.as_deref().into_iter().collect();
    let kind = if preempted {
        WaitKind::RunQueue
    } else {
        kind_of(&kernel, &[])
    };
    Wait {
        kind,
        idleness: match idleness_of(kind, &[]) {
            // Without the functions of the process, it may be a worker that waits for work.
            Idleness::Blocked if !preempted => Idleness::Unknown,
            known => known,
        },
        frames: join(table.pool_name(pool), &["[stack not sampled]"], &kernel),
        function,
        waits: tally.waits,
        ns: tally.ns,
    }
}

/// Time of `CLOCK_MONOTONIC`, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::Monotonic);
    let [s, ns] = [time.tv_sec, time.tv_nsec].map(|part| u64::try_from(part).unwrap_or(0));
    s.saturating_mul(1_000_000_000).saturating_add(ns)
}

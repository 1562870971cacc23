//! Perf events of the threads of a process tree, and their ring buffers.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io;

use perf_event::events::Software;
use perf_event::{Builder, Clock, Counter, Sampler};

use crate::options::Options;
use crate::permission::is_denied;
use crate::record::{Event, Record, SAMPLE_FIELDS, parse};
use crate::registers;

/// Memory of the ring buffers of the clocks, and of the switches, for root, in bytes. The kernel limits that of other users.
const BYTES_ROOT: usize = 64 << 20;

/// The same for other users, in bytes: `kernel.perf_event_mlock_kb` of one CPU and `RLIMIT_MEMLOCK`.
const BYTES_USER: usize = 6 << 20;

/// Smallest and largest ring buffer, in bytes.
const RING_BYTES: [usize; 2] = [32 << 10, 1 << 20];

/// Smallest and largest ring buffer of the clock of a CPU, in bytes. The smallest is what the kernel grants any user. The largest
/// holds more than a second, if this process gets no CPU.
const CLOCK_RING_BYTES: [usize; 2] = [512 << 10, 4 << 20];

/// Most ring buffers while threads inherit the events of their parents on each CPU.
const RINGS_INHERITED_MAX: usize = 1024;

/// Most threads with ring buffers.
const THREADS_MAX: usize = 8192;

/// Longest copy of the stack of a sample on the CPU, in bytes.
const STACK_BYTES: u32 = 32 << 10;

/// Longest copy of the stack of a switch, in bytes: enough for the frames near the system call, of which those of a C library
/// have no frame pointer.
const SWITCH_STACK_BYTES: u32 = 4 << 10;

/// A record younger than this may be missing in another ring buffer, in nanoseconds.
const SETTLE_NS: u64 = 2_000_000;

/// Permissions of the kernel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Permitted {
    /// Stacks of process and kernel, on and off the CPU.
    Kernel,
    /// Stacks of the process on the CPU.
    Process,
}

/// Perf events of the threads of a process tree.
///
/// A clock of its own starts anew in each thread, and never samples one that lives shorter than its period. Clocks of the CPUs
/// sample such threads too, but need more permission.
pub(crate) struct Rings {
    /// Clocks of all processes of this machine, one a CPU. Empty if that is denied: then each thread has its own.
    clocks: Vec<Sampler>,
    /// CPU time of each thread of the start, and of all that it started.
    counters: Vec<Counter>,
    threads: HashMap<u32, ThreadRings>,
    settings: Settings,
    /// Threads whose start is in the records that were read last.
    started: HashSet<u32>,
    /// Records that are not yet old enough, by time.
    pending: VecDeque<Record>,
    /// Records that the ring buffers of the clock and of the switches lost.
    lost: [u64; 2],
}

/// Ring buffers of a thread: one a CPU, or one for all.
#[derive(Default)]
struct ThreadRings {
    clocks: Vec<Sampler>,
    switches: Vec<Sampler>,
}

/// Settings of the events of each thread.
#[derive(Debug, Clone)]
struct Settings {
    hz: u32,
    off_cpu: bool,
    /// Waits that one sample stands for.
    switch_period: u64,
    permitted: Permitted,
    /// CPUs with events of their own, that new threads inherit. `None` if a thread has one event for all CPUs.
    cpus: Option<Vec<usize>>,
    ring_bytes: usize,
}

impl Rings {
    /// Prepares for `threads` threads that switch `switches_per_s` times a second, and opens the clocks of the CPUs if
    /// permitted.
    ///
    /// # Errors
    /// If the kernel can't open them for another reason than permission.
    pub(crate) fn new(
        options: &Options,
        threads: usize,
        switches_per_s: u64,
        permitted: Permitted,
    ) -> io::Result<Self> {
        let off_cpu = options.off_cpu && permitted == Permitted::Kernel;
        let cpus = crate::process::cpus_online();
        let mut clocks = Vec::new();
        if permitted == Permitted::Kernel {
            let settings = Settings {
                hz: options.hz,
                off_cpu,
                switch_period: 1,
                permitted,
                cpus: None,
                ring_bytes: ring_bytes(cpus.len(), CLOCK_RING_BYTES),
            };
            let opened: io::Result<Vec<Sampler>> = cpus
                .iter()
                .map(|cpu| settings.clock(None, Some(*cpu)))
                .collect();
            match opened {
                Ok(opened) => clocks = opened,
                Err(error) if is_denied(&error) => {}
                Err(error) => return Err(error),
            }
        }
        let events = usize::from(clocks.is_empty()) + usize::from(off_cpu);
        let inherited = threads.saturating_mul(cpus.len()).saturating_mul(events);
        let inherit = inherited <= RINGS_INHERITED_MAX;
        let rings = if inherit { inherited } else { threads * events };
        // Odd, because waits often alternate between two kinds.
        let switch_period = (switches_per_s / u64::from(options.switches_per_s)) | 1;
        let settings = Settings {
            hz: options.hz,
            off_cpu,
            switch_period,
            permitted,
            cpus: inherit.then_some(cpus),
            ring_bytes: ring_bytes(rings, RING_BYTES),
        };
        Ok(Self {
            clocks,
            counters: Vec::new(),
            threads: HashMap::new(),
            settings,
            started: HashSet::new(),
            pending: VecDeque::new(),
            lost: [0; 2],
        })
    }

    /// Returns whether threads inherit the events of the thread that starts them.
    pub(crate) fn inherit(&self) -> bool {
        self.settings.cpus.is_some()
    }

    /// Returns whether the clocks also sample threads that live shorter than their period.
    pub(crate) fn samples_short_threads(&self) -> bool {
        !self.clocks.is_empty()
    }

    /// Waits that one sample stands for.
    pub(crate) fn switch_period(&self) -> u64 {
        self.settings.switch_period
    }

    /// Number of ring buffers.
    pub(crate) fn len(&self) -> usize {
        let threads = self.threads.values();
        let own = threads.map(|rings| rings.clocks.len() + rings.switches.len());
        own.sum::<usize>() + self.clocks.len()
    }

    /// Opens the events of a thread, enabled.
    ///
    /// # Errors
    /// If the kernel denies it, the thread has ended, there are too many threads, or file descriptors or memory for ring
    /// buffers are used up.
    pub(crate) fn open(&mut self, tid: u32) -> io::Result<()> {
        if self.threads.len() >= THREADS_MAX {
            return Err(io::Error::other(format!(
                "there are more than {THREADS_MAX} threads"
            )));
        }
        let cpus: Vec<Option<usize>> = match &self.settings.cpus {
            Some(cpus) => cpus.iter().copied().map(Some).collect(),
            None => vec![None],
        };
        let mut rings = ThreadRings::default();
        for cpu in cpus {
            if self.clocks.is_empty() {
                rings.clocks.push(self.settings.clock(Some(tid), cpu)?);
            }
            rings.switches.extend(self.settings.switch(tid, cpu)?);
        }
        self.threads.insert(tid, rings);
        Ok(())
    }

    /// Counts the CPU time of a thread, and of all that it starts from now on.
    ///
    /// # Errors
    /// As [`Rings::open`].
    pub(crate) fn count(&mut self, tid: u32) -> io::Result<()> {
        self.counters.push(self.settings.counter(tid)?);
        Ok(())
    }

    /// Closes the events of a thread that has ended, unless other threads inherited them.
    pub(crate) fn close(&mut self, tid: u32) {
        if !self.inherit() {
            self.threads.remove(&tid);
        }
    }

    /// CPU time so far of all threads that are counted, in nanoseconds, with those that have ended.
    pub(crate) fn cpu_ns(&mut self) -> u64 {
        let counts = self
            .counters
            .iter_mut()
            .filter_map(|counter| counter.read().ok());
        counts.fold(0, u64::saturating_add)
    }

    /// Takes the records that are complete at `now_ns`, in the order of their times.
    pub(crate) fn take(&mut self, now_ns: u64) -> Vec<Record> {
        let mut found: Vec<Record> = self.pending.drain(..).collect();
        self.started.clear();
        for ring in &mut self.clocks {
            take_from(ring, &mut found, &mut self.lost[0]);
        }
        // Threads that other processes started are among them.
        let of_cpus = if self.settings.off_cpu {
            found.len()
        } else {
            0
        };
        for rings in self.threads.values_mut() {
            for ring in &mut rings.clocks {
                take_from(ring, &mut found, &mut self.lost[0]);
            }
            for ring in &mut rings.switches {
                let before = found.len();
                take_from(ring, &mut found, &mut self.lost[1]);
                for record in &mut found[before..] {
                    if let Event::Sample(sample) = &mut record.event {
                        record.event = Event::SwitchSample(std::mem::take(sample));
                    }
                }
            }
        }
        let forks = found[of_cpus..]
            .iter()
            .filter(|record| matches!(record.event, Event::Fork { .. }));
        self.started.extend(forks.map(|record| record.tid));
        found.sort_by_key(|record| record.time_ns);
        let settled =
            found.partition_point(|record| record.time_ns.saturating_add(SETTLE_NS) <= now_ns);
        self.pending = found.split_off(settled).into();
        found
    }

    /// Numbers of records that the ring buffers of the clock and of the switches lost.
    pub(crate) fn lost(&self) -> [u64; 2] {
        self.lost
    }

    /// Takes all records that are left, in the order of their times.
    pub(crate) fn take_all(&mut self) -> Vec<Record> {
        self.take(u64::MAX)
    }

    /// Ids of the threads that were started since the last call or read, and inherited their events.
    pub(crate) fn started(&mut self) -> HashSet<u32> {
        let records = self.take(0);
        debug_assert!(records.is_empty(), "no record is that old");
        std::mem::take(&mut self.started)
    }
}

/// Size of each of `rings` ring buffers, in bytes: a power of two.
fn ring_bytes(rings: usize, [smallest, largest]: [usize; 2]) -> usize {
    let all = if rustix::process::geteuid().is_root() {
        BYTES_ROOT
    } else {
        BYTES_USER
    };
    let bytes = (all / rings.max(1)).clamp(smallest, largest);
    1 << bytes.ilog2()
}

/// Takes the records that are in a ring buffer.
fn take_from(ring: &mut Sampler, found: &mut Vec<Record>, lost: &mut u64) {
    /// Most records at a time: the kernel may add records as fast as they are taken.
    const RECORDS_MAX: usize = 16 * 1024;
    for _ in 0..RECORDS_MAX {
        let Some(record) = ring.next_record() else {
            return;
        };
        let registers = registers::MASK.count_ones();
        let bytes = record.to_contiguous();
        let Some(record) = parse(record.ty(), record.misc(), &bytes, registers) else {
            continue;
        };
        match record.event {
            Event::Lost(count) => *lost = lost.saturating_add(count),
            // The kernel stopped until its next tick: at least one sample is missing.
            Event::Throttled => *lost = lost.saturating_add(1),
            _ => found.push(record),
        }
    }
}

impl Settings {
    /// Samples of the CPU clock, and records of processes, names and mappings: of a thread, or of all of a CPU.
    fn clock(&self, tid: Option<u32>, cpu: Option<usize>) -> io::Result<Sampler> {
        let mut builder = self.builder(Software::CPU_CLOCK, tid, cpu);
        builder
            .sample_period(1_000_000_000 / u64::from(self.hz))
            .sample_stack_user(self.stack_bytes(STACK_BYTES))
            .exclude_idle(true)
            .task(true)
            .comm(true)
            .comm_exec(true)
            .mmap(true)
            .mmap2(true);
        builder.build()?.sampled(self.ring_bytes)
    }

    /// Samples of switches, and records of switches and of processes.
    fn switch(&self, tid: u32, cpu: Option<usize>) -> io::Result<Option<Sampler>> {
        if !self.off_cpu {
            return Ok(None);
        }
        let mut builder = self.builder(Software::CONTEXT_SWITCHES, Some(tid), cpu);
        builder
            .sample_period(self.switch_period)
            .sample_stack_user(self.stack_bytes(SWITCH_STACK_BYTES))
            .context_switch(true)
            .task(true);
        builder.build()?.sampled(self.ring_bytes).map(Some)
    }

    /// Count of the CPU time.
    fn counter(&self, tid: u32) -> io::Result<Counter> {
        let mut builder = Builder::new(Software::TASK_CLOCK);
        builder
            .observe_pid(tid.cast_signed())
            .enabled(true)
            .inherit(true)
            .exclude_kernel(self.permitted == Permitted::Process);
        builder.build()
    }

    fn builder<'a>(&self, event: Software, tid: Option<u32>, cpu: Option<usize>) -> Builder<'a> {
        let mut builder = Builder::new(event);
        match tid {
            Some(tid) => builder
                .observe_pid(tid.cast_signed())
                .inherit(self.cpus.is_some()),
            None => builder.any_pid(),
        };
        builder
            .enabled(true)
            .exclude_kernel(self.permitted == Permitted::Process)
            .exclude_callchain_kernel(self.permitted == Permitted::Process)
            .sample_id_all(true)
            .sample_regs_user(registers::MASK)
            .clockid(Clock::MONOTONIC);
        for field in SAMPLE_FIELDS {
            builder.sample(field);
        }
        if let Some(cpu) = cpu {
            builder.one_cpu(cpu);
        }
        builder
    }

    /// A ring buffer must hold several samples.
    fn stack_bytes(&self, wanted: u32) -> u32 {
        let quarter = u32::try_from(self.ring_bytes / 4).unwrap_or(u32::MAX);
        wanted.min(quarter) & !7
    }
}

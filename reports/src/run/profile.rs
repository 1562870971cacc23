//! The profile of the service, on and off the CPU.

use tenfold_analysis::{format, function_times};
use tenfold_run_dir::off_cpu::{Idleness, OffCpuInfo, OffCpuMethod, WaitKind};
use tenfold_run_dir::{Flamegraph, OffCpuProfile, ProfileInfo, Run};

use crate::document::{Block, Section, Table};
use crate::flamegraph::{Measure, flamegraph, frames, frames_of_waits};

/// Returns the flamegraph, with the number of its samples.
pub(super) fn profile(run: &Run) -> Section {
    let frames = run.flamegraph.as_ref().and_then(frames);
    let chart = match frames {
        Some(frames) => flamegraph(&frames, Measure::Samples, "flame", "CPU flamegraph"),
        None if run.profile.is_some() => Block::Note(
            "The profile has no samples: the service was idle, or its profiler recorded nothing."
                .to_owned(),
        ),
        None => Block::Note(
            "No profile was captured. Tenfold profiles the processes of a service on this machine, if the kernel permits perf events, and \
             any service with `/debug/pprof/profile`, named by `--admin`."
                .to_owned(),
        ),
    };
    let samples = run.profile.as_ref().map(samples);
    let samples = samples.map(Block::Note);
    let blocks = samples.into_iter().chain([chart]);
    let blocks = blocks.chain(functions(run).into_iter().flatten());
    Section::new("flamegraph", "CPU profile", "", blocks.collect())
}

/// Functions in the table of self and total time: those with the most samples of their own.
const FUNCTIONS_MAX: usize = 25;

/// Returns self and total time of the functions. `None` without stacks.
fn functions(run: &Run) -> Option<[Block; 2]> {
    let Some(Flamegraph::Stacks(stacks)) = &run.flamegraph else {
        return None;
    };
    let functions = function_times(stacks);
    let all = stacks.samples();
    let share = |samples: u64| format::percent(samples as f64 / all.max(1) as f64);
    let rows = functions.iter().take(FUNCTIONS_MAX).map(|function| {
        vec![
            function.name.clone(),
            share(function.self_samples),
            format::count(function.self_samples),
            share(function.total_samples),
            format::count(function.total_samples),
        ]
    });
    let head = ["function", "self", "samples", "total", "samples in all"];
    let table = Table::new(&head, rows).sortable();
    (all > 0).then(|| {
        let heading = "Self time is spent in a function itself, total time also in its callees";
        [Block::Heading(heading.to_owned()), Block::Table(table)]
    })
}

/// Describes the samples of a profile: their number, their time, and their source.
fn samples(profile: &ProfileInfo) -> String {
    let captured = format::count(profile.captured);
    let captured = match profile.expected {
        Some(expected) => format!(
            "{captured} / {} samples captured / expected",
            format::count(expected.round() as u64)
        ),
        None => format!("{captured} samples captured; the expected number is unknown"),
    };
    let cpu = profile.cpu_s.map_or_else(String::new, |cpu| {
        format!(" ({} s of CPU)", format::significant(cpu))
    });
    format!(
        "{captured}, at {} Hz for {}{cpu} from second {}. Source: `{}`.",
        format::significant(profile.hz),
        format::duration(profile.duration_ns),
        format::significant(profile.start_ns as f64 / 1e9),
        profile.source
    )
}

/// Returns what the threads waited for, with a flamegraph. `None` if waits were not profiled.
pub(super) fn off_cpu(run: &Run) -> Option<Section> {
    let profile = run.off_cpu.as_ref()?;
    let info = &profile.info;
    let mut blocks = vec![Block::Note(waits(info))];
    if !info.limits.is_empty() {
        blocks.push(Block::List(info.limits.clone()));
    }
    blocks.push(Block::Table(kinds(info)));
    blocks.extend(waits_of_work(profile));
    let lead = "Time that threads spent without a CPU, summed over threads: waits for locks, disks, answers, other threads, or work.";
    Some(Section::new("off-cpu", "Time off the CPU", lead, blocks))
}

/// Returns the flamegraph of waits, without those for work, and a note on its unit.
fn waits_of_work(profile: &OffCpuProfile) -> Vec<Block> {
    let stacks = profile.without_idle();
    let Some(frames) = frames_of_waits(&stacks) else {
        let note =
            "Threads waited for work only. An event loop that waits for an answer looks idle, too.";
        return vec![Block::Note(note.to_owned())];
    };
    let all = profile.stacks.samples();
    let idle = match all - stacks.samples() {
        0 => String::new(),
        idle => format!(
            " Idle waits, {} in all, are left out; `profile/off-cpu.folded` has them.",
            format::duration(idle)
        ),
    };
    let note = format!(
        "Width counts the time that threads waited, not CPU time: {} in all.{idle}",
        format::duration(stacks.samples())
    );
    vec![
        Block::Heading("Waits by stack".to_owned()),
        Block::Note(note),
        flamegraph(
            &frames,
            Measure::Waits,
            "flame-off-cpu",
            "Off-CPU flamegraph",
        ),
    ]
}

/// Returns the waits by kind.
fn kinds(info: &OffCpuInfo) -> Table {
    let waits = &info.waits;
    let all = waits
        .iter()
        .fold(0, |sum, wait| u64::saturating_add(sum, wait.ns));
    let rows = waits.iter().map(|wait| {
        let idleness = match wait.idleness {
            Idleness::Idle => "idle",
            Idleness::Blocked => "blocked",
            Idleness::Unknown => "unknown",
        };
        vec![
            waited_for(wait.kind).to_owned(),
            format::duration(wait.ns),
            format::percent(wait.ns as f64 / all.max(1) as f64),
            format::count(wait.waits),
            idleness.to_owned(),
        ]
    });
    let number = match info.method {
        OffCpuMethod::PerfEvents => "waits",
        OffCpuMethod::States => "times seen",
    };
    let head = ["waited for", "time", "share", number, "state"];
    Table::new(&head, rows).sortable()
}

fn waited_for(kind: WaitKind) -> &'static str {
    match kind {
        WaitKind::RunQueue => "a CPU (run queue)",
        WaitKind::Throttled => "its CPU quota (throttled)",
        WaitKind::Lock => "a lock",
        WaitKind::Condition => "another thread (condition)",
        WaitKind::Events => "events",
        WaitKind::Poll => "a descriptor (poll)",
        WaitKind::Accept => "a connection (accept)",
        WaitKind::Network => "the network",
        WaitKind::Pipe => "a pipe",
        WaitKind::Disk => "a disk",
        WaitKind::Memory => "memory",
        WaitKind::Sleep => "the end of a sleep",
        WaitKind::Process => "a child process or a signal (process)",
        WaitKind::Other => "something else",
    }
}

/// Describes the waits of a profile: their number, and their source.
fn waits(info: &OffCpuInfo) -> String {
    let threads = match info.threads {
        1 => "1 thread".to_owned(),
        threads => format!("{} threads", format::count(threads)),
    };
    let waits = match info.method {
        OffCpuMethod::PerfEvents => format!(
            "{} of {} waits have a stack",
            format::count(info.captured),
            format::count(info.expected)
        ),
        OffCpuMethod::States => format!(
            "Threads were seen waiting {} times",
            format::count(info.expected)
        ),
    };
    let lost = match info.lost {
        0 => String::new(),
        lost => format!("; {} more were lost", format::count(lost)),
    };
    let run_queue = info.run_queue_ns.map_or_else(String::new, |ns| {
        format!(
            " By the scheduler's count, threads that could run waited {} for a CPU.",
            format::duration(ns)
        )
    });
    format!(
        "{waits}{lost}. {threads}, {} from second {}. Source: `{}`.{run_queue}",
        format::duration(info.duration_ns),
        format::significant(info.start_ns as f64 / 1e9),
        info.source
    )
}

//! One turn of one peer against one server, measured from outside.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::generator::job::Job;
use crate::generator::peer::Peer;
use crate::generator::peer::report::PeerReport;
use crate::generator::server::{Server, ServerKind};
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};
use tenfold_probe::process_tree::{CpuStamp, MemoryWatch, whole_cpu};

/// Time limit for the first request.
const START_TIMEOUT: Duration = Duration::from_secs(40);

/// Time limit for the exit after the job's time.
const EXIT_TIMEOUT: Duration = Duration::from_secs(30);

/// Time that the peer sends beyond the measured time.
const SPARE: Duration = Duration::from_millis(1_500);

/// Interval of memory readings.
const MEMORY_INTERVAL: Duration = Duration::from_millis(100);

/// Interval of memory readings while a peer exits. The kernel keeps no peak of a process that has ended, so
/// only growth within this time before the exit is missed.
const MEMORY_INTERVAL_AT_EXIT: Duration = Duration::from_millis(5);

/// Number of memory readings for each stored sample.
const READINGS_PER_SAMPLE: usize = 10;

/// The plan of a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// Requests per second. `None` if the users' think time sets the pace.
    pub(crate) rate: Option<u32>,
    /// Number of connections or users.
    pub(crate) connections: u32,
    /// Measured time.
    pub(crate) measured: Duration,
    /// Scenario, for Tenfold.
    pub(crate) scenario: &'a Path,
    /// Minimum time from the first request to the measured time.
    pub(crate) lead: Duration,
    /// Limit on open files at the start. `None` for that of this process.
    pub(crate) open_files: Option<u64>,
}

/// The result of a turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// Name of the peer.
    pub(crate) peer: String,
    /// ServerKind of the server.
    pub(crate) server: ServerKind,
    /// Planned rate. `None` without one.
    pub(crate) asked_per_s: Option<u32>,
    /// Number of connections or users.
    pub(crate) users: u32,
    /// Requests in the measured time, counted by the server.
    pub(crate) requests: u64,
    /// Requests per second in the measured time, counted by the server.
    pub(crate) rate_per_s: f64,
    /// User and system time of the peer's processes per request in the measured time, in microseconds.
    pub(crate) cpu_us: f64,
    /// The same over the peer's lifetime, including its start and its report.
    pub(crate) whole_cpu_us: f64,
    /// CPUs used by the peer in the measured time.
    pub(crate) cores: f64,
    /// CPUs used by the server in the measured time.
    pub(crate) server_cores: f64,
    /// Peak resident memory over the peer's lifetime, including its report, in bytes.
    pub(crate) peak_memory_bytes: u64,
    /// Resident memory, in bytes, about once a second while it sent.
    pub(crate) memory_bytes: Vec<u64>,
    /// Figures that the peer itself reported.
    #[serde(rename = "told")]
    pub(crate) report: PeerReport,
}

/// Counters at one moment of a turn.
struct Moment {
    at: Instant,
    requests: u64,
    peer: CpuStamp,
    server: CpuStamp,
}

impl Moment {
    fn now(peer: &Child, server: &Server) -> anyhow::Result<Self> {
        Ok(Self {
            requests: server.requests()?,
            at: Instant::now(),
            peer: CpuStamp::of(peer.pid()),
            server: CpuStamp::of(server.pid()),
        })
    }
}

/// Runs one turn of a peer.
pub(crate) fn take(
    peer: &dyn Peer,
    program: &Path,
    server: &Server,
    plan: &Plan<'_>,
    workshop: &Workshop,
) -> anyhow::Result<Turn> {
    let name = peer.name();
    let interrupt = workshop.interrupt();
    let lead = plan.lead.max(peer.lead());
    let job = Job {
        target: server.url(),
        rate: plan.rate,
        connections: plan.connections,
        lasts: whole_seconds(lead + plan.measured + SPARE),
        folder: workshop.folder(name)?,
        scenario: plan.scenario.to_owned(),
    };
    let confines = Confines {
        open_files: plan.open_files,
        ..workshop.generator_confines().clone()
    };
    let before = server.requests()?;
    let command = peer.command(program, &job)?;
    let mut child = Child::start(name, &command, &confines, &job.folder)?;
    let mut failed = None;
    let began = interrupt.wait(START_TIMEOUT, || match server.requests() {
        Ok(count) => count > before || child.has_ended(),
        Err(error) => {
            failed = Some(error);
            true
        }
    })?;
    if let Some(error) = failed {
        return Err(error);
    }
    if !began {
        bail!(
            "{name} sent nothing within {START_TIMEOUT:?}: {}",
            child.last_words()
        );
    }

    let mut memory = Memory::default();
    memory.watch_for(lead, &child, workshop)?;
    let first = Moment::now(&child, server)?;
    memory.watch_for(plan.measured, &child, workshop)?;
    let last = Moment::now(&child, server)?;
    if child.has_ended() {
        bail!("{name} exited too early: {}", child.last_words());
    }
    let deadline = Instant::now() + EXIT_TIMEOUT;
    while !child.has_ended() {
        if Instant::now() > deadline {
            bail!("{name} did not exit within {EXIT_TIMEOUT:?} after its time");
        }
        // Memory for the final report counts for the peak, but not for the samples over time.
        memory.watch.look(child.pid());
        interrupt.wait(MEMORY_INTERVAL_AT_EXIT, || child.has_ended())?;
    }
    let whole = whole_cpu(child.pid());
    let all_requests = server.requests()?.saturating_sub(before);
    child.end();
    let report = peer.read(&child.output());
    let report = report.with_context(|| {
        format!(
            "could not read the result of {name}: {}",
            child.last_words()
        )
    })?;

    let requests = last.requests.saturating_sub(first.requests);
    let wall = last.at.duration_since(first.at).as_secs_f64();
    let of_each = |cpu: Duration, requests: u64| cpu.as_secs_f64() * 1e6 / requests.max(1) as f64;
    let cpu = last.peer.since(&first.peer);
    Ok(Turn {
        peer: name.to_owned(),
        server: server.kind(),
        asked_per_s: plan.rate,
        users: plan.connections,
        requests,
        rate_per_s: requests as f64 / wall,
        cpu_us: of_each(cpu, requests),
        whole_cpu_us: of_each(whole, all_requests),
        cores: cpu.as_secs_f64() / wall,
        server_cores: last.server.since(&first.server).as_secs_f64() / wall,
        peak_memory_bytes: memory.watch.peak_bytes(),
        memory_bytes: memory.samples,
        report,
    })
}

/// Memory readings of a turn.
#[derive(Debug, Default)]
struct Memory {
    watch: MemoryWatch,
    looks: usize,
    samples: Vec<u64>,
}

impl Memory {
    fn look(&mut self, child: &Child) {
        let resident = self.watch.look(child.pid());
        if self.looks.is_multiple_of(READINGS_PER_SAMPLE) && resident > 0 {
            self.samples.push(resident);
        }
        self.looks += 1;
    }

    /// Reads the memory at intervals until `time` has passed or the child has ended.
    fn watch_for(
        &mut self,
        time: Duration,
        child: &Child,
        workshop: &Workshop,
    ) -> anyhow::Result<()> {
        let until = Instant::now() + time;
        while !child.has_ended() {
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break;
            }
            self.look(child);
            // Check for the exit only between readings: the peer needs its CPU.
            workshop
                .interrupt()
                .wait(left.min(MEMORY_INTERVAL), || false)?;
        }
        Ok(())
    }
}

/// Rounds up to whole seconds.
fn whole_seconds(time: Duration) -> Duration {
    Duration::from_secs(time.as_millis().div_ceil(1_000) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_up_to_whole_seconds() {
        assert_eq!(
            whole_seconds(Duration::from_millis(2_001)),
            Duration::from_secs(3)
        );
        assert_eq!(
            whole_seconds(Duration::from_secs(2)),
            Duration::from_secs(2)
        );
    }
}

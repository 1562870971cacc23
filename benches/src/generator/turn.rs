//! One turn of one peer at one server, measured from outside.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde::{Deserialize, Serialize};

use crate::generator::job::Job;
use crate::generator::peer::Peer;
use crate::generator::peer::report::PeerReport;
use crate::generator::server::{Kind, Server};
use crate::workshop::Workshop;
use crate::workshop::child::{Child, Confines};
use tenfold_probe::process_tree::{CpuStamp, MemoryWatch, whole_cpu};

/// How long a peer may take to send its first request.
const TO_BEGIN: Duration = Duration::from_secs(40);

/// How long a peer may take to end once its time is up.
const TO_END: Duration = Duration::from_secs(30);

/// Time that a peer sends for beyond the stretch that is measured.
const SPARE: Duration = Duration::from_millis(1_500);

/// How often memory is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// How often memory is looked at while a peer comes to its end. The kernel tells the peak so far and
/// nothing once a process has ended: no more is missed than what grew within this time of the end.
const LOOK_AT_END_EVERY: Duration = Duration::from_millis(5);

/// How many looks at memory are kept in between.
const LOOKS_A_SAMPLE: usize = 10;

/// What a turn is to be.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan<'a> {
    /// Requests per second; none where users set the pace by thinking.
    pub(crate) rate: Option<u32>,
    /// Connections, or users.
    pub(crate) connections: u32,
    /// How long it is measured.
    pub(crate) measured: Duration,
    /// The scenario, for Tenfold.
    pub(crate) scenario: &'a Path,
    /// How long after its first request it is measured at the earliest.
    pub(crate) lead: Duration,
    /// The limit on open files that it begins with; none for this process's.
    pub(crate) open_files: Option<u64>,
}

/// What came of a turn.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// The peer's name.
    pub(crate) peer: String,
    /// What it sent to.
    pub(crate) server: Kind,
    /// The rate that it was asked for; none where it was asked for none.
    pub(crate) asked_per_s: Option<u32>,
    /// Its connections, or its users.
    pub(crate) users: u32,
    /// Requests in the measured stretch, as the server counted them.
    pub(crate) requests: u64,
    /// Requests per second in the measured stretch, as the server counted them.
    pub(crate) rate_per_s: f64,
    /// User and system time of the peer's processes a request, in the measured stretch, in
    /// microseconds.
    pub(crate) cpu_us: f64,
    /// The same over the peer's whole life, its start and its report included.
    pub(crate) whole_cpu_us: f64,
    /// Processors that the peer had in use in the measured stretch.
    pub(crate) cores: f64,
    /// Processors that the server had in use in the measured stretch.
    pub(crate) server_cores: f64,
    /// The peak of the peer's resident memory over its whole life, its report included, in bytes.
    pub(crate) peak_memory_bytes: u64,
    /// Resident memory about once a second while it sent, in bytes.
    pub(crate) memory_bytes: Vec<u64>,
    /// The figures that the peer itself reported.
    #[serde(rename = "told")]
    pub(crate) report: PeerReport,
}

/// One moment of a turn.
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

/// Lets a peer have its turn.
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
    let began = interrupt.wait(TO_BEGIN, || match server.requests() {
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
            "{name} sent nothing within {TO_BEGIN:?}: {}",
            child.last_words()
        );
    }

    let mut memory = Memory::default();
    memory.watch_for(lead, &child, workshop)?;
    let first = Moment::now(&child, server)?;
    memory.watch_for(plan.measured, &child, workshop)?;
    let last = Moment::now(&child, server)?;
    if child.has_ended() {
        bail!("{name} ended before its time: {}", child.last_words());
    }
    let deadline = Instant::now() + TO_END;
    while !child.has_ended() {
        if Instant::now() > deadline {
            bail!("{name} did not end within {TO_END:?} of its time");
        }
        // What it makes of its results is a part of the peak, and not of the samples over time.
        memory.watch.look(child.pid());
        interrupt.wait(LOOK_AT_END_EVERY, || child.has_ended())?;
    }
    let whole = whole_cpu(child.pid());
    let all_requests = server.requests()?.saturating_sub(before);
    child.end();
    let report = peer.read(&child.output());
    let report =
        report.with_context(|| format!("{name} wrote no result: {}", child.last_words()))?;

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

/// Memory over a turn.
#[derive(Debug, Default)]
struct Memory {
    watch: MemoryWatch,
    looks: usize,
    samples: Vec<u64>,
}

impl Memory {
    fn look(&mut self, child: &Child) {
        let resident = self.watch.look(child.pid());
        if self.looks.is_multiple_of(LOOKS_A_SAMPLE) && resident > 0 {
            self.samples.push(resident);
        }
        self.looks += 1;
    }

    /// Looks now and then until `time` has passed or the child has ended.
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
            // Whether it has ended is looked at between, not all along: the peer needs its processor.
            workshop.interrupt().wait(left.min(LOOK_EVERY), || false)?;
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
    fn seconds_are_whole() {
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

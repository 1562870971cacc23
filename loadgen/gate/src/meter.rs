//! What both builds have used at the edges of rounds: processor time, memory, and what they tell.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenfold_analysis::gate::{Pair, Side};
use tenfold_probe::process_tree::{CpuStamp, MemoryWatch};
use tenfold_probe::{AdminListener, Metrics};

use crate::GateError;
use crate::endpoint::Endpoint;

/// Counters of allocations, as the runtimes that have one call it; what is first there counts.
const ALLOCATIONS: [&str; 2] = [
    "process_heap_allocations_total",
    "go_memstats_mallocs_total",
];

/// The end of the names of the sums of waits: summaries or histograms in seconds.
const WAITS: &str = "_wait_seconds_sum";

/// What one build had used at one moment.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// Processor time of its process tree; none where the process is not known.
    pub(crate) cpu: Option<CpuStamp>,
    /// Its resident memory in bytes.
    pub(crate) resident_bytes: Option<u64>,
    /// The waits that it has summed up, in seconds, by component.
    pub(crate) waits_s: BTreeMap<String, f64>,
    /// Allocations so far.
    pub(crate) allocations: Option<f64>,
}

/// Reads both builds at given moments, on a thread of its own. Dropping it ends that.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Held by whoever wants the readings: once it is gone, none is taken.
    _wanted: mpsc::Sender<()>,
    thread: JoinHandle<Vec<Pair<Reading>>>,
}

impl Meter {
    /// Begins to read: at each of `edges`, counted from `start`.
    pub(crate) fn start(
        endpoints: Pair<Endpoint>,
        start: Instant,
        edges: Vec<Duration>,
    ) -> Result<Self, GateError> {
        let (wanted, dropped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("tenfold-meter".to_owned())
            .spawn(move || {
                let mut readings = Vec::with_capacity(edges.len());
                for (index, edge) in edges.into_iter().enumerate() {
                    let left = (start + edge).saturating_duration_since(Instant::now());
                    if dropped.recv_timeout(left) != Err(RecvTimeoutError::Timeout) {
                        break;
                    }
                    readings.push(read_both(&endpoints, index));
                }
                readings
            })
            .map_err(|source| GateError::System {
                action: "start",
                what: "a thread".to_owned(),
                source,
            })?;
        Ok(Self {
            _wanted: wanted,
            thread,
        })
    }

    /// Waits for the last edge and returns what was read at each.
    pub(crate) fn finish(self) -> Vec<Pair<Reading>> {
        self.thread.join().unwrap_or_default()
    }
}

/// Reads both, in turns which first: the second is read a moment later. What the kernel tells comes before
/// what the builds are asked for, for that takes them a while.
fn read_both(endpoints: &Pair<Endpoint>, turn: usize) -> Pair<Reading> {
    let mut order = Side::ALL;
    if !turn.is_multiple_of(2) {
        order.reverse();
    }
    let mut readings = Pair::<Reading>::default();
    for look in [look_at, ask] {
        for side in order {
            let reading = match side {
                Side::Baseline => &mut readings.baseline,
                Side::Candidate => &mut readings.candidate,
            };
            look(endpoints.of(side), reading);
        }
    }
    readings
}

/// Reads what the kernel knows of a build; what can't be read stays absent.
fn look_at(endpoint: &Endpoint, reading: &mut Reading) {
    let Some(pid) = endpoint.pid else {
        return;
    };
    let cpu = CpuStamp::of(pid);
    let resident = MemoryWatch::default().look(pid);
    // A process that has gone has no memory.
    reading.cpu = (resident > 0).then_some(cpu);
    reading.resident_bytes = (resident > 0).then_some(resident);
}

/// Reads what a build tells of itself; what it doesn't tell stays absent.
fn ask(endpoint: &Endpoint, reading: &mut Reading) {
    let Some(told) = endpoint.admin.as_ref().and_then(scrape) else {
        return;
    };
    for sample in told.samples() {
        if let Some(family) = sample.name.strip_suffix(WAITS) {
            let name = sample.label("component").unwrap_or(family);
            *reading.waits_s.entry(name.to_owned()).or_default() += sample.value;
        }
    }
    reading.allocations = ALLOCATIONS.iter().find_map(|name| told.sum(name));
}

fn scrape(admin: &AdminListener) -> Option<Metrics> {
    Metrics::scrape(&admin.join("/metrics")).ok()
}

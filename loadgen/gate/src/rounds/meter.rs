//! Readings of both builds between rounds: CPU time, memory, waits and allocations.

use std::collections::BTreeMap;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenfold_analysis::gate::{Pair, Side};
use tenfold_measure::Endpoint;
use tenfold_probe::process_tree::{CpuStamp, MemoryWatch};
use tenfold_probe::{AdminListener, Metrics};

use crate::GateError;

/// Names of allocation counters in different runtimes. The first that exists is used.
const ALLOCATIONS: [&str; 2] = [
    "process_heap_allocations_total",
    "go_memstats_mallocs_total",
];

/// Suffix of the sums of waits: summaries or histograms in seconds.
const WAITS: &str = "_wait_seconds_sum";

/// Cumulative use of resources by one build.
#[derive(Debug, Clone, Default)]
pub(crate) struct Reading {
    /// CPU time of its process tree. `None` if the process is unknown.
    pub(crate) cpu: Option<CpuStamp>,
    /// Resident memory, in bytes.
    pub(crate) resident_bytes: Option<u64>,
    /// Total waits by component, in seconds.
    pub(crate) waits_s: BTreeMap<String, f64>,
    /// Total allocations.
    pub(crate) allocations: Option<f64>,
}

/// Reads both builds at given times, on a thread of its own. Dropping it stops the thread.
#[derive(Debug)]
pub(crate) struct Meter {
    /// Stops the thread when dropped.
    _keep_alive: mpsc::Sender<()>,
    thread: JoinHandle<Vec<Pair<Reading>>>,
}

impl Meter {
    /// Starts to read at each of `edges`, counted from `start`.
    pub(crate) fn start(
        endpoints: Pair<Endpoint>,
        start: Instant,
        edges: Vec<Duration>,
    ) -> Result<Self, GateError> {
        let (keep_alive, dropped) = mpsc::channel();
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
            _keep_alive: keep_alive,
            thread,
        })
    }

    /// Waits for the last edge, and returns the readings of all of them.
    pub(crate) fn finish(self) -> Vec<Pair<Reading>> {
        self.thread.join().unwrap_or_default()
    }
}

/// Reads both builds in alternating order, because the second is read slightly later. Kernel counters come
/// first, because requests to the builds take longer.
fn read_both(endpoints: &Pair<Endpoint>, turn: usize) -> Pair<Reading> {
    let mut order = Side::ALL;
    if !turn.is_multiple_of(2) {
        order.reverse();
    }
    let mut readings = Pair::<Reading>::default();
    for read in [read_kernel, read_metrics] {
        for side in order {
            let reading = match side {
                Side::Baseline => &mut readings.baseline,
                Side::Candidate => &mut readings.candidate,
            };
            read(endpoints.of(side), reading);
        }
    }
    readings
}

/// Reads the kernel's counters of a build. Values that can't be read stay absent.
fn read_kernel(endpoint: &Endpoint, reading: &mut Reading) {
    let Some(pid) = endpoint.pid else {
        return;
    };
    let cpu = CpuStamp::of(pid);
    let resident = MemoryWatch::default().look(pid);
    // A process without memory has exited.
    reading.cpu = (resident > 0).then_some(cpu);
    reading.resident_bytes = (resident > 0).then_some(resident);
}

/// Reads the metrics of a build. Values that it does not report stay absent.
fn read_metrics(endpoint: &Endpoint, reading: &mut Reading) {
    let Some(metrics) = endpoint.admin.as_ref().and_then(scrape) else {
        return;
    };
    for sample in metrics.samples() {
        if let Some(family) = sample.name.strip_suffix(WAITS) {
            let name = sample.label("component").unwrap_or(family);
            *reading.waits_s.entry(name.to_owned()).or_default() += sample.value;
        }
    }
    reading.allocations = ALLOCATIONS.iter().find_map(|name| metrics.sum(name));
}

fn scrape(admin: &AdminListener) -> Option<Metrics> {
    Metrics::scrape(&admin.join("/metrics")).ok()
}

//! Samples of the target's own metrics while load runs.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenfold_run_dir::TargetMetrics;

use crate::metrics_sampler::recording::Recording;
use crate::{AdminListener, MetricSelector, http, metrics};

mod recording;

/// Time between two scrapes.
const PERIOD: Duration = Duration::from_secs(1);

/// Timeout of a scrape, short enough not to delay the next.
const TIMEOUT: Duration = Duration::from_millis(500);

/// Scrapes a target's metrics once per second, on a separate thread.
///
/// A scrape costs the target one request. A scrape that fails is left out. After 1,200 scrapes every other one is dropped and
/// the period doubles, so that a run of any length takes the same memory.
#[derive(Debug)]
pub struct MetricsSampler {
    stop: Sender<()>,
    thread: Option<JoinHandle<TargetMetrics>>,
}

impl MetricsSampler {
    /// Starts to scrape. Times count from `start`, the start of the run. `chosen` are series to record besides the sums of
    /// all metrics.
    ///
    /// If the system refuses a thread, there are no samples: the run matters more.
    pub fn start(listener: AdminListener, chosen: Vec<MetricSelector>, start: Instant) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::Builder::new()
            .name("tenfold-metrics".into())
            .spawn(move || {
                let client = http::client(&listener, TIMEOUT);
                let mut recording = Recording::new(chosen);
                let mut due = Instant::now();
                loop {
                    if let Ok(scraped) = metrics::scrape(&client, listener.url(), TIMEOUT) {
                        let at = Instant::now().saturating_duration_since(start);
                        let at_ns = u64::try_from(at.as_nanos()).unwrap_or(u64::MAX);
                        recording.add(at_ns, &scraped);
                    }
                    let period = PERIOD * recording.stride();
                    // After a pause of the machine, scrape once rather than in a burst.
                    while due <= Instant::now() {
                        due += period;
                    }
                    let wait = due.saturating_duration_since(Instant::now());
                    match stopped.recv_timeout(wait) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => return recording.finish(),
                    }
                }
            })
            .ok();
        Self { stop, thread }
    }

    /// Stops, and returns what was scraped.
    pub fn stop(mut self) -> TargetMetrics {
        let _ = self.stop.send(());
        self.thread
            .take()
            .and_then(|thread| thread.join().ok())
            .unwrap_or_default()
    }
}

impl Drop for MetricsSampler {
    fn drop(&mut self) {
        let _ = self.stop.send(());
        if let Some(thread) = self.thread.take() {
            // Waits for one scrape at most.
            let _ = thread.join();
        }
    }
}

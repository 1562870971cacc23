//! Latencies of the generators of a run, for its feed, read from their logs while these grow.

use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

use tenfold_loadgen::{FeedRelay, LoadError};
use tenfold_run_dir::IntervalTail;

use crate::MeasureError;

/// Time between two looks at the logs. Generators write once a second.
const LOOK: Duration = Duration::from_millis(500);

/// A thread that reads the logs.
pub(super) struct LogFollower {
    end: Sender<()>,
    thread: JoinHandle<()>,
}

impl LogFollower {
    /// Starts the thread, which passes new intervals of the logs on to `relay`.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(super) fn start(
        relay: FeedRelay,
        mut logs: Vec<IntervalTail>,
    ) -> Result<Self, MeasureError> {
        let (end, ended) = mpsc::channel::<()>();
        let following = move || loop {
            let look = ended.recv_timeout(LOOK);
            for log in &mut logs {
                // A log that can't be read fails the run when its records are added up, with the reason.
                let _ = log.read(|interval| relay.add(interval));
            }
            if look != Err(RecvTimeoutError::Timeout) {
                return;
            }
        };
        let thread = std::thread::Builder::new()
            .name("logs".into())
            .spawn(following)
            .map_err(|source| LoadError::System {
                action: "start a thread",
                source,
            })?;
        Ok(Self { end, thread })
    }

    /// Reads the logs to their ends, once nothing more is written to them.
    pub(super) fn finish(self) {
        drop(self.end);
        if let Err(panic) = self.thread.join() {
            std::panic::resume_unwind(panic);
        }
    }
}

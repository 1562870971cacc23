//! Interrupts by Ctrl-C or a signal, which stop all started processes.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGTERM};

/// Interval at which a wait checks its condition.
const POLL: Duration = Duration::from_millis(10);

/// Error: the benchmark was interrupted.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted; all started processes were stopped")
    }
}

impl std::error::Error for Interrupted {}

/// A flag that an interrupt sets.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Handles SIGINT, SIGTERM and SIGHUP from now on.
    pub(crate) fn catch() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let told = Arc::clone(&interrupt.0);
        ctrlc::set_handler(move || told.store(true, Ordering::Relaxed))
            .context("could not handle Ctrl-C")?;
        for signal in [SIGTERM, SIGHUP] {
            signal_hook::flag::register(signal, Arc::clone(&interrupt.0))
                .context("could not handle SIGTERM and SIGHUP")?;
        }
        Ok(interrupt)
    }

    /// Returns an error once the benchmark was interrupted.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Interrupted);
        }
        Ok(())
    }

    /// Waits until `done` returns true, for `timeout` at most. Returns whether it did.
    pub(crate) fn wait(
        &self,
        timeout: Duration,
        mut done: impl FnMut() -> bool,
    ) -> Result<bool, Interrupted> {
        let deadline = Instant::now() + timeout;
        loop {
            self.check()?;
            if done() {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(left.min(POLL));
        }
    }
}

//! Ctrl-C and kill: whatever is under way stops, and every process that was started with it.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context as _;

/// How often a wait looks up.
const GLANCE: Duration = Duration::from_millis(10);

/// The benchmark was told to stop.
#[derive(Debug)]
pub(crate) struct Interrupted;

impl std::fmt::Display for Interrupted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("interrupted; what it had started was stopped")
    }
}

impl std::error::Error for Interrupted {}

/// Whether the benchmark was told to stop.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interrupt(Arc<AtomicBool>);

impl Interrupt {
    /// Catches SIGINT, SIGTERM and SIGHUP from now on.
    pub(crate) fn catch() -> anyhow::Result<Self> {
        let interrupt = Self::default();
        let told = Arc::clone(&interrupt.0);
        ctrlc::set_handler(move || told.store(true, Ordering::Relaxed))
            .context("could not catch Ctrl-C")?;
        Ok(interrupt)
    }

    /// Returns an error once the benchmark was told to stop.
    pub(crate) fn check(&self) -> Result<(), Interrupted> {
        if self.0.load(Ordering::Relaxed) {
            return Err(Interrupted);
        }
        Ok(())
    }

    /// Waits until `done` says so, at most for `most`; returns whether it did.
    pub(crate) fn wait(
        &self,
        most: Duration,
        mut done: impl FnMut() -> bool,
    ) -> Result<bool, Interrupted> {
        let deadline = Instant::now() + most;
        loop {
            self.check()?;
            if done() {
                return Ok(true);
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(false);
            }
            std::thread::sleep(left.min(GLANCE));
        }
    }
}

//! Ctrl-C and SIGTERM: the first ends a run early and keeps its measurements, the second aborts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use tokio::sync::watch;

/// Exit code of an abort.
const INTERRUPTED: i32 = 105;

/// Number of requests to end.
static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// Channel to the run.
static SENDER: OnceLock<watch::Sender<bool>> = OnceLock::new();

/// Cleanup before an abort.
static CLEANUP: OnceLock<fn()> = OnceLock::new();

/// Handles Ctrl-C and SIGTERM from now on. The returned channel becomes `true` at the first of them.
///
/// Call this before the generator starts: Goose installs a handler of its own unless there is one.
pub(crate) fn catch() -> anyhow::Result<watch::Receiver<bool>> {
    let receiver = SENDER.get_or_init(|| watch::channel(false).0).subscribe();
    ctrlc::set_handler(request).context("could not install a handler for Ctrl-C")?;
    Ok(receiver)
}

/// Sets the function that an abort calls before the process exits. Only the first call has an effect.
pub(crate) fn before_abort(cleanup: fn()) {
    let _ = CLEANUP.set(cleanup);
}

/// Requests the run to end, as Ctrl-C does. The second request exits the process.
pub(crate) fn request() {
    if REQUESTS.fetch_add(1, Ordering::Relaxed) > 0 {
        if let Some(cleanup) = CLEANUP.get() {
            cleanup();
        }
        // Children stop by themselves, because their standard input closes with this process.
        std::process::exit(INTERRUPTED);
    }
    if let Some(sender) = SENDER.get() {
        sender.send_replace(true);
    }
}

//! Ctrl-C: the first ends a run early and keeps what it measured, the second aborts.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use tokio::sync::watch;

use crate::live::restore_terminal;

/// The exit code of an abort.
const INTERRUPTED: i32 = 105;

/// How often the run was asked to end.
static ASKED: AtomicU32 = AtomicU32::new(0);

/// Whom to tell.
static TELL: OnceLock<watch::Sender<bool>> = OnceLock::new();

/// Catches Ctrl-C and SIGTERM from now on; what is returned becomes true at the first.
///
/// It has to come before Goose installs a handler of its own, which then gives way.
pub(crate) fn catch() -> anyhow::Result<watch::Receiver<bool>> {
    let tell = TELL.get_or_init(|| watch::channel(false).0);
    let told = tell.subscribe();
    ctrlc::set_handler(ask).context("could not catch Ctrl-C")?;
    Ok(told)
}

/// Asks the run to end, as Ctrl-C does; the second time ends this process.
pub(crate) fn ask() {
    if ASKED.fetch_add(1, Ordering::Relaxed) > 0 {
        restore_terminal();
        // Children stop by themselves: their standard input closes with this process.
        std::process::exit(INTERRUPTED);
    }
    if let Some(tell) = TELL.get() {
        tell.send_replace(true);
    }
}

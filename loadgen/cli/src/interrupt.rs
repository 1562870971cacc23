//! Ctrl-C: the first ends a run early and keeps what it measured, the second aborts.

use std::sync::atomic::{AtomicU32, Ordering};

use anyhow::Context as _;
use tokio::sync::watch;

/// The exit code of an abort.
const INTERRUPTED: i32 = 105;

/// Catches Ctrl-C and SIGTERM from now on; what is returned becomes true at the first.
///
/// It has to come before Goose installs a handler of its own, which then gives way.
pub(crate) fn catch() -> anyhow::Result<watch::Receiver<bool>> {
    let (tell, told) = watch::channel(false);
    let count = AtomicU32::new(0);
    ctrlc::set_handler(move || {
        if count.fetch_add(1, Ordering::Relaxed) > 0 {
            // Children stop by themselves: their standard input closes with this process.
            std::process::exit(INTERRUPTED);
        }
        let _ = tell.send(true);
    })
    .context("could not catch Ctrl-C")?;
    Ok(told)
}

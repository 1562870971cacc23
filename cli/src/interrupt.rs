//! Signals that end a command: Ctrl-C, SIGTERM, and SIGHUP, which a terminal sends when it goes away.
//!
//! | signal | first | next |
//! |---|---|---|
//! | SIGINT (Ctrl-C), SIGTERM | ends a run early and keeps its measurements | aborts |
//! | SIGHUP | the same | does nothing |
//!
//! A lost terminal causes several SIGHUP: the kernel, the shell and the SSH server each send one. A process that
//! was started with SIGHUP ignored, as by `nohup`, keeps ignoring it.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::Context as _;
use signal_hook::consts::{SIGHUP, SIGTERM, SIGXFSZ};
use signal_hook::iterator::Signals;
use tokio::sync::watch;

/// Exit code of an abort.
const INTERRUPTED: i32 = 105;

/// Time limit of the cleanup before an abort: a terminal that nobody reads blocks it.
const CLEANUP_MAX: Duration = Duration::from_millis(500);

/// Number of requests to end, without those of a lost terminal.
static REQUESTS: AtomicU32 = AtomicU32::new(0);

/// Channel to the run.
static SENDER: OnceLock<watch::Sender<bool>> = OnceLock::new();

/// Cleanup before an abort.
static CLEANUP: OnceLock<fn()> = OnceLock::new();

/// Handles Ctrl-C, SIGTERM and SIGHUP from now on. The returned channel becomes `true` at the first of them.
pub(crate) fn catch() -> anyhow::Result<watch::Receiver<bool>> {
    let receiver = SENDER.get_or_init(|| watch::channel(false).0).subscribe();
    ctrlc::set_handler(request).context("could not install a handler for Ctrl-C")?;
    let caught: &[i32] = match ignores_hangup() {
        true => &[SIGTERM],
        false => &[SIGTERM, SIGHUP],
    };
    fail_writes_beyond_limit()?;
    let mut signals =
        Signals::new(caught).context("could not install a handler for SIGTERM and SIGHUP")?;
    std::thread::Builder::new()
        .name("signals".into())
        .spawn(move || {
            for signal in signals.forever() {
                match signal {
                    SIGHUP => end(),
                    _ => request(),
                }
            }
        })
        .context("could not start a thread for signals")?;
    Ok(receiver)
}

/// Lets a write beyond the limit of a file's size fail, instead of the process.
pub(crate) fn fail_writes_beyond_limit() -> anyhow::Result<()> {
    signal_hook::flag::register(SIGXFSZ, Arc::default())
        .map(drop)
        .context("could not install a handler for SIGXFSZ")
}

/// Sets the function that an abort calls before the process exits. Only the first call has an effect.
pub(crate) fn before_abort(cleanup: fn()) {
    let _ = CLEANUP.set(cleanup);
}

/// Requests the run to end, as Ctrl-C does. The second request exits the process.
pub(crate) fn request() {
    if REQUESTS.fetch_add(1, Ordering::Relaxed) > 0 {
        if let Some(cleanup) = CLEANUP.get() {
            clean_up(*cleanup);
        }
        // Children stop by themselves, because their standard input closes with this process.
        std::process::exit(INTERRUPTED);
    }
    end();
}

fn end() {
    if let Some(sender) = SENDER.get() {
        sender.send_replace(true);
    }
}

/// Runs the cleanup, for a bounded time.
fn clean_up(cleanup: fn()) {
    let (done, waiting) = mpsc::channel();
    let started = std::thread::Builder::new().spawn(move || {
        cleanup();
        let _ = done.send(());
    });
    if started.is_ok() {
        let _ = waiting.recv_timeout(CLEANUP_MAX);
    }
}

/// Returns whether SIGHUP was ignored when this process started.
fn ignores_hangup() -> bool {
    std::fs::read_to_string("/proc/self/status").is_ok_and(|status| ignores(&status, SIGHUP))
}

/// Returns whether a signal is in the mask `SigIgn` of `/proc/PID/status` (proc_pid_status(5)).
fn ignores(status: &str, signal: i32) -> bool {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let bit = u32::try_from(signal - 1).ok();
    let bit = bit.and_then(|bit| 1_u64.checked_shl(bit));
    matches!((mask, bit), (Some(mask), Some(bit)) if mask & bit != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_ignored_signals_of_status() {
        let status = |mask: &str| format!("Name:\tsh\nSigBlk:\t01\nSigIgn:\t{mask}\nSigCgt:\tff\n");
        assert!(ignores(&status("0000000000000001"), SIGHUP));
        assert!(ignores(&status("0000000000005001"), SIGTERM));
        assert!(!ignores(&status("0000000000004000"), SIGHUP));
        assert!(!ignores(&status("x"), SIGHUP));
        assert!(!ignores("", SIGHUP));
    }
}

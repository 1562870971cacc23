//! Thread that writes to a terminal or a pipe, which may block it for ever.

use std::io;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

/// Time limit for the thread to end. A terminal that is merely slow needs less.
const FINISH_MAX: Duration = Duration::from_secs(3);

/// A thread that is waited for in bounded time.
pub(crate) struct Worker {
    ended: Receiver<()>,
}

impl Worker {
    /// Starts a thread.
    ///
    /// # Errors
    /// Fails if the system starts no thread.
    pub(crate) fn start(name: &str, work: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let (ends, ended) = sync_channel(1);
        std::thread::Builder::new()
            .name(name.into())
            .spawn(move || {
                // Dropped also by a panic.
                let _ends = ends;
                work();
            })?;
        Ok(Self { ended })
    }

    /// Waits for the thread, which its owner has asked to end. Leaves it behind if it is blocked.
    pub(crate) fn finish(self) {
        let _ = self.ended.recv_timeout(FINISH_MAX);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[test]
    fn leaves_blocked_thread_behind() {
        let (sender, receiver) = sync_channel::<()>(0);
        let blocked = Worker::start("blocked", move || {
            let _ = receiver.recv();
        })
        .unwrap();
        let began = Instant::now();
        blocked.finish();
        assert!(began.elapsed() >= FINISH_MAX);
        drop(sender);
        let quick = Worker::start("quick", || {}).unwrap();
        let began = Instant::now();
        quick.finish();
        assert!(began.elapsed() < FINISH_MAX);
    }
}

//! Printer of lines on standard error, on a thread of its own: a terminal or a pipe that nobody reads must not
//! stop the generator.

use std::io::Write as _;
use std::sync::mpsc::{SyncSender, sync_channel};

use crate::output::worker::Worker;

/// Lines that may wait to be printed. Further ones are discarded.
const QUEUE_MAX: usize = 8;

/// Printer of lines.
pub(crate) struct Printer {
    lines: Option<SyncSender<String>>,
    thread: Option<Worker>,
}

impl Printer {
    /// Starts the thread. Without one, nothing is printed.
    pub(crate) fn start() -> Self {
        let (lines, receiver) = sync_channel::<String>(QUEUE_MAX);
        let thread = Worker::start("lines", move || {
            for line in receiver {
                // With its reader gone, the run goes on without its lines.
                if writeln!(std::io::stderr(), "{line}").is_err() {
                    return;
                }
            }
        });
        Self {
            lines: Some(lines),
            thread: thread.ok(),
        }
    }

    /// Prints a line, unless too many wait.
    pub(crate) fn print(&self, line: String) {
        if let Some(lines) = &self.lines {
            let _ = lines.try_send(line);
        }
    }

    /// Prints what waits, for a bounded time.
    pub(crate) fn finish(&mut self) {
        drop(self.lines.take());
        if let Some(thread) = self.thread.take() {
            thread.finish();
        }
    }
}

impl Drop for Printer {
    fn drop(&mut self) {
        self.finish();
    }
}

//! Threads that hold a lock which others wait for.

use super::at_a_time::nearly_whole;
use crate::findings::hot_spot::HotWait;

/// Threads that hold a lock which others wait for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Holders<'a> {
    /// Their number on average, above the knee.
    pub(super) threads: f64,
    /// Main wait of the holders.
    pub(super) wait: Option<&'a HotWait>,
    /// True if they compute most of the time.
    pub(super) computes: bool,
}

impl Holders<'_> {
    /// Returns who holds the lock: "about 4 hold it at a time, and wait in a sleep, in `query`".
    pub(super) fn clause(self) -> String {
        let number = nearly_whole(self.threads);
        let verb = match number.as_str() {
            "1" => "holds",
            _ => "hold",
        };
        match self.wait.filter(|_| !self.computes) {
            Some(wait) => {
                let waits = match verb {
                    "holds" => "waits",
                    _ => "wait",
                };
                format!(
                    "about {number} {verb} it at a time, and {waits}{}",
                    wait.clause()
                )
            }
            None => format!("about {number} {verb} it at a time"),
        }
    }
}

//! Waits that began before the profile: no switch shows their stack.

use std::collections::{BTreeMap, HashMap};

use crate::process;
use crate::thread_pools::PoolId;
use crate::waits::Tally;

/// Most threads that are looked at.
const THREADS_MAX: usize = 64 * 1024;

/// Waits that began before the profile, each with the kernel function that `/proc` shows.
#[derive(Debug, Default)]
pub(crate) struct EarlierWaits {
    threads: HashMap<u32, Waiting>,
    ended: BTreeMap<(PoolId, String), Tally>,
}

#[derive(Debug)]
struct Waiting {
    pool: PoolId,
    function: String,
    since_ns: u64,
}

impl EarlierWaits {
    /// Looks at a thread at the start of the profile.
    pub(crate) fn begin(&mut self, pid: u32, tid: u32, pool: PoolId, now_ns: u64) {
        // Sleeping, in a disk wait, or stopped.
        let waits = matches!(process::state(pid, tid), Some('S' | 'D' | 'T' | 't' | 'I'));
        if waits && self.threads.len() < THREADS_MAX {
            let function = process::wait_channel(pid, tid);
            let waiting = Waiting {
                pool,
                function: function.unwrap_or_else(|| "[not shown]".to_owned()),
                since_ns: now_ns,
            };
            self.threads.insert(tid, waiting);
        }
    }

    /// Ends the wait of a thread, because it got a CPU.
    pub(crate) fn end(&mut self, tid: u32, now_ns: u64) {
        if let Some(waiting) = self.threads.remove(&tid) {
            let tally = self
                .ended
                .entry((waiting.pool, waiting.function))
                .or_default();
            tally.waits += 1;
            let ns = now_ns.saturating_sub(waiting.since_ns);
            tally.ns = tally.ns.saturating_add(ns);
        }
    }

    /// Forgets a thread: it was on a CPU after all.
    pub(crate) fn cancel(&mut self, tid: u32) {
        self.threads.remove(&tid);
    }

    /// Ends all waits that are left. Returns the waits by pool and kernel function.
    pub(crate) fn finish(mut self, now_ns: u64) -> Vec<(PoolId, String, Tally)> {
        let waiting: Vec<u32> = self.threads.keys().copied().collect();
        for tid in waiting {
            self.end(tid, now_ns);
        }
        let waits = self.ended.into_iter();
        waits
            .map(|((pool, function), tally)| (pool, function, tally))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;
    use std::thread;
    use std::time::Duration;

    use super::*;
    use crate::stack_table::StackTable;

    #[test]
    fn times_waits_from_the_start() {
        let (release, wait) = mpsc::channel::<()>();
        let sleeper = thread::Builder::new()
            .name("sleeper".to_owned())
            .spawn(move || wait.recv())
            .unwrap();
        let own = std::process::id();
        let asleep = |tid: &u32| {
            process::thread_name(own, *tid) == "sleeper" && process::state(own, *tid) == Some('S')
        };
        let tid = loop {
            if let Some(tid) = process::threads(own).into_iter().find(asleep) {
                break tid;
            }
            thread::sleep(Duration::from_millis(1));
        };
        let pool = StackTable::new(1).pool("sleeper");
        let mut waits = EarlierWaits::default();
        waits.begin(own, tid, pool, 100);
        waits.begin(own, u32::MAX, pool, 100);
        let found = waits.finish(350);
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].2, Tally { waits: 1, ns: 250 });
        drop(release);
        assert!(sleeper.join().unwrap().is_err());
    }
}

//! Time off the CPU, from switches and samples of switches.

use std::collections::HashMap;

use crate::stack_table::StackId;
use crate::thread_pools::PoolId;

/// Most threads at a time whose waits are followed.
const THREADS_MAX: usize = 256 * 1024;

/// Times of waits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    /// Number of waits.
    pub(crate) waits: u64,
    /// Their time, in nanoseconds.
    pub(crate) ns: u64,
}

impl Tally {
    fn add(&mut self, ns: u64) {
        self.waits += 1;
        self.ns = self.ns.saturating_add(ns);
    }
}

/// Waits of all threads of a profile.
#[derive(Debug, Default)]
pub(crate) struct Waits {
    threads: HashMap<u32, Thread>,
    /// By stack, and whether the thread was preempted.
    stacks: HashMap<(StackId, bool), Tally>,
    /// All waits by pool, and whether the thread was preempted.
    totals: HashMap<(PoolId, bool), Tally>,
    /// Those of `totals` that have a stack.
    sampled: HashMap<(PoolId, bool), Tally>,
    /// Waits whose end or thread was lost.
    lost: u64,
}

/// A thread off the CPU.
#[derive(Debug)]
struct Thread {
    pool: PoolId,
    stack: Option<StackId>,
    /// Time at which it left its CPU, and whether it was preempted. `None` before that record.
    left: Option<(u64, bool)>,
}

impl Waits {
    /// Adds the stack with which a thread is about to leave its CPU.
    pub(crate) fn sample(&mut self, tid: u32, pool: PoolId, stack: Option<StackId>) {
        if let Some(thread) = self.threads.get(&tid) {
            // The record of its return was lost.
            self.lost += u64::from(thread.left.is_some());
        } else if self.threads.len() >= THREADS_MAX {
            self.lost += 1;
            return;
        }
        let thread = Thread {
            pool,
            stack,
            left: None,
        };
        self.threads.insert(tid, thread);
    }

    /// Adds that a thread left its CPU.
    pub(crate) fn leave(&mut self, tid: u32, pool: PoolId, time_ns: u64, preempted: bool) {
        if let Some(thread) = self.threads.get_mut(&tid)
            && thread.left.is_none()
        {
            thread.left = Some((time_ns, preempted));
            return;
        }
        self.sample(tid, pool, None);
        if let Some(thread) = self.threads.get_mut(&tid) {
            thread.left = Some((time_ns, preempted));
        }
    }

    /// Adds that a thread got a CPU.
    pub(crate) fn enter(&mut self, tid: u32, time_ns: u64) {
        let Some(thread) = self.threads.remove(&tid) else {
            return;
        };
        let Some((left_ns, preempted)) = thread.left else {
            self.lost += 1;
            return;
        };
        let ns = time_ns.saturating_sub(left_ns);
        self.totals
            .entry((thread.pool, preempted))
            .or_default()
            .add(ns);
        if let Some(stack) = thread.stack {
            self.sampled
                .entry((thread.pool, preempted))
                .or_default()
                .add(ns);
            self.stacks.entry((stack, preempted)).or_default().add(ns);
        }
    }

    /// Ends the waits of all threads that are still off the CPU.
    pub(crate) fn end(&mut self, time_ns: u64) {
        let waiting: Vec<u32> = self.threads.keys().copied().collect();
        for tid in waiting {
            self.enter(tid, time_ns);
        }
    }

    /// Forgets a thread that has ended.
    pub(crate) fn forget(&mut self, tid: u32) {
        self.threads.remove(&tid);
    }

    /// Number of all waits.
    pub(crate) fn count(&self) -> u64 {
        self.totals.values().map(|tally| tally.waits).sum()
    }

    /// Number of waits with a stack.
    pub(crate) fn sampled(&self) -> u64 {
        self.sampled.values().map(|tally| tally.waits).sum()
    }

    /// Waits whose end or thread was lost.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }

    /// Returns the waits by stack, and whether the thread was preempted. `None` for waits of a pool without any stack.
    ///
    /// Each figure is scaled so that those of a pool add up to all of its waits: a wait without a stack counts like those
    /// that have one.
    pub(crate) fn by_stack(
        &self,
        pool_of: impl Fn(StackId) -> Option<PoolId>,
    ) -> Vec<(Result<StackId, PoolId>, bool, Tally)> {
        let mut found = Vec::new();
        for ((stack, preempted), tally) in &self.stacks {
            let key = pool_of(*stack).map(|pool| (pool, *preempted));
            let pair = key.and_then(|key| Some((self.totals.get(&key)?, self.sampled.get(&key)?)));
            let scaled = pair.map_or(*tally, |(all, sampled)| Tally {
                waits: scale(tally.waits, all.waits, sampled.waits),
                ns: scale(tally.ns, all.ns, sampled.ns),
            });
            found.push((Ok(*stack), *preempted, scaled));
        }
        for (key, tally) in &self.totals {
            if !self.sampled.contains_key(key) {
                found.push((Err(key.0), key.1, *tally));
            }
        }
        found
    }
}

/// `value * all / sampled`, rounded.
fn scale(value: u64, all: u64, sampled: u64) -> u64 {
    if sampled == 0 || all == sampled {
        return value;
    }
    let product = u128::from(value) * u128::from(all) + u128::from(sampled) / 2;
    u64::try_from(product / u128::from(sampled)).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::stack_table::StackTable;

    #[test]
    fn times_each_wait_by_its_stack() {
        let mut table = StackTable::new(10);
        let pool = table.pool("main");
        let stack = table.id(pool, Vec::new());
        let mut waits = Waits::default();
        waits.enter(1, 50);
        waits.sample(1, pool, stack);
        waits.leave(1, pool, 100, false);
        waits.enter(1, 400);
        // Without a stack: it was not sampled.
        waits.leave(1, pool, 500, false);
        waits.enter(1, 600);
        waits.sample(1, pool, stack);
        waits.leave(1, pool, 700, true);
        waits.end(750);
        assert_eq!((waits.count(), waits.sampled(), waits.lost()), (3, 2, 0));
        let mut found = waits.by_stack(|_| Some(pool));
        found.sort_by_key(|(_, preempted, _)| *preempted);
        let (blocked, preempted) = (Tally { waits: 2, ns: 400 }, Tally { waits: 1, ns: 50 });
        let stack = Ok(stack.unwrap());
        assert_eq!(found, [(stack, false, blocked), (stack, true, preempted)]);
    }

    #[test]
    fn counts_what_it_can_not_time() {
        let mut table = StackTable::new(10);
        let pool = table.pool("main");
        let mut waits = Waits::default();
        waits.leave(1, pool, 100, false);
        waits.leave(1, pool, 200, false);
        waits.enter(1, 210);
        waits.sample(2, pool, None);
        waits.enter(2, 300);
        waits.leave(3, pool, 300, false);
        waits.forget(3);
        waits.end(1000);
        assert_eq!((waits.count(), waits.lost()), (1, 2));
        let found = waits.by_stack(|_| None);
        assert_eq!(found, [(Err(pool), false, Tally { waits: 1, ns: 10 })]);
    }

    proptest! {
        /// The times of a pool's stacks add up to the time of all its waits, whatever was sampled.
        #[test]
        fn conserves_time(
            steps in proptest::collection::vec((1_u64..10_000, 0_usize..4, any::<bool>(), 1_u64..100_000), 1..100)
        ) {
            let mut table = StackTable::new(10);
            let pool = table.pool("main");
            let stacks: Vec<_> = (0..3)
                .map(|address| table.id(pool, vec![crate::code_place::Frame {
                    place: crate::code_place::PlaceId::KERNEL,
                    address,
                }]))
                .collect();
            let mut waits = Waits::default();
            let (mut now, mut total) = (0, 0);
            for (run, stack, preempted, wait) in &steps {
                now += run;
                if let Some(stack) = stacks.get(*stack) {
                    waits.sample(7, pool, *stack);
                }
                waits.leave(7, pool, now, *preempted);
                now += wait;
                total += wait;
                waits.enter(7, now);
            }
            let found = waits.by_stack(|_| Some(pool));
            let sum: u64 = found.iter().map(|(_, _, tally)| tally.ns).sum();
            prop_assert!(sum.abs_diff(total) <= 6, "{sum} of {total}");
            prop_assert_eq!(waits.count(), steps.len() as u64);
        }
    }
}

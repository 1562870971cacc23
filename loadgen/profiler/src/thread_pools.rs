//! Pools of threads, by the names of their threads.

use std::collections::HashMap;

/// Most names of thread pools. Threads with further names count as one pool.
const POOLS_MAX: usize = 4096;

/// Index of a thread pool: of threads with the same name, but for a number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct PoolId(u32);

/// The thread pools of a profile.
#[derive(Debug)]
pub(crate) struct ThreadPools {
    names: Vec<String>,
    ids: HashMap<String, PoolId>,
}

impl ThreadPools {
    /// Creates the pool of all threads with too many names.
    pub(crate) fn new() -> Self {
        let mut pools = Self {
            names: Vec::new(),
            ids: HashMap::new(),
        };
        pools.id("[other threads]");
        pools
    }

    /// Returns the pool of a thread by its name.
    pub(crate) fn id(&mut self, thread_name: &str) -> PoolId {
        let name = name_of(thread_name);
        if let Some(id) = self.ids.get(name) {
            return *id;
        }
        if self.names.len() >= POOLS_MAX {
            return PoolId(0);
        }
        let id = PoolId(u32::try_from(self.names.len()).unwrap_or(0));
        self.names.push(name.to_owned());
        self.ids.insert(name.to_owned(), id);
        id
    }

    /// Name of a pool.
    pub(crate) fn name(&self, id: PoolId) -> &str {
        self.names.get(id.0 as usize).map_or("", String::as_str)
    }
}

/// Name of a thread without its number: `worker` of `worker-12`, `GC Thread` of `GC Thread#0`.
fn name_of(thread: &str) -> &str {
    let stem = thread.trim_end_matches(|c: char| c.is_ascii_digit());
    let name = if stem.len() < thread.len() {
        stem.trim_end_matches(['-', '_', '#', '/', ':', '.', ' '])
    } else {
        thread
    };
    if name.is_empty() { "[no name]" } else { name }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn bounds_pools() {
        let mut pools = ThreadPools::new();
        let names = (0..2 * POOLS_MAX).map(|n| format!("{n}x"));
        let ids: HashSet<PoolId> = names.map(|name| pools.id(&name)).collect();
        assert_eq!(ids.len(), POOLS_MAX);
        assert!(ids.contains(&PoolId(0)));
    }

    #[test]
    fn names_pools() {
        for (thread, pool) in [
            ("GC Thread#0", "GC Thread"),
            ("tokio-runtime-w", "tokio-runtime-w"),
            ("http-nio-8080-", "http-nio-8080-"),
            ("C2 CompilerThre", "C2 CompilerThre"),
            ("42", "[no name]"),
            ("", "[no name]"),
            ("h2c", "h2c"),
        ] {
            assert_eq!(name_of(thread), pool, "{thread}");
        }
    }
}

//! Cache and replicas of the reference service.

use std::time::Duration;

use clap::Args;
use tenfold_server::Config;
use tenfold_server::store::{CacheContent, UpdatePolicy};

use crate::arguments::values::{bytes, duration, nonzero_duration};

#[derive(Debug, Args)]
#[command(next_help_heading = "Cache and replicas")]
pub(crate) struct CacheArguments {
    /// Cache shared by the web servers: redis://:password@host:port, or rediss://...?ca=FILE for TLS;
    /// memory: for a single web server [default: none]
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_CACHE",
        hide_env_values = true
    )]
    cache: Option<String>,
    /// Update policy: cache-aside, write-through, write-behind (acknowledges edits of posts
    /// before they are stored, and loses them in a crash) or refresh-ahead
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "cache-aside",
        env = "TENFOLD_CACHE_POLICY"
    )]
    cache_policy: UpdatePolicy,
    /// Contents of the cache: objects, queries or both
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "both",
        env = "TENFOLD_CACHE_CONTENT"
    )]
    cache_content: CacheContent,
    /// Longest time that a web server serves a value from its own memory after another server changed it;
    /// 0s turns this memory off
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration,
        env = "TENFOLD_CACHE_STALENESS")]
    cache_staleness: Duration,
    /// Size of this memory, such as 64MiB
    #[arg(long, value_name = "BYTES", default_value = "64MiB", value_parser = bytes,
        env = "TENFOLD_CACHE_MEMORY")]
    cache_memory: u64,
    /// Time to live of entries in the shared cache. It bounds how long a change stays invisible if a web
    /// server dies before it updates the cache
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = nonzero_duration,
        env = "TENFOLD_CACHE_TTL")]
    cache_ttl: Duration,
    /// Replica of the store to read from, or a balancer in front of several: mysql://user@host/database.
    /// Repeatable
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_REPLICA",
        hide_env_values = true,
        value_delimiter = ' '
    )]
    replica: Vec<String>,
    /// Largest replication lag of a replica that is read
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration,
        env = "TENFOLD_REPLICA_LAG_MAX")]
    replica_lag_max: Duration,
}

impl CacheArguments {
    /// Applies the flags to a configuration.
    pub(crate) fn apply(&self, config: &mut Config) {
        config.cache_url.clone_from(&self.cache);
        config.cache.policy = self.cache_policy;
        config.cache.content = self.cache_content;
        config.cache.staleness = self.cache_staleness;
        config.cache.memory_bytes = self.cache_memory;
        config.cache.shared_ttl = self.cache_ttl;
        config.replica_urls.clone_from(&self.replica);
        config.replica_lag_max = self.replica_lag_max;
    }
}

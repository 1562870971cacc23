//! The cache and the replicas of the reference service, as the command line says them.

use std::time::Duration;

use clap::Args;
use tenfold_server::Config;
use tenfold_server::store::{CacheContent, UpdatePolicy};

use crate::values::duration;

/// What is put in front of the store, and beside it.
#[derive(Debug, Args)]
#[command(next_help_heading = "Cache and replicas")]
pub(crate) struct CacheArguments {
    /// A cache that web servers share: redis://:password@host:port, rediss://…?ca=FILE over TLS, or
    /// memory: for one web server [default: nothing is cached]
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_CACHE",
        hide_env_values = true
    )]
    cache: Option<String>,
    /// When the cache learns of what changes: cache-aside, write-through, write-behind (edits of posts
    /// are answered before they are stored, and lost in a crash) or refresh-ahead
    #[arg(
        long,
        value_name = "POLICY",
        default_value = "cache-aside",
        env = "TENFOLD_CACHE_POLICY"
    )]
    cache_policy: UpdatePolicy,
    /// What is cached: objects, queries or both
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "both",
        env = "TENFOLD_CACHE_CONTENT"
    )]
    cache_content: CacheContent,
    /// How long a web server may serve what another has changed, from memory of its own; 0s keeps none
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration,
        env = "TENFOLD_CACHE_STALENESS")]
    cache_staleness: Duration,
    /// The most memory that takes, such as 64MiB
    #[arg(long, value_name = "BYTES", default_value = "64MiB", value_parser = bytes,
        env = "TENFOLD_CACHE_MEMORY")]
    cache_memory: u64,
    /// How long the cache that is shared keeps what was read: for so long at most may a change be unseen that a web
    /// server died of before it could tell
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = some_time,
        env = "TENFOLD_CACHE_TTL")]
    cache_ttl: Duration,
    /// A replica of the store to read from, or a balancer before several: mysql://user@host/database.
    /// Repeatable
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_REPLICA",
        hide_env_values = true,
        value_delimiter = ' '
    )]
    replica: Vec<String>,
    /// How far behind a replica that is read may be
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = duration,
        env = "TENFOLD_REPLICA_LAG_MAX")]
    replica_lag_max: Duration,
}

impl CacheArguments {
    /// Puts what was said into a configuration.
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

/// Reads a time that is not none.
fn some_time(text: &str) -> Result<Duration, String> {
    match duration(text)? {
        Duration::ZERO => {
            Err("it has to be longer than nothing; without --cache nothing is kept".to_owned())
        }
        time => Ok(time),
    }
}

/// Reads `64MiB`, `512KiB` or `1GiB`.
fn bytes(text: &str) -> Result<u64, String> {
    let bad = || format!("`{text}` is not an amount of memory; write 64MiB, 512KiB or 1GiB");
    let unit_at = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(bad)?;
    let (number, unit) = text.split_at(unit_at);
    let shift = match unit {
        "KiB" => 10,
        "MiB" => 20,
        "GiB" => 30,
        _ => return Err(bad()),
    };
    let number: u64 = number.parse().map_err(|_| bad())?;
    number.checked_mul(1 << shift).ok_or_else(bad)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_keeps_for_some_time() {
        assert_eq!(some_time("10m"), Ok(Duration::from_secs(600)));
        assert!(some_time("0s").unwrap_err().contains("longer"));
        assert!(some_time("soon").is_err());
    }

    #[test]
    fn memory_has_a_unit() {
        assert_eq!(bytes("64MiB"), Ok(64 << 20));
        assert_eq!(bytes("0KiB"), Ok(0));
        assert_eq!(bytes("2GiB"), Ok(2 << 30));
        for wrong in [
            "64",
            "MiB",
            "-1MiB",
            "1.5GiB",
            "64MB",
            "99999999999999GiB",
            "",
        ] {
            assert!(bytes(wrong).is_err(), "{wrong}");
        }
    }
}

//! `components.json`: work and waits of the databases, caches and web servers behind a service during a run.
//!
//! Counters are read before and after; gauges are looked at five times a second, or once a second if that costs more.

use serde::{Deserialize, Serialize};

/// Work and waits of one component, from before the first request to after the last, warm-up included.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ComponentUse {
    /// Name of its box in the manifest, or its address without credentials.
    pub name: String,
    /// Length of the measurement, in seconds. 0 if nothing was measured.
    pub over_s: f64,
    /// Gaps of the figures, each in a sentence with its reason. Empty if they are complete.
    pub gaps: Vec<String>,
    /// Figures by kind. `None` if it could not be read.
    pub figures: Option<ComponentFigures>,
}

/// Figures of a component. Counts and times are those of the measurement alone.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum ComponentFigures {
    /// A database: MariaDB or MySQL.
    Database(DatabaseUse),
    /// A cache: Redis or a program with its protocol.
    Cache(CacheUse),
    /// A web server: nginx.
    WebServer(WebServerUse),
}

/// Work and waits of a database.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct DatabaseUse {
    /// Time of all statements, in seconds. Divided by the length of the measurement, it is the mean number of statements at a time
    /// (Little's law). `None` if it is not known.
    pub statements_s: Option<f64>,
    /// Statements by their time, the longest first, at most [`STATEMENTS_MAX`].
    pub statements: Vec<StatementUse>,
    /// Statements that were sent to it.
    pub questions: u64,
    /// Rows read by all statements, without those of temporary tables. `None` if it is not reported.
    #[serde(default)]
    pub rows_read: Option<u64>,
    /// Rows returned by all statements. `None` if it is not reported.
    #[serde(default)]
    pub rows_sent: Option<u64>,
    /// Waits for row locks.
    pub row_lock_waits: u64,
    /// Time that statements waited for row locks, in seconds.
    pub row_lock_s: f64,
    /// Statements seen waiting for a row lock, once a second: the most frequent first.
    pub lock_waiters: Vec<LockWaiter>,
    /// Syncs of the transaction log to the disk.
    pub log_syncs: u64,
    /// Time in these syncs, in seconds. `None` if the database does not report it.
    pub log_sync_s: Option<f64>,
    /// Reads of the buffer pool.
    pub page_requests: u64,
    /// Reads of the buffer pool that had to read the disk.
    pub page_reads: u64,
    /// Most connections at once that are allowed. `None` if it is not reported.
    pub connections_allowed: Option<u64>,
    /// Most connections that were seen at once, at the looks.
    pub connections_max: u64,
    /// Most statements that were seen running at once, at the looks.
    pub running_max: u64,
    /// Connections refused because too many were open.
    pub connections_refused: u64,
    /// Replication from a primary. `None` if it is no replica, or the account may not ask.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replication: Option<Replication>,
}

/// Replication of a replica from its primary, at the looks.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Replication {
    /// Longest time behind its primary, in seconds. `None` if it was not reported.
    pub behind_s_max: Option<u64>,
    /// True if it was stopped at the last look.
    pub stopped: bool,
}

/// Most statements of a database that are kept.
pub const STATEMENTS_MAX: usize = 10;

/// Most characters of a statement that are kept.
pub const STATEMENT_CHARS_MAX: usize = 400;

/// All executions of statements that differ in their values only.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct StatementUse {
    /// Text with `?` in place of values.
    pub text: String,
    /// Executions.
    pub count: u64,
    /// Time, in seconds, waits included.
    pub time_s: f64,
    /// Rows read to answer.
    pub rows_examined: u64,
    /// Rows returned.
    pub rows_sent: u64,
    /// Rows changed.
    pub rows_affected: u64,
    /// Executions that used no index for a table. 0 if it was sampled.
    pub without_index: u64,
    /// True if it was not counted, but seen running at the looks. Then the count is how often it was seen, and its
    /// rows are not known.
    #[serde(default)]
    pub is_sampled: bool,
}

/// A statement that was seen waiting for a row lock.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct LockWaiter {
    /// Text with `?` in place of values.
    pub text: String,
    /// Times that an execution was seen waiting. Several can wait at once.
    pub seen: u64,
}

/// Work and waits of a cache.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CacheUse {
    /// CPU time of the thread that runs commands, in seconds; of the whole process, if that is all it reports.
    pub cpu_s: f64,
    /// Commands run.
    pub commands: u64,
    /// Lookups that found a value.
    pub hits: u64,
    /// Lookups that found none.
    pub misses: u64,
    /// Keys removed to make room.
    pub evicted: u64,
    /// Memory in use at the end, in bytes.
    pub memory_bytes: u64,
    /// Most memory that it may use, in bytes. `None` if it has no limit.
    pub memory_allowed_bytes: Option<u64>,
    /// Most clients that were seen waiting in a blocking command, at the looks.
    pub blocked_max: u64,
    /// Connections refused because too many were open.
    pub connections_refused: u64,
    /// Commands by their time, the longest first, at most [`COMMANDS_MAX`].
    pub by_command: Vec<CommandUse>,
    /// Slow commands by their time, the longest first, at most [`COMMANDS_MAX`].
    pub slow: Vec<SlowCommand>,
}

/// Most commands of a cache that are kept.
pub const COMMANDS_MAX: usize = 10;

/// All executions of a command.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct CommandUse {
    /// Name, such as `get`.
    pub name: String,
    /// Executions.
    pub count: u64,
    /// Time, in seconds.
    pub time_s: f64,
}

/// Slow executions of a command on keys with the same beginning.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SlowCommand {
    /// Name, such as `smembers`.
    pub name: String,
    /// Beginning of the keys, up to their first digit or separator. Empty if the command has no key.
    pub key_space: String,
    /// Executions. The log of a busy cache may have lost older ones.
    pub count: u64,
    /// Time, in seconds.
    pub time_s: f64,
    /// Longest execution, in seconds.
    pub longest_s: f64,
}

/// Work of a web server.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WebServerUse {
    /// Connections accepted.
    pub accepted: u64,
    /// Connections closed at once, because a limit was reached.
    pub dropped: u64,
    /// Requests.
    pub requests: u64,
    /// Most connections that were seen at once, at the looks.
    pub connections_max: u64,
    /// Most requests that were seen waiting for an answer, at the looks.
    pub waiting_max: u64,
}

impl ComponentUse {
    /// Mean number at a time of what took `time_s` seconds in total (Little's law). 0 without a measurement.
    pub fn at_a_time(&self, time_s: f64) -> f64 {
        match self.over_s > 0.0 {
            true => time_s / self.over_s,
            false => 0.0,
        }
    }
}

impl StatementUse {
    /// Rows read for each row that was returned or changed; for each execution, if there were fewer of those.
    pub fn examined_per_row(&self) -> f64 {
        let useful = (self.rows_sent.saturating_add(self.rows_affected)).max(self.count);
        self.rows_examined as f64 / useful.max(1) as f64
    }
}

impl CacheUse {
    /// Share of the lookups that found no value. `None` without lookups.
    pub fn miss_share(&self) -> Option<f64> {
        let lookups = self.hits.saturating_add(self.misses);
        (lookups > 0).then(|| self.misses as f64 / lookups as f64)
    }
}

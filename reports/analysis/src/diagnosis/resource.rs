//! A resource that can be short.

use serde::{Deserialize, Serialize};

/// A resource that can be short.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Resource {
    /// The processors of the service's machine.
    Cpu,
    /// The CPU allowance of the service's box.
    BoxCpu,
    /// The processors of a machine that it shares with the generator.
    SharedCpu,
    /// Processors that other processes use.
    OtherProcesses,
    /// One thread that does all the work.
    OneThread,
    /// A pool, workers or a lock that lets a fixed number of requests through at a time.
    AtATime,
    /// A lock.
    Lock,
    /// A disk.
    Disk,
    /// A peer on the network: a database, a cache, another service.
    Network,
    /// Memory.
    Memory,
    /// Sleep.
    Pause,
    /// Files that a process may open, of which each connection is one.
    OpenFiles,
    /// The queue of connections that wait to be accepted.
    ListenQueue,
    /// The generator.
    Generator,
    /// Nothing: every rate was sustained.
    NotReached,
    /// Something that the evidence does not name.
    Unknown,
}

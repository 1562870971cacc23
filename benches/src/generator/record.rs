//! The record of a comparison. It is stored as JSON, and the page shows nothing else.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::manifest::Host;

use crate::generator::parts::maximum::Maximum;
use crate::generator::parts::memory::Memory;
use crate::generator::parts::precision::Precision;
use crate::generator::parts::scale::Scale;
use crate::generator::parts::table::Table;
use crate::generator::server::ServerKind;
use crate::output::goal::Goal;

/// Version of the record's format.
pub(crate) const RECORD_VERSION: u32 = 1;

/// The record of a comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Version of the format.
    pub(crate) version: u32,
    /// Start time, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
    /// Machine that it ran on.
    pub(crate) host: Host,
    /// Settings of the comparison.
    pub(crate) settings: Settings,
    /// Peers that were requested.
    pub(crate) peers: Vec<PeerEntry>,
    /// Goals of the generator, and whether they were met.
    #[serde(rename = "bars")]
    pub(crate) goals: Vec<Goal>,
    /// Every peer at the same rate; one table for each server.
    pub(crate) tables: Vec<Table>,
    /// Lag at a low rate. `None` if not measured.
    pub(crate) precision: Option<Precision>,
    /// Highest rate that one core sustains, for each server.
    pub(crate) maxima: Vec<Maximum>,
    /// Memory over time. `None` if not measured.
    pub(crate) memory: Option<Memory>,
    /// Cost by users and by rate. `None` if not measured.
    pub(crate) scale: Option<Scale>,
    /// Turns that failed, with the reason.
    pub(crate) mishaps: Vec<String>,
}

/// Settings of a comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Rounds of each table.
    pub(crate) rounds: u32,
    /// Measured time of each turn, in seconds.
    pub(crate) seconds: u64,
    /// Requests per second in the table.
    pub(crate) rate: u32,
    /// Connections in the table.
    pub(crate) connections: u32,
    /// Seed of the order of turns.
    pub(crate) seed: u64,
    /// True for a quick check.
    pub(crate) quick: bool,
    /// True if generator and server had one CPU each.
    pub(crate) pinned: bool,
    /// Kinds of servers.
    pub(crate) servers: Vec<ServerKind>,
}

/// A peer that was requested.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PeerEntry {
    /// Name of the peer.
    pub(crate) name: String,
    /// Pace of the peer.
    pub(crate) pace: crate::generator::peer::Pace,
    /// Settings that a reader has to know.
    pub(crate) note: String,
    /// Reason why it is missing. `None` if it was measured.
    pub(crate) missing: Option<String>,
}

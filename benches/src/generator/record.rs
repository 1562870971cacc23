//! What the benchmark found: everything that is stored, and nothing that is not in it is shown.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::manifest::Host;

use crate::generator::parts::maximum::Maximum;
use crate::generator::parts::memory::Memory;
use crate::generator::parts::precision::Precision;
use crate::generator::parts::scale::Scale;
use crate::generator::parts::table::Table;
use crate::generator::server::Kind;
use crate::output::bar::Bar;

/// The version of this shape.
pub(crate) const RECORD_VERSION: u32 = 1;

/// What the benchmark found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Record {
    /// Version of this shape.
    pub(crate) version: u32,
    /// When it began, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// How long it took, in seconds.
    pub(crate) took_s: f64,
    /// The machine that it ran on.
    pub(crate) host: Host,
    /// How it was done.
    pub(crate) settings: Settings,
    /// The peers that were asked for.
    pub(crate) peers: Vec<PeerEntry>,
    /// What is asked of the generator, and whether it is met.
    pub(crate) bars: Vec<Bar>,
    /// Every peer at the same rate; a table for each server.
    pub(crate) tables: Vec<Table>,
    /// Lateness at a low rate; none where it was not measured.
    pub(crate) precision: Option<Precision>,
    /// The highest rate that one core sustains, server by server.
    pub(crate) maxima: Vec<Maximum>,
    /// Memory over time; none where it was not measured.
    pub(crate) memory: Option<Memory>,
    /// Cost by users and by rate; none where it was not measured.
    pub(crate) scale: Option<Scale>,
    /// What went wrong without ending it.
    pub(crate) mishaps: Vec<String>,
}

/// How it was done.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Settings {
    /// Rounds of the table.
    pub(crate) rounds: u32,
    /// How long each turn was measured, in seconds.
    pub(crate) seconds: u64,
    /// Requests per second in the table.
    pub(crate) rate: u32,
    /// Connections in the table.
    pub(crate) connections: u32,
    /// The seed of the order of turns.
    pub(crate) seed: u64,
    /// Whether it was but a short look.
    pub(crate) quick: bool,
    /// Whether generator and server had a processor each.
    pub(crate) pinned: bool,
    /// The servers.
    pub(crate) servers: Vec<Kind>,
}

/// A peer that was asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct PeerEntry {
    /// Its name.
    pub(crate) name: String,
    /// Who sets its pace.
    pub(crate) pace: crate::generator::peer::Pace,
    /// What a reader must know of how it was used.
    pub(crate) note: String,
    /// Why it could not be had; none where it could.
    pub(crate) missing: Option<String>,
}

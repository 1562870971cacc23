//! Lag at a low rate.

use serde::{Deserialize, Serialize};

use crate::generator::comparison::Comparison;
use crate::generator::parts::table::{self, Ready, Table};
use crate::generator::server::Server;

/// The low rate, in requests per second.
pub(crate) const LOW_RATE: u32 = 1_000;

/// Lag at a low rate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Precision {
    /// Open-model peers at that rate.
    pub(crate) table: Table,
}

/// Measures the open-model peers at the low rate.
pub(crate) fn measure(
    comparison: &mut Comparison<'_>,
    server: &Server,
    open: &[Ready],
    connections: u32,
    rounds: u32,
) -> anyhow::Result<Precision> {
    Ok(Precision {
        table: table::measure(comparison, server, open, LOW_RATE, connections, rounds)?,
    })
}

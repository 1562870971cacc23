//! Lateness where the rate is low.

use serde::{Deserialize, Serialize};

use crate::generator::course::Course;
use crate::generator::parts::table::{self, Ready, Table};
use crate::generator::server::Server;

/// The rate that counts as low, per second.
pub(crate) const LOW_RATE: u32 = 1_000;

/// Lateness where the rate is low.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Precision {
    /// The peers of the open model at that rate.
    pub(crate) table: Table,
}

/// Measures the peers of the open model at the low rate.
pub(crate) fn measure(
    course: &mut Course<'_>,
    server: &Server,
    open: &[Ready],
    connections: u32,
    rounds: u32,
) -> anyhow::Result<Precision> {
    Ok(Precision {
        table: table::measure(course, server, open, LOW_RATE, connections, rounds)?,
    })
}

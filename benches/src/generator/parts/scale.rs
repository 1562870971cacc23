//! Cost with growing numbers of users and growing rates.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::generator::comparison::Comparison;
use crate::generator::parts::idle_users;
use crate::generator::parts::table::Ready;
use crate::generator::peer::{Peer, TENFOLD, WRK2};
use crate::generator::server::Server;
use crate::generator::turn::{self, Plan, Turn};

/// Numbers of users to try.
const USERS: [u32; 5] = [1, 10, 100, 1_000, 10_000];

/// Rate that the users share in the open model, in requests per second.
pub(crate) const SHARED_RATE: u32 = 5_000;

/// Rates to try, in requests per second.
const RATES: [u32; 9] = [
    100, 300, 1_000, 3_000, 10_000, 20_000, 40_000, 60_000, 80_000,
];

/// Number of connections for the rates.
pub(crate) const CONNECTIONS: u32 = 64;

/// Default limit on open files on most systems, under which the idle users start.
pub(crate) const OPEN_FILES_DEFAULT: u64 = 1_024;

/// Cost with growing numbers of users and growing rates.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Scale {
    /// Tenfold by number of users, at one rate in the open model.
    pub(crate) by_users: Vec<Turn>,
    /// wrk2 by number of connections, at that rate.
    pub(crate) by_users_wrk2: Vec<Turn>,
    /// Tenfold by number of idle users, each with its own connection.
    pub(crate) by_idle_users: Vec<Turn>,
    /// Tenfold by rate.
    pub(crate) by_rate: Vec<Turn>,
    /// wrk2 by rate.
    pub(crate) by_rate_wrk2: Vec<Turn>,
}

/// Measures a turn for each number of users and each rate. `maximum` is one more rate.
pub(crate) fn measure(
    comparison: &mut Comparison<'_>,
    server: &Server,
    ready: &[Ready],
    maximum: Option<u32>,
    quick: bool,
) -> anyhow::Result<Scale> {
    let program = |wanted: &dyn Peer| -> Option<PathBuf> {
        let found = ready.iter().find(|(peer, _)| peer.name() == wanted.name());
        found.map(|(_, program)| program.clone())
    };
    let mut rates: Vec<u32> = RATES.into_iter().chain(maximum).collect();
    rates.sort_unstable();
    rates.dedup();
    if quick {
        rates.retain(|rate| [100, 1_000, 10_000, 40_000].contains(rate));
    }
    let mut scale = Scale {
        by_users: Vec::new(),
        by_users_wrk2: Vec::new(),
        by_idle_users: Vec::new(),
        by_rate: Vec::new(),
        by_rate_wrk2: Vec::new(),
    };
    if let Some(tenfold) = program(TENFOLD) {
        for users in USERS {
            scale.by_users.extend(one(
                comparison,
                server,
                TENFOLD,
                &tenfold,
                SHARED_RATE,
                users,
            )?);
        }
        for users in USERS {
            scale
                .by_idle_users
                .extend(idle(comparison, server, &tenfold, users)?);
        }
        for &rate in &rates {
            scale.by_rate.extend(one(
                comparison,
                server,
                TENFOLD,
                &tenfold,
                rate,
                CONNECTIONS,
            )?);
        }
    }
    // wrk2 calibrates itself for ten seconds in each turn, too long for a quick check.
    if let (Some(wrk2), false) = (program(WRK2), quick) {
        for users in USERS {
            scale
                .by_users_wrk2
                .extend(one(comparison, server, WRK2, &wrk2, SHARED_RATE, users)?);
        }
        for &rate in &rates {
            scale
                .by_rate_wrk2
                .extend(one(comparison, server, WRK2, &wrk2, rate, CONNECTIONS)?);
        }
    }
    Ok(scale)
}

fn one(
    comparison: &mut Comparison<'_>,
    server: &Server,
    peer: &dyn Peer,
    program: &Path,
    rate: u32,
    connections: u32,
) -> anyhow::Result<Option<Turn>> {
    let plan = Plan {
        rate: Some(rate),
        connections,
        measured: comparison.measured,
        scenario: comparison.workshop.full_job(),
        lead: Duration::ZERO,
        open_files: None,
    };
    let what = format!("{} at {rate}/s with {connections} users", peer.name());
    let taken = turn::take(peer, program, server, &plan, comparison.workshop);
    comparison.note(&what, taken)
}

fn idle(
    comparison: &mut Comparison<'_>,
    server: &Server,
    tenfold: &Path,
    users: u32,
) -> anyhow::Result<Option<Turn>> {
    let scenario = idle_users::write(users, comparison.workshop)?;
    let plan = Plan {
        rate: None,
        connections: users,
        measured: comparison.measured,
        scenario: &scenario,
        lead: idle_users::time_to_first_requests(users),
        open_files: Some(OPEN_FILES_DEFAULT),
    };
    let what = format!("tenfold with {users} users, mostly idle");
    let taken = turn::take(TENFOLD, tenfold, server, &plan, comparison.workshop);
    comparison.note(&what, taken)
}

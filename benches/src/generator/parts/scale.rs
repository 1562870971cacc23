//! Cost as users and rates grow.

use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::generator::course::Course;
use crate::generator::parts::idle_users;
use crate::generator::parts::table::Ready;
use crate::generator::peer::{Peer, TENFOLD, WRK2};
use crate::generator::server::Server;
use crate::generator::turn::{self, Plan, Turn};

/// The users that are tried.
const USERS: [u32; 5] = [1, 10, 100, 1_000, 10_000];

/// The rate that they share where the plan sets the pace, per second.
pub(crate) const SHARED_RATE: u32 = 5_000;

/// The rates that are tried, per second.
const RATES: [u32; 9] = [
    100, 300, 1_000, 3_000, 10_000, 20_000, 40_000, 60_000, 80_000,
];

/// The connections that the rates come over.
pub(crate) const CONNECTIONS: u32 = 64;

/// The limit on open files that a shell has on most systems, which the idle users begin with.
pub(crate) const USUAL_OPEN_FILES: u64 = 1_024;

/// Cost as users and rates grow.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Scale {
    /// Tenfold's users at one rate, in the open model.
    pub(crate) by_users: Vec<Turn>,
    /// wrk2's connections at that rate.
    pub(crate) by_users_wrk2: Vec<Turn>,
    /// Users who are idle nearly all the time, each with a connection of its own.
    pub(crate) by_idle_users: Vec<Turn>,
    /// Tenfold by rate.
    pub(crate) by_rate: Vec<Turn>,
    /// wrk2 by rate.
    pub(crate) by_rate_wrk2: Vec<Turn>,
}

/// Measures a turn for each number of users and each rate; `maximum` is the last of the rates.
pub(crate) fn measure(
    course: &mut Course<'_>,
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
            scale
                .by_users
                .extend(one(course, server, TENFOLD, &tenfold, SHARED_RATE, users)?);
        }
        for users in USERS {
            scale
                .by_idle_users
                .extend(idle(course, server, &tenfold, users)?);
        }
        for &rate in &rates {
            scale
                .by_rate
                .extend(one(course, server, TENFOLD, &tenfold, rate, CONNECTIONS)?);
        }
    }
    // wrk2 calibrates itself for ten seconds a turn, which a short look has not got.
    if let (Some(wrk2), false) = (program(WRK2), quick) {
        for users in USERS {
            scale
                .by_users_wrk2
                .extend(one(course, server, WRK2, &wrk2, SHARED_RATE, users)?);
        }
        for &rate in &rates {
            scale
                .by_rate_wrk2
                .extend(one(course, server, WRK2, &wrk2, rate, CONNECTIONS)?);
        }
    }
    Ok(scale)
}

fn one(
    course: &mut Course<'_>,
    server: &Server,
    peer: &dyn Peer,
    program: &Path,
    rate: u32,
    connections: u32,
) -> anyhow::Result<Option<Turn>> {
    let plan = Plan {
        rate: Some(rate),
        connections,
        measured: course.measured,
        scenario: course.workshop.full_job(),
        lead: Duration::ZERO,
        open_files: None,
    };
    let what = format!("{} at {rate}/s with {connections} users", peer.name());
    let taken = turn::take(peer, program, server, &plan, course.workshop);
    course.note(&what, taken)
}

fn idle(
    course: &mut Course<'_>,
    server: &Server,
    tenfold: &Path,
    users: u32,
) -> anyhow::Result<Option<Turn>> {
    let scenario = idle_users::write(users, course.workshop)?;
    let plan = Plan {
        rate: None,
        connections: users,
        measured: course.measured,
        scenario: &scenario,
        lead: idle_users::arriving(users),
        open_files: Some(USUAL_OPEN_FILES),
    };
    let what = format!("tenfold with {users} users, mostly idle");
    let taken = turn::take(TENFOLD, tenfold, server, &plan, course.workshop);
    course.note(&what, taken)
}

//! Every peer at the same rate against the same server, in turns.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use crate::generator::course::Course;
use crate::generator::peer::{Pace, Peer, WRK2};
use crate::generator::server::{Kind, Server};
use crate::generator::turn::{self, Plan, Turn};
use crate::output::spread::Spread;

/// A peer that can be run.
pub(crate) type Ready = (&'static dyn Peer, PathBuf);

/// Every peer at the same rate against one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Table {
    /// The server.
    pub(crate) server: Kind,
    /// Requests per second that were asked for.
    pub(crate) rate: u32,
    /// The peers, in the order of the registry.
    pub(crate) rows: Vec<Row>,
    /// Every turn, in the order in which they were taken; none for one that failed.
    pub(crate) rounds: Vec<Vec<Turn>>,
}

/// What a peer came to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// The peer's name.
    pub(crate) peer: String,
    /// Who sets its pace.
    pub(crate) pace: Pace,
    /// Requests per second, as the server counted them.
    pub(crate) rate_per_s: Spread,
    /// Processor time a request, in microseconds.
    pub(crate) cpu_us: Spread,
    /// The same over the peer's whole life.
    pub(crate) whole_cpu_us: Spread,
    /// Processor time a request over that of wrk2 in the same round; none without wrk2.
    pub(crate) of_wrk2: Option<Spread>,
    /// The median latency that it tells, in nanoseconds.
    pub(crate) p50_ns: Option<Spread>,
    /// The 99th percentile that it tells, in nanoseconds.
    pub(crate) p99_ns: Option<Spread>,
    /// The median of its own lateness that it tells, in nanoseconds.
    pub(crate) lag_p50_ns: Option<Spread>,
    /// The 99th percentile of its own lateness that it tells, in nanoseconds.
    pub(crate) lag_p99_ns: Option<Spread>,
    /// The median service time that it tells, in nanoseconds.
    pub(crate) service_p50_ns: Option<Spread>,
    /// Peak memory in bytes.
    pub(crate) peak_memory_bytes: Spread,
    /// Requests that failed or were dropped, over all rounds.
    pub(crate) failed: u64,
}

/// Lets every peer have a turn in each round, in an order that the seed shuffles anew.
pub(crate) fn measure(
    course: &mut Course<'_>,
    server: &Server,
    ready: &[Ready],
    rate: u32,
    connections: u32,
    rounds: u32,
) -> anyhow::Result<Table> {
    let mut random = Pcg64Mcg::seed_from_u64(course.seed);
    let mut table = Table {
        server: server.kind(),
        rate,
        rows: Vec::new(),
        rounds: Vec::new(),
    };
    for round in 1..=rounds {
        let mut order: Vec<&Ready> = ready.iter().collect();
        order.shuffle(&mut random);
        let mut turns = Vec::new();
        for (peer, program) in order {
            let plan = Plan {
                rate: Some(rate),
                connections,
                measured: course.measured,
                scenario: course.workshop.full_job(),
                lead: Duration::ZERO,
                open_files: None,
            };
            let what = format!(
                "{} at {}, round {round}/{rounds}",
                peer.name(),
                server.kind().name()
            );
            let taken = turn::take(*peer, program, server, &plan, course.workshop);
            turns.extend(course.note(&what, taken)?);
        }
        table.rounds.push(turns);
    }
    table.rows = ready
        .iter()
        .filter_map(|(peer, _)| row(*peer, &table.rounds))
        .collect();
    Ok(table)
}

fn row(peer: &dyn Peer, rounds: &[Vec<Turn>]) -> Option<Row> {
    let by_round: BTreeMap<usize, &Turn> = rounds
        .iter()
        .enumerate()
        .filter_map(|(round, turns)| Some((round, of(turns, peer.name())?)))
        .collect();
    let turns = || by_round.values().copied();
    let spread = |of: fn(&Turn) -> f64| Spread::of(turns().map(of));
    let reported = |of: fn(&Turn) -> Option<u64>| {
        Spread::of(turns().filter_map(|turn| of(turn).map(|ns| ns as f64)))
    };
    // Rounds are compared with themselves, for the machine is not the same in all of them.
    let ratios = by_round.iter().filter_map(|(round, turn)| {
        let bar = of(&rounds[*round], WRK2.name())?;
        Some(turn.cpu_us / bar.cpu_us)
    });
    let failures = turns().map(|turn| {
        turn.report
            .failed
            .unwrap_or(0)
            .saturating_add(turn.report.dropped.unwrap_or(0))
    });
    Some(Row {
        peer: peer.name().to_owned(),
        pace: peer.pace(),
        rate_per_s: spread(|turn| turn.rate_per_s)?,
        cpu_us: spread(|turn| turn.cpu_us)?,
        whole_cpu_us: spread(|turn| turn.whole_cpu_us)?,
        of_wrk2: Spread::of(ratios),
        p50_ns: reported(|turn| turn.report.p50_ns),
        p99_ns: reported(|turn| turn.report.p99_ns),
        lag_p50_ns: reported(|turn| turn.report.lag_p50_ns),
        lag_p99_ns: reported(|turn| turn.report.lag_p99_ns),
        service_p50_ns: reported(|turn| turn.report.service_p50_ns),
        peak_memory_bytes: spread(|turn| turn.peak_memory_bytes as f64)?,
        failed: failures.fold(0, u64::saturating_add),
    })
}

fn of<'a>(turns: &'a [Turn], peer: &str) -> Option<&'a Turn> {
    turns.iter().find(|turn| turn.peer == peer)
}

impl Table {
    /// Finds a peer's row.
    pub(crate) fn row(&self, peer: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.peer == peer)
    }
}

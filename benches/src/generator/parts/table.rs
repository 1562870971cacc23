//! Every peer at the same rate against the same server, in alternating turns.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_pcg::Pcg64Mcg;
use serde::{Deserialize, Serialize};

use crate::generator::comparison::Comparison;
use crate::generator::peer::{Pace, Peer, WRK2};
use crate::generator::server::{Server, ServerKind};
use crate::generator::turn::{self, Plan, Turn};
use crate::output::spread::Spread;

/// An installed peer and its program.
pub(crate) type Ready = (&'static dyn Peer, PathBuf);

/// Every peer at the same rate against one server.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Table {
    /// ServerKind of the server.
    pub(crate) server: ServerKind,
    /// Planned rate, in requests per second.
    pub(crate) rate: u32,
    /// Summary of each peer, in the order of the registry.
    pub(crate) rows: Vec<Row>,
    /// Turns of each round, in the order in which they ran, without those that failed.
    pub(crate) rounds: Vec<Vec<Turn>>,
}

/// Summary of a peer over all rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Row {
    /// Name of the peer.
    pub(crate) peer: String,
    /// Pace of the peer.
    pub(crate) pace: Pace,
    /// Requests per second, counted by the server.
    pub(crate) rate_per_s: Spread,
    /// CPU time per request, in microseconds.
    pub(crate) cpu_us: Spread,
    /// The same over the peer's lifetime.
    pub(crate) whole_cpu_us: Spread,
    /// CPU time per request as a factor of wrk2's in the same round. `None` without wrk2.
    pub(crate) of_wrk2: Option<Spread>,
    /// Reported median latency, in nanoseconds.
    pub(crate) p50_ns: Option<Spread>,
    /// Reported 99th percentile of latency, in nanoseconds.
    pub(crate) p99_ns: Option<Spread>,
    /// Reported median lag, in nanoseconds.
    pub(crate) lag_p50_ns: Option<Spread>,
    /// Reported 99th percentile of lag, in nanoseconds.
    pub(crate) lag_p99_ns: Option<Spread>,
    /// Reported median service time, in nanoseconds.
    pub(crate) service_p50_ns: Option<Spread>,
    /// Peak memory, in bytes.
    pub(crate) peak_memory_bytes: Spread,
    /// Requests that failed or were dropped, over all rounds.
    pub(crate) failed: u64,
}

/// Runs one turn of every peer in each round, in an order shuffled with the seed.
pub(crate) fn measure(
    comparison: &mut Comparison<'_>,
    server: &Server,
    ready: &[Ready],
    rate: u32,
    connections: u32,
    rounds: u32,
) -> anyhow::Result<Table> {
    let mut random = Pcg64Mcg::seed_from_u64(comparison.seed);
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
                measured: comparison.measured,
                scenario: match server.kind() {
                    ServerKind::Grpc => comparison.workshop.grpc_job(),
                    ServerKind::Websocket => comparison.workshop.websocket_job(),
                    ServerKind::Nginx | ServerKind::Axum => comparison.workshop.full_job(),
                },
                lead: Duration::ZERO,
                open_files: None,
            };
            let what = format!(
                "{} at {}, round {round}/{rounds}",
                peer.name(),
                server.kind().name()
            );
            let taken = turn::take(*peer, program, server, &plan, comparison.workshop);
            turns.extend(comparison.note(&what, taken)?);
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
    // Compare within a round: the machine's speed changes between rounds.
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
    /// Returns the row of a peer.
    pub(crate) fn row(&self, peer: &str) -> Option<&Row> {
        self.rows.iter().find(|row| row.peer == peer)
    }
}

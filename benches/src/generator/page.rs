//! The page of the comparison.

use tenfold_analysis::format;
use tenfold_reports::document::{Block, Curve, Curves, Document, Section};

use crate::generator::parts::idle_users;
use crate::generator::parts::maximum::Maximum;
use crate::generator::parts::memory::{self, Memory};
use crate::generator::parts::scale::{self, Scale};
use crate::generator::parts::table::{Row, Table};
use crate::generator::record::Record;
use crate::generator::turn::Turn;
use crate::output::page::{BUSY, NONE, cells, goals, megabytes};
use crate::output::spread::Spread;

/// Returns the page of a record.
pub(super) fn page(record: &Record) -> Document {
    let mut sections = vec![goals(&record.goals)];
    sections.extend(record.tables.iter().map(|table| {
        let name = table.server.name();
        let mut section = table_of(table, &format!("table-{name}"));
        section.title = format!("{} against {name}", per_s(table.rate));
        section.lead = format!("The server: {}.", table.server.description());
        section
    }));
    sections.extend(record.precision.as_ref().map(|precision| {
        let mut section = table_of(&precision.table, "precision");
        section.title = format!("Precision at {}", per_s(precision.table.rate));
        section.lead = "Open-model peers, against nginx.".to_owned();
        section
    }));
    if !record.maxima.is_empty() {
        sections.push(maxima(&record.maxima));
    }
    sections.extend(record.memory.as_ref().map(memory_of));
    sections.extend(record.scale.as_ref().map(scale_of));
    sections.push(peers(record));
    if !record.mishaps.is_empty() {
        let rows = record
            .mishaps
            .iter()
            .map(|mishap| vec![mishap.clone()])
            .collect();
        sections.push(Section {
            id: "mishaps".to_owned(),
            title: "Failed turns".to_owned(),
            lead: "They are not part of any figure.".to_owned(),
            blocks: vec![cells(&["turn"], rows)],
        });
    }
    Document {
        title: "The generator and its peers".to_owned(),
        lead: lead(record),
        sections,
        ..Document::default()
    }
}

fn lead(record: &Record) -> String {
    let (settings, host) = (&record.settings, &record.host);
    let where_it_ran = if settings.pinned {
        "Generator and server had one CPU each"
    } else {
        "Generator and server shared all CPUs"
    };
    let busy = if host.load_1m > BUSY {
        " The machine was already busy at the start, so the figures are too high."
    } else {
        ""
    };
    let quick = if settings.quick {
        " Quick check: do not quote these figures."
    } else {
        ""
    };
    format!(
        "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start). \
         {where_it_ran}. {}, turns of {} s in an order shuffled with seed {}; medians, with the \
         minimum and maximum of the rounds in parentheses.{busy}{quick}",
        record.started_at,
        (record.took_s / 60.0).ceil(),
        host.cores,
        host.cpu,
        host.kernel,
        host.load_1m,
        if settings.rounds == 1 {
            "1 round".to_owned()
        } else {
            format!("{} rounds", settings.rounds)
        },
        settings.seconds,
        settings.seed,
    )
}

fn table_of(table: &Table, id: &str) -> Section {
    let head = [
        "peer",
        "pace",
        "rate",
        "CPU µs",
        "of wrk2",
        "whole µs",
        "p50",
        "p99",
        "lag p50",
        "lag p99",
        "memory",
        "failed",
    ];
    let text = "CPU µs is user and system time of the whole process tree in the measured time, divided by \
                the server's count of requests; `whole µs` includes the peer's start and exit. \
                `of wrk2` compares within each round. p50 and p99 are reported by the peer: open-model peers \
                measure from the intended time, closed-model peers from the send time.";
    Section {
        id: id.to_owned(),
        blocks: vec![
            cells(&head, table.rows.iter().map(cells_of).collect()),
            Block::Text(text.to_owned()),
        ],
        ..Section::default()
    }
}

fn cells_of(row: &Row) -> Vec<String> {
    let maybe = |spread: Option<Spread>, describe: fn(f64) -> String| {
        spread.map_or_else(|| NONE.to_owned(), |spread| describe(spread.median))
    };
    vec![
        row.peer.clone(),
        row.pace.name().to_owned(),
        format::rate(row.rate_per_s.median),
        row.cpu_us.describe(format::significant),
        row.of_wrk2.map_or_else(
            || NONE.to_owned(),
            |ratio| ratio.describe(format::significant),
        ),
        format::significant(row.whole_cpu_us.median),
        maybe(row.p50_ns, format::duration_of),
        maybe(row.p99_ns, format::duration_of),
        maybe(row.lag_p50_ns, format::duration_of),
        maybe(row.lag_p99_ns, format::duration_of),
        megabytes(row.peak_memory_bytes.median),
        format::count(row.failed),
    ]
}

fn maxima(maxima: &[Maximum]) -> Section {
    let attempts = maxima
        .iter()
        .flat_map(|maximum| &maximum.attempts)
        .map(|each| {
            let turn = &each.turn;
            let mut row = vec![
                format!("{} at {}", turn.server.name(), maybe_rate(turn.asked_per_s)),
                format::rate(turn.rate_per_s),
                format::significant(turn.cpu_us),
                format::significant(turn.cores),
                format::significant(turn.server_cores),
            ];
            row.extend(latencies(turn));
            row.push(
                if each.sustained {
                    "sustained"
                } else {
                    "not sustained"
                }
                .to_owned(),
            );
            row
        });
    let head = [
        "tried",
        "rate",
        "CPU µs",
        "generator's cores",
        "server's cores",
        "p50",
        "p99",
        "lag p99",
        "outcome",
    ];
    let said = maxima.iter().map(|maximum| {
        let name = maximum.server.name();
        match (maximum.sustained_per_s, maximum.failed_per_s) {
            (Some(low), Some(high)) => {
                format!("{name}: {} sustained, {} not", per_s(low), per_s(high))
            }
            (Some(low), None) => format!("{name}: {} sustained, the highest tried", per_s(low)),
            (None, _) => format!("{name}: no tried rate was sustained"),
        }
    });
    Section {
        id: "maximum".to_owned(),
        title: "Maximum rate of one core".to_owned(),
        lead: format!("{}.", said.collect::<Vec<_>>().join("; ")),
        blocks: vec![
            cells(&head, attempts.collect()),
            Block::Text(
                "Sustained: at least 99% of the rate, nothing dropped or failed, and a measurement that \
                 is not invalid. If the server's cores reach 1, the server saturated first."
                    .to_owned(),
            ),
        ],
    }
}

fn memory_of(memory: &Memory) -> Section {
    let samples = &memory.turn.memory_bytes;
    let tenth = samples.len().div_ceil(10).max(1);
    let rows = samples
        .iter()
        .enumerate()
        .step_by(tenth)
        .map(|(second, bytes)| vec![format!("about {second} s"), megabytes(*bytes as f64)]);
    Section {
        id: "memory".to_owned(),
        title: format!(
            "Memory of {} users at {}",
            format::count(u64::from(memory::USERS)),
            per_s(memory::RATE)
        ),
        lead: format!(
            "The peak was {}.",
            megabytes(memory.turn.peak_memory_bytes as f64)
        ),
        blocks: vec![cells(&["time", "resident"], rows.collect())],
    }
}

fn scale_of(scale: &Scale) -> Section {
    let shared = per_s(scale::SHARED_RATE);
    let idle = per_s(idle_users::RATE);
    let by_users = [
        (format!("tenfold, {shared} in all"), &scale.by_users),
        (
            format!("tenfold, idle users, {idle} in all"),
            &scale.by_idle_users,
        ),
        (format!("wrk2, {shared} in all"), &scale.by_users_wrk2),
    ];
    let by_rate = [
        ("tenfold".to_owned(), &scale.by_rate),
        ("wrk2".to_owned(), &scale.by_rate_wrk2),
    ];
    let users = |turn: &Turn| f64::from(turn.users);
    let rate = |turn: &Turn| turn.asked_per_s.map_or(0.0, f64::from);
    let lag = |turn: &Turn| turn.report.lag_p99_ns.unwrap_or(0) as f64 / 1e3;
    let lag_p50 = |turn: &Turn| turn.report.lag_p50_ns.unwrap_or(0) as f64 / 1e3;
    let cost = |turn: &Turn| turn.cpu_us;
    let lags = vec![
        curve("lag p50", &scale.by_rate, rate, lag_p50),
        curve("lag p99", &scale.by_rate, rate, lag),
    ];
    let curves = |id: &str, title: &str, x: &str, y: &str, curves: Vec<Curve>| {
        Block::Curves(Curves {
            id: id.to_owned(),
            title: title.to_owned(),
            x: x.to_owned(),
            y: y.to_owned(),
            curves: curves
                .into_iter()
                .filter(|curve| !curve.points.is_empty())
                .collect(),
        })
    };
    let all = |series: &[(String, &Vec<Turn>)], x: &dyn Fn(&Turn) -> f64| -> Vec<Curve> {
        series
            .iter()
            .map(|(name, turns)| curve(name, turns, x, cost))
            .collect()
    };
    let (cost_y, lag_y) = ("CPU time per request, µs", "lag, µs");
    let cost_by_users = all(&by_users, &users);
    let cost_by_rate = all(&by_rate, &rate);
    Section {
        id: "scale".to_owned(),
        title: "Cost by users and by rate".to_owned(),
        lead: format!(
            "Users of the open model share {shared}; only as many as needed send. Idle users \
             have a connection each, send {idle} together and think in between, and start under a \
             limit of {} open files. Rates use {} connections.",
            format::count(scale::OPEN_FILES_DEFAULT),
            scale::CONNECTIONS
        ),
        blocks: vec![
            curves("by-users", "Cost by users", "users", cost_y, cost_by_users),
            turns(&by_users, "users", &|turn| {
                format::count(u64::from(turn.users))
            }),
            curves(
                "by-rate",
                "Cost by rate",
                "requests/s",
                cost_y,
                cost_by_rate,
            ),
            curves(
                "lag-by-rate",
                "Tenfold's lag by rate",
                "requests/s",
                lag_y,
                lags,
            ),
            turns(&by_rate, "planned rate", &|turn| {
                maybe_rate(turn.asked_per_s)
            }),
        ],
    }
}

fn curve(name: &str, turns: &[Turn], x: impl Fn(&Turn) -> f64, y: impl Fn(&Turn) -> f64) -> Curve {
    Curve {
        name: name.to_owned(),
        points: turns.iter().map(|turn| (x(turn), y(turn))).collect(),
    }
}

fn turns(series: &[(String, &Vec<Turn>)], name: &str, describe: &dyn Fn(&Turn) -> String) -> Block {
    let rows = series.iter().flat_map(|(name, turns)| {
        turns.iter().map(move |turn| {
            let mut row = vec![
                name.clone(),
                describe(turn),
                format::rate(turn.rate_per_s),
                format::significant(turn.cpu_us),
            ];
            row.extend(latencies(turn));
            row.push(megabytes(turn.peak_memory_bytes as f64));
            row.push(
                turn.report
                    .connections
                    .map_or_else(|| NONE.to_owned(), format::count),
            );
            row
        })
    });
    let head = [
        "series",
        name,
        "rate",
        "CPU µs",
        "p50",
        "p99",
        "lag p99",
        "memory",
        "connections",
    ];
    cells(&head, rows.collect())
}

fn peers(record: &Record) -> Section {
    let rows = record.peers.iter().map(|peer| {
        let note = if peer.note.is_empty() {
            NONE
        } else {
            &peer.note
        };
        let had = peer.missing.as_deref().unwrap_or("measured");
        vec![
            peer.name.clone(),
            peer.pace.name().to_owned(),
            had.to_owned(),
            note.to_owned(),
        ]
    });
    Section {
        id: "peers".to_owned(),
        title: "Peers".to_owned(),
        lead: "An open pace sends at planned times; a closed one waits for responses.".to_owned(),
        blocks: vec![cells(
            &["peer", "pace", "status", "settings"],
            rows.collect(),
        )],
    }
}

fn latencies(turn: &Turn) -> [String; 3] {
    [
        turn.report.p50_ns,
        turn.report.p99_ns,
        turn.report.lag_p99_ns,
    ]
    .map(format::maybe_duration)
}

fn per_s(rate: u32) -> String {
    format::rate(f64::from(rate))
}

fn maybe_rate(rate: Option<u32>) -> String {
    rate.map_or_else(|| NONE.to_owned(), per_s)
}

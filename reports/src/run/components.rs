//! Databases, caches, web servers and balancers: their work and their waits, in one table.

use tenfold_analysis::format;
use tenfold_run_dir::Run;
use tenfold_run_dir::balancer_use::BalancerUse;
use tenfold_run_dir::component_use::{
    CacheUse, ComponentFigures, ComponentUse, DatabaseUse, StatementUse, WebServerUse,
};

use crate::document::{Block, Section, Table};

/// Most statements and commands that are shown of a component.
const SHOWN_MAX: usize = 3;

/// Returns the section. `None` if nothing was watched.
pub(super) fn section(run: &Run) -> Option<Section> {
    let mut rows: Vec<Vec<String>> = run.components.iter().flat_map(of_component).collect();
    rows.extend(run.balancers.iter().flat_map(of_balancer));
    let gaps: Vec<String> = run
        .components
        .iter()
        .flat_map(|own| {
            let gaps = own.gaps.iter();
            gaps.map(|gap| match own.figures {
                Some(_) => format!("{}: {gap}.", own.name),
                None => format!("{gap}."),
            })
        })
        .collect();
    if rows.is_empty() && gaps.is_empty() {
        return None;
    }
    let table = (!rows.is_empty())
        .then(|| Block::Table(Table::new(&["component", "figure", "value"], rows)));
    let blocks = table.into_iter().chain(gaps.into_iter().map(Block::Note));
    Some(Section::new(
        "components",
        "Databases, caches and balancers",
        "By their own counters, from before the first request to after the last. “At a time” is a time of all, divided by \
         the length of the run (Little's law).",
        blocks.collect(),
    ))
}

fn of_component(own: &ComponentUse) -> Vec<Vec<String>> {
    let figures = match &own.figures {
        Some(ComponentFigures::Database(figures)) => of_database(own, figures),
        Some(ComponentFigures::Cache(figures)) => of_cache(own, figures),
        Some(ComponentFigures::WebServer(figures)) => of_web_server(own, figures),
        None => Vec::new(),
    };
    named(&own.name, figures)
}

/// Puts the name of a component before its figures.
fn named(name: &str, figures: Vec<(&str, String)>) -> Vec<Vec<String>> {
    let rows = figures.into_iter();
    rows.map(|(figure, value)| vec![name.to_owned(), figure.to_owned(), value])
        .collect()
}

fn of_database<'a>(own: &ComponentUse, figures: &DatabaseUse) -> Vec<(&'a str, String)> {
    let count = format::count;
    let mut rows = Vec::new();
    if let Some(all_s) = figures.statements_s {
        rows.push((
            "statements at a time",
            format!(
                "{} on average, {} at most",
                format::significant(own.at_a_time(all_s)),
                count(figures.running_max)
            ),
        ));
        let shown = figures.statements.iter().take(SHOWN_MAX);
        let shown = shown.filter(|statement| statement.time_s > 0.0);
        rows.extend(shown.map(|statement| ("time by statement", of_statement(statement, all_s))));
    }
    rows.push((
        "waits for row locks",
        format!(
            "{} at a time, {} waits",
            format::significant(own.at_a_time(figures.row_lock_s)),
            count(figures.row_lock_waits)
        ),
    ));
    rows.extend(figures.lock_waiters.first().map(|waiter| {
        (
            "seen waiting for a row lock",
            format!("{}: {} times", waiter.text, count(waiter.seen)),
        )
    }));
    rows.push((
        "syncs to the disk",
        match figures.log_sync_s {
            Some(sync_s) => format!(
                "{}, {} at a time",
                count(figures.log_syncs),
                format::significant(own.at_a_time(sync_s))
            ),
            None => count(figures.log_syncs),
        },
    ));
    if figures.page_requests > 0 {
        let share = figures.page_reads as f64 / figures.page_requests as f64;
        rows.push(("pages read from the disk", format::percent(share)));
    }
    let allowed = figures
        .connections_allowed
        .map_or(String::new(), |allowed| format!(" of {}", count(allowed)));
    rows.push((
        "connections",
        format!(
            "{}{allowed} at most, {} refused",
            count(figures.connections_max),
            count(figures.connections_refused)
        ),
    ));
    rows.extend(figures.replication.map(|own| {
        let behind = own
            .behind_s_max
            .map_or("not reported".to_owned(), |behind_s| {
                format!("{} s at most", count(behind_s))
            });
        let stopped = match own.stopped {
            true => ", replication stopped",
            false => "",
        };
        ("behind its primary", format!("{behind}{stopped}"))
    }));
    rows
}

fn of_statement(own: &StatementUse, all_s: f64) -> String {
    let share = format::percent((own.time_s / all_s.max(f64::MIN_POSITIVE)).min(1.0));
    let details = match own.is_sampled {
        true => format!("seen {} times", format::count(own.count)),
        false => format!(
            "{} × {}, {} rows read for each one needed",
            format::count(own.count),
            format::duration_of(own.time_s * 1e9 / own.count.max(1) as f64),
            format::significant(own.examined_per_row())
        ),
    };
    format!("{share}: {} ({details})", own.text)
}

fn of_cache<'a>(own: &ComponentUse, figures: &CacheUse) -> Vec<(&'a str, String)> {
    let count = format::count;
    let mut rows = vec![(
        "CPU",
        format!(
            "{} cores, {} commands",
            format::significant(own.at_a_time(figures.cpu_s)),
            count(figures.commands)
        ),
    )];
    let shown = figures.by_command.iter().take(SHOWN_MAX);
    rows.extend(shown.map(|command| {
        (
            "time by command",
            format!(
                "{}: {} × {}",
                command.name,
                count(command.count),
                format::duration_of(command.time_s * 1e9 / command.count.max(1) as f64)
            ),
        )
    }));
    rows.extend(figures.slow.iter().take(SHOWN_MAX).map(|slow| {
        (
            "slow commands",
            format!(
                "{} {}…: {}, {} at most",
                slow.name,
                slow.key_space,
                count(slow.count),
                format::duration_of(slow.longest_s * 1e9)
            ),
        )
    }));
    rows.extend(figures.miss_share().map(|share| {
        (
            "lookups without a value",
            format!(
                "{}, {} keys evicted",
                format::percent(share),
                count(figures.evicted)
            ),
        )
    }));
    rows.push((
        "memory",
        match figures.memory_allowed_bytes {
            Some(allowed) => format!(
                "{} of {}",
                format::bytes(figures.memory_bytes),
                format::bytes(allowed)
            ),
            None => format::bytes(figures.memory_bytes),
        },
    ));
    rows.push((
        "clients",
        format!(
            "{} blocked at most, {} refused",
            count(figures.blocked_max),
            count(figures.connections_refused)
        ),
    ));
    rows
}

fn of_web_server<'a>(own: &ComponentUse, figures: &WebServerUse) -> Vec<(&'a str, String)> {
    let count = format::count;
    let per_s = own.at_a_time(figures.requests as f64);
    vec![
        (
            "requests",
            format!("{} ({})", count(figures.requests), format::rate(per_s)),
        ),
        (
            "connections",
            format!(
                "{} accepted, {} dropped, {} open at most",
                count(figures.accepted),
                count(figures.dropped),
                count(figures.connections_max)
            ),
        ),
        (
            "requests in progress",
            format!("{} at most", count(figures.waiting_max)),
        ),
    ]
}

/// Returns the waits for each server. Its traffic is in another table.
fn of_balancer(own: &BalancerUse) -> Vec<Vec<String>> {
    let ms = |time: Option<u64>| time.map_or("–".to_owned(), |ms| format!("{ms} ms"));
    let most = |most: Option<u64>| most.map_or("–".to_owned(), format::count);
    let known = own.servers.iter().filter(|server| server.sent > 0);
    let known = known.filter(|server| {
        [server.queue_ms, server.connect_ms, server.answer_ms]
            .iter()
            .any(Option::is_some)
    });
    let rows = known.map(|server| {
        vec![
            own.name.clone(),
            format!("waits for {}", server.name),
            format!(
                "queue {}, connect {}, answer {} (means of the last 1,024); at most {} queued, {} in flight; {} denied",
                ms(server.queue_ms),
                ms(server.connect_ms),
                ms(server.answer_ms),
                most(server.queued_max),
                most(server.in_flight_max),
                format::count(server.denied)
            ),
        ]
    });
    rows.collect()
}

#[cfg(test)]
mod tests {
    use tenfold_analysis::synthetic::MadeUp;
    use tenfold_run_dir::balancer_use::ServerUse;

    use super::*;

    #[test]
    fn shows_components_and_gaps_in_one_table() {
        let mut run = MadeUp::default().play();
        assert!(section(&run).is_none());
        let figures = DatabaseUse {
            statements_s: Some(20.0),
            statements: vec![StatementUse {
                text: "SELECT a FROM b WHERE c = ?".to_owned(),
                count: 100,
                time_s: 15.0,
                rows_examined: 5_000,
                rows_sent: 100,
                ..StatementUse::default()
            }],
            running_max: 4,
            ..DatabaseUse::default()
        };
        run.components = vec![
            ComponentUse {
                name: "sql".to_owned(),
                over_s: 10.0,
                gaps: vec!["its statements were sampled".to_owned()],
                figures: Some(ComponentFigures::Database(figures)),
            },
            ComponentUse {
                name: "cache".to_owned(),
                over_s: 0.0,
                gaps: vec!["could not read the counters of cache: refused".to_owned()],
                figures: None,
            },
        ];
        run.balancers = vec![BalancerUse {
            name: "balancer".to_owned(),
            servers: vec![ServerUse {
                name: "web-1".to_owned(),
                sent: 9,
                queue_ms: Some(3),
                ..ServerUse::default()
            }],
            cache_lookups: 0,
            cache_hits: 0,
        }];
        let text = format!("{:?}", section(&run).unwrap());
        for part in [
            "2.00 on average, 4 at most",
            "75.0%: SELECT a FROM b WHERE c = ? (100 × 150 ms, 50.0 rows read for each one needed)",
            "sql: its statements were sampled.",
            "could not read the counters of cache: refused.",
            "queue 3 ms, connect –",
        ] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }
}

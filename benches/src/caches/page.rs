//! The page of the benchmark of caches.

use tenfold_analysis::format;
use tenfold_reports::document::{Document, Section};

use super::{CachesFigures, TurnFigures};
use crate::output::page::{NONE, cells};

/// Returns the page of the results.
pub(super) fn page(figures: &CachesFigures) -> Document {
    let quick = match figures.quick {
        true => " Quick check: do not quote its figures.",
        false => "",
    };
    let mut sections = Vec::new();
    if let Some(all) = figures.turns.first() {
        sections.push(levels(all));
        sections.push(switches(&figures.turns));
    }
    if !figures.mishaps.is_empty() {
        let rows = figures.mishaps.iter().map(|own| vec![own.clone()]);
        sections.push(Section {
            id: "mishaps".to_owned(),
            title: "Failed turns".to_owned(),
            lead: String::new(),
            blocks: vec![cells(&["turn"], rows.collect())],
        });
    }
    Document {
        title: "Caches from the browser to the disk".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start): stage `partitioned` in boxes of {} CPUs, \
             read by 200 returning browsers at {} reads/s, 70% posts, 20% users and 10% files, by Zipfian popularity. The second \
             half of each turn of {} s counts.{quick}",
            figures.started_at,
            (figures.took_s / 60.0).ceil(),
            figures.host.cores,
            figures.host.cpu,
            figures.host.kernel,
            figures.host.load_1m,
            figures.box_cpu,
            figures.rate_per_s,
            figures.seconds,
        ),
        sections,
        ..Document::default()
    }
}

/// Share of the reads that end at each level: name, share of all, share of those that reach it.
pub(super) fn shares(turn: &TurnFigures) -> Vec<(&'static str, f64, f64)> {
    let [browser, edge, service] = turn.ended.map(|count| count as f64);
    let all = turn.reads.max(1) as f64;
    let behind = &turn.behind;
    let web = behind.web_hits.min(service);
    let lookups = (behind.local_hits + behind.local_misses).max(1.0);
    let asked = service - web;
    let local = asked * behind.local_hits / lookups;
    let shared = asked * (behind.shared_hits / lookups).min(1.0);
    let loaded = (asked - local - shared).max(0.0);
    let from_disk = behind.page_reads / behind.page_lookups.max(1.0);
    let mut left = all;
    [
        ("browser", browser),
        ("edge (CDN)", edge),
        ("web server", web),
        ("memory of a process", local),
        ("shared cache", shared),
        ("memory of the database", loaded * (1.0 - from_disk)),
        ("disk of the database", loaded * from_disk),
    ]
    .map(|(name, ended)| {
        let of_reached = ended / left.max(1.0);
        left -= ended;
        (name, ended / all, of_reached)
    })
    .into()
}

fn ms(time: Option<f64>) -> String {
    time.map_or(NONE.to_owned(), |time| {
        format!("{} ms", format::significant(time))
    })
}

fn levels(all: &TurnFigures) -> Section {
    let [browser, edge, service] = all.mean_ms;
    let times = [browser, edge, service];
    let rows = shares(all)
        .into_iter()
        .enumerate()
        .map(|(index, (name, share, reached))| {
            vec![
                name.to_owned(),
                format::percent(share),
                format::percent(reached.min(1.0)),
                times
                    .get(index)
                    .map_or(NONE.to_owned(), |time| match index {
                        2 => format!("{} for all behind the edges", ms(*time)),
                        _ => ms(*time),
                    }),
            ]
        });
    let [_, at_edge, _] = all.ended;
    // Without the level, a read would have taken as long as those that went on.
    let saved = |ended: u64, own: Option<f64>, further: Option<f64>| {
        let each = own.zip(further).map(|(own, further)| further - own);
        each.map(|each| each * ended as f64 / all.reads.max(1) as f64)
    };
    Section {
        id: "levels".to_owned(),
        title: "Where reads end".to_owned(),
        lead: format!(
            "With every level. {} of the reads had a body that the browser had already. Below the web server, shares are those of \
             lookups, as a read may need two values. The edges save {} for a read on average, the browsers {}.",
            format::percent(all.unchanged as f64 / all.reads.max(1) as f64),
            ms(saved(at_edge, edge, service)),
            ms(saved(all.ended[0], browser, edge)),
        ),
        blocks: vec![cells(
            &[
                "level",
                "reads that end there",
                "of those that reach it",
                "mean time",
            ],
            rows.collect(),
        )],
    }
}

fn switches(turns: &[TurnFigures]) -> Section {
    let all = turns.first();
    let rows = turns.iter().map(|turn| {
        let more = all.map_or(0.0, |all| turn.cpu_us / all.cpu_us.max(1e-9) - 1.0);
        vec![
            turn.name.clone(),
            ms(Some(turn.p50_ms)),
            ms(Some(turn.all_mean_ms)),
            format!("{} us", format::significant(turn.cpu_us)),
            format!("{:+.0}%", more * 100.0),
            format!("{:.0}", turn.bytes),
            format::percent(turn.behind.loads / turn.reads.max(1) as f64),
            turn.failed.to_string(),
        ]
    });
    Section {
        id: "switches".to_owned(),
        title: "Without each level".to_owned(),
        lead: "What a level saves is what its turn has more than the first one: time, CPU time of all boxes, bytes of bodies, and \
               reads of the database for 100 reads."
            .to_owned(),
        blocks: vec![cells(
            &["turn", "p50", "mean", "CPU a read", "more CPU", "bytes a read", "database", "failed"],
            rows.collect(),
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::super::counters::Counters;
    use super::*;

    fn turn() -> TurnFigures {
        TurnFigures {
            name: "every level".to_owned(),
            reads: 1_000,
            failed: 0,
            ended: [100, 600, 300],
            mean_ms: [Some(0.1), Some(1.0), Some(5.0)],
            unchanged: 500,
            p50_ms: 1.0,
            all_mean_ms: 2.0,
            bytes: 1_000.0,
            cpu_us: 500.0,
            behind: Counters {
                web_hits: 50.0,
                local_hits: 100.0,
                local_misses: 300.0,
                shared_hits: 200.0,
                loads: 100.0,
                page_lookups: 1_000.0,
                page_reads: 100.0,
            },
        }
    }

    #[test]
    fn shares_are_disjoint_and_sum_to_one() {
        let shares = shares(&turn());
        let sum: f64 = shares.iter().map(|(_, share, _)| share).sum();
        assert!((sum - 1.0).abs() < 1e-9, "{shares:?}");
        // A quarter of 250 reads, as 100 of 400 lookups.
        assert!((shares[3].1 - 0.0625).abs() < 1e-9, "{shares:?}");
        assert!((shares[6].2 - 1.0).abs() < 1e-9, "{shares:?}");
    }

    #[test]
    fn shows_what_each_level_saves() {
        let mut without = turn();
        without.name = "without the edges".to_owned();
        without.cpu_us = 1_000.0;
        let figures = CachesFigures {
            started_at: String::new(),
            host: tenfold_probe::host::describe(),
            box_cpu: 0.2,
            rate_per_s: 160,
            seconds: 60,
            quick: true,
            turns: vec![turn(), without],
            mishaps: vec!["nothing".to_owned()],
            took_s: 1.0,
        };
        let text = page(&figures).markdown();
        assert!(text.contains("+100%"), "{text}");
        assert!(text.contains("The edges save 2.40 ms"), "{text}");
    }
}

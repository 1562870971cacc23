//! Where the time goes: response times by part, from the `Server-Timing` of the service.

use tenfold_analysis::{ServerTime, Summary, TimeBand, format};

use crate::chart::{StackedBar, StackedPart, stacked_bars};
use crate::document::{Block, Chart, Section, Table};

/// Rows outside the service, and the rest in it.
const LAG: &str = "generator's lag";
const BLOCKED: &str = "wait for a user";
const OUTSIDE: &str = "outside the service";
const UNATTRIBUTED: &str = "unattributed";

/// Returns the section. `None` if no request was sampled.
pub(super) fn section(summary: &Summary) -> Option<Section> {
    if summary.server_time.is_empty() {
        return None;
    }
    let all = || summary.server_time.iter();
    let blocks: Vec<Block> = if all().all(|time| time.samples == 0) {
        let sampled = all().map(|time| time.without_header).sum();
        vec![Block::Note(format!(
            "The service answered none of the {} requests with a sampled trace with `Server-Timing`.",
            format::count(sampled)
        ))]
    } else {
        let times = all().enumerate();
        let blocks = times.flat_map(|(number, time)| of_request(number, time));
        blocks.collect()
    };
    Some(Section::new(
        "where-the-time-goes",
        "Where the time goes",
        "Mean times of the requests with a sampled trace, by the parts that the service reports in its \
         `Server-Timing` header: of the requests around the median (45% to 55%) and of the slowest 2%.",
        blocks,
    ))
}

/// Returns a row for each request and band, with its largest parts. `None` if no request was sampled.
pub(super) fn short(summary: &Summary) -> Option<Table> {
    let rows = summary.server_time.iter().flat_map(|time| {
        let bands = [("median", &time.median), ("p99", &time.p99)];
        bands.into_iter().filter_map(move |(name, band)| {
            let band = band.as_ref()?;
            let mut times = times(band);
            times.sort_by_key(|(_, ns)| std::cmp::Reverse(*ns));
            let largest = times.iter().take(4).filter(|(_, ns)| *ns > 0);
            let largest =
                largest.map(|(name, ns)| format!("{name} {}", share(*ns, band.response_ns)));
            Some(vec![
                format!("{}, {name}", time.request),
                format::duration(band.response_ns),
                largest.collect::<Vec<_>>().join(", "),
            ])
        })
    });
    let table = Table::new(
        &["where the time goes", "response time", "largest parts"],
        rows,
    );
    (!table.rows.is_empty()).then_some(table)
}

fn of_request(number: usize, time: &ServerTime) -> Vec<Block> {
    let mut blocks = vec![Block::Heading(time.request.clone())];
    let bands: Vec<(&str, &TimeBand)> = [("median", &time.median), ("p99", &time.p99)]
        .into_iter()
        .filter_map(|(name, band)| Some((name, band.as_ref()?)))
        .collect();
    let mut notes = vec![format!(
        "{} sampled requests with the header",
        format::count(time.samples)
    )];
    if time.without_header > 0 {
        notes.push(format!("{} without it", format::count(time.without_header)));
    }
    let mut note = format!("{}.", notes.join(", "));
    match bands.len() {
        0 => note.push_str(" Too few: the median needs 100, p99 needs 500."),
        1 => note.push_str(" Too few for p99, which needs 500."),
        _ => {}
    }
    if bands.iter().any(|(_, band)| band.overlapping) {
        note.push_str(
            " The parts add up to more than the time in the service: this service counts some of them twice.",
        );
    }
    if bands.iter().any(|(_, band)| band.unattributed_ns.is_none()) {
        note.push_str(
            " The service reports no `total`, so its unattributed time is part of the time outside.",
        );
    }
    blocks.push(Block::Note(note));
    if bands.is_empty() {
        return blocks;
    }
    blocks.push(chart(number, time, &bands));
    let mut names: Vec<String> = Vec::new();
    for (_, band) in &bands {
        for (name, _) in times(band) {
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    // A part of one band only comes before the rest.
    names.sort_by_key(|name| name == UNATTRIBUTED);
    let mut head = vec!["part".to_owned()];
    for (name, band) in &bands {
        head.push((*name).to_owned());
        head.push(format!("share of {}", format::count(band.samples)));
    }
    let row = |name: &str, of: &dyn Fn(&TimeBand) -> Option<u64>| -> Vec<String> {
        let cells = bands.iter().flat_map(|(_, band)| match of(band) {
            Some(ns) => [format::duration(ns), share(ns, band.response_ns)],
            None => ["–".to_owned(), "–".to_owned()],
        });
        std::iter::once(name.to_owned()).chain(cells).collect()
    };
    let mut rows: Vec<Vec<String>> = vec![row("response time", &|band| Some(band.response_ns))];
    for name in &names {
        rows.push(row(name, &|band| {
            let mut times = times(band).into_iter();
            times.find(|(known, _)| known == name).map(|(_, ns)| ns)
        }));
    }
    blocks.push(Block::Table(Table {
        head,
        rows,
        ..Table::default()
    }));
    blocks
}

/// Returns a bar for each band.
fn chart(number: usize, time: &ServerTime, bands: &[(&str, &TimeBand)]) -> Block {
    let bars = bands.iter().map(|(name, band)| StackedBar {
        name: format!("{name}: {}", format::duration(band.response_ns)),
        parts: times(band)
            .into_iter()
            .map(|(name, ns)| StackedPart {
                is_quiet: [LAG, BLOCKED, OUTSIDE, UNATTRIBUTED].contains(&name.as_str()),
                name,
                value: ns as f64,
            })
            .collect(),
    });
    let bars: Vec<StackedBar> = bars.collect();
    let title = format!("Where the time of `{}` goes", time.request);
    let svg = stacked_bars(&format!("server-time-{number}"), &title, &bars);
    Chart::block(svg, &[], Table::default())
}

/// Returns the times that add up to the response time.
fn times(band: &TimeBand) -> Vec<(String, u64)> {
    let before = [
        (LAG, Some(band.lag_ns)),
        (BLOCKED, (band.blocked_ns > 0).then_some(band.blocked_ns)),
        (OUTSIDE, Some(band.outside_ns)),
    ];
    let own = |(name, ns): (&str, Option<u64>)| Some((name.to_owned(), ns?));
    let parts = band.parts.iter().map(|part| (part.name.clone(), part.ns));
    before
        .into_iter()
        .filter_map(own)
        .chain(parts)
        .chain(own((UNATTRIBUTED, band.unattributed_ns)))
        .collect()
}

fn share(ns: u64, of_ns: u64) -> String {
    match of_ns {
        0 => "–".to_owned(),
        of_ns => format::percent(ns as f64 / of_ns as f64),
    }
}

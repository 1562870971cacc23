//! Delays between the load and the boxes of a stage: the delays of each wish for more boxes, and what users saw meanwhile.

use tenfold_analysis::{Charts, ScaleUp, ScalingSummary, Summary, format};

use crate::chart::{self, GROUP_INKS, Ink};
use crate::document::{Block, Chart, Section, Table};

/// Returns the section. `None` unless the run started a stage that scales.
pub(super) fn section(summary: &Summary, charts: &Charts) -> Option<Section> {
    let scaling = summary.scaling.as_ref()?;
    let mut blocks = vec![Block::Text(groups(scaling)), chart(charts)];
    if scaling.scale_ups.is_empty() {
        blocks.push(Block::Note("No group asked for more boxes.".to_owned()));
    } else {
        blocks.push(Block::Table(delays(scaling)));
        blocks.push(Block::Table(seen_by_users(scaling)));
        blocks.push(Block::Note(
            "Times count from the rise of the load, or, in brackets, from the time at which the metric saw it, if no rise of the \
             load explains the wish. The load rose when the offered rate reached the level that the metric saw. The objectives \
             are met again once three intervals in a row meet them; those on rate, and of single phases, do not count here. Wishes \
             that overlap count the same requests."
                .to_owned(),
        ));
    }
    Some(Section::new(
        "scaling",
        "How the boxes followed the load",
        "From the rise of the load to the time at which users are served within the objectives again.",
        blocks,
    ))
}

/// Returns the delays as a table, for a short report. `None` if no group got more boxes.
pub(super) fn short(summary: &Summary) -> Option<Table> {
    let scaling = summary.scaling.as_ref()?;
    (!scaling.scale_ups.is_empty()).then(|| delays(scaling))
}

fn groups(scaling: &ScalingSummary) -> String {
    let sentences = scaling.groups.iter().map(|group| {
        let size = match group.boxes_min == group.boxes_max {
            true => format!("{} boxes", group.boxes_min),
            false => format!("{} to {} boxes", group.boxes_min, group.boxes_max),
        };
        let mut sentence = format!(
            "Group {} had {size} ready, {} box-seconds in all; {} added, {} drained",
            group.name,
            format::count(group.box_seconds.round() as u64),
            group.added,
            group.drained
        );
        if group.failed > 0 {
            sentence.push_str(&format!(", {} failed", group.failed));
        }
        sentence + "."
    });
    sentences.collect::<Vec<_>>().join(" ")
}

fn delays(scaling: &ScalingSummary) -> Table {
    let rows = scaling.scale_ups.iter().map(|up| {
        let since = |at: Option<i64>| at.map_or_else(dash, |at| after(at - began(up)));
        vec![
            wish(up),
            began_at(up),
            since(Some(up.metric_saw_ns)),
            since(Some(up.wished_ns)),
            since(up.started_ns),
            since(up.ready_ns),
            since(up.first_request_ns),
            within_objectives(up),
        ]
    });
    let head = [
        "more boxes",
        "load rose",
        "metric saw it",
        "rules wished",
        "box started",
        "boxes ready",
        "first request",
        "objectives met",
    ];
    Table::new(&head, rows)
}

fn seen_by_users(scaling: &ScalingSummary) -> Table {
    let rows = scaling.scale_ups.iter().map(|up| {
        let requests = |count: Option<u64>| count.map_or_else(dash, format::count);
        vec![
            wish(up),
            began_at(up),
            requests(up.slow),
            requests(up.lost),
            up.reason.clone(),
        ]
    });
    let head = [
        "more boxes",
        "load rose",
        "too slow",
        "failed or dropped",
        "reason",
    ];
    Table::new(&head, rows)
}

fn wish(up: &ScaleUp) -> String {
    format!("{} {} → {}", up.group, up.from, up.to)
}

fn began(up: &ScaleUp) -> i64 {
    up.load_rose_ns.unwrap_or(up.metric_saw_ns)
}

fn began_at(up: &ScaleUp) -> String {
    let at = format!("{:.1} s", began(up) as f64 / 1e9);
    match up.load_rose_ns {
        Some(_) => at,
        None => format!("({at})"),
    }
}

fn within_objectives(up: &ScaleUp) -> String {
    match (up.slow, up.missed_ns, up.met_again_ns) {
        (None, ..) => dash(),
        (Some(_), None, _) => "all the time".to_owned(),
        (Some(_), Some(_), Some(met)) => after(met - began(up)),
        (Some(_), Some(_), None) => "not again".to_owned(),
    }
}

fn after(ns: i64) -> String {
    format!("+{:.1} s", (ns as f64 / 1e9).max(0.0))
}

fn dash() -> String {
    "–".to_owned()
}

fn chart(charts: &Charts) -> Block {
    let scaling = &charts.scaling;
    let boxes = scaling.boxes.iter().zip(GROUP_INKS.iter().cycle());
    let names: Vec<(Ink, String)> = boxes
        .map(|((name, _), ink)| (*ink, format!("{name} boxes")))
        .collect();
    let mut legend: Vec<(Ink, &str)> = vec![(Ink::Offered, "offered")];
    legend.extend(names.iter().map(|(ink, name)| (*ink, name.as_str())));
    let response = format!("response {}", scaling.percentile);
    legend.push((Ink::Response, &response));
    let mut head = vec!["at", "offered"];
    head.extend(names.iter().map(|(_, name)| name.as_str()));
    head.push(&response);
    let rows = scaling.at_s.iter().enumerate().map(|(index, at)| {
        let offered = scaling.offered.get(index).copied().unwrap_or_default();
        let mut row = vec![
            format!("{} s", format::significant(*at)),
            format::rate(offered),
        ];
        let counts = scaling.boxes.iter().map(|(_, counts)| counts.get(index));
        row.extend(counts.map(|count| count.map_or_else(dash, u32::to_string)));
        row.push(format::maybe_duration(
            scaling.response.get(index).copied().flatten(),
        ));
        row
    });
    let data = Table::new(&head, rows.collect::<Vec<_>>());
    Chart::block(chart::scaling(charts), &legend, data)
}

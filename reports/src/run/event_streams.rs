//! Streams of events and WebSocket conversations: times to the first event, between events, and of replies.

use tenfold_analysis::{EventStreams, Latency, RequestSummary, Summary, format};

use crate::document::{Block, Section, Table};
use crate::run::latencies;

fn streams(summary: &Summary) -> impl Iterator<Item = (&RequestSummary, &EventStreams)> {
    let requests = summary.requests.iter();
    requests.filter_map(|request| Some((request, request.events.as_ref()?)))
}

/// Returns the times to the first event, between events, and of replies if there are any, each with the name of its request.
pub(super) fn rows(summary: &Summary) -> impl Iterator<Item = (String, &Latency)> {
    streams(summary).flat_map(|(request, events)| {
        [
            (
                format!("  {}, first event", request.name),
                &events.first_event_ns,
            ),
            (
                format!("  {}, between events", request.name),
                &events.event_gap_ns,
            ),
        ]
        .into_iter()
        .chain((events.round_trip_ns.count > 0).then(|| {
            (
                format!("  {}, round trip", request.name),
                &events.round_trip_ns,
            )
        }))
    })
}

/// Returns the section. `None` if no request streams events.
pub(super) fn event_streams(summary: &Summary) -> Option<Section> {
    let times = rows(summary).map(|(name, latency)| (name.trim().to_owned(), latency));
    let times: Vec<_> = times.collect();
    if times.is_empty() {
        return None;
    }
    let counts = streams(summary).flat_map(|(request, events)| {
        let per_stream = |count: u64| match events.first_event_ns.count {
            0 => "–".to_owned(),
            streams => format::significant(count as f64 / streams as f64),
        };
        events.by_name.iter().map(move |(name, count)| {
            vec![
                request.name.clone(),
                name.clone(),
                format::count(*count),
                per_stream(*count),
            ]
        })
    });
    let times = times
        .iter()
        .map(|(name, latency)| (name.as_str(), *latency));
    Some(Section::new(
        "event-streams",
        "Event streams",
        "Time from the intended time of a request to the first event of its stream, and between two events. The messages of a \
         WebSocket conversation are events; a round trip is the time from sending one to the last of its replies.",
        vec![
            Block::Table(latencies::table("stream", times)),
            Block::Table(Table::new(
                &["request", "event", "events", "per stream"],
                counts,
            )),
        ],
    ))
}

//! What happened when.

use maud::Markup;
use tenfold_analysis::{Charts, Summary, words};

use crate::chart::{self, Ink};
use crate::html::figures::{Data, figure, head, section};

/// Sets the heat map of response time.
pub(crate) fn heat_map(charts: &Charts) -> Markup {
    let map = &charts.heat_map;
    let data = Data {
        head: head(&["from", "responses", "least", "most responses at", "longest"]),
        rows: map
            .columns
            .iter()
            .enumerate()
            .map(|(column, counts)| {
                let range = |row: Option<usize>| {
                    let ends =
                        row.and_then(|r| Some((map.bounds_ns.get(r)?, map.bounds_ns.get(r + 1)?)));
                    ends.map_or_else(
                        || "–".to_owned(),
                        |(low, high)| {
                            format!(
                                "{} – {}",
                                words::duration_of(*low),
                                words::duration_of(*high)
                            )
                        },
                    )
                };
                let filled = || counts.iter().enumerate().filter(|(_, count)| **count > 0);
                vec![
                    format!("{} s", words::significant(column as f64 * map.column_s)),
                    words::count(counts.iter().sum()),
                    range(filled().map(|(row, _)| row).next()),
                    range(
                        filled()
                            .max_by_key(|(_, count)| **count)
                            .map(|(row, _)| row),
                    ),
                    range(filled().map(|(row, _)| row).next_back()),
                ]
            })
            .collect(),
    };
    section(
        "heat-map",
        "Response time over time",
        "The stronger the colour, the more responses. A band that splits or climbs is a second way of being \
         answered: a cache miss, a queue, a stall.",
        &figure(chart::heat_map(charts), &[], &data),
    )
}

/// Sets offered against achieved rate.
pub(crate) fn rates(summary: &Summary, charts: &Charts) -> Markup {
    let rates = &charts.rates;
    let mut legend = vec![(Ink::Offered, "offered"), (Ink::Achieved, "achieved")];
    if rates.lost.iter().any(|lost| *lost > 0.0) {
        legend.push((Ink::Lost, "failed or dropped"));
    }
    let columns = [
        &rates.offered,
        &rates.achieved,
        &rates.reads,
        &rates.writes,
        &rates.lost,
    ];
    let data = Data {
        head: head(&[
            "at",
            "offered",
            "achieved",
            "reads",
            "writes",
            "failed or dropped",
        ]),
        rows: timed(&rates.at_s, |index| {
            columns
                .map(|column| {
                    column
                        .get(index)
                        .map_or_else(String::new, |r| words::rate(*r))
                })
                .to_vec()
        }),
    };
    let lead = format!(
        "{} offered and {} achieved over the {} s that count. Where the lines part, the service fell \
         behind or caught up. Warm-up is shaded: it is sent, but not counted.{}",
        words::rate(summary.rate_per_s.offered),
        words::rate(summary.rate_per_s.achieved),
        words::significant(summary.counted_s),
        stretch(rates.bin_s)
    );
    section(
        "rates",
        "Offered and achieved rate",
        &lead,
        &figure(chart::rates(charts), &legend, &data),
    )
}

/// Sets response time beside the generator's lag.
pub(crate) fn latency(summary: &Summary, charts: &Charts) -> Markup {
    let latency = &charts.latency;
    let columns = [
        &latency.p50,
        &latency.p90,
        &latency.p99,
        &latency.max,
        &latency.service_p99,
        &latency.lag_p99,
        &latency.lag_max,
    ];
    let data = Data {
        head: head(&[
            "at",
            "p50",
            "p90",
            "p99",
            "max",
            "service p99",
            "lag p99",
            "lag max",
        ]),
        rows: timed(&latency.at_s, |index| {
            columns
                .map(|column| words::maybe_duration(column.get(index).copied().flatten()))
                .to_vec()
        }),
    };
    let lead = format!(
        "Lag is the generator's own lateness, never the service's. Over the run it was {} at p99; {} \
         is the most that leaves the response times the service's.{}",
        words::maybe_duration(summary.generator.lag_p99_ns),
        words::duration(summary.generator.lag_bound_ns),
        stretch(latency.bin_s)
    );
    let legend = [
        (Ink::Response, "response p99"),
        (Ink::Achieved, "response median"),
        (Ink::Lag, "lag p99"),
    ];
    section(
        "lag",
        "Response time and lag",
        &lead,
        &figure(chart::latency(charts), &legend, &data),
    )
}

/// Sets requests in flight.
pub(crate) fn in_flight(summary: &Summary, charts: &Charts) -> Markup {
    let held = &charts.in_flight;
    let mut legend = vec![(Ink::Achieved, "in flight")];
    if held.waiting.iter().any(|waiting| *waiting > 0) {
        legend.push((Ink::Lost, "waiting for a user"));
    }
    let data = Data {
        head: head(&["at", "in flight", "waiting"]),
        rows: timed(&held.at_s, |index| {
            [&held.in_flight, &held.waiting]
                .map(|column| {
                    column
                        .get(index)
                        .map_or_else(String::new, |n| words::count(*n))
                })
                .to_vec()
        }),
    };
    let lead = format!(
        "At the end of each stretch. Up to {} users had a connection.",
        words::count(summary.generator.users_used)
    );
    section(
        "in-flight",
        "Requests in flight",
        &lead,
        &figure(chart::in_flight(charts), &legend, &data),
    )
}

/// Sets processors in use.
pub(crate) fn cores(summary: &Summary, charts: &Charts) -> Markup {
    let cores = &charts.cores;
    let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), words::significant);
    let data = Data {
        head: head(&["at", "service", "whole machine"]),
        rows: timed(&cores.at_s, |index| {
            [&cores.target, &cores.host]
                .map(|column| value(column.get(index).copied().flatten()))
                .to_vec()
        }),
    };
    let generator = &summary.generator;
    let mut lead = format!(
        "The generator took {} µs of processor for each request, {} processors in all.",
        value(generator.cpu_us_per_request),
        words::significant(generator.cores_used)
    );
    if let Some(target) = &summary.target_usage {
        lead.push_str(&format!(
            " The service took {} µs a request and {} processors, {} in its busiest second.",
            value(target.cpu_us_per_request),
            words::significant(target.cores_used),
            words::significant(target.peak_cores_used)
        ));
    }
    let mut legend = vec![(Ink::Lag, "generator")];
    if cores.target.iter().any(Option::is_some) {
        legend.insert(0, (Ink::Achieved, "service"));
    }
    if cores.host.iter().any(Option::is_some) {
        legend.push((Ink::Offered, "whole machine"));
    }
    section(
        "processors",
        "Processors in use",
        &lead,
        &figure(chart::cores(charts), &legend, &data),
    )
}

/// Says how long the stretch behind a point is, where it is longer than a second.
fn stretch(stretch_s: f64) -> String {
    if stretch_s < 1.5 {
        return String::new();
    }
    format!(" A point is of {} s.", words::significant(stretch_s))
}

fn timed(at_s: &[f64], cells: impl Fn(usize) -> Vec<String>) -> Vec<Vec<String>> {
    at_s.iter()
        .enumerate()
        .map(|(index, at)| {
            [format!("{} s", words::significant(*at))]
                .into_iter()
                .chain(cells(index))
                .collect()
        })
        .collect()
}

//! Charts over the time of the run.

use tenfold_analysis::{Charts, Summary, format};

use crate::chart::{self, Ink};
use crate::document::{Chart, Section, Table};

/// Returns the heat map of response time.
pub(super) fn heat_map(charts: &Charts) -> Section {
    let map = &charts.heat_map;
    let range = |row: Option<usize>| {
        let ends = row.and_then(|r| Some((map.bounds_ns.get(r)?, map.bounds_ns.get(r + 1)?)));
        ends.map_or_else(
            || "–".to_owned(),
            |(low, high)| {
                let (low, high) = (format::duration_of(*low), format::duration_of(*high));
                format!("{low} – {high}")
            },
        )
    };
    let rows = map.columns.iter().enumerate().map(|(column, counts)| {
        let filled = || counts.iter().enumerate().filter(|(_, count)| **count > 0);
        let fullest = filled().max_by_key(|(_, count)| **count);
        vec![
            seconds(column as f64 * map.column_s),
            format::count(counts.iter().sum()),
            range(filled().map(|(row, _)| row).next()),
            range(fullest.map(|(row, _)| row)),
            range(filled().map(|(row, _)| row).next_back()),
        ]
    });
    let head = ["from", "responses", "shortest", "most frequent", "longest"];
    section(
        "heat-map",
        "Response time over time",
        "The stronger the colour, the more responses. A band that splits or rises indicates a second path: a \
         cache miss, a queue, a stall.",
        chart::heat_map(charts),
        &[],
        Table::new(&head, rows),
    )
}

/// Returns the offered and the achieved rate.
pub(super) fn rates(summary: &Summary, charts: &Charts) -> Section {
    let rates = &charts.rates;
    let mut legend = vec![(Ink::Offered, "offered"), (Ink::Achieved, "achieved")];
    if rates.lost.iter().any(|lost| *lost > 0.0) {
        legend.push((Ink::Lost, "failed or dropped"));
    }
    let columns = [
        ("offered", &rates.offered),
        ("achieved", &rates.achieved),
        ("reads", &rates.reads),
        ("writes", &rates.writes),
        ("failed or dropped", &rates.lost),
    ];
    let rate = |rate: Option<&f64>| rate.map_or_else(String::new, |rate| format::rate(*rate));
    let lead = format!(
        "{} offered and {} achieved over the {} s of the counted phases. Where the lines part, the service \
         falls behind or catches up. The shaded warm-up is not counted.{}",
        format::rate(summary.rate_per_s.offered),
        format::rate(summary.rate_per_s.achieved),
        format::significant(summary.counted_s),
        resolution(rates.bin_s)
    );
    section(
        "rates",
        "Offered and achieved rate",
        &lead,
        chart::rates(charts),
        &legend,
        timed(&rates.at_s, &columns, |column, index| {
            rate(column.get(index))
        }),
    )
}

/// Returns response time beside the generator's lag.
pub(super) fn latency(summary: &Summary, charts: &Charts) -> Section {
    let latency = &charts.latency;
    let columns = [
        ("p50", &latency.p50),
        ("p90", &latency.p90),
        ("p99", &latency.p99),
        ("max", &latency.max),
        ("service p99", &latency.service_p99),
        ("lag p99", &latency.lag_p99),
        ("lag max", &latency.lag_max),
    ];
    let lead = format!(
        "Lag is the generator's own lateness, not the service's. Over the run it was {} at p99. Up to {}, \
         response times describe the service.{}",
        format::maybe_duration(summary.generator.lag_p99_ns),
        format::duration(summary.generator.lag_bound_ns),
        resolution(latency.bin_s)
    );
    let legend = [
        (Ink::Response, "response p99"),
        (Ink::Service, "response median"),
        (Ink::Lag, "lag p99"),
    ];
    section(
        "lag",
        "Response time and lag",
        &lead,
        chart::latency(charts),
        &legend,
        timed(&latency.at_s, &columns, |column, index| {
            format::maybe_duration(column.get(index).copied().flatten())
        }),
    )
}

/// Returns the requests in flight.
pub(super) fn in_flight(summary: &Summary, charts: &Charts) -> Section {
    let requests = &charts.in_flight;
    let mut legend = vec![(Ink::Achieved, "in flight")];
    if requests.waiting.iter().any(|waiting| *waiting > 0) {
        legend.push((Ink::Lost, "waiting for a user"));
    }
    let columns = [
        ("in flight", &requests.in_flight),
        ("waiting", &requests.waiting),
    ];
    let count = |count: Option<&u64>| count.map_or_else(String::new, |count| format::count(*count));
    let lead = format!(
        "At the end of each interval. Up to {} users had a connection.",
        format::count(summary.generator.users_used)
    );
    section(
        "in-flight",
        "Requests in flight",
        &lead,
        chart::in_flight(charts),
        &legend,
        timed(&requests.at_s, &columns, |column, index| {
            count(column.get(index))
        }),
    )
}

/// Returns the processors in use.
pub(super) fn cores(summary: &Summary, charts: &Charts) -> Section {
    let cores = &charts.cores;
    let value = |value: Option<f64>| value.map_or_else(|| "–".to_owned(), format::significant);
    let columns = [("service", &cores.target), ("whole machine", &cores.host)];
    let generator = &summary.generator;
    let mut lead = format!(
        "The generator took {} µs of CPU per request and {} processors in all.",
        value(generator.cpu_us_per_request),
        format::significant(generator.cores_used)
    );
    if let Some(target) = &summary.target_usage {
        lead.push_str(&format!(
            " The service took {} µs per request and {} processors, {} in its busiest second.",
            value(target.cpu_us_per_request),
            format::significant(target.cores_used),
            format::significant(target.peak_cores_used)
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
        chart::cores(charts),
        &legend,
        timed(&cores.at_s, &columns, |column, index| {
            value(column.get(index).copied().flatten())
        }),
    )
}

fn section(
    id: &str,
    title: &str,
    lead: &str,
    svg: Option<String>,
    legend: &[(Ink, &str)],
    data: Table,
) -> Section {
    Section::new(id, title, lead, vec![Chart::block(svg, legend, data)])
}

/// States the interval between points if it is longer than a second.
fn resolution(interval_s: f64) -> String {
    if interval_s < 1.5 {
        return String::new();
    }
    format!(" Each point covers {} s.", format::significant(interval_s))
}

/// Returns a row for each time, with the cells of each column at that index.
fn timed<C>(at_s: &[f64], columns: &[(&str, &C)], cell: impl Fn(&C, usize) -> String) -> Table {
    let names = columns.iter().map(|(name, _)| *name);
    let head: Vec<&str> = ["at"].into_iter().chain(names).collect();
    let rows = at_s.iter().enumerate().map(|(index, at)| {
        let cells = columns.iter().map(|(_, column)| cell(column, index));
        [seconds(*at)].into_iter().chain(cells).collect()
    });
    Table::new(&head, rows)
}

fn seconds(at_s: f64) -> String {
    format!("{} s", format::significant(at_s))
}

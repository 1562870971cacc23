//! The report of one run.

mod components;
mod connections;
mod digest;
mod event_streams;
mod failures;
mod faults;
pub mod formats;
mod head;
mod heap;
mod incidents;
mod latencies;
mod manifest;
mod over_time;
mod phases;
mod profile;
mod requests;
mod resources;
mod samples;
mod scaling;
mod server_time;
mod target_metrics;
mod travel;
pub(crate) mod verdict;

use tenfold_analysis::{Summary, charts};
use tenfold_run_dir::Run;

use crate::document::Document;

pub use digest::digest;
pub(crate) use latencies::{curve_chart, interval};

/// Returns the whole report of a run: verdict, charts, tables, profile and manifest.
pub fn page(run: &Run, summary: &Summary) -> Document {
    let charts = charts(run);
    let sections = [
        head::findings(summary),
        phases::phases(summary),
        scaling::section(summary, &charts),
        faults::section(summary),
        incidents::section(summary),
        Some(latencies::by_percentile(summary, &charts)),
        Some(over_time::heat_map(&charts)),
        Some(over_time::rates(summary, &charts)),
        Some(over_time::latency(summary, &charts)),
        failures::failures(&charts),
        Some(latencies::reads_and_writes(summary, &charts)),
        Some(requests::requests(summary, &charts)),
        event_streams::event_streams(summary),
        server_time::section(summary),
        components::section(run),
        travel::section(summary),
        samples::checks(summary),
        samples::journeys(summary),
        samples::responses(summary),
        Some(over_time::in_flight(summary, &charts)),
        Some(over_time::cores(summary, &charts)),
        resources::section(run),
        target_metrics::target_metrics(run, &charts),
        requests::hot_keys(summary),
        Some(profile::profile(run)),
        profile::off_cpu(run),
        heap::section(run, summary),
        Some(manifest::identities(summary)),
        Some(manifest::manifest(run, summary)),
    ];
    Document {
        opening: vec![head::numbers(summary)],
        sections: sections.into_iter().flatten().collect(),
        ..head::head(summary)
    }
}

//! `report.html`: one file with no outside address, readable with scripts off.

mod comparison;
pub(crate) mod figures;
mod first_screen;
pub(crate) mod flames;
mod latencies;
mod manifest;
mod over_time;
pub(crate) mod page;
pub(crate) mod prose;
mod requests;
mod samples;

use maud::{Markup, html};
use tenfold_analysis::{Summary, charts};
use tenfold_run_dir::Run;

pub(crate) use comparison::comparison_rows;
pub use comparison::render_comparison;

/// Renders the report of one run.
///
/// The page holds no script and loads nothing; every text from the scenario or the service is
/// escaped.
pub fn render(run: &Run, summary: &Summary) -> String {
    let charts = charts(run);
    let body: Markup = html! {
        (first_screen::first_screen(run, summary))
        main id="evidence" {
            (first_screen::findings(summary))
            (latencies::by_percentile(summary, &charts))
            (over_time::heat_map(&charts))
            (over_time::rates(summary, &charts))
            (over_time::latency(summary, &charts))
            (latencies::reads_and_writes(summary, &charts))
            (requests::requests(summary))
            (samples::checks(summary))
            (samples::journeys(summary))
            (samples::samples(summary))
            (over_time::in_flight(summary, &charts))
            (over_time::cores(summary, &charts))
            (requests::hot_keys(summary))
            (flames::flamegraph(run))
            (manifest::books(summary))
            (manifest::manifest(run, summary))
        }
    };
    let title = format!("{} · {}", summary.scenario, summary.started_at);
    page::page(&title, &body)
}

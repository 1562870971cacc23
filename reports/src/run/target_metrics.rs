//! The target's own metrics over time.

use tenfold_analysis::{Charts, MetricOverTime, format};
use tenfold_run_dir::Run;

use crate::chart::{self, Description, Ink};
use crate::document::{Block, Chart, Section, Table};

/// Returns a chart for each metric. `None` if the target reported none.
pub(super) fn target_metrics(run: &Run, charts: &Charts) -> Option<Section> {
    if run.metrics.series.is_empty() {
        return None;
    }
    let mut lead = "From the target's `/metrics`. Counters are shown per second. The metrics that moved most with \
                    the achieved rate are shown, and those chosen with `--metric`."
        .to_owned();
    if run.metrics.left_out > 0 {
        lead.push_str(&format!(
            " {} metrics were not recorded, because there were too many.",
            format::count(run.metrics.left_out)
        ));
    }
    let metrics = charts.metrics.iter().enumerate();
    let mut blocks: Vec<Block> = metrics
        .flat_map(|(index, metric)| of_metric(charts, index, metric))
        .collect();
    if blocks.is_empty() {
        blocks.push(Block::Note(
            "No metric moved with the load. Choose some with `--metric NAME`.".to_owned(),
        ));
    }
    Some(Section::new(
        "target-metrics",
        "Metrics of the service",
        lead,
        blocks,
    ))
}

fn of_metric(charts: &Charts, index: usize, metric: &MetricOverTime) -> [Block; 3] {
    let unit = if metric.per_second {
        ", per second"
    } else {
        ""
    };
    let related = match metric.correlation {
        Some(correlation) => format!(
            "Rank correlation with the achieved rate: {}.",
            signed(correlation)
        ),
        None => {
            "It was constant, or has too few values for a correlation with the load.".to_owned()
        }
    };
    let description = Description {
        id: format!("metric-{index}"),
        title: format!("{}{unit}, over time", metric.name),
        text: related.clone(),
        at: metric.at_s.clone(),
    };
    let rows = metric.at_s.iter().zip(&metric.values).map(|(at, value)| {
        vec![
            format!("{} s", format::significant(*at)),
            value.map_or_else(|| "–".to_owned(), format::significant),
        ]
    });
    let chart = Chart::block(
        chart::metric(charts, &description, metric),
        &[(Ink::Achieved, metric.name.as_str())],
        Table::new(&["at", "value"], rows),
    );
    [
        Block::Heading(format!("{}{unit}", metric.name)),
        Block::Note(related),
        chart,
    ]
}

/// Formats a correlation with its sign.
fn signed(correlation: f64) -> String {
    let sign = if correlation < 0.0 { "−" } else { "+" };
    format!("{sign}{:.2}", correlation.abs())
}

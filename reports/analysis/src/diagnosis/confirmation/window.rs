//! Windows of a run: seconds in which one component is slowed.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::{Metric, Run, latency_histogram};

/// A second of a run, with the component that was slowed in it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Window {
    /// Name of the slowed component. `None` if nothing was slowed.
    pub component: Option<String>,
    /// Share of its time by which it was slowed.
    pub slowdown: f64,
    /// Answers per second.
    pub answered: f64,
    /// Mean response time, in nanoseconds. `None` without answers.
    pub response_ns: Option<f64>,
}

/// The windows of the two runs of an experiment.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Windows {
    /// Below the knee, for the slope of the response time.
    pub below: Vec<Window>,
    /// Above the knee, for the slope of the throughput.
    pub above: Vec<Window>,
}

/// Returns the windows of a run: `slowed` has the second of each, from 0 on, with the component and its slowdown. Those without a whole second of
/// load are left out.
pub fn windows(run: &Run, slowed: &[(usize, Option<String>, f64)]) -> Vec<Window> {
    let columns = run.latencies.columns();
    let rows = &run.timeline.rows;
    let windows = slowed.iter().filter_map(|(second, component, slowdown)| {
        let row = rows.get(*second)?;
        let seconds = row.duration_ns as f64 / 1e9;
        // The last one may be cut off.
        if !(0.9..1.1).contains(&seconds) || columns.column_ns() != row.duration_ns {
            return None;
        }
        let mut histogram = latency_histogram();
        for (column, sum) in columns.of(Metric::Response) {
            if column == *second as u64 {
                sum.add_to(&mut histogram);
            }
        }
        Some(Window {
            component: component.clone(),
            slowdown: *slowdown,
            answered: (row.reads + row.writes) as f64 / seconds,
            response_ns: (!histogram.is_empty()).then(|| histogram.mean()),
        })
    });
    windows.collect()
}

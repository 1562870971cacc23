//! Time line of a merged run.

use std::collections::BTreeMap;

use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{Run, Timeline};

pub(super) fn timeline(runs: &[Run]) -> Timeline {
    let mut rows = BTreeMap::<u64, Row>::new();
    for row in runs.iter().flat_map(|run| &run.timeline.rows) {
        match rows.get_mut(&row.start_ns) {
            Some(sum) => add_row(sum, row),
            None => {
                rows.insert(row.start_ns, row.clone());
            }
        }
    }
    Timeline {
        rows: rows.into_values().collect(),
    }
}

fn add_row(sum: &mut Row, row: &Row) {
    sum.duration_ns = sum.duration_ns.max(row.duration_ns);
    sum.planned += row.planned;
    sum.sent += row.sent;
    sum.reads += row.reads;
    sum.writes += row.writes;
    sum.failed += row.failed;
    sum.dropped += row.dropped;
    sum.in_flight += row.in_flight;
    sum.waiting += row.waiting;
    sum.generator_cpu_ns += row.generator_cpu_ns;
    for own in &row.failures {
        sum.add_failures(&own.class, own.status, own.count);
    }
    if let (Some(sum), Some(sides)) = (&mut sum.sides, &row.sides) {
        sum.add(sides);
    }
}

//! Load, boxes and response time over time, in the same bins.

use std::collections::BTreeMap;

use tenfold_run_dir::Run;

use super::over_time::{LatencyOverTime, RatesOverTime};
use crate::scaling::BoxCount;

/// Load, boxes and response time over time, in the same bins. Empty unless the run started a stage that scales.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ScalingOverTime {
    /// Width of a bin, in seconds.
    pub bin_s: f64,
    /// Middles of the bins, in seconds.
    pub at_s: Vec<f64>,
    /// Planned arrivals, per second.
    pub offered: Vec<f64>,
    /// Boxes that are ready in the middle of each bin, by group.
    pub boxes: Vec<(String, Vec<u32>)>,
    /// Percentile of the response time: `p99`, or a lower one if most bins have too few samples for it.
    pub percentile: &'static str,
    /// Response time at that percentile, in nanoseconds. `None` for a bin with too few samples.
    pub response: Vec<Option<u64>>,
}

impl ScalingOverTime {
    pub(super) fn of(run: &Run, bin_ns: u64, latency: &LatencyOverTime) -> Self {
        if run.scaling.groups.is_empty() {
            return Self::default();
        }
        let rates = RatesOverTime::of(run, bin_ns);
        let bin = |at_s: f64| (at_s / rates.bin_s.max(1e-9)) as u64;
        let percentiles = [
            ("p99", &latency.p99),
            ("p90", &latency.p90),
            ("p50", &latency.p50),
        ];
        let is_known = |values: &[Option<u64>]| 2 * values.iter().flatten().count() > values.len();
        let known = percentiles.into_iter().find(|(_, values)| is_known(values));
        let (percentile, values) = known.unwrap_or(("p50", &latency.p50));
        let response: BTreeMap<u64, u64> = latency
            .at_s
            .iter()
            .zip(values)
            .filter_map(|(at, value)| Some((bin(*at), (*value)?)))
            .collect();
        let boxes = run.scaling.groups.iter().map(|group| {
            let count = BoxCount::of(&run.scaling, group);
            let counts = rates.at_s.iter().map(|at| count.at((at * 1e9) as i64));
            (group.name.clone(), counts.collect())
        });
        Self {
            bin_s: rates.bin_s,
            boxes: boxes.collect(),
            percentile,
            response: rates
                .at_s
                .iter()
                .map(|at| response.get(&bin(*at)).copied())
                .collect(),
            at_s: rates.at_s,
            offered: rates.offered,
        }
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::scaling::ScaledGroup;

    use super::*;
    use crate::charts;
    use crate::synthetic::MadeUp;

    #[test]
    fn all_series_have_the_same_bins() {
        let mut run = MadeUp::default().play();
        assert_eq!(charts(&run).scaling, ScalingOverTime::default());
        run.scaling.groups.push(ScaledGroup {
            name: "app".to_owned(),
            wish: Some(2),
            ready: 2,
            min_replicas: 2,
            max_replicas: 4,
        });
        let log = "{\"at_unix_ms\":30000,\"group\":\"app\",\"event\":\"start\",\"box\":\"app-3\"}\n\
                   {\"at_unix_ms\":31000,\"group\":\"app\",\"event\":\"ready\",\"box\":\"app-3\"}\n";
        run.scaling.add_log(log, 0, 0);
        let charts = charts(&run);
        let scaling = &charts.scaling;
        assert_eq!(scaling.at_s.len(), scaling.offered.len());
        assert_eq!(scaling.at_s.len(), scaling.response.len());
        let at = |at_s: f64| scaling.at_s.iter().position(|at| *at > at_s).unwrap();
        let (name, boxes) = &scaling.boxes[0];
        assert_eq!(
            (name.as_str(), boxes[at(20.0)], boxes[at(40.0)]),
            ("app", 2, 3)
        );
        assert!(scaling.response.iter().flatten().count() > scaling.response.len() / 2);
        assert_eq!(scaling.percentile, "p99");
    }
}

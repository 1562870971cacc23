//! Measured differences between the builds, over all gates of a kind.

use serde::{Deserialize, Serialize};
use tenfold_analysis::format;
use tenfold_analysis::gate::RoundRecord;
use tenfold_stats::{Interval, WalshAverages, qn_scale};

use crate::gate::kind::{CPU, Kind, MEAN, P90};
use crate::gate::record::Record;

/// Probability that the true value is below (or above) an interval.
const TAIL: f64 = 0.025;

/// Measured difference of a metric, over all gates of a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MeasuredEffect {
    /// Planted slowdown.
    pub(crate) kind: Kind,
    /// Name of the metric.
    pub(crate) metric: String,
    /// Planted change of this metric, as a ratio minus one. `None` if it is only a consequence.
    pub(crate) planted: Option<f64>,
    /// Measured change: the Hodges-Lehmann estimate over the means of restarts, as a ratio minus one.
    pub(crate) value: f64,
    /// Its 95% interval. `None` with too few restarts.
    pub(crate) interval: Option<Interval>,
    /// Standard deviation of `ln(candidate / baseline)` between rounds.
    pub(crate) noise: Option<f64>,
    /// Number of restarts.
    pub(crate) restarts: usize,
    /// Number of rounds.
    pub(crate) rounds: usize,
}

/// Returns the measured differences of each kind and metric.
pub(crate) fn measured(record: &Record) -> Vec<MeasuredEffect> {
    let kinds = Kind::ALL.into_iter();
    kinds
        .flat_map(|kind| {
            [CPU, MEAN, P90]
                .into_iter()
                .filter_map(move |metric| measure(record, kind, metric))
        })
        .collect()
}

fn measure(record: &Record, kind: Kind, metric: &str) -> Option<MeasuredEffect> {
    let rounds = || record.of(kind).flat_map(|run| &run.outcome.rounds);
    let d = |round: &RoundRecord| round.metrics.get(metric)?.log_ratio(0.0);
    let mut restarts: Vec<Vec<f64>> = Vec::new();
    for round in rounds() {
        if round.restarted || restarts.is_empty() {
            restarts.push(Vec::new());
        }
        if let (Some(restart), Some(d)) = (restarts.last_mut(), d(round)) {
            restart.push(d);
        }
    }
    restarts.retain(|restart| !restart.is_empty());
    let means: Vec<f64> = restarts
        .iter()
        .map(|restart| restart.iter().sum::<f64>() / restart.len() as f64)
        .collect();
    let estimate = WalshAverages::of(&means)?.estimate(TAIL);
    let all: Vec<f64> = restarts.concat();
    // A planted change shifts the values but not their spread, unless it differs between gates.
    Some(MeasuredEffect {
        kind,
        metric: metric.to_owned(),
        planted: (kind == Kind::Unchanged || kind.metrics().contains(&metric))
            .then_some(kind.planted()),
        value: estimate.value.exp_m1(),
        interval: estimate.interval.map(|interval| Interval {
            low: interval.low.exp_m1(),
            high: interval.high.exp_m1(),
            ..interval
        }),
        noise: qn_scale(&all),
        restarts: means.len(),
        rounds: all.len(),
    })
}

impl MeasuredEffect {
    /// Formats the value with its interval: `+5.03% (+4.81% to +5.24%)`.
    pub(crate) fn describe(&self) -> String {
        let value = format::change(self.value);
        match self.interval {
            None => value,
            Some(interval) => format!(
                "{value} ({} to {})",
                format::change(interval.low),
                format::change(interval.high)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::sample::{header, rounds, run};

    #[test]
    fn measures_planted_slowdown() {
        let directory = tempfile::tempdir().unwrap();
        let mut record = Record::begin(&directory.path().join("gate.jsonl"), header()).unwrap();
        for index in 0..5 {
            let kind = if index == 0 {
                Kind::Unchanged
            } else {
                Kind::Cpu
            };
            let planted = [(CPU, kind.planted())];
            let rounds = rounds(16, 0.02, &planted, index);
            record.add(run(index as usize, kind, rounds)).unwrap();
        }
        let effects = measured(&record);
        let of = |kind, metric: &str| {
            let mut effects = effects.iter();
            effects.find(|effect| effect.kind == kind && effect.metric == metric)
        };
        let cpu = of(Kind::Cpu, CPU).unwrap();
        assert_eq!(
            (cpu.planted, cpu.restarts, cpu.rounds),
            (Some(0.05), 16, 64)
        );
        let interval = cpu.interval.unwrap();
        assert!(interval.low < 0.05 && interval.high > 0.05, "{cpu:?}");
        assert!((cpu.value - 0.05).abs() < 0.012, "{cpu:?}");
        assert!((0.014..0.03).contains(&cpu.noise.unwrap()), "{cpu:?}");
        assert_eq!(of(Kind::Cpu, MEAN).unwrap().planted, None);
        assert_eq!(of(Kind::Unchanged, MEAN).unwrap().planted, Some(0.0));
        assert_eq!(of(Kind::Wait, MEAN), None);
    }
}

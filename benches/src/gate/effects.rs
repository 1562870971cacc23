//! By how much the builds were measured to differ, over all gates of a kind.

use serde::{Deserialize, Serialize};
use tenfold_analysis::gate::RoundRecord;
use tenfold_analysis::stats::{Interval, WalshAverages, qn_scale};
use tenfold_analysis::words;

use crate::gate::kind::{CPU, Kind, MEAN, P90};
use crate::gate::record::Record;

/// The probability with which each end of an interval errs.
const TAIL: f64 = 0.025;

/// By how much a metric was measured to differ, over all gates of a kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct MeasuredEffect {
    /// What was planted.
    pub(crate) kind: Kind,
    /// The metric.
    pub(crate) metric: String,
    /// What was planted in this metric, as a ratio less one; none where it follows from something else.
    pub(crate) planted: Option<f64>,
    /// What was measured: the Hodges-Lehmann estimate of the restarts' means, as a ratio less one.
    pub(crate) value: f64,
    /// Its 95% interval; none of a few restarts.
    pub(crate) interval: Option<Interval>,
    /// How `ln(candidate / baseline)` scatters from round to round, as a standard deviation.
    pub(crate) noise: Option<f64>,
    /// Restarts behind it.
    pub(crate) restarts: usize,
    /// Rounds behind it.
    pub(crate) rounds: usize,
}

/// Tells by how much the builds were measured to differ.
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
    // What is shifted scatters as what is not, but that each gate may be shifted by something else.
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
    /// Says it with its interval: `+5.03% (+4.81% to +5.24%)`.
    pub(crate) fn say(&self) -> String {
        let value = words::change(self.value);
        match self.interval {
            None => value,
            Some(interval) => format!(
                "{value} ({} to {})",
                words::change(interval.low),
                words::change(interval.high)
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::sample::{header, rounds, run};

    #[test]
    fn what_was_planted_is_measured() {
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

//! Detection of memory leaks: growth of one build's memory compared with that of the other.

use tenfold_analysis::gate::{BadDay, MemoryGrowth, MemorySample, MemoryUse, Pair, Side};
use tenfold_stats::WalshAverages;

/// One-sided significance level of a leak.
const LEVEL: f64 = 0.001;

/// Describes the memory of one build: its samples, and its growth between restarts.
pub(crate) fn describe(samples: Vec<MemorySample>) -> MemoryUse {
    let growths: Vec<f64> = steps(&samples).map(|step| step.mib_per_min).collect();
    let growth = WalshAverages::of(&growths).map(|averages| {
        let estimate = averages.estimate(0.025);
        MemoryGrowth {
            mib_per_min: estimate.value,
            interval_95: estimate
                .interval
                .map(|interval| [interval.low, interval.high]),
            count: estimate.count,
        }
    });
    MemoryUse { samples, growth }
}

/// Returns a bad day if the memory of one build grows significantly faster than that of the other, by more
/// than `limit_mib_per_min`.
///
/// Growth that both share, such as a cache that fills, is not a leak. The signed-rank test is applied to the
/// differences of growth from round to round, because both builds serve the same requests in a round.
pub(crate) fn leak(memory: &Pair<MemoryUse>, limit_mib_per_min: f64) -> Option<BadDay> {
    let baseline: Vec<Step> = steps(&memory.baseline.samples).collect();
    let candidate: Vec<Step> = steps(&memory.candidate.samples).collect();
    // Samples of both are taken together; a missing one breaks the pairs.
    if baseline.len() != candidate.len() {
        return None;
    }
    for side in [Side::Candidate, Side::Baseline] {
        let (own, other) = match side {
            Side::Candidate => (&candidate, &baseline),
            Side::Baseline => (&baseline, &candidate),
        };
        let excess: Vec<f64> = own
            .iter()
            .zip(other)
            .map(|(own, other)| own.mib_per_min - other.mib_per_min)
            .collect();
        let averages = WalshAverages::of(&excess)?;
        let estimate = averages.estimate(LEVEL).value;
        if averages.p_greater() <= LEVEL && estimate > limit_mib_per_min {
            let used = memory.of(side);
            return Some(BadDay::Leaked {
                side,
                mib_per_min: estimate,
                from_mib: used.first_mib()?,
                to_mib: used.peak_mib()?,
            });
        }
    }
    None
}

/// Growth of memory from one sample to the next.
#[derive(Debug, Clone, Copy)]
struct Step {
    mib_per_min: f64,
}

/// Returns the growth between consecutive samples of one process.
fn steps(samples: &[MemorySample]) -> impl Iterator<Item = Step> + '_ {
    samples.windows(2).filter_map(|pair| {
        let minutes = (pair[1].at_s - pair[0].at_s) / 60.0;
        (pair[0].start == pair[1].start && minutes > 0.0).then(|| Step {
            mib_per_min: (pair[1].mib - pair[0].mib) / minutes,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Four starts of five samples a second apart.
    fn samples(mib: impl Fn(u32, u32) -> f64) -> MemoryUse {
        let all = (0..4).flat_map(|start| (0..5).map(move |second| (start, second)));
        describe(
            all.map(|(start, second)| MemorySample {
                at_s: f64::from(start * 10 + second),
                mib: mib(start, second),
                start,
            })
            .collect(),
        )
    }

    #[test]
    fn reports_the_side_that_leaks() {
        let memory = Pair {
            baseline: samples(|_, _| 20.0),
            candidate: samples(|_, second| 20.0 + f64::from(second)),
        };
        let growth = memory.candidate.growth.unwrap();
        assert!((growth.mib_per_min - 60.0).abs() < 1e-9);
        assert_eq!(growth.count, 16);
        let Some(BadDay::Leaked {
            side, mib_per_min, ..
        }) = leak(&memory, 8.0)
        else {
            panic!("a megabyte a second is a leak");
        };
        assert_eq!(side, Side::Candidate);
        assert!((mib_per_min - 60.0).abs() < 1e-9);
        let swapped = Pair {
            baseline: memory.candidate.clone(),
            candidate: memory.baseline.clone(),
        };
        assert!(matches!(
            leak(&swapped, 8.0),
            Some(BadDay::Leaked {
                side: Side::Baseline,
                ..
            })
        ));
    }

    #[test]
    fn shared_or_small_growth_is_no_leak() {
        let filling = |start: u32, second: u32| 20.0 + f64::from(second * 7 + start);
        let memory = Pair {
            baseline: samples(filling),
            candidate: samples(filling),
        };
        assert!(leak(&memory, 8.0).is_none());
        let little = Pair {
            baseline: samples(|_, _| 20.0),
            candidate: samples(|_, second| 20.0 + 0.05 * f64::from(second)),
        };
        assert!(leak(&little, 8.0).is_none());
        let lumpy = Pair {
            baseline: samples(|_, _| 20.0),
            candidate: samples(|_, second| if second > 2 { 28.0 } else { 20.0 }),
        };
        assert!(leak(&lumpy, 8.0).is_none());
    }
}

//! The part of a service whose time grows with the load, by the `Server-Timing` of sampled requests.

use std::collections::BTreeMap;

use tenfold_run_dir::ServerTiming;

use crate::format;

/// Share of the added time from which a part is named.
const SHARE_MIN: f64 = 0.5;

/// Minimum number of sampled requests at each load.
const SAMPLES_MIN: u64 = 50;

/// Added time below which nothing grew, in nanoseconds.
const ADDED_NS_MIN: f64 = 1e6;

/// The part of a service in which requests spend most of the time that a high load adds.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct PartGrowth {
    /// Name of the part in the header.
    pub(super) name: String,
    /// Mean time that the load adds to it, in nanoseconds.
    pub(super) added_ns: f64,
    /// Share of all that the load adds to the service time.
    pub(super) share: f64,
}

impl PartGrowth {
    /// Compares two loads. `None` without samples, or if no part has most of the added time.
    pub(super) fn of(low: &ServerTiming, high: &ServerTiming) -> Option<Self> {
        let (low, high) = (Means::of(low)?, Means::of(high)?);
        let added = high.service_ns - low.service_ns;
        if added < ADDED_NS_MIN {
            return None;
        }
        let growth = high.parts_ns.iter().map(|(name, ns)| {
            let before = low.parts_ns.get(name).copied().unwrap_or(0.0);
            (name, ns - before)
        });
        let (name, added_ns) = growth.max_by(|one, other| one.1.total_cmp(&other.1))?;
        let share = added_ns / added;
        (share >= SHARE_MIN).then(|| Self {
            name: name.clone(),
            added_ns,
            share: share.min(1.0),
        })
    }

    /// Returns the growth in a sentence.
    pub(super) fn sentence(&self) -> String {
        format!(
            "of the time that the load adds to a request, {} is in `{}` as reported in Server-Timing: {} on average",
            format::percent(self.share),
            self.name.replace('`', "'"),
            format::duration_of(self.added_ns)
        )
    }
}

/// Returns the part in which requests spend most of their time at a load, and its share of the service time. `None` if no part has
/// most of it, or without samples. Waits for a thread and time that no other part has name no cause.
pub(super) fn largest_part(timing: &ServerTiming) -> Option<(String, f64)> {
    const UNNAMED: [&str; 3] = ["total", "cpu", "sched"];
    let means = Means::of(timing)?;
    let parts = means.parts_ns.into_iter();
    let named = parts.filter(|(name, _)| !UNNAMED.contains(&name.as_str()));
    let (name, ns) = named.max_by(|one, other| one.1.total_cmp(&other.1))?;
    let share = (ns / means.service_ns.max(1.0)).min(1.0);
    (share >= SHARE_MIN).then_some((name, share))
}

/// Mean times of sampled requests, in nanoseconds.
struct Means {
    service_ns: f64,
    parts_ns: BTreeMap<String, f64>,
}

impl Means {
    fn of(timing: &ServerTiming) -> Option<Self> {
        let buckets = || timing.requests.iter().flat_map(|request| &request.buckets);
        let count: u64 = buckets().map(|bucket| bucket.count).sum();
        if count < SAMPLES_MIN {
            return None;
        }
        let mean = |sum: u64| sum as f64 / count as f64;
        let part = |part: usize| -> u64 {
            buckets()
                .map(|bucket| bucket.parts_ns.get(part).copied().unwrap_or(0))
                .sum()
        };
        let names = timing.names.iter().enumerate();
        Some(Self {
            service_ns: mean(buckets().map(|bucket| bucket.service_ns).sum()),
            parts_ns: names
                .map(|(index, name)| (name.clone(), mean(part(index))))
                .collect(),
        })
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::server_timing::SampledRequest;

    use super::*;

    /// 100 requests that take 1 ms in `sql`, and so long in `pool`.
    fn timing(pool_ns: u64) -> ServerTiming {
        let metrics = [
            ("sql".to_owned(), 1_000_000),
            ("pool".to_owned(), pool_ns),
            ("total".to_owned(), 1_000_000 + pool_ns),
        ];
        let mut timing = ServerTiming::default();
        for _ in 0..100 {
            timing.add(&SampledRequest {
                response_ns: 1_200_000 + pool_ns,
                service_ns: 1_200_000 + pool_ns,
                metrics: Some(&metrics),
                ..SampledRequest::default()
            });
        }
        timing
    }

    #[test]
    fn names_the_part_that_grows() {
        let growth = PartGrowth::of(&timing(100_000), &timing(50_100_000)).unwrap();
        assert_eq!(growth.name, "pool");
        assert!((growth.added_ns - 5e7).abs() < 1.0 && growth.share > 0.99);
        assert!(growth.sentence().contains("`pool`"));
    }

    #[test]
    fn largest_part_is_named_at_one_load() {
        let (name, share) = largest_part(&timing(100_000)).unwrap();
        assert_eq!(name, "sql");
        assert!((share - 1.0 / 1.3).abs() < 1e-3, "{share}");
        assert_eq!(largest_part(&ServerTiming::default()), None);
    }

    #[test]
    fn names_nothing_without_growth_or_samples() {
        assert_eq!(PartGrowth::of(&timing(100_000), &timing(200_000)), None);
        assert_eq!(
            PartGrowth::of(&ServerTiming::default(), &timing(50_000_000)),
            None
        );
    }
}

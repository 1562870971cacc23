//! Exact merges of the runs of several generators.

use std::convert::Infallible;

use proptest::prelude::*;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{MeasurementVerdict, MergeError, charts, merge, summarise};
use tenfold_run_dir::counts::RequestCounts;
use tenfold_run_dir::latency_histogram;
use tenfold_run_dir::{IntervalFold, IntervalHistogram, Run, SparseHistogram, merge_intervals};

/// A run with its interval log.
type Logged = (Run, Vec<IntervalHistogram>);

/// Merges runs and their logs.
fn merged(parts: &[Logged]) -> Run {
    let runs: Vec<Run> = parts.iter().map(|(run, _)| run.clone()).collect();
    let mut merged = merge(&runs).expect("mergeable runs");
    let logs = parts.iter().map(|(_, log)| log.iter().cloned());
    for interval in merge_intervals(logs.map(|log| log.map(Ok::<_, Infallible>))) {
        let Ok(interval) = interval;
        merged.latencies.add(&interval);
    }
    merged
}

fn small(seed: u64) -> Logged {
    MadeUp {
        seed,
        traffic: Traffic {
            per_second: 400.0,
            peak_per_second: 400.0,
            warm_up_s: 1,
            counted_s: 4,
            even: false,
        },
        failing: 0.02,
        names: ["read post", "create post"].map(str::to_owned).to_vec(),
        rules: vec!["p99 < 250ms for reads".to_owned(), "errors < 5%".to_owned()],
        ..MadeUp::default()
    }
    .play_with_log()
}

/// Splits numbers between the parts at random, from a seed.
struct Dealer {
    state: u64,
    parts: usize,
}

impl Dealer {
    fn next(&mut self) -> u64 {
        // SplitMix64 (Steele, Lea, Flood, OOPSLA 2014).
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.state;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn deal(&mut self, number: u64) -> Vec<u64> {
        let mut left = number;
        let mut dealt: Vec<u64> = (1..self.parts)
            .map(|_| {
                let part = self.next() % (left + 1);
                left -= part;
                part
            })
            .collect();
        dealt.push(left);
        dealt
    }

    fn deal_into<T>(&mut self, parts: &mut [T], number: u64, mut put: impl FnMut(&mut T, u64)) {
        for (part, dealt) in parts.iter_mut().zip(self.deal(number)) {
            put(part, dealt);
        }
    }

    fn split_counts(&mut self, whole: &RequestCounts) -> Vec<RequestCounts> {
        let mut parts = vec![RequestCounts::default(); self.parts];
        self.deal_into(&mut parts, whole.planned, |p, n| p.planned = n);
        self.deal_into(&mut parts, whole.sent, |p, n| p.sent = n);
        self.deal_into(&mut parts, whole.completed, |p, n| p.completed = n);
        self.deal_into(&mut parts, whole.failed, |p, n| p.failed = n);
        self.deal_into(&mut parts, whole.dropped, |p, n| p.dropped = n);
        self.deal_into(&mut parts, whole.in_flight, |p, n| p.in_flight = n);
        self.deal_into(&mut parts, whole.body_bytes, |p, n| p.body_bytes = n);
        for (status, count) in &whole.statuses {
            self.deal_into(&mut parts, *count, |p, n| {
                p.statuses.insert(*status, n);
            });
        }
        for (class, count) in &whole.failures {
            self.deal_into(&mut parts, *count, |p, n| {
                p.failures.insert(class.clone(), n);
            });
        }
        parts
    }

    /// Splits a run as if several generators had sent its requests.
    fn split(&mut self, (whole, log): &Logged) -> Vec<Logged> {
        let mut parts: Vec<Run> = (0..self.parts)
            .map(|index| {
                let mut part = whole.clone();
                part.path = format!("runs/{index}").into();
                part.manifest.seed = index as u64;
                part.counts.server_counter = None;
                part
            })
            .collect();
        for (phase, requests) in whole.counts.phases.iter().enumerate() {
            for (request, counts) in requests.iter().enumerate() {
                let split = self.split_counts(counts);
                for (part, counts) in parts.iter_mut().zip(split) {
                    part.counts.phases[phase][request] = counts;
                }
            }
        }
        let mut logs = vec![Vec::new(); self.parts];
        for interval in log {
            let mut split = vec![latency_histogram::<u64>(); self.parts];
            for (value, count) in interval.histogram.iter() {
                self.deal_into(&mut split, count, |part, n| {
                    part.saturating_record_n(value, n);
                });
            }
            for (log, histogram) in logs.iter_mut().zip(split) {
                let mut interval = interval.clone();
                // Generators end their intervals within milliseconds of the second.
                interval.start_ns += self.next() % 1_000_000 * u64::from(interval.start_ns > 0);
                interval.histogram = SparseHistogram::of(&histogram);
                log.push(interval);
            }
        }
        for (part, log) in parts.iter_mut().zip(&logs) {
            part.latencies = IntervalFold::over(&part.timeline);
            part.latencies.extend(log);
        }
        for (index, row) in whole.timeline.rows.iter().enumerate() {
            let mut split = vec![row.clone(); self.parts];
            self.deal_into(&mut split, row.planned, |part, n| part.planned = n);
            self.deal_into(&mut split, row.sent, |part, n| part.sent = n);
            self.deal_into(&mut split, row.reads, |part, n| part.reads = n);
            self.deal_into(&mut split, row.writes, |part, n| part.writes = n);
            self.deal_into(&mut split, row.failed, |part, n| part.failed = n);
            split.iter_mut().for_each(|part| part.failures.clear());
            for kind in &row.failures {
                self.deal_into(&mut split, kind.count, |part, n| {
                    if n > 0 {
                        part.add_failures(&kind.class, kind.status, n);
                    }
                });
            }
            self.deal_into(&mut split, row.in_flight, |part, n| part.in_flight = n);
            self.deal_into(&mut split, row.generator_cpu_ns, |part, n| {
                part.generator_cpu_ns = n;
            });
            for (part, row) in parts.iter_mut().zip(split) {
                part.timeline.rows[index] = row;
            }
        }
        parts.into_iter().zip(logs).collect()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4))]

    #[test]
    fn merging_a_split_run_restores_it_exactly(seed: u64, parts in 2_usize..6) {
        let whole = small(seed % 3);
        let split = Dealer { state: seed, parts }.split(&whole);
        let merged = merged(&split);
        let (whole, _) = whole;
        prop_assert_eq!(&merged.counts.phases, &whole.counts.phases);
        prop_assert_eq!(&merged.timeline, &whole.timeline);
        let (one, other) = (summarise(&whole), summarise(&merged));
        let bytes = |value: &dyn erased::ToJson| value.json();
        prop_assert_eq!(bytes(&one.latency_ns), bytes(&other.latency_ns));
        prop_assert_eq!(bytes(&one.reads), bytes(&other.reads));
        prop_assert_eq!(bytes(&one.writes), bytes(&other.writes));
        prop_assert_eq!(bytes(&one.requests), bytes(&other.requests));
        prop_assert_eq!(bytes(&one.arrivals), bytes(&other.arrivals));
        prop_assert_eq!(bytes(&one.rate_per_s), bytes(&other.rate_per_s));
        prop_assert_eq!(bytes(&one.rules), bytes(&other.rules));
        prop_assert_eq!(bytes(&one.failures), bytes(&other.failures));
        let (one, other) = (charts(&whole), charts(&merged));
        prop_assert_eq!(one.heat_map, other.heat_map);
        prop_assert_eq!(one.latency, other.latency);
    }
}

/// JSON output of values of any type.
mod erased {
    pub(crate) trait ToJson {
        fn json(&self) -> String;
    }

    impl<T: serde::Serialize> ToJson for T {
        fn json(&self) -> String {
            serde_json::to_string(self).expect("serialisable summary")
        }
    }
}

fn two() -> [Logged; 2] {
    let mut logged = [small(1), small(2)];
    for (index, (run, _)) in logged.iter_mut().enumerate() {
        run.path = format!("runs/{index}").into();
    }
    // One service counts the requests of both, and the set-up requests of the other.
    let counts = |run: &Run| summarise(run).arrivals.sent + summarise(run).warm_up.sent;
    let (first, second) = (counts(&logged[0].0), counts(&logged[1].0));
    for (run, before, after) in [(0, 64, first + second), (1, 128, 128 + first + second)] {
        if let Some(counter) = &mut logged[run].0.counts.server_counter {
            (counter.before, counter.after) = (before, after);
        }
    }
    logged
}

#[test]
fn merging_two_valid_runs_is_valid() {
    let runs = two();
    let summary = summarise(&merged(&runs));
    assert_eq!(
        summary.verdict.measurement,
        MeasurementVerdict::Valid,
        "{:?}",
        summary.verdict.reasons
    );
    let sent = runs.iter().map(|(run, _)| summarise(run).arrivals.sent);
    assert_eq!(summary.arrivals.sent, sent.sum::<u64>());
    assert_eq!(summary.merged_from.len(), 2);
    assert!(summary.identities.iter().all(|i| i.holds != Some(false)));
    assert!(
        summary.host_usage.is_none(),
        "the runs have different hosts"
    );
}

#[test]
fn merged_run_inherits_worst_verdict() {
    let mut runs = two();
    // A late generator with a tenth of the load hardly changes the percentiles of the merged run.
    runs[1] = MadeUp {
        seed: 2,
        freeze_ns: Some((2_000_000_000, 1_000_000_000)),
        traffic: Traffic {
            per_second: 40.0,
            peak_per_second: 40.0,
            warm_up_s: 1,
            counted_s: 4,
            even: false,
        },
        rules: runs[0].0.manifest.rules.clone(),
        names: ["read post", "create post"].map(str::to_owned).to_vec(),
        ..MadeUp::default()
    }
    .play_with_log();
    runs[1].0.path = "runs/late".into();
    let summary = summarise(&merged(&runs));
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Invalid);
    let reasons = summary.verdict.reasons.join("\n");
    assert!(
        reasons.contains("generator 2 of 2 (runs/late) is invalid"),
        "{reasons}"
    );
}

#[test]
fn rejects_runs_that_do_not_belong_together() {
    let [(one, _), (other, _)] = two();
    assert_eq!(merge(&[]).unwrap_err(), MergeError::TooFew(0));
    assert_eq!(
        merge(std::slice::from_ref(&one)).unwrap_err(),
        MergeError::TooFew(1)
    );
    let twice = merge(&[one.clone(), one.clone()]).unwrap_err().to_string();
    assert!(twice.contains("they are the same run"), "{twice}");
    let merged = merge(&[one.clone(), other.clone()]).unwrap();
    let error = merge(&[merged, other.clone()]).unwrap_err().to_string();
    assert!(
        error.contains("they are the same run, or one is part of the other"),
        "{error}"
    );
    let mut longer = other.clone();
    longer.manifest.phases[1].duration_ns += 1;
    let error = merge(&[one.clone(), longer]).unwrap_err().to_string();
    assert!(
        error.contains("runs/0 and runs/1: they differ in the phases"),
        "{error}"
    );
    let mut later = other.clone();
    later.manifest.started_at = "2026-01-01T00:10:00Z".to_owned();
    let error = merge(&[one.clone(), later]).unwrap_err().to_string();
    assert!(error.contains("began 600 s apart and last 5 s"), "{error}");
    let mut reseeded = other;
    reseeded.manifest.scenario_text = one.manifest.scenario_text.replace("seed = 42", "seed = 7");
    assert!(merge(&[one, reseeded]).is_ok(), "only the seed differs");
}

#[test]
fn generators_started_apart_are_suspect() {
    let [one, mut other] = two();
    other.0.manifest.started_at = "2026-01-01T00:00:04Z".to_owned();
    let summary = summarise(&merged(&[one, other]));
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Suspect);
    assert!(summary.verdict.reasons[0].contains("4 s apart"));
}

#[test]
fn merges_logs_of_unequal_length_in_order() {
    let (_, log) = small(1);
    let short: Vec<_> = log[..log.len() / 3].to_vec();
    let logs = [log.clone(), Vec::new(), short.clone()];
    let logs = logs.map(|log| log.into_iter().map(Ok::<_, Infallible>));
    let merged: Vec<IntervalHistogram> = merge_intervals(logs)
        .map(|interval| interval.unwrap())
        .collect();
    let count = |log: &[IntervalHistogram]| log.iter().map(|i| i.histogram.len()).sum::<u64>();
    assert_eq!(count(&merged), count(&log) + count(&short));
    assert!(merged.is_sorted_by_key(|interval| {
        let series = interval.series;
        (
            interval.start_ns,
            series.phase,
            series.request,
            series.metric,
        )
    }));
}

#[test]
fn read_error_ends_the_merge() {
    let (_, log) = small(1);
    let broken = log[..20].iter().cloned().map(Ok).chain([Err("cut")]);
    let whole = log.iter().cloned().map(Ok);
    let logs: [Box<dyn Iterator<Item = Result<IntervalHistogram, &str>>>; 2] =
        [Box::new(whole), Box::new(broken)];
    let merged: Vec<_> = merge_intervals(logs).collect();
    assert_eq!(
        merged.iter().filter(|interval| interval.is_err()).count(),
        1
    );
    assert!(merged.last().unwrap().is_err());
}

//! Objectives of runs in which some arrivals have no outcome that is the service's.

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{RuleResult, SloVerdict, summarise};
use tenfold_run_dir::counts::{InTime, RequestCounts};
use tenfold_run_dir::{IntervalHistogram, Metric, Run, Series, SparseHistogram, latency_histogram};

const MS: u64 = 1_000_000;

/// 3,000 counted arrivals over 10 s: reads that take 10 ms, and 29 or 30 writes that take 50 ms.
fn played(rules: &[&str]) -> Run {
    let mut run = MadeUp {
        traffic: Traffic {
            per_second: 300.0,
            peak_per_second: 300.0,
            warm_up_s: 1,
            counted_s: 10,
            even: true,
        },
        workers: None,
        work_ns: 10 * MS,
        work_sigma: 0.0,
        lag_ns: 0,
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        ..MadeUp::default()
    }
    .play();
    let planned: u64 = run.counts.phases[1].iter().map(|own| own.planned).sum();
    assert_eq!(planned, 3_000);
    // All but the last hundred, which the changes below take away, were complete in time.
    run.counts.in_time = Some(InTime {
        reads: 2_870,
        writes: 30,
    });
    run
}

/// The results of rules after a change of the first request's counts.
fn judged(rules: &[&str], change: impl FnOnce(&mut RequestCounts)) -> Vec<RuleResult> {
    let mut run = played(rules);
    change(&mut run.counts.phases[1][0]);
    summarise(&run).rules
}

fn in_flight(cell: &mut RequestCounts) {
    cell.completed -= 100;
    cell.in_flight += 100;
}

fn dropped(cell: &mut RequestCounts) {
    cell.completed -= 100;
    cell.sent -= 100;
    cell.dropped += 100;
}

fn timed_out(cell: &mut RequestCounts) {
    cell.completed -= 100;
    cell.failed += 100;
    cell.failures.insert("timeout".to_owned(), 100);
}

fn failed_by_generator(cell: &mut RequestCounts) {
    cell.completed -= 100;
    cell.failed += 100;
    cell.failures.insert("local_ports".to_owned(), 100);
}

#[test]
fn unknown_arrivals_may_be_errors_or_not() {
    for change in [in_flight, failed_by_generator] {
        let rules = judged(&["errors < 1%", "errors < 5%", "errors > 50%"], change);
        let met: Vec<Option<bool>> = rules.iter().map(|rule| rule.met).collect();
        assert_eq!(met, [None, Some(true), Some(false)]);
        assert_eq!(
            rules[0].why,
            "not judged: anything from 0% to 3.33% is possible, because 100 arrivals were not sent or not \
             answered, beside 2,900 arrivals"
        );
        let at_most =
            "at most 3.33% over 2,900 arrivals and 100 arrivals that were not sent or not answered";
        assert_eq!(
            (rules[1].why.as_str(), rules[2].why.as_str()),
            (at_most, at_most)
        );
        let measured: Vec<Option<f64>> = rules.iter().map(|rule| rule.measured).collect();
        assert_eq!(
            measured,
            [None, Some(100.0 / 3_000.0), Some(100.0 / 3_000.0)]
        );
        assert!(
            rules
                .iter()
                .all(|rule| rule.interval_95.is_none() && rule.count == 2_900)
        );
    }
}

#[test]
fn dropped_arrivals_and_timeouts_are_errors() {
    for change in [dropped, timed_out] {
        let rules = judged(&["errors < 1%", "errors < 5%"], change);
        assert_eq!((rules[0].met, rules[1].met), (Some(false), Some(true)));
        assert_eq!(
            (rules[0].measured, rules[0].count),
            (Some(100.0 / 3_000.0), 3_000)
        );
        // The score interval of 100 of 3,000.
        let [low, high] = rules[0].interval_95.unwrap();
        assert!(
            (low - 0.0275).abs() < 1e-4 && (high - 0.0404).abs() < 1e-4,
            "{low} {high}"
        );
        assert_eq!(
            rules[0].why,
            "3.33% over 3,000 arrivals; 95% interval 2.75% to 4.04%"
        );
    }
    let near = judged(&["errors < 3%", "errors > 3%"], timed_out);
    assert_eq!((near[0].met, near[1].met), (Some(false), Some(true)));
    assert!(
        near.iter()
            .all(|rule| rule.why.ends_with("too close to the limit to be certain"))
    );
}

#[test]
fn unknown_arrivals_may_have_been_achieved() {
    let rules = judged(&["rate > 99%", "rate > 95%", "rate < 99%"], in_flight);
    let met: Vec<Option<bool>> = rules.iter().map(|rule| rule.met).collect();
    assert_eq!(met, [None, Some(true), None]);
    let why = &rules[0].why;
    assert!(
        why.starts_with("not judged: anything from 96.7% to "),
        "{why}"
    );
    assert!(
        why.ends_with("because 100 arrivals were not sent or not answered, beside 3,000 arrivals"),
        "{why}"
    );
    assert!(
        rules[1]
            .why
            .starts_with("at least 96.7% over 3,000 arrivals and 100")
    );
    let known = judged(&["rate > 99%"], dropped);
    assert_eq!((known[0].met, known[0].count), (Some(false), 3_000));
    assert_eq!(known[0].why, "96.7% over 3,000 arrivals");
}

#[test]
fn too_few_users_make_dropped_arrivals_unknown() {
    let rules = ["errors < 1%", "errors < 5%", "rate > 99%", "rate > 95%"];
    let mut run = played(&rules);
    dropped(&mut run.counts.phases[1][0]);
    let met = |run: &Run| -> Vec<Option<bool>> {
        summarise(run).rules.iter().map(|rule| rule.met).collect()
    };
    let service_too_slow = [Some(false), Some(true), Some(false), Some(true)];
    assert_eq!(met(&run), service_too_slow);
    // 300/s of 10.4 ms each keep 3.1 users busy.
    run.manifest.users = 3;
    assert!(summarise(&run).too_few_users.is_some());
    assert_eq!(met(&run), [None, Some(true), None, Some(true)]);
}

#[test]
fn dropped_arrivals_waited_before_they_were_dropped() {
    let rules = [
        "p99 < 60ms",
        "p90 < 20ms",
        "service p99 < 60ms",
        "max < 10s",
        "max > 500ms",
        "mean < 20ms",
        "mean < 60ms",
    ];
    let mut run = played(&rules);
    dropped(&mut run.counts.phases[1][0]);
    run.counts.dropped_after_ns_min = Some(1_000 * MS);
    let results = summarise(&run).rules;
    let met: Vec<Option<bool>> = results.iter().map(|rule| rule.met).collect();
    // With 3,000 latencies, 100 dropped arrivals raise the mean from 10.4 ms by 32 ms. The service might have answered them
    // at once.
    assert_eq!(
        met,
        [
            Some(false),
            Some(true),
            None,
            None,
            Some(true),
            Some(false),
            Some(true)
        ]
    );
    assert!(
        results[0]
            .why
            .starts_with("at least 1.00 s over 3,000 samples and 100 arrivals"),
        "{}",
        results[0].why
    );
    assert!(
        results[3]
            .why
            .contains("from 1.00 s to more than any that was measured"),
        "{}",
        results[3].why
    );
    // Nothing is known of their wait in a run of an older version.
    run.counts.dropped_after_ns_min = None;
    assert_eq!(summarise(&run).rules[0].met, None);
}

#[test]
fn timeouts_take_longer_than_was_measured() {
    let results = judged(
        &["p99 < 60ms", "p90 < 20ms", "max < 60ms", "mean < 11ms"],
        timed_out,
    );
    let met: Vec<Option<bool>> = results.iter().map(|rule| rule.met).collect();
    assert_eq!(met, [None, Some(true), None, Some(true)]);
    assert!(
        results[0].why.ends_with(
            "is possible, because requests timed out, which took longer than was measured"
        ),
        "{}",
        results[0].why
    );
    assert!(results[0].interval_95.is_none());
    assert!(results[1].interval_95.is_some());
}

#[test]
fn percentiles_with_unknown_arrivals_have_no_interval() {
    let results = judged(&["p50 < 20ms"], in_flight);
    assert_eq!((results[0].met, results[0].interval_95), (Some(true), None));
    let known = judged(&["p50 < 20ms"], |_| {});
    assert!(known[0].interval_95.is_some());
    assert!(!known[0].why.contains("too close"), "{}", known[0].why);
}

#[test]
fn ten_samples_beyond_a_percentile_are_enough() {
    let results = judged(&["p99.666 < 1s", "p99.67 < 1s"], |_| {});
    assert_eq!((results[0].met, results[1].met), (Some(true), None));
    assert_eq!(
        results[1].why,
        "not judged: only 9 of 3,000 samples lie beyond the percentile, and 10 are needed"
    );
    // Arrivals without a latency are samples, too.
    let with_more = judged(&["p99.67 < 1s"], in_flight);
    assert!(
        with_more[0]
            .why
            .contains("to more than any that was measured"),
        "{}",
        with_more[0].why
    );
}

/// Adds the latencies of a metric to the first request.
fn add(run: &mut Run, metric: Metric, count: u64, value: u64) {
    let mut histogram = latency_histogram::<u64>();
    histogram
        .record_n(value, count)
        .expect("the value is within the bounds");
    run.latencies.add(&IntervalHistogram {
        series: Series {
            metric,
            phase: 1,
            request: 0,
        },
        start_ns: 2_000 * MS,
        duration_ns: 1_000 * MS,
        histogram: SparseHistogram::of(&histogram),
    });
}

#[test]
fn streams_without_a_first_event_are_unknown() {
    let rules = [
        "p50 first_event < 20ms for \"read post\"",
        "p99 first_event < 20ms for \"read post\"",
        "p99 event_gap < 20ms for \"read post\"",
    ];
    let met = |missing: u64| {
        let mut run = played(&rules);
        let completed = run.counts.phases[1][0].completed;
        add(&mut run, Metric::FirstEvent, completed - missing, 5 * MS);
        // Twice as many gaps as streams: how many there should have been is not known.
        add(&mut run, Metric::EventGap, 2 * completed, MS);
        let summary = summarise(&run);
        summary
            .rules
            .iter()
            .map(|rule| rule.met)
            .collect::<Vec<_>>()
    };
    assert_eq!(met(0), [Some(true); 3]);
    assert_eq!(met(100), [Some(true), None, Some(true)]);
}

#[test]
fn rule_without_a_sample_is_not_judged() {
    let mut run = played(&[
        "p50 first_event < 20ms",
        "errors < 1%",
        "rate > 1%",
        "mean < 1s",
    ]);
    run.counts.phases[1]
        .iter_mut()
        .for_each(|cell| *cell = RequestCounts::default());
    run.latencies = tenfold_run_dir::IntervalFold::over(&run.timeline);
    let summary = summarise(&run);
    let why: Vec<&str> = summary.rules.iter().map(|rule| rule.why.as_str()).collect();
    assert_eq!(
        why,
        [
            "not judged: nothing was measured",
            "not judged: no request ended",
            "not judged: nothing was offered",
            "not judged: nothing was measured"
        ]
    );
    assert_eq!(summary.verdict.slo, SloVerdict::NotJudged);
}

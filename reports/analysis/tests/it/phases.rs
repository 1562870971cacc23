//! Figures, objectives and charts by phase and step.

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{SloVerdict, charts, summarise};
use tenfold_run_dir::IntervalFold;

/// A service of one worker with a constant work time of 1 ms: it keeps up with 500/s, and not with 1,500/s.
fn climb(rules: &[&str]) -> MadeUp {
    MadeUp {
        traffic: Traffic {
            per_second: 500.0,
            peak_per_second: 500.0,
            warm_up_s: 2,
            counted_s: 16,
            even: true,
        },
        steps: vec![500.0, 1_500.0],
        workers: Some(1),
        work_ns: 1_000_000,
        work_sigma: 0.0,
        write_factor: 1.0,
        lag_ns: 0,
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        ..MadeUp::default()
    }
}

#[test]
fn steps_have_their_own_figures() {
    let summary = summarise(&climb(&[]).play());
    let [warm_up, day] = summary.phases.as_slice() else {
        panic!("two phases: {:?}", summary.phases);
    };
    assert!(warm_up.warm_up && warm_up.steps.is_empty() && !day.warm_up);
    let [first, second] = day.steps.as_slice() else {
        panic!("two steps: {:?}", day.steps);
    };
    assert_eq!((first.step, second.step), (Some(1), Some(2)));
    assert_eq!(second.planned_per_s, Some(1_500.0));
    assert_eq!((first.start_s, first.duration_s), (2.0, 8.0));
    assert!((first.rate_per_s.offered / 500.0 - 1.0).abs() < 0.01);
    assert!((second.rate_per_s.offered / 1_500.0 - 1.0).abs() < 0.01);
    // A worker of 1 ms a request answers 1,000/s.
    assert!((second.rate_per_s.achieved / 1_000.0 - 1.0).abs() < 0.02);
    let p50 = |own: &tenfold_analysis::PhaseSummary| own.response_ns.p50.unwrap();
    assert!(p50(first) < 2_000_000, "{}", p50(first));
    assert!(p50(second) > 500_000_000, "{}", p50(second));
    assert!(first.response_ns.interval_95.p99.is_some());
    let planned: u64 = day.steps.iter().map(|step| step.arrivals.planned).sum();
    // One arrival lies exactly at an end of the phase.
    assert!(planned.abs_diff(day.arrivals.planned) <= 1, "{planned}");
    // CPU time is 80% of the work time.
    let cpu = first.target_cpu_us_per_request.unwrap();
    assert!((cpu / 800.0 - 1.0).abs() < 0.02, "{cpu}");
    assert!(second.target_cores > first.target_cores);
}

#[test]
fn samples_of_steps_add_up_to_their_phase() {
    let run = climb(&[]).play();
    let summary = summarise(&run);
    let day = &summary.phases[1];
    let samples: u64 = day.steps.iter().map(|step| step.response_ns.count).sum();
    assert_eq!(samples, day.response_ns.count);
    assert_eq!(day.response_ns.count, summary.latency_ns.response.count);
    assert_eq!(day.arrivals, summary.arrivals);
}

#[test]
fn run_of_an_older_version_has_phases_without_steps() {
    let mut run = climb(&[]).play();
    run.manifest.phases[1].steps.clear();
    let summary = summarise(&run);
    assert_eq!(summary.phases.len(), 2);
    assert!(summary.phases[1].steps.is_empty());
    run.latencies = IntervalFold::over(&run.timeline);
    assert!(charts(&run).requests.is_empty());
}

#[test]
fn objectives_judge_their_phase_alone() {
    let rules = [
        "p50 < 100ms in \"day\"",
        "rate > 99% in \"day\"",
        "errors < 1% for \"read post\" in \"day\"",
        "p99 < 1s for reads in \"night\"",
    ];
    let summary = summarise(&climb(&rules).play());
    let met: Vec<Option<bool>> = summary.rules.iter().map(|rule| rule.met).collect();
    assert_eq!(met, [Some(false), Some(false), Some(true), None]);
    assert!(
        summary.rules[3].why.contains("no phase"),
        "{}",
        summary.rules[3].why
    );
    assert_eq!(summary.verdict.slo, SloVerdict::Missed);
    let requests = &summary.requests[0];
    assert_eq!(summary.rules[2].count, requests.arrivals.completed);
}

#[test]
fn failures_over_time_add_up() {
    let run = MadeUp {
        failing: 0.05,
        ..climb(&[])
    }
    .play();
    let failures = charts(&run).failures;
    let [kind] = failures.kinds.as_slice() else {
        panic!("one kind: {failures:?}");
    };
    assert_eq!(kind.name, "unexpected_status 503");
    let failed: u64 = run.timeline.rows.iter().map(|row| row.failed).sum();
    assert_eq!(kind.count, failed);
    let over_time: f64 = kind.per_s.iter().map(|rate| rate * failures.bin_s).sum();
    let in_phases = run
        .timeline
        .rows
        .iter()
        .filter(|row| row.start_ns < 18_000_000_000);
    let in_phases: u64 = in_phases.map(|row| row.failed).sum();
    assert!(
        (over_time - in_phases as f64).abs() < 1e-6,
        "{over_time} of {in_phases}"
    );
}

#[test]
fn metrics_that_follow_the_load_come_first() {
    let metrics = charts(&MadeUp::default().play()).metrics;
    assert_eq!(metrics[0].name, "http_requests_total");
    assert!(metrics[0].per_second && metrics[0].correlation.unwrap() > 0.9);
    assert!(metrics.iter().all(|metric| metric.name != "clock_skew"));
}

#[test]
fn requests_have_curves_and_lines() {
    let run = MadeUp::default().play();
    let requests = charts(&run).requests;
    let names: Vec<&str> = requests
        .iter()
        .map(|request| request.name.as_str())
        .collect();
    assert_eq!(
        names,
        ["read post", "read feed", "read user", "create post"]
    );
    let summary = summarise(&run);
    for (request, own) in requests.iter().zip(&summary.requests) {
        assert_eq!(request.curve.count, own.latency_ns.response.count);
        assert!(request.at_s.len() >= 20 && request.p50.iter().any(Option::is_some));
        assert!(
            request.at_s.iter().all(|at| *at >= 5.0),
            "warm-up is not counted"
        );
    }
}

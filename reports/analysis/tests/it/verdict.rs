//! Every verdict, both ways.

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{MeasurementVerdict, SloVerdict, Summary, summarise};
use tenfold_run_dir::counts::InTime;
use tenfold_run_dir::{Checkpoint, IntervalFold, Run};

fn steady() -> MadeUp {
    MadeUp {
        traffic: Traffic {
            per_second: 500.0,
            peak_per_second: 500.0,
            warm_up_s: 2,
            counted_s: 20,
            even: false,
        },
        workers: None,
        ..MadeUp::default()
    }
}

fn changed(change: impl FnOnce(&mut Run)) -> Summary {
    let mut run = steady().play();
    change(&mut run);
    summarise(&run)
}

fn verdict(summary: &Summary) -> (MeasurementVerdict, String) {
    (
        summary.verdict.measurement,
        summary.verdict.reasons.join("; "),
    )
}

#[test]
fn a_sound_run_is_valid_and_meets_its_objectives() {
    let summary = summarise(&steady().play());
    assert_eq!(
        verdict(&summary),
        (MeasurementVerdict::Valid, String::new())
    );
    assert_eq!(summary.verdict.slo, SloVerdict::Met, "{:?}", summary.rules);
    assert!(
        summary
            .identities
            .iter()
            .all(|identity| identity.holds == Some(true))
    );
    assert_eq!(summary.identities.len(), 5);
}

#[test]
fn lag_makes_a_run_suspect_and_then_invalid() {
    // Exponential lag has its p99 at 4.6 times its mean.
    for (lag_ns, expected) in [
        (500_000, MeasurementVerdict::Valid),
        (1_600_000, MeasurementVerdict::Suspect),
        (3_000_000, MeasurementVerdict::Invalid),
    ] {
        let summary = summarise(&MadeUp { lag_ns, ..steady() }.play());
        let (measurement, reasons) = verdict(&summary);
        assert_eq!(measurement, expected, "{lag_ns}: {reasons}");
        assert_eq!(
            reasons.contains("late"),
            measurement != MeasurementVerdict::Valid,
            "{reasons}"
        );
    }
}

#[test]
fn lag_that_is_small_beside_the_response_is_no_matter() {
    let slow = MadeUp {
        lag_ns: 3_000_000,
        work_ns: 200_000_000,
        ..steady()
    };
    assert_eq!(
        summarise(&slow.play()).verdict.measurement,
        MeasurementVerdict::Valid
    );
}

#[test]
fn a_short_freeze_beyond_p99_is_suspected() {
    let mut frozen = MadeUp {
        freeze_ns: Some((9_000_000_000, 100_000_000)),
        ..steady()
    };
    frozen.traffic.counted_s = 25;
    let summary = summarise(&frozen.play());
    let (measurement, reasons) = verdict(&summary);
    assert_eq!(measurement, MeasurementVerdict::Suspect);
    assert!(reasons.contains("p99.9"), "{reasons}");
}

#[test]
fn a_slow_service_is_the_services_fault() {
    let overloaded = MadeUp {
        workers: Some(1),
        work_ns: 3_000_000,
        ..steady()
    };
    let summary = summarise(&overloaded.play());
    assert!(
        summary.rate_per_s.share < Some(0.9),
        "{:?}",
        summary.rate_per_s
    );
    assert_eq!(
        verdict(&summary),
        (MeasurementVerdict::Valid, String::new())
    );
    assert_eq!(summary.verdict.slo, SloVerdict::Missed);
    assert!(
        summary.findings[0]
            .title
            .starts_with("The service kept up with")
    );
    assert!(
        summary.next.starts_with("Missed: `p99 < 250ms"),
        "{}",
        summary.next
    );
}

#[test]
fn a_saturated_generator_is_its_own_fault() {
    let mut run = MadeUp {
        workers: Some(1),
        work_ns: 3_000_000,
        ..steady()
    }
    .play();
    for row in &mut run.timeline.rows {
        row.generator_cpu_ns = 990_000_000;
    }
    let summary = summarise(&run);
    let (measurement, reasons) = verdict(&summary);
    assert_eq!(measurement, MeasurementVerdict::Invalid);
    assert!(reasons.contains("could not send fast enough"), "{reasons}");
}

#[test]
fn an_interval_log_that_was_cut_short_is_invalid() {
    let (measurement, reasons) = verdict(&summarise(&cut_short()));
    assert_eq!(measurement, MeasurementVerdict::Invalid);
    assert!(reasons.contains("the interval log is whole"), "{reasons}");
}

/// A run of which half of the interval log is missing.
fn cut_short() -> Run {
    let (mut run, log) = steady().play_with_log();
    run.latencies = IntervalFold::over(&run.timeline);
    run.latencies.extend(&log[..log.len() / 2]);
    run
}

#[test]
fn a_run_without_an_end_is_suspect_and_its_books_are_not_held_against_it() {
    let checkpoint = Checkpoint {
        at_ns: 17_400_000_000,
        not_sent: 3,
        log_bytes: Some(1),
    };
    let killed = |run: &mut Run| {
        run.counts.checkpoint = Some(checkpoint);
        run.counts.phases[1][0].planned += 3;
    };
    let mut lost = cut_short();
    killed(&mut lost);
    for (summary, whole) in [(changed(killed), Some(true)), (summarise(&lost), None)] {
        let (measurement, reasons) = verdict(&summary);
        assert_eq!(measurement, MeasurementVerdict::Suspect, "{reasons}");
        assert!(reasons.contains("recorded up to 17 s"), "{reasons}");
        let of = |name: &str| summary.identities.iter().find(|i| i.name == name);
        let planned = of("planned = sent + dropped").unwrap();
        assert_eq!(planned.holds, Some(true));
        assert!(planned.figures.contains("3 not sent yet"), "{planned:?}");
        assert_eq!(of("the interval log is whole").unwrap().holds, whole);
    }
    let surplus = changed(|run| {
        run.counts.checkpoint = Some(checkpoint);
        run.counts.phases[1][0].sent -= 1;
    });
    assert_eq!(surplus.verdict.measurement, MeasurementVerdict::Invalid);
}

#[test]
fn what_was_answered_in_time_is_what_was_achieved() {
    let summary = changed(|run| {
        run.counts.in_time = Some(InTime {
            reads: 8_000,
            writes: 200,
        });
    });
    assert_eq!(summary.rate_per_s.achieved, 410.0);
    assert_eq!(summary.reads.rate_per_s.achieved, 400.0);
    assert_eq!(summary.writes.rate_per_s.achieved, 10.0);
}

#[test]
fn a_broken_identity_is_invalid() {
    let summary = changed(|run| run.counts.phases[1][0].planned += 1);
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Invalid);
    assert!(summary.verdict.reasons[0].contains("planned = sent + dropped"));

    let summary = changed(|run| run.counts.phases[1][0].sent += 1);
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Invalid);

    for off_by in [-1_i64, 1] {
        let summary = changed(|run| {
            let counter = run.counts.server_counter.as_mut().unwrap();
            counter.after = counter.after.checked_add_signed(off_by).unwrap();
        });
        assert_eq!(summary.verdict.measurement, MeasurementVerdict::Invalid);
        assert!(
            summary.verdict.reasons[0].contains("counted"),
            "{:?}",
            summary.verdict
        );
    }
}

#[test]
fn a_request_that_failed_on_its_way_need_not_have_been_counted() {
    let summary = changed(|run| {
        let cell = &mut run.counts.phases[1][0];
        cell.completed -= 1;
        cell.failed += 1;
        cell.failures.insert("timeout".to_owned(), 1);
        run.counts.server_counter.as_mut().unwrap().after -= 1;
    });
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Valid);
}

#[test]
fn littles_law_holds_within_two_percent() {
    for (factor, holds) in [
        (1.0, true),
        (1.015, true),
        (0.985, true),
        (1.03, false),
        (0.97, false),
    ] {
        let summary = changed(|run| {
            run.counts.in_flight_ns = (run.counts.in_flight_ns as f64 * factor) as u64;
        });
        let little = summary
            .identities
            .iter()
            .find(|i| i.name.starts_with("Little"))
            .unwrap();
        assert_eq!(little.holds, Some(holds), "{factor}: {}", little.figures);
        assert_eq!(
            summary.verdict.measurement == MeasurementVerdict::Valid,
            holds
        );
    }
}

#[test]
fn littles_law_is_not_judged_while_requests_are_in_flight() {
    let summary = changed(|run| {
        let cell = &mut run.counts.phases[1][0];
        cell.completed -= 1;
        cell.in_flight += 1;
        run.counts.in_flight_ns *= 3;
    });
    let little = summary
        .identities
        .iter()
        .find(|i| i.name.starts_with("Little"))
        .unwrap();
    assert_eq!(little.holds, None);
}

#[test]
fn nothing_measured_is_invalid() {
    let summary = changed(|run| run.latencies = IntervalFold::over(&run.timeline));
    let (measurement, reasons) = verdict(&summary);
    assert_eq!(measurement, MeasurementVerdict::Invalid);
    assert!(reasons.contains("nothing was measured"), "{reasons}");
    assert_eq!(summary.verdict.slo, SloVerdict::NotJudged);
}

#[test]
fn an_empty_run_is_summed_up_without_a_panic() {
    let summary = changed(|run| {
        run.timeline.rows.clear();
        run.latencies = IntervalFold::over(&run.timeline);
        run.host.samples.clear();
        run.counts = Default::default();
        run.manifest.phases.clear();
        run.manifest.requests.clear();
    });
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Invalid);
    assert_eq!(summary.rate_per_s.share, None);
}

#[test]
fn debug_builds_and_noisy_hosts_are_suspect() {
    let summary = changed(|run| run.manifest.tool.build = "debug".to_owned());
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Suspect);
    let summary = changed(|run| {
        for sample in &mut run.host.samples {
            sample.host_cores_stolen = Some(0.3);
        }
    });
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Suspect);
    assert!(summary.verdict.reasons[0].contains("noisy"));
}

#[test]
fn the_gravest_reason_comes_first() {
    let summary = changed(|run| {
        run.manifest.tool.build = "debug".to_owned();
        run.counts.phases[1][0].planned += 1;
    });
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Invalid);
    assert_eq!(summary.verdict.reasons.len(), 2);
    assert!(summary.verdict.reasons[1].contains("debug"));
}

#[test]
fn a_machine_that_others_keep_busy_is_suspect() {
    let summary = changed(|run| {
        for sample in &mut run.host.samples {
            sample.host_cores_used = Some(1.9);
        }
    });
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Suspect);
    assert!(
        summary.verdict.reasons[0].contains("the machine was busy"),
        "{:?}",
        summary.verdict
    );
}

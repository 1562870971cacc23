//! Each verdict, in both directions.

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{MeasurementVerdict, SloVerdict, Summary, summarise};
use tenfold_run_dir::counts::InTime;
use tenfold_run_dir::manifest::Part;
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
fn healthy_run_is_valid_and_meets_objectives() {
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
    // The p99 of exponential lag is 4.6 times its mean.
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
fn lag_small_against_response_time_is_valid() {
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
fn short_freeze_beyond_p99_is_suspect() {
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
fn slow_service_does_not_invalidate_measurement() {
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
            .starts_with("The service achieved")
    );
    assert!(
        summary.next.starts_with("Missed: `p99 < 250ms"),
        "{}",
        summary.next
    );
}

#[test]
fn saturated_generator_invalidates_measurement() {
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
fn truncated_interval_log_is_invalid() {
    let (measurement, reasons) = verdict(&summarise(&truncated_log()));
    assert_eq!(measurement, MeasurementVerdict::Invalid);
    assert!(
        reasons.contains("the interval log is complete"),
        "{reasons}"
    );
}

/// A run that lost half of its interval log.
fn truncated_log() -> Run {
    let (mut run, log) = steady().play_with_log();
    run.latencies = IntervalFold::over(&run.timeline);
    run.latencies.extend(&log[..log.len() / 2]);
    run
}

#[test]
fn killed_run_is_suspect_but_consistent() {
    let checkpoint = Checkpoint {
        at_ns: 17_400_000_000,
        not_sent: 3,
        log_bytes: Some(1),
    };
    let killed = |run: &mut Run| {
        run.counts.checkpoint = Some(checkpoint);
        run.counts.phases[1][0].planned += 3;
    };
    let mut lost = truncated_log();
    killed(&mut lost);
    for (summary, complete) in [(changed(killed), Some(true)), (summarise(&lost), None)] {
        let (measurement, reasons) = verdict(&summary);
        assert_eq!(measurement, MeasurementVerdict::Suspect, "{reasons}");
        assert!(reasons.contains("recorded up to 17 s"), "{reasons}");
        let of = |name: &str| summary.identities.iter().find(|i| i.name == name);
        let planned = of("planned = sent + dropped").unwrap();
        assert_eq!(planned.holds, Some(true));
        assert!(planned.figures.contains("3 not sent yet"), "{planned:?}");
        assert_eq!(of("the interval log is complete").unwrap().holds, complete);
    }
    let surplus = changed(|run| {
        run.counts.checkpoint = Some(checkpoint);
        run.counts.phases[1][0].sent -= 1;
    });
    assert_eq!(surplus.verdict.measurement, MeasurementVerdict::Invalid);
}

#[test]
fn achieved_rate_counts_timely_responses() {
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
fn broken_identity_is_invalid() {
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
fn redirects_and_retries_are_requests_for_the_server_counter() {
    let holds = |counted_more: u64| {
        let summary = changed(|run| {
            let travel = &mut run.counts.phases[1][0].travel;
            (travel.redirects, travel.elsewhere, travel.retries) = (100, 10, 3);
            run.counts.server_counter.as_mut().unwrap().after += counted_more;
        });
        let identity = summary
            .identities
            .into_iter()
            .find(|identity| identity.name == "the service counted the sent requests");
        identity.unwrap().holds
    };
    // At least the 90 redirects to the target; at most all of them, and each first attempt.
    for (counted_more, expected) in [(89, false), (90, true), (103, true), (104, false)] {
        assert_eq!(holds(counted_more), Some(expected), "{counted_more}");
    }
}

#[test]
fn failed_request_may_be_missing_from_server_counter() {
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
fn littles_law_needs_all_requests_to_end() {
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
fn summarises_empty_run() {
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
fn most_severe_reason_comes_first() {
    let summary = changed(|run| {
        run.manifest.tool.build = "debug".to_owned();
        run.counts.phases[1][0].planned += 1;
    });
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Invalid);
    assert_eq!(summary.verdict.reasons.len(), 2);
    assert!(summary.verdict.reasons[1].contains("debug"));
}

#[test]
fn host_busy_with_other_processes_is_suspect() {
    let summary = changed(|run| {
        for sample in &mut run.host.samples {
            sample.host_cores_used = Some(1.9);
        }
    });
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Suspect);
    assert!(
        summary.verdict.reasons[0].contains("the host was busy"),
        "{:?}",
        summary.verdict
    );
}

#[test]
fn run_without_objectives_is_not_judged() {
    let summary = changed(|run| run.manifest.rules.clear());
    assert_eq!(summary.verdict.slo, SloVerdict::NotJudged);
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Valid);
}

/// Changes a run so that no request completed, and all failed with this class or were never sent.
fn without_answers(run: &mut Run, class: Option<&str>) {
    run.latencies = IntervalFold::over(&run.timeline);
    run.counts.server_counter = None;
    for cell in run.counts.phases.iter_mut().flatten() {
        let planned = cell.planned;
        *cell = Default::default();
        if let Some(class) = class {
            (cell.planned, cell.sent, cell.failed) = (planned, planned, planned);
            cell.failures.insert(class.to_owned(), planned);
        }
    }
}

#[test]
fn service_that_fails_every_request_is_a_result() {
    let failed = |class| changed(|run| without_answers(run, class));
    let reason = |summary: &Summary| summary.verdict.reasons.join("; ");
    let by_service = failed(Some("connect"));
    assert_eq!(by_service.verdict.slo, SloVerdict::Missed);
    assert!(!reason(&by_service).contains("nothing was measured"));
    let by_scenario = failed(Some("unsendable"));
    assert_eq!(by_scenario.verdict.measurement, MeasurementVerdict::Invalid);
    let sent = tenfold_analysis::format::count(by_scenario.arrivals.sent);
    let expected =
        format!("nothing was measured: {sent} requests were sent, and the service answered none");
    assert!(
        reason(&by_scenario).contains(&expected),
        "{}",
        reason(&by_scenario)
    );
    let unsent = reason(&failed(None));
    assert!(
        unsent.contains("nothing was measured: no request was sent in a counted phase"),
        "{unsent}"
    );
}

#[test]
fn parts_of_a_merged_run_carry_its_objections() {
    let checkpoint = Checkpoint {
        at_ns: 17_400_000_000,
        not_sent: 0,
        log_bytes: None,
    };
    let reasons = |is_merged: bool| {
        let summary = changed(|run| {
            run.manifest.tool.build = "debug".to_owned();
            run.counts.checkpoint = Some(checkpoint);
            if is_merged {
                run.manifest.merged_from = vec![valid_part(run)];
            }
        });
        summary.verdict.reasons
    };
    let [own, of_parts] = [reasons(false), reasons(true)];
    assert_eq!(own.len(), 2, "{own:?}");
    assert!(of_parts.is_empty(), "{of_parts:?}");
}

fn valid_part(run: &Run) -> Part {
    Part {
        path: "runs/0".to_owned(),
        seed: 1,
        started_at: run.manifest.started_at.clone(),
        host: run.manifest.host.clone(),
        tool: run.manifest.tool.clone(),
        sent: 1,
        measurement: "valid".to_owned(),
        reasons: Vec::new(),
        lag_p99_ns: None,
        peak_cores_used: None,
        saturated_seconds: 0,
        cores_used_by_others: None,
        cores_stolen: None,
        interrupted: None,
    }
}

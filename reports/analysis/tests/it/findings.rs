//! Findings, each tested with a planted cause.

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{Confidence, Finding, summarise};
use tenfold_run_dir::{IntervalFold, Run};

/// An overloaded service: one worker with 2.5 ms per request, at 600/s.
fn overload() -> MadeUp {
    MadeUp {
        traffic: Traffic {
            per_second: 600.0,
            peak_per_second: 600.0,
            warm_up_s: 1,
            counted_s: 15,
            even: false,
        },
        workers: Some(1),
        work_ns: 2_500_000,
        rules: Vec::new(),
        ..MadeUp::default()
    }
}

fn overloaded() -> Run {
    overload().play()
}

fn with_target_cores(mut run: Run, cores: f64) -> Vec<Finding> {
    for sample in &mut run.host.samples {
        sample.target_cpu_ns = Some((cores * sample.duration_ns as f64) as u64);
    }
    summarise(&run).findings
}

#[test]
fn distinguishes_cpu_bound_from_waiting_service() {
    for (cores, cause) in [
        (1.9, "limited by CPU"),
        (1.0, "never used more than one core"),
        (0.3, "it was waiting, not computing"),
    ] {
        let findings = with_target_cores(overloaded(), cores);
        assert!(
            findings[0].title.starts_with("The service achieved"),
            "{findings:?}"
        );
        assert!(findings[0].title.contains(cause), "{cores}: {findings:?}");
    }
}

#[test]
fn names_no_cause_without_counters() {
    let mut run = overloaded();
    run.host.samples.clear();
    let first = &summarise(&run).findings[0];
    assert!(
        first.title.starts_with("The service achieved") && !first.title.contains(','),
        "{first:?}"
    );
}

#[test]
fn evidence_includes_growing_queue_and_first_second() {
    let findings = summarise(&overloaded()).findings;
    let evidence = findings[0].evidence.join("\n");
    assert!(evidence.contains("grew from"), "{evidence}");
    assert!(
        evidence.contains("first fell behind in second 1"),
        "{evidence}"
    );
}

#[test]
fn reports_that_all_users_were_busy() {
    let (mut run, log) = overload().play_with_log();
    run.manifest.users = 212;
    let blocked: Vec<_> = log
        .iter()
        .filter(|interval| interval.series.metric == tenfold_run_dir::Metric::Lag)
        .cloned()
        .map(|mut interval| {
            interval.series.metric = tenfold_run_dir::Metric::Blocked;
            interval
        })
        .collect();
    run.latencies.extend(&blocked);
    let findings = summarise(&run).findings;
    assert!(
        findings[0].advice.contains("All 212 users were busy"),
        "{findings:?}"
    );
}

#[test]
fn failures_name_class_and_request() {
    let run = MadeUp {
        failing: 0.03,
        ..MadeUp::default()
    }
    .play();
    let summary = summarise(&run);
    let first = &summary.findings[0];
    assert!(first.title.contains("unexpected statuses"), "{first:?}");
    assert!(
        first.evidence.iter().any(|line| line.contains("503 x")),
        "{first:?}"
    );
    assert!(first.advice.contains("expect"), "{first:?}");
    assert!(
        summary
            .findings
            .iter()
            .all(|finding| !finding.title.contains("saturated"))
    );
}

#[test]
fn advice_on_failures_depends_on_the_status() {
    for (status, advice) in [
        (302, "follow = 5"),
        (401, "--auth-basic-file"),
        (403, "hidden token"),
        (429, "limits the rate"),
        (500, "by hand"),
    ] {
        let mut run = MadeUp {
            failing: 0.03,
            ..MadeUp::default()
        }
        .play();
        for phase in &mut run.counts.phases {
            for request in phase.iter_mut() {
                if let Some(count) = request.statuses.remove(&503) {
                    request.statuses.insert(status, count);
                }
            }
        }
        let first = &summarise(&run).findings[0];
        assert!(first.advice.contains(advice), "{status}: {first:?}");
    }
}

#[test]
fn reports_unsaturated_service() {
    let summary = summarise(&MadeUp::default().play());
    assert_eq!(summary.findings.len(), 1);
    assert!(summary.findings[0].title.starts_with("Nothing saturated"));
    assert!(summary.next.contains("--rate 2600/s"), "{}", summary.next);
}

#[test]
fn full_host_is_not_called_unsaturated() {
    let mut run = MadeUp::default().play();
    for sample in &mut run.host.samples {
        sample.host_cores_used = Some(1.98);
    }
    let finding = &summarise(&run).findings[0];
    assert!(
        finding.title.starts_with("The service kept up with") && finding.title.contains("no CPU"),
        "{finding:?}"
    );
    assert_eq!(finding.confidence, Confidence::Medium);
    assert!(
        finding
            .evidence
            .iter()
            .any(|line| line.contains("the host used 1.98"))
    );
}

/// A run of users that wait for their answers.
fn closed(mut run: Run) -> Run {
    run.manifest.model = "closed".to_owned();
    run.manifest.users = 8;
    run
}

#[test]
fn advises_more_users_in_a_closed_model() {
    let summary = summarise(&closed(MadeUp::default().play()));
    assert!(summary.next.contains("--users 16"), "{}", summary.next);
    assert!(!summary.next.contains("--rate"), "{}", summary.next);
}

#[test]
fn closed_run_ends_with_requests_in_flight() {
    let mut run = closed(MadeUp::default().play());
    // Every user waits for an answer when the run ends.
    let last = run.timeline.rows.last_mut().unwrap();
    last.reads = last.reads.saturating_sub(last.reads / 2);
    for row in &mut run.timeline.rows {
        row.reads -= row.reads / 50;
    }
    let open = Run {
        manifest: tenfold_run_dir::Manifest {
            model: "open".to_owned(),
            ..run.manifest.clone()
        },
        ..run.clone()
    };
    let title = |run: &Run| summarise(run).findings[0].title.clone();
    assert!(
        title(&open).starts_with("The service achieved"),
        "{}",
        title(&open)
    );
    assert!(
        title(&run).starts_with("Nothing saturated"),
        "{}",
        title(&run)
    );
}

#[test]
fn closed_run_on_a_full_host_names_its_cpu() {
    let mut run = closed(MadeUp::default().play());
    for sample in &mut run.host.samples {
        sample.host_cores_used = Some(1.98);
    }
    let title = &summarise(&run).findings[0].title;
    assert!(title.contains("with 8 users, "), "{title}");
    assert!(
        title.contains("CPU of the host") || title.contains("other processes"),
        "{title}"
    );
}

#[test]
fn advises_no_flamegraph_without_a_profile() {
    let mut run = overloaded();
    run.profile = None;
    for finding in with_target_cores(run, 1.9) {
        assert!(!finding.advice.contains("flamegraph"), "{finding:?}");
    }
}

#[test]
fn missed_objective_on_errors_leads_to_the_failures() {
    let run = MadeUp {
        failing: 0.03,
        rules: vec!["errors < 1%".to_owned()],
        ..overload()
    };
    let summary = summarise(&run.play());
    let saturated = summary.findings[0].title.starts_with("The service");
    assert!(saturated, "{:?}", summary.findings);
    assert!(summary.next.contains("expect"), "{}", summary.next);
}

#[test]
fn reports_wait_that_service_time_hides() {
    let (mut run, mut log) = MadeUp::stall_oracle().play_with_log();
    // Requests that waited for a connection took 1 ms after they were sent.
    for interval in &mut log {
        if interval.series.metric == tenfold_run_dir::Metric::Service {
            let mut quick = tenfold_run_dir::latency_histogram::<u64>();
            quick.record_n(1_000_000, interval.histogram.len()).unwrap();
            interval.histogram = tenfold_run_dir::SparseHistogram::of(&quick);
        }
    }
    run.latencies = IntervalFold::over(&run.timeline);
    run.latencies.extend(&log);
    let findings = summarise(&run).findings;
    let hidden = findings
        .iter()
        .find(|finding| finding.title.contains("miss most of the wait"));
    assert!(
        hidden.is_some_and(|hidden| hidden.title.contains("1.00 ms instead of 1.80 s")),
        "{findings:?}"
    );
}

#[test]
fn distinguishes_full_host_from_waiting_service() {
    for (target, cause) in [
        (0.3, "other processes kept busy"),
        (1.3, "shares with the generator"),
    ] {
        let mut run = overloaded();
        for sample in &mut run.host.samples {
            sample.host_cores_used = Some(1.98);
        }
        for row in &mut run.timeline.rows {
            row.generator_cpu_ns = 600_000_000;
        }
        let findings = with_target_cores(run, target);
        assert!(findings[0].title.contains(cause), "{findings:?}");
    }
}

#[test]
fn waiting_arrivals_are_not_a_generator_stall() {
    let mut run = overloaded();
    for row in &mut run.timeline.rows[6..8] {
        (row.reads, row.writes, row.failed, row.sent, row.waiting) = (0, 0, 0, 0, 1_200);
    }
    let findings = summarise(&run).findings;
    assert!(
        findings
            .iter()
            .any(|finding| finding.title.starts_with("The service stalled"))
    );
    assert!(
        findings
            .iter()
            .all(|finding| !finding.title.contains("generator itself")),
        "{findings:?}"
    );
}

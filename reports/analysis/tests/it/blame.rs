//! The side that failures are blamed on decides the verdict.

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{FailedBy, MeasurementVerdict, SloVerdict, Summary, summarise};

/// A run in which a share of the requests fails with a class.
fn failing(share: f64, class: &str, rules: &[&str]) -> Summary {
    let mut run = MadeUp {
        traffic: Traffic {
            per_second: 500.0,
            peak_per_second: 500.0,
            warm_up_s: 1,
            counted_s: 20,
            even: true,
        },
        workers: None,
        failing: share,
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        ..MadeUp::default()
    }
    .play();
    for counts in run.counts.phases.iter_mut().flatten() {
        if let Some(count) = counts.failures.remove("unexpected_status") {
            counts.failures.insert(class.to_owned(), count);
        }
    }
    summarise(&run)
}

fn verdict(summary: &Summary) -> (MeasurementVerdict, SloVerdict) {
    (summary.verdict.measurement, summary.verdict.slo)
}

#[test]
fn failures_of_the_generator_make_the_measurement_invalid() {
    let summary = failing(0.05, "local_ports", &["errors < 1%"]);
    assert_eq!(
        verdict(&summary),
        (MeasurementVerdict::Invalid, SloVerdict::NotJudged)
    );
    let reason = &summary.verdict.reasons[0];
    assert!(
        reason.contains("because of the generator, not of the service")
            && reason.contains("a lack of local ports"),
        "{reason}"
    );
    assert!(
        summary.findings[0].title.contains("a lack of local ports"),
        "{:?}",
        summary.findings
    );
    assert!(
        summary.next.contains("ip_local_port_range"),
        "{}",
        summary.next
    );
    assert_eq!(
        (summary.failed_by.service, summary.failed_by.scenario),
        (0, 0)
    );
    assert!(summary.failed_by.generator > 300);
}

#[test]
fn few_failures_of_the_generator_are_not_held_against_the_service() {
    let summary = failing(0.0007, "open_files", &["errors < 0.01%", "errors < 1%"]);
    assert!(summary.failed_by.generator > 0);
    assert_eq!(
        verdict(&summary),
        (MeasurementVerdict::Suspect, SloVerdict::NotJudged)
    );
    assert_eq!(
        [summary.rules[0].met, summary.rules[1].met],
        [None, Some(true)],
        "{:?}",
        summary.rules
    );
}

#[test]
fn service_that_fails_everything_is_a_valid_result() {
    for rules in [&["errors < 1%"][..], &["p99 < 1s"], &[]] {
        let summary = failing(1.0, "unexpected_status", rules);
        assert_eq!(
            verdict(&summary),
            (MeasurementVerdict::Valid, SloVerdict::Missed),
            "{rules:?} {:?}",
            summary.verdict.reasons
        );
        assert_eq!(summary.failed_by.service, summary.arrivals.sent);
    }
}

#[test]
fn nothing_is_measured_if_the_service_got_nothing() {
    for class in ["local_network", "missing_variable"] {
        let summary = failing(1.0, class, &["errors < 1%"]);
        let (measurement, reasons) = (summary.verdict.measurement, &summary.verdict.reasons);
        assert_eq!(measurement, MeasurementVerdict::Invalid);
        assert!(
            reasons
                .iter()
                .any(|reason| reason.contains("nothing was measured")),
            "{reasons:?}"
        );
    }
}

#[test]
fn requests_that_the_scenario_spoils_are_suspect() {
    let summary = failing(0.1, "missing_variable", &["errors < 1%"]);
    assert_eq!(
        verdict(&summary),
        (MeasurementVerdict::Suspect, SloVerdict::Missed)
    );
    assert!(
        summary.verdict.reasons[0].contains("because of the scenario"),
        "{:?}",
        summary.verdict.reasons
    );
}

#[test]
fn class_of_a_later_version_blames_nobody() {
    let summary = failing(0.1, "of_the_future", &["errors < 1%"]);
    assert_eq!(summary.failed_by, FailedBy::default());
    assert_eq!(
        verdict(&summary),
        (MeasurementVerdict::Valid, SloVerdict::Missed)
    );
}

/// A service that can answer a third of the requests, and arrivals that wait a second at most.
fn dropping(rules: &[&str]) -> Summary {
    let run = MadeUp {
        traffic: Traffic {
            per_second: 300.0,
            peak_per_second: 300.0,
            warm_up_s: 0,
            counted_s: 20,
            even: true,
        },
        workers: Some(1),
        work_ns: 10_000_000,
        write_factor: 1.0,
        work_sigma: 0.0,
        wait_ns: 1_000_000_000,
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        ..MadeUp::default()
    };
    let mut run = run.play();
    run.counts.dropped_after_ns_min = Some(1_000_000_000);
    summarise(&run)
}

#[test]
fn percentile_that_dropped_arrivals_could_move_is_not_met() {
    let rules = [
        "p90 < 10s",
        "p90 < 900ms",
        "p10 < 10s",
        "mean < 10s",
        "max < 10s",
        "p90 > 900ms",
        "service p90 < 10s",
    ];
    let summary = dropping(&rules);
    assert!(summary.arrivals.dropped * 2 > summary.arrivals.planned);
    let met: Vec<_> = summary.rules.iter().map(|rule| rule.met).collect();
    assert_eq!(
        met,
        [
            None,
            Some(false),
            Some(true),
            Some(true),
            None,
            Some(true),
            None
        ],
        "{:#?}",
        summary.rules
    );
    assert!(
        summary.rules[0]
            .why
            .contains("were not sent or not answered"),
        "{}",
        summary.rules[0].why
    );
    assert!(summary.rate_per_s.falls_short());
    assert!(summary.rate_per_s.sent < 150.0, "{:?}", summary.rate_per_s);
}

#[test]
fn dropped_arrivals_of_a_slow_service_are_errors() {
    let summary = dropping(&["errors < 1%"]);
    assert_eq!(
        verdict(&summary),
        (MeasurementVerdict::Valid, SloVerdict::Missed)
    );
    assert_eq!(summary.too_few_users, None);
}

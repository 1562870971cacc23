//! The stall oracle: figures of a service that stops for 2 of 20 seconds.

use tenfold_analysis::synthetic::MadeUp;
use tenfold_analysis::{MeasurementVerdict, charts, summarise};

fn seconds(ns: Option<u64>) -> f64 {
    ns.expect("enough samples") as f64 / 1e9
}

#[test]
fn stall_matches_closed_form() {
    let run = MadeUp::stall_oracle().play();
    let summary = summarise(&run);
    let response = &summary.latency_ns.response;
    for (quantile, measured) in [(0.95, response.p95), (0.99, response.p99)] {
        let closed_form = 2.0 * (1.0 - (1.0 - quantile) / 0.1);
        let measured = seconds(measured);
        assert!(
            (measured / closed_form - 1.0).abs() < 0.02,
            "{quantile}: {measured}"
        );
    }
    let (p50, p90) = (seconds(response.p50), seconds(response.p90));
    assert!(p50 < 0.0011 && p90 < 0.002, "{p50} {p90}");
    // All requests were sent on time, so the service caused the wait.
    assert_eq!(
        summary.verdict.measurement,
        MeasurementVerdict::Valid,
        "{:?}",
        summary.verdict
    );
    assert_eq!(summary.arrivals.planned, 20_000);
}

#[test]
fn percentile_curve_matches_closed_form() {
    let curve = charts(&MadeUp::stall_oracle().play()).response;
    for point in curve.points.iter().filter(|point| point.quantile > 0.91) {
        let closed_form = 2.0 * (1.0 - (1.0 - point.quantile) / 0.1);
        let measured = point.value_ns as f64 / 1e9;
        assert!(
            (measured - closed_form).abs() < 0.01,
            "{point:?} is not {closed_form}"
        );
    }
}

#[test]
fn reports_stalled_service() {
    let summary = summarise(&MadeUp::stall_oracle().play());
    let stall = summary
        .findings
        .iter()
        .find(|finding| finding.title.starts_with("The service stalled"));
    assert!(
        stall.is_some_and(|stall| stall.title.contains("2 s")),
        "{:?}",
        summary.findings
    );
}

#[test]
fn frozen_generator_is_not_blamed_on_service() {
    let frozen = MadeUp {
        stall_ns: None,
        freeze_ns: Some((8_000_000_000, 2_000_000_000)),
        ..MadeUp::stall_oracle()
    };
    let summary = summarise(&frozen.play());
    assert_eq!(summary.verdict.measurement, MeasurementVerdict::Invalid);
    assert!(
        summary.verdict.reasons[0].contains("generator was late"),
        "{:?}",
        summary.verdict
    );
    assert!(
        summary.latency_ns.service.p99 < Some(1_100_000),
        "the service took no longer"
    );
    assert!(
        summary.findings[0].title.contains("generator saturated"),
        "{:?}",
        summary.findings
    );
    assert!(
        summary
            .findings
            .iter()
            .all(|finding| !finding.title.starts_with("The service"))
    );
    assert!(summary.next.starts_with("Do not quote"));
}

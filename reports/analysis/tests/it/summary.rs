//! The summary as a public contract.

use proptest::prelude::*;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{Summary, charts, compare, summarise};

#[test]
fn json_has_all_public_fields() {
    let summary = summarise(&MadeUp::default().play());
    let json = serde_json::to_value(&summary).unwrap();
    for pointer in [
        "/version",
        "/scenario",
        "/seed",
        "/stage",
        "/target",
        "/verdict/measurement",
        "/verdict/slo",
        "/verdict/reasons",
        "/arrivals/planned",
        "/arrivals/sent",
        "/arrivals/completed",
        "/arrivals/failed",
        "/arrivals/dropped",
        "/rate_per_s/offered",
        "/rate_per_s/achieved",
        "/requests/0/name",
        "/requests/0/kind",
        "/requests/0/latency_ns/response/p50",
        "/requests/0/statuses/200",
        "/requests/0/failures",
        "/generator/cpu_us_per_request",
        "/generator/cores_used",
    ] {
        assert!(json.pointer(pointer).is_some(), "{pointer}");
    }
    for latency in ["response", "service", "lag"] {
        for field in [
            "count", "min", "mean", "p50", "p90", "p95", "p99", "p999", "max",
        ] {
            let pointer = format!("/latency_ns/{latency}/{field}");
            assert!(
                json.pointer(&pointer).is_some_and(|value| value.is_u64()),
                "{pointer}"
            );
        }
    }
    assert_eq!(json["version"], 1);
    assert_eq!(json["verdict"]["measurement"], "valid");
    let back: Summary = serde_json::from_value(json).unwrap();
    assert_eq!(back, summary);
}

#[test]
fn warm_up_is_sent_but_not_counted() {
    let run = MadeUp::default().play();
    let summary = summarise(&run);
    assert!(summary.warm_up.sent > 4_000);
    let all: u64 = run
        .counts
        .phases
        .iter()
        .flatten()
        .map(|counts| counts.sent)
        .sum();
    assert_eq!(summary.warm_up.sent + summary.arrivals.sent, all);
    assert_eq!(
        summary.latency_ns.response.count,
        summary.arrivals.completed
    );
}

#[test]
fn measured_shares_of_hot_keys_enclose_theory() {
    let summary = summarise(&MadeUp::default().play());
    for share in &summary.hot_keys[0].shares {
        let theory = share.theory.unwrap();
        // Seven intervals at 95%: allow twice their width.
        let reach = (share.interval_95[1] - share.interval_95[0]) + 1e-9;
        assert!((share.measured - theory).abs() <= reach, "{share:?}");
    }
}

#[test]
fn comparison_marks_different_questions() {
    let (mut first, second) = (
        MadeUp::default().play(),
        MadeUp {
            seed: 7,
            ..MadeUp::default()
        }
        .play(),
    );
    first.manifest.target = "http://elsewhere.example".to_owned();
    let mut second = second;
    second.manifest.seed = 7;
    let comparison = compare(&[first, second]);
    let named: Vec<(&str, bool)> = comparison
        .differences
        .iter()
        .map(|difference| (difference.what.as_str(), difference.different_question))
        .collect();
    assert_eq!(named, [("seed", true), ("target", false)]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn counts_of_any_run_add_up(
        seed: u64,
        per_second in 1.0_f64..400.0,
        workers in prop::option::of(1_usize..4),
        work_ns in 10_000_u64..40_000_000,
        failing in 0.0_f64..1.0,
        counted_s in 1_u64..8,
        warm_up_s in 0_u64..3,
    ) {
        let traffic =
            Traffic { per_second, peak_per_second: per_second, warm_up_s, counted_s, even: false };
        let run = MadeUp { seed, traffic, workers, work_ns, failing, ..MadeUp::default() }.play();
        let summary = summarise(&run);
        prop_assert!(summary.identities.iter().all(|i| i.holds != Some(false)), "{:?}", summary.identities);
        let by_request: u64 = summary.requests.iter().map(|request| request.arrivals.planned).sum();
        prop_assert_eq!(by_request, summary.arrivals.planned);
        prop_assert_eq!(
            summary.reads.arrivals.planned + summary.writes.arrivals.planned,
            summary.arrivals.planned
        );
        let response = &summary.latency_ns.response;
        let rising = [response.min, response.p50, response.p90, response.p95, response.p99, response.p999, response.max];
        let rising: Vec<u64> = rising.into_iter().flatten().collect();
        prop_assert!(rising.windows(2).all(|pair| pair[0] <= pair[1]));
        let heat = charts(&run).heat_map;
        let in_map: u64 = heat.columns.iter().flatten().sum();
        let warm: u64 = run.counts.phases[0].iter().map(|counts| counts.completed).sum();
        prop_assert_eq!(in_map, warm + summary.arrivals.completed);
    }
}

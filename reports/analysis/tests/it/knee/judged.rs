//! The outcome of a trial, from made-up runs of known services.

use tenfold_analysis::knee::{Outcome, judge_trial};
use tenfold_analysis::summarise;
use tenfold_analysis::synthetic::{MadeUp, Traffic};

/// Four workers of 10 ms answer 400/s.
fn trial(per_second: f64, rule: &str) -> MadeUp {
    MadeUp {
        traffic: Traffic {
            per_second,
            peak_per_second: per_second,
            warm_up_s: 2,
            counted_s: 15,
            even: false,
        },
        workers: Some(4),
        work_ns: 10_000_000,
        work_sigma: 0.0,
        write_factor: 1.0,
        rules: vec![rule.to_owned()],
        ..MadeUp::default()
    }
}

fn outcome(made_up: &MadeUp) -> Outcome {
    let run = made_up.play();
    judge_trial(&run, &summarise(&run))
}

#[test]
fn rate_below_capacity_is_sustained() {
    for seed in 0..10 {
        let made_up = MadeUp {
            seed,
            ..trial(300.0, "p99 < 200ms")
        };
        assert_eq!(outcome(&made_up), Outcome::Sustained, "{seed}");
    }
}

#[test]
fn low_rate_is_sustained_despite_requests_in_flight_at_the_end() {
    for seed in 0..10 {
        let made_up = MadeUp {
            seed,
            ..trial(20.0, "p90 < 200ms")
        };
        assert_eq!(outcome(&made_up), Outcome::Sustained, "{seed}");
    }
}

#[test]
fn rate_above_capacity_is_not_sustained() {
    for seed in 0..10 {
        let made_up = MadeUp {
            seed,
            ..trial(440.0, "p99 < 10s")
        };
        let Outcome::NotSustained { achieved } = outcome(&made_up) else {
            panic!("{seed}: {:?}", outcome(&made_up));
        };
        assert!((achieved - 400.0).abs() < 10.0, "{seed}: {achieved}");
    }
}

#[test]
fn missed_objective_is_not_sustained() {
    assert!(matches!(
        outcome(&trial(300.0, "p99 < 5ms")),
        Outcome::NotSustained { .. }
    ));
}

#[test]
fn objective_at_its_limit_is_undecided() {
    let run = trial(300.0, "p99 < 1s").play();
    let p99 = summarise(&run).latency_ns.response.p99.unwrap();
    let at_limit = format!("p99 < {}us", p99 / 1_000 + 1);
    assert_eq!(outcome(&trial(300.0, &at_limit)), Outcome::Undecided);
}

#[test]
fn failures_are_not_sustained() {
    let made_up = MadeUp {
        failing: 0.02,
        ..trial(300.0, "p99 < 200ms")
    };
    assert!(matches!(outcome(&made_up), Outcome::NotSustained { .. }));
}

#[test]
fn late_generator_is_not_measured() {
    let made_up = MadeUp {
        lag_ns: 60_000_000,
        ..trial(200.0, "p99 < 200ms")
    };
    assert_eq!(outcome(&made_up), Outcome::NotMeasured);
}

#[test]
fn lag_does_not_excuse_a_service_that_is_slower_than_it() {
    let made_up = MadeUp {
        lag_ns: 60_000_000,
        work_ns: 300_000_000,
        workers: None,
        ..trial(200.0, "p99 < 200ms")
    };
    assert!(matches!(outcome(&made_up), Outcome::NotSustained { .. }));
}

//! Objectives: met, missed and not judged.

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{RuleResult, SloVerdict, summarise};
use tenfold_run_dir::Run;
use tenfold_run_dir::counts::Aborted;

fn judged(rules: &[&str], failing: f64) -> (SloVerdict, Vec<RuleResult>) {
    let summary = summarise(&played(rules, failing));
    (summary.verdict.slo, summary.rules)
}

fn played(rules: &[&str], failing: f64) -> Run {
    MadeUp {
        traffic: Traffic {
            per_second: 300.0,
            peak_per_second: 300.0,
            warm_up_s: 1,
            counted_s: 10,
            even: true,
        },
        workers: None,
        work_ns: 10_000_000,
        work_sigma: 0.0,
        lag_ns: 0,
        failing,
        rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
        ..MadeUp::default()
    }
    .play()
}

#[test]
fn objective_that_aborted_the_run_is_missed() {
    let mut run = played(&["rate > 90%", "p99 < 60ms, abort after 2s"], 0.0);
    let rules = summarise(&run).rules;
    assert_eq!(rules[1].text, "p99 < 60ms, abort after 2s");
    assert_eq!(rules[1].met, Some(true), "{}", rules[1].why);
    // Responses that arrived after the abort may have been fast.
    run.counts.aborted = Some(Aborted {
        rule: 1,
        at_ns: 4_000_300_000,
        measured: 71e6,
        samples: 1_234,
    });
    let summary = summarise(&run);
    assert_eq!(summary.verdict.slo, SloVerdict::Missed);
    assert_eq!(
        (summary.rules[0].met, summary.rules[1].met),
        (Some(true), Some(false))
    );
    assert!(
        summary.rules[1]
            .why
            .starts_with("aborted the run at 4 s, with 71.0 ms over 1,234 samples; at the end "),
        "{}",
        summary.rules[1].why
    );
}

#[test]
fn judges_each_metric_both_ways() {
    for (rule, met) in [
        ("p50 < 11ms", true),
        ("p50 < 9ms", false),
        ("p99 < 11ms for reads", true),
        ("p50 > 49ms for writes", true),
        ("p50 < 49ms for \"create post\"", false),
        ("service p90 < 11ms for \"read feed\"", true),
        ("mean < 11ms", true),
        ("mean < 10ms", false),
        ("max < 60ms", true),
        ("max < 40ms", false),
        ("rate > 99%", true),
        ("errors < 5%", true),
        ("errors < 0.1%", false),
    ] {
        let failing = if rule.starts_with("errors") {
            0.02
        } else {
            0.0
        };
        let (verdict, rules) = judged(&[rule], failing);
        assert_eq!(rules[0].met, Some(met), "{rule}: {}", rules[0].why);
        assert_eq!(
            verdict,
            if met {
                SloVerdict::Met
            } else {
                SloVerdict::Missed
            }
        );
        assert!(rules[0].measured.is_some() && rules[0].limit.is_some() && rules[0].count > 0);
    }
}

#[test]
fn too_few_samples_are_not_judged() {
    let (verdict, rules) = judged(&["p50 < 1s", "p99 < 1s for writes"], 0.0);
    assert_eq!((rules[0].met, rules[1].met), (Some(true), None));
    assert_eq!(verdict, SloVerdict::NotJudged);
    assert!(rules[1].why.contains("10 are needed"), "{}", rules[1].why);
}

#[test]
fn missed_objective_outweighs_unjudged_one() {
    let (verdict, _) = judged(&["p50 < 1ms", "p99 < 1s for writes"], 0.0);
    assert_eq!(verdict, SloVerdict::Missed);
}

#[test]
fn invalid_objective_is_not_judged() {
    let (verdict, rules) = judged(&["p99 is fine", "p99 < 1s for \"no such request\""], 0.0);
    assert_eq!(verdict, SloVerdict::NotJudged);
    assert!(
        rules
            .iter()
            .all(|rule| rule.met.is_none() && rule.why.starts_with("not judged: "))
    );
}

#[test]
fn finds_request_names_that_need_escaping() {
    let name = "read \\ \u{e9} <b>";
    let run = MadeUp {
        names: vec![name.to_owned(), "write".to_owned()],
        rules: vec![format!("p50 < 1s for \"{name}\"")],
        ..MadeUp::default()
    };
    let summary = summarise(&run.play());
    assert_eq!(summary.rules[0].met, Some(true), "{}", summary.rules[0].why);
}

#[test]
fn reports_value_close_to_its_limit() {
    let run = MadeUp {
        workers: None,
        rules: vec!["p90 < 720us".to_owned()],
        ..MadeUp::default()
    };
    let summary = summarise(&run.play());
    let [low, high] = summary.rules[0].interval_95.unwrap();
    let limit = (low + high) / 2.0;
    let run = MadeUp {
        workers: None,
        rules: vec![format!("p90 < {}us", (limit / 1e3).round())],
        ..MadeUp::default()
    };
    let summary = summarise(&run.play());
    assert!(
        summary.rules[0].why.contains("too close"),
        "{}",
        summary.rules[0].why
    );
}

#[test]
fn gaps_name_requests_without_latency_objective() {
    let gaps = |rules: &[&str]| summarise(&played(rules, 0.0)).objective_gaps;
    let of_one = gaps(&["p50 < 11ms for \"read feed\"", "errors < 5%", "rate > 90%"]);
    assert_eq!(of_one.unlimited, ["read post", "read user", "create post"]);
    assert!(of_one.slower_alone.is_empty());
    let of_reads = gaps(&["p50 < 11ms for reads"]);
    assert_eq!(of_reads.unlimited, ["create post"]);
    assert!(gaps(&["p50 < 60ms"]).is_empty());
    assert_eq!(gaps(&[]).unlimited.len(), 4);
}

#[test]
fn gaps_name_requests_that_miss_an_objective_alone() {
    // Reads take 10 ms, writes 50 ms; one request in a hundred is a write.
    let summary = summarise(&played(&["p50 < 20ms"], 0.0));
    assert_eq!(summary.verdict.slo, SloVerdict::Met);
    let [alone] = summary.objective_gaps.slower_alone.as_slice() else {
        panic!("{:?}", summary.objective_gaps)
    };
    assert_eq!(
        (alone.request.as_str(), alone.rule.as_str()),
        ("create post", "p50 < 20ms")
    );
    assert!(
        (45_000_000..=55_000_000).contains(&alone.value_ns),
        "{alone:?}"
    );
    // Too few writes for a p99, and an objective for one request is missed by itself.
    let summary = summarise(&played(
        &["p99 < 11ms for reads", "p90 < 60ms for writes"],
        0.0,
    ));
    assert!(
        summary.objective_gaps.is_empty(),
        "{:?}",
        summary.objective_gaps
    );
}

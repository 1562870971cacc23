//! The report of a ladder, and of the diagnosis and the search that each step has.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use tenfold_analysis::Confidence;
use tenfold_analysis::diagnosis::confirmation::{
    Component, ComponentKind, Confirmation, LeftOut, Window, Windows, confirm,
};
use tenfold_analysis::diagnosis::{
    Bottleneck, Diagnosis, DiagnosisReport, Gain, NextStep, Resource,
};
use tenfold_analysis::knee::{Answer, End, OutcomeName, SearchReport, TrialFigures, TrialReport};
use tenfold_analysis::ladder::{
    Gap, LadderReport, Outage, Prediction, Prices, Skipped, Step, VERSION,
};
use tenfold_reports::ladder::{digest, page};
use tenfold_run_dir::manifest::BoxInfo;

fn bottleneck() -> Bottleneck {
    Bottleneck {
        resource: Resource::BoxCpu,
        title: "The box `sql-1` is short of CPU: 0.198 of 0.2 cores are in use".to_owned(),
        place: Some("`sql-1`".to_owned()),
        part: None,
        short_box: Some("sql-1".to_owned()),
        evidence: vec!["sql-1: 0.198 of 0.2 cores".to_owned()],
        confidence: Confidence::High,
        expected_gain: Some(Gain {
            change: "Twice the CPU for `sql-1`".to_owned(),
            factor: [1.5, 1.8],
            because: "by the utilisation law, `web` is full then".to_owned(),
        }),
        next_step: NextStep {
            text: "Raise the CPU allowance (--box).".to_owned(),
            topic: "processor".to_owned(),
        },
    }
}

fn step(name: &str, rate: Option<f64>, compared_with: Option<usize>) -> Step {
    Step {
        name: name.to_owned(),
        change: "A change.".to_owned(),
        reason: compared_with.map(|_| "The box is short of CPU".to_owned()),
        directory: format!("01-{name}").into(),
        compared_with,
        prediction: compared_with.map(|_| Prediction {
            factor: [1.9, 2.0],
            because: "by the utilisation law".to_owned(),
        }),
        stage: Some(name.to_owned()),
        boxes: vec![BoxInfo {
            name: "web".to_owned(),
            cpu: Some(0.2),
            memory_bytes: Some(1 << 29),
        }],
        copies: None,
        price_month: None,
        ready_s: 2.04,
        sustained: rate,
        failed: rate.map(|rate| rate * 1.1),
        end: End::Confirmed,
        bottleneck: Some(bottleneck()),
        outages: vec![Outage {
            killed: "sql".to_owned(),
            directory: "01-one/without-sql".into(),
            rate: 300.0,
            gone_s: 5.0,
            planned: 6_000,
            lost: 60,
            without_reads: Some(Gap {
                seconds: 0.0,
                is_open: false,
            }),
            without_writes: Some(Gap {
                seconds: 6.0,
                is_open: true,
            }),
            error: None,
        }],
    }
}

/// A ladder of three steps, the last of which sustains nothing.
pub(crate) fn ladder() -> LadderReport {
    LadderReport {
        version: VERSION,
        scenario: "uneven".to_owned(),
        rules: vec!["p99 < 50ms for reads".to_owned()],
        started_at: "2026-11-29T10:00:00Z".to_owned(),
        settings: Vec::new(),
        finished: true,
        ended_because: None,
        requests_per_user: Some(10_100.0),
        prices: Some(Prices {
            date: "2026-03".to_owned(),
            source: "A cloud".to_owned(),
            currency: "USD".to_owned(),
            cpu_hour: 0.04,
            gib_hour: 0.004,
        }),
        steps: vec![
            step("one", Some(600.0), None),
            step("two", Some(1_150.0), Some(0)),
            step("three", None, Some(1)),
        ],
        skipped: vec![Skipped {
            name: "cached".to_owned(),
            because: "could not find haproxy".to_owned(),
        }],
    }
}

/// A diagnosis with two trials and one experiment.
pub(crate) fn diagnosis() -> DiagnosisReport {
    let trial = |rate: f64| TrialReport {
        directory: format!("trial-{rate}").into(),
        rate,
        duration_s: 4.0,
        after_overload: false,
        outcome: OutcomeName::Sustained,
        figures: TrialFigures {
            achieved: rate,
            goodput: Some(rate),
            lost: 0.0,
            p50_ns: Some(1_000_000),
            p99_ns: Some(20_000_000),
            service_cores: Some(0.2),
            generator_cores: 0.1,
            finding: None,
            not_judged: Vec::new(),
        },
    };
    DiagnosisReport {
        confirmation: None,
        version: 1,
        interrupted: false,
        diagnosis: Diagnosis {
            sustained: Some(600.0),
            failed: Some(660.0),
            bottlenecks: vec![bottleneck()],
        },
        experiments: vec![trial(200.0)],
        search: SearchReport {
            version: 1,
            scenario: "uneven".to_owned(),
            target: "http://127.0.0.1:1".to_owned(),
            rules: vec!["p99 < 50ms".to_owned()],
            answer: Answer {
                sustained: Some(600.0),
                failed: Some(660.0),
                passes: 2,
                failures: 2,
                end: End::Confirmed,
                hysteresis: None,
                trials: Vec::new(),
            },
            limit: None,
            not_judged: Vec::new(),
            loads: Vec::new(),
            trials: vec![trial(300.0), trial(600.0)],
        },
    }
}

/// A diagnosis that an experiment confirms.
pub(crate) fn confirmed_diagnosis() -> DiagnosisReport {
    let window = |component: Option<&str>, slowdown: f64, answered: f64| Window {
        component: component.map(str::to_owned),
        slowdown,
        answered,
        response_ns: Some(5e8 / answered),
    };
    let store = Component {
        name: "store.list".to_owned(),
        kind: ComponentKind::Wait,
        parts: vec!["sql".to_owned()],
        call_us: Some(212.5),
    };
    let windows: Vec<Window> = (0..12)
        .map(|second| match second % 6 {
            0 | 1 => window(None, 0.0, 600.0 + f64::from(second)),
            2 => window(Some("box sql"), 0.25, 480.0),
            3 => window(Some("box sql"), 0.5, 400.0),
            4 => window(Some("store.list"), 0.25, 604.0 - f64::from(second)),
            _ => window(Some("store.list"), 0.5, 598.0 + f64::from(second)),
        })
        .collect();
    let report = diagnosis();
    let windows = Windows {
        below: windows.clone(),
        above: windows,
    };
    let components = [store, Component::of_boxes("sql")];
    let cache = LeftOut {
        component: Component {
            name: "cache".to_owned(),
            kind: ComponentKind::Wait,
            parts: Vec::new(),
            call_us: None,
        },
        reason: "it is not called".to_owned(),
    };
    let confirmation = Confirmation {
        runs: report.experiments.clone(),
        ..confirm(&bottleneck(), &components, &[cache], windows)
    };
    DiagnosisReport {
        confirmation: Some(confirmation),
        ..report
    }
}

#[test]
fn terminal_has_every_step() {
    insta::assert_snapshot!(digest(&ladder()).terminal(false));
}

#[test]
fn page_tells_the_story() {
    let page = page(&ladder()).html();
    for expected in [
        "From 600/s to 1,150/s in 3 steps",
        "280k users",
        "1.74 to 2.11 times",
        "predicted: 1.90 to 2.00 times",
        "1.00% of the requests were lost",
        "at least 6 s without an answered write",
        "./01-two/report.html",
        "./01-one/without-sql/report.html",
        "could not find haproxy",
        "It was not measured",
    ] {
        assert!(page.contains(expected), "{expected} is missing");
    }
    assert!(!page.contains("NaN") && !page.contains("inf"), "{page}");
}

#[test]
fn empty_ladder_says_so() {
    let mut ladder = ladder();
    ladder.steps.clear();
    ladder.finished = false;
    ladder.ended_because = Some("the budget was over".to_owned());
    let text = digest(&ladder).terminal(false);
    assert!(text.contains("No step sustained any rate"), "{text}");
    assert!(text.contains("the budget was over"), "{text}");
    assert!(page(&ladder).html().contains("Too little was measured"));
}

#[test]
fn three_numbers_of_copies_are_fitted() {
    let mut ladder = ladder();
    for (step, copies, rate) in [(0, 1, 100.0), (1, 2, 180.0), (2, 4, 260.0)] {
        let step = &mut ladder.steps[step];
        step.copies = Some(copies);
        step.sustained = Some(rate);
        step.failed = Some(rate * 1.02);
    }
    let page = page(&ladder).html();
    assert!(page.contains("Capacity by the number of copies"));
    assert!(page.contains("contention") && page.contains("by the law"));
    ladder.steps[0].copies = None;
    assert!(
        !tenfold_reports::ladder::page(&ladder)
            .html()
            .contains("by the law")
    );
}

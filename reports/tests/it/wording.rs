//! Wording of the reports that have no module of their own, for review in one place.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::time::SystemTime;

use tenfold_analysis::knee::{End, Hysteresis};
use tenfold_analysis::plan::{BoxCapacity, Plan, Traffic};
use tenfold_analysis::synthetic::MadeUp;
use tenfold_analysis::{compare, merge, summarise};
use tenfold_reports::comparison::comparison;
use tenfold_reports::index::{self, Index};
use tenfold_reports::{diagnosis, knee, plan, run};
use tenfold_run_dir::{RunDir, TargetMetrics, merge_intervals};

use crate::ladder::{
    confirmed_diagnosis, diagnosis as made_up_diagnosis, ladder as made_up_ladder,
};
use crate::support::{full, list_of};

#[test]
fn knee() {
    let mut report = made_up_diagnosis().search;
    report.limit = Some("the box `sql-1` is short of CPU".to_owned());
    report.not_judged = vec!["p99.9 < 80ms".to_owned()];
    report.answer.hysteresis = Some(Hysteresis {
        sustained_from_below: 600.0,
        failed_from_above: 540.0,
    });
    insta::assert_snapshot!("knee", knee::page(&report).terminal(false));
    insta::assert_snapshot!("knee_digest", knee::digest(&report).terminal(false));
}

#[test]
fn knee_by_end_of_the_search() {
    let mut sentences = String::new();
    for end in [
        End::Confirmed,
        End::LowestRate,
        End::HighestRate,
        End::Generator,
        End::OutOfTime,
        End::Stopped,
    ] {
        let mut report = made_up_diagnosis().search;
        report.answer.end = end;
        sentences.push_str(&knee::digest(&report).terminal(false));
        sentences.push('\n');
    }
    insta::assert_snapshot!(sentences);
}

#[test]
fn diagnosis_with_and_without_a_bottleneck() {
    let mut report = made_up_diagnosis();
    insta::assert_snapshot!("diagnosis", diagnosis::page(&report).terminal(false));
    insta::assert_snapshot!(
        "diagnosis_digest",
        diagnosis::digest(&report).terminal(false)
    );
    insta::assert_snapshot!(
        "diagnosis_confirmed",
        diagnosis::page(&confirmed_diagnosis()).terminal(false)
    );
    report.diagnosis.bottlenecks.clear();
    insta::assert_snapshot!("diagnosis_empty", diagnosis::page(&report).terminal(false));
}

#[test]
fn comparison_of_runs() {
    let (mut full, mut other) = (full(), MadeUp::default().play());
    full.path = "runs/full".into();
    other.path = "runs/other".into();
    let same = comparison(&compare(&[other.clone(), other.clone()]));
    insta::assert_snapshot!("comparison_same", same.terminal(false));
    let differs = comparison(&compare(&[other, full]));
    insta::assert_snapshot!("comparison", differs.terminal(false));
}

#[test]
fn merged_runs() {
    let parts = [1, 2].map(|seed| {
        let made_up = MadeUp {
            seed,
            ..MadeUp::default()
        };
        let (mut part, log) = made_up.play_with_log();
        part.path = format!("runs/{seed}").into();
        // A service that two generators load counts the requests of both.
        part.counts.server_counter = None;
        part.metrics = TargetMetrics::default();
        (part, log)
    });
    let (parts, logs): (Vec<_>, Vec<_>) = parts.into_iter().unzip();
    let logs = logs.into_iter().map(|log| log.into_iter().map(Ok));
    let directory = tempfile::tempdir().unwrap();
    let merged = RunDir::create(directory.path())
        .unwrap()
        .write_merged(
            merge(&parts).unwrap(),
            &parts,
            merge_intervals(logs),
            SystemTime::UNIX_EPOCH,
        )
        .unwrap();
    let document = run::digest(&summarise(&merged));
    insta::assert_snapshot!("merged", document.terminal(false));
    insta::assert_snapshot!("merged_markdown", document.markdown());
}

#[test]
fn plan_with_fleets() {
    let traffic = Traffic {
        users: 1e7,
        writes_per_month: 1e9,
        reads_per_month: 1e11,
        bytes_per_write: 1e3,
        bytes_per_read: 1e3,
        years: 3.0,
        peak: 2.0,
    };
    let capacity = BoxCapacity {
        sustained: 5_000.0,
        utilisation: 0.6,
        zones: 3,
    };
    let mut planned = Plan::of(traffic, Some(capacity)).unwrap();
    planned.fleets = made_up_ladder().fleets(&traffic, 0.6, 3).unwrap();
    insta::assert_snapshot!(plan::page(&planned).terminal(false));
}

#[test]
fn index_of_runs() {
    let list = list_of(&[&full(), &MadeUp::default().play()]);
    insta::assert_snapshot!("index", index::page(&list).terminal(false));
    let empty = index::page(&Index::default());
    insta::assert_snapshot!("index_empty", empty.terminal(false));
}

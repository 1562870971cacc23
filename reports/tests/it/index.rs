//! The index of runs.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;
use std::time::SystemTime;

use tenfold_analysis::summarise;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_reports::index::{page, read};
use tenfold_run_dir::RunDir;

/// Writes a run into a directory; with its summary and report if `reported` is set.
fn write(directory: &Path, seed: u64, started_at: &str, reported: bool) {
    let made_up = MadeUp {
        seed,
        traffic: Traffic {
            per_second: 300.0,
            peak_per_second: 300.0,
            warm_up_s: 1,
            counted_s: 6,
            even: false,
        },
        rules: vec![format!("p50 < {}", if seed == 1 { "1us" } else { "1s" })],
        ..MadeUp::default()
    };
    let (mut run, intervals) = made_up.play_with_log();
    run.manifest.started_at = started_at.to_owned();
    run.manifest.scenario = format!("<b>run {seed}</b>");
    let run_dir = RunDir::create(directory).unwrap();
    let intervals = intervals.into_iter().map(Ok);
    let run = run_dir
        .write_merged(run, &[], intervals, SystemTime::UNIX_EPOCH)
        .unwrap();
    if reported {
        run_dir
            .write_json("summary.json", &summarise(&run))
            .unwrap();
        run_dir
            .write_bytes("report.html", b"<p>report</p>")
            .unwrap();
    }
}

#[test]
fn lists_all_runs_with_links() {
    let root = tempfile::tempdir().unwrap();
    let at = |name: &str| root.path().join(name);
    write(&at("old run"), 1, "2026-01-01T00:00:00Z", true);
    write(&at("nested/new"), 2, "2026-03-01T00:00:00Z", false);
    std::fs::create_dir_all(at("broken")).unwrap();
    for name in ["manifest.json", "counts.json"] {
        std::fs::write(at("broken").join(name), "{").unwrap();
    }
    let index = read(root.path(), root.path()).unwrap();
    let listed: Vec<(&str, Option<&str>)> = index
        .runs
        .iter()
        .map(|run| (run.path.as_str(), run.link.as_deref()))
        .collect();
    let expected = [
        ("nested/new", None),
        ("old run", Some("./old%20run/report.html")),
    ];
    assert_eq!(listed, expected);
    assert_eq!(index.unreadable.len(), 1, "{:?}", index.unreadable);
    assert!(index.runs.iter().all(|run| run.achieved.len() >= 6));
    let document = page(&index);
    assert_eq!(document.title, "2 runs");
    assert_eq!(
        document.lead,
        "Objectives met in 1, missed in 1, not judged in 0."
    );
    let html = document.html();
    assert!(
        html.contains("<a href=\"./old%20run/report.html\">old run</a>"),
        "{html}"
    );
    assert_eq!(html.matches("<svg class=\"spark\"").count(), 2);
    assert!(html.contains("&lt;b&gt;run 1") && !html.contains("<b>run"));
    let text = document.terminal(false);
    assert!(
        text.contains("nested/new") && text.contains("Objectives missed"),
        "{text}"
    );
    // A page elsewhere has no links, which would lead astray.
    let elsewhere = tempfile::tempdir().unwrap();
    let index = read(root.path(), elsewhere.path()).unwrap();
    assert!(index.runs.iter().all(|run| run.link.is_none()));
}

#[test]
fn empty_directory_has_no_runs() {
    let root = tempfile::tempdir().unwrap();
    let document = page(&read(root.path(), root.path()).unwrap());
    assert_eq!(document.title, "No runs");
    document.html();
    assert!(read(&root.path().join("absent"), root.path()).is_err());
}

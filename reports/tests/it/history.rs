//! The report of a history.

use std::collections::BTreeMap;

use tenfold_analysis::gate::GateOutcome;
use tenfold_analysis::history::{HistoryEntry, Parsed, parse, trends};
use tenfold_analysis::synthetic::MadeUpGate;
use tenfold_reports::export::json;
use tenfold_reports::history::{History, digest, page};
use tenfold_stats::ChangePointSettings;

/// Returns 24 gates. From the 16th on, CPU time is 10% higher.
fn history() -> String {
    let mut text = String::new();
    for number in 0..24_u64 {
        let made_up = MadeUpGate {
            cpu: if number < 15 { 0.0 } else { 0.1 },
            seed: number,
            rounds: 16,
            ..MadeUpGate::default()
        };
        let mut outcome: GateOutcome = made_up.play();
        outcome.started_at = format!("2026-03-{:02}T12:00:00Z", number + 1);
        outcome.builds.candidate.revision = Some(format!("{number:07x}"));
        let line = HistoryEntry::of_gate(&outcome).line();
        text.push_str(&line.expect("an entry is a line"));
    }
    text
}

fn parsed() -> Parsed {
    let history = history();
    let torn = &history[..50];
    parse(&format!("{history}{torn}"))
}

#[test]
fn reports_a_step_with_its_revision() {
    let parsed = parsed();
    let found = trends(&parsed.entries, &ChangePointSettings::default());
    let text = digest(&found, &parsed.problems).terminal(false);
    insta::assert_snapshot!(text);
    let html = page(&found, &parsed.problems).html();
    assert!(
        html.contains("000000e..000000f") && html.contains("Line 25 is truncated"),
        "{text}"
    );
    assert_eq!(
        html.matches("<svg class=\"chart").count(),
        8,
        "four metrics, wide and narrow"
    );
    // The page's own script.
    assert_eq!(html.matches("<script").count(), 1);
    assert!(!html.contains("NaN"));
    let document = json::render(&History {
        history: &found,
        problems: &parsed.problems,
    })
    .unwrap();
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let cpu = &document["history"]["trends"][0];
    assert_eq!(cpu["metric"], "cpu per request");
    assert_eq!(cpu["changes"][0]["index"], 15);
    assert_eq!(document["problems"][0]["line"], 25);
}

#[test]
fn reports_short_histories() {
    let history = history();
    let few: String = history.split_inclusive('\n').take(4).collect();
    let found = trends(&parse(&few).entries, &ChangePointSettings::default());
    let text = digest(&found, &[]).terminal(false);
    assert!(
        text.ends_with("The history is too short to detect a change.\n"),
        "{text}"
    );
    assert!(text.contains("4 values are too few to detect a change; 10 are needed"));
}

#[test]
fn renders_an_empty_history() {
    let found = trends(&[], &ChangePointSettings::default());
    assert!(
        digest(&found, &[])
            .terminal(true)
            .contains("No change in 0 series")
    );
    assert!(page(&found, &[]).html().contains("No change"));
}

#[test]
fn escapes_text_of_the_history() {
    let hostile = "<script>alert(1)</script>\u{1b}[2J";
    let mut entry = HistoryEntry::of_gate(&MadeUpGate::default().play());
    entry.scenario = hostile.to_owned();
    entry.machine = hostile.to_owned();
    entry.label = hostile.to_owned();
    entry.revision = Some(hostile.to_owned());
    entry.metrics = entry
        .metrics
        .into_iter()
        .map(|(name, mut metric)| {
            metric.unit = hostile.to_owned();
            (format!("{hostile}{name}"), metric)
        })
        .collect::<BTreeMap<_, _>>();
    let found = trends(&[entry], &ChangePointSettings::default());
    assert!(!digest(&found, &[]).terminal(false).contains('\u{1b}'));
    assert_eq!(page(&found, &[]).html().matches("<script").count(), 1);
}

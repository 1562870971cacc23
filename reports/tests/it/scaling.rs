//! How the boxes of a stage followed the load, in reports.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use tenfold_analysis::summarise;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_reports::run::{digest, page};
use tenfold_run_dir::Run;
use tenfold_run_dir::faults::{AcknowledgedWrites, Fault, Faults};
use tenfold_run_dir::incident::Incident;
use tenfold_run_dir::scaling::{ScaledGroup, Scaling};

const LOG: &str = r#"
{"at_unix_ms":26000,"group":"app","event":"desired","count":4,"reason":"cpu needs 3.4 boxes, so 4"}
{"at_unix_ms":27000,"group":"app","event":"wish","count":4,"reason":"cpu needs 3.4 boxes, so 4"}
{"at_unix_ms":27020,"group":"app","event":"start","box":"app-3"}
{"at_unix_ms":27050,"group":"app","event":"start","box":"app-4"}
{"at_unix_ms":28000,"group":"app","event":"ready","box":"app-3"}
{"at_unix_ms":28100,"group":"app","event":"ready","box":"app-4"}
{"at_unix_ms":28500,"group":"app","event":"first_request","box":"app-3"}
{"at_unix_ms":28700,"group":"app","event":"first_request","box":"app-4"}
{"at_unix_ms":50000,"group":"app","event":"drain","box":"app-4"}
"#;

/// Returns a run whose load peaks in the middle, with a log of a group.
fn run(log: &str) -> Run {
    let mut run = MadeUp {
        traffic: Traffic {
            per_second: 300.0,
            peak_per_second: 1_200.0,
            warm_up_s: 5,
            counted_s: 55,
            even: true,
        },
        rules: vec!["p99 < 250ms".to_owned()],
        stall_ns: Some((27_000_000_000, 2_000_000_000)),
        ..MadeUp::default()
    }
    .play();
    let group = |name: &str| ScaledGroup {
        name: name.to_owned(),
        wish: Some(2),
        ready: 2,
        min_replicas: 2,
        max_replicas: 6,
    };
    run.scaling = Scaling {
        groups: vec![group("app"), group("web")],
        events: Vec::new(),
    };
    run.scaling.add_log(log.trim(), 0, 0);
    run
}

#[test]
fn terminal_has_delays() {
    let text = digest(&summarise(&run(LOG))).terminal(false);
    let from = text.find("  more boxes").unwrap();
    let lines: Vec<&str> = text[from..].lines().take(2).collect();
    insta::assert_snapshot!(lines.join("\n"));
}

#[test]
fn section_has_delays_and_what_users_saw() {
    let run = run(LOG);
    let markdown = page(&run, &summarise(&run)).markdown();
    let from = markdown.find("## How the boxes followed the load").unwrap();
    let to = markdown[from + 5..].find("\n## ").unwrap();
    insta::assert_snapshot!(&markdown[from..from + 5 + to]);
}

#[test]
fn page_draws_load_boxes_and_response_time() {
    let run = run(LOG);
    let html = page(&run, &summarise(&run)).html();
    for id in ["scaling-load", "scaling-boxes", "scaling-response"] {
        assert_eq!(
            html.matches(&format!("id=\"{id}-wide-t\"")).count(),
            1,
            "{id}"
        );
    }
    assert!(!html.contains("NaN"));
}

#[test]
fn run_without_groups_has_no_section() {
    let mut plain = run("");
    assert!(
        page(&plain, &summarise(&plain))
            .markdown()
            .contains("No group asked")
    );
    plain.scaling = Scaling::default();
    let summary = summarise(&plain);
    assert!(
        !page(&plain, &summary)
            .markdown()
            .contains("followed the load")
    );
    assert!(!digest(&summary).terminal(false).contains("more boxes"));
}

#[test]
fn reports_list_incidents() {
    let mut run = run(LOG);
    assert!(
        !page(&run, &summarise(&run))
            .markdown()
            .contains("Incidents")
    );
    run.incidents = vec![Incident {
        alert: "ZoneLost".to_owned(),
        labels: [("zone".to_owned(), "a".to_owned())].into(),
        summary: Some("no box of zone a is ready".to_owned()),
        runbook: Some("docs/runbooks/zone-lost.md".to_owned()),
        fired_ns: 12_300_000_000,
        resolved_ns: None,
    }];
    let summary = summarise(&run);
    let markdown = page(&run, &summary).markdown();
    let row = "| ZoneLost: zone a |   12.3 s | until the end | no box of zone a is ready | docs/runbooks/zone-lost.md |";
    assert!(markdown.contains(row), "{markdown}");
    assert!(
        digest(&summary)
            .terminal(false)
            .contains("ZoneLost: zone a")
    );
}

#[test]
fn reports_list_faults() {
    let mut run = run("");
    let fault = Fault {
        victim: "zone-a".to_owned(),
        boxes: vec!["web-1".to_owned()],
        at_ns: 27_000_000_000,
        repaired_ns: Some(37_000_000_000),
        up_ns: Some(41_500_000_000),
        error: None,
    };
    run.faults = Some(Faults {
        seed: 7,
        faults: vec![fault],
        writes: Some(AcknowledgedWrites {
            count: 1_234,
            lost: Vec::new(),
            unread: 0,
        }),
    });
    let summary = summarise(&run);
    let markdown = page(&run, &summary).markdown();
    assert!(
        markdown.contains("1,234 writes were acknowledged; none was lost."),
        "{markdown}"
    );
    assert!(markdown.contains("| zone-a |"), "{markdown}");
    assert!(markdown.contains("after 14.5 s"), "{markdown}");
    let text = digest(&summary).terminal(false);
    assert!(text.contains("zone-a"), "{text}");
}

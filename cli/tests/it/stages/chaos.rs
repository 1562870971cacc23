//! `tenfold lab chaos` on real components: parts fail under load, and no acknowledged write is lost.

use super::stage::{Stage, lacks};

/// Programs of the stage.
const PROGRAMS: &[&str] = &[
    "mariadbd",
    "mariabackup",
    "garbd",
    "haproxy",
    "nginx",
    "s3s-fs",
    "socat",
];

#[test]
fn chaos_loses_no_acknowledged_write() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Stage::up("balanced", &[]);
    let arguments = [
        "--every", "8s", "--for", "28s", "--seed", "7", "--out", "chaos",
    ];
    let mut all = vec!["lab", "chaos", "--json"];
    all.extend(arguments);
    let ended = stage.place.run(&all).expect(0);
    let summary = ended.json();
    let faults = &summary["faults"];
    let writes = &faults["writes"];
    println!("{faults:#}");
    assert!(writes["count"].as_u64().unwrap() > 50, "{writes}");
    assert_eq!(writes["lost"].as_array().map(Vec::len), Some(0), "{writes}");
    assert_eq!(writes["unread"], 0, "{writes}");
    let broken = faults["faults"].as_array().unwrap();
    // Later ones may be skipped on a busy machine: a repair took longer than the time to the next.
    assert!(!broken.is_empty());
    for own in broken {
        let fault = &own["fault"];
        assert!(fault["error"].is_null(), "{fault}");
        assert!(fault["up_ns"].as_u64() > fault["at_ns"].as_u64(), "{fault}");
        assert!(own["ended"].as_u64().unwrap() > 0, "{own}");
    }
    let report = std::fs::read_to_string(stage.place.path("chaos/report.html")).unwrap();
    assert!(report.contains("id=\"faults\""), "the report lists faults");
    // Everything is up again.
    let status = stage
        .place
        .run(&["lab", "status", "--json"])
        .expect(0)
        .json();
    for own in status["boxes"].as_array().unwrap() {
        assert_eq!(own["state"], "up", "{own}");
    }
}

#[test]
fn chaos_needs_a_lab_and_time() {
    let place = crate::support::Workplace::new();
    let ended = place.run(&["lab", "chaos"]).expect(107);
    assert!(ended.stderr.contains("no lab"), "{}", ended.stderr);
}

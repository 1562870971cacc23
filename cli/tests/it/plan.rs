//! The back of the envelope.

use crate::support::Workplace;

#[test]
fn reproduces_the_arithmetic_of_ten_million_users() {
    let place = Workplace::new();
    let plan = [
        "plan",
        "--users",
        "10M",
        "--writes",
        "1G/month",
        "--reads",
        "100G/month",
        "--bytes",
        "1KB",
    ];
    let ended = place.run(&plan).expect(0);
    for part in ["400/s", "40,000/s", "1 TB", "36 TB", "400 KB/s", "40 MB/s"] {
        assert!(ended.stdout.contains(part), "{part} in\n{}", ended.stdout);
    }
    let json = place
        .run(&[&plan[..], &["--json"]].concat())
        .expect(0)
        .json();
    assert_eq!(json["quantities"][0]["value"], 400.0);
}

#[test]
fn counts_boxes_from_a_knee_and_refuses_other_files() {
    let place = Workplace::new();
    place.write("other.json", "{}");
    let ended = place.run(&["plan", "--knee", "other.json"]).expect(104);
    assert!(
        ended.stderr.contains("is no answer of `tenfold knee`"),
        "{}",
        ended.stderr
    );
    place.write(
        "knee.json",
        r#"{"version": 1, "scenario": "s", "target": "t", "rules": [], "limit": null, "not_judged": [], "trials": [],
            "answer": {"sustained": 5000.0, "failed": 5200.0, "passes": 2, "failures": 2, "end": "confirmed",
                       "hysteresis": null}}"#,
    );
    let ended = place
        .run(&["plan", "--knee", "knee.json", "--zones", "3"])
        .expect(0);
    // 80,800/s at the peak by 3,000/s are 27: 14 in each of three zones.
    let row = ended
        .stdout
        .lines()
        .find(|line| line.trim_start().starts_with("boxes"));
    assert!(
        row.is_some_and(|row| row.contains("42")),
        "{}",
        ended.stdout
    );
    let ended = place.run(&["plan", "--users", "many"]).expect(104);
    assert!(
        ended.stderr.contains("is not a number such as"),
        "{}",
        ended.stderr
    );
}

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
    for (flags, reason) in [
        (
            &["--peak", "1e300"][..],
            "the peak needs more than 10 million boxes of the service",
        ),
        (&["--utilisation", "1e-300"], "more than 10 million boxes"),
        (
            &["--peak", "1e308", "--writes", "1T/s"],
            "`at the peak` is too large",
        ),
        (&["--years", "1e308"], "`content kept` is too large"),
    ] {
        let plan = ["plan", "--knee", "knee.json"];
        let ended = place.run(&[&plan[..], flags].concat()).expect(104);
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    }
    let ended = place.run(&["plan", "--users", "many"]).expect(104);
    assert!(
        ended.stderr.contains("is not a number such as"),
        "{}",
        ended.stderr
    );
}

#[test]
fn adds_a_fleet_for_each_step_of_a_ladder() {
    let place = Workplace::new();
    place.write(
        "ladder.json",
        r#"{"version": 1, "scenario": "s", "rules": [], "started_at": "", "settings": [], "finished": true,
            "requests_per_user": 10100, "skipped": [],
            "prices": {"date": "2026-03", "source": "", "currency": "USD", "cpu_hour": 0.04, "gib_hour": 0.005},
            "steps": [{"name": "one", "change": "", "directory": "01-one", "compared_with": null, "ready_s": 1.0,
                       "boxes": [{"name": "app-1", "cpu": 0.5, "memory_bytes": 1073741824}, {"name": "app-2", "cpu": 0.5, "memory_bytes": 1073741824}],
                       "sustained": 5000.0, "failed": 5200.0, "end": "confirmed", "bottleneck": null}]}"#,
    );
    let plan = ["plan", "--ladder", "ladder.json", "--zones", "3", "--json"];
    let json = place.run(&plan).expect(0).json();
    let fleet = &json["fleets"][0];
    // 80,800/s at the peak by 3,000/s are 27: 14 in each of three zones.
    assert_eq!(fleet["copies"], 42);
    assert_eq!(fleet["boxes"]["app"], 84);
    // A core at 0.04 and 2 GiB at 0.005 for 730 hours.
    let price = fleet["price_month"].as_f64().unwrap();
    assert!((price - 42.0 * 36.5).abs() < 1e-6, "{price}");
    let ended = place.run(&plan[..3]).expect(0);
    assert!(ended.stdout.contains("108 app"), "{}", ended.stdout);
    let ended = place
        .run(&["plan", "--ladder", "ladder.json", "--peak", "1e300"])
        .expect(104);
    assert!(
        ended.stderr.contains("more than 10 million boxes"),
        "{}",
        ended.stderr
    );
    place.write("other.json", "{}");
    let ended = place.run(&["plan", "--ladder", "other.json"]).expect(104);
    assert!(
        ended.stderr.contains("is no result of `tenfold ladder`"),
        "{}",
        ended.stderr
    );
}

#[test]
fn latencies_of_this_machine_stand_beside_rules_of_thumb() {
    let place = Workplace::new();
    let json = place.run(&["plan", "--latency", "--json"]).expect(0).json();
    let latencies = json["latencies"].as_array().unwrap();
    let of = |operation: &str| {
        let mut all = latencies.iter();
        all.find(|own| own["operation"] == operation)
            .unwrap_or_else(|| panic!("{operation} in {latencies:?}"))
    };
    for operation in ["memory", "loopback", "redis", "sql"] {
        let own = of(operation);
        assert!(own["missing"].is_null(), "{own}");
        assert!(own["median_ns"].as_u64().unwrap() > 100, "{own}");
        assert!(own["count"].as_u64().unwrap() > 50, "{own}");
    }
    assert_eq!(of("memory")["rule_of_thumb_ns"], 250_000);
    // A file system in memory has no disk, and says so.
    let disk = latencies.iter().find(|own| {
        ["solid_state", "rotating", "disk"]
            .iter()
            .any(|kind| own["operation"] == *kind)
    });
    let disk = disk.unwrap();
    assert!(
        disk["median_ns"].as_u64() > Some(10_000) || disk["missing"].is_string(),
        "{disk}"
    );
    let left: Vec<_> = std::fs::read_dir(place.path(".")).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}

#[test]
fn a_step_without_runs_is_not_simulated() {
    let place = Workplace::new();
    place.write(
        "ladder.json",
        r#"{"version": 1, "scenario": "s", "rules": [], "started_at": "", "settings": [], "finished": true,
            "requests_per_user": 10100, "skipped": [], "prices": null,
            "steps": [{"name": "one", "change": "", "directory": "01-one", "compared_with": null, "ready_s": 1.0,
                       "sustained": 5000.0, "failed": 5200.0, "end": "confirmed", "bottleneck": null}]}"#,
    );
    let plan = ["plan", "--ladder", "ladder.json", "--simulate"];
    let ended = place.run(&plan).expect(0);
    assert!(
        ended.stdout.contains("one: not simulated: could not read"),
        "{}",
        ended.stdout
    );
    let json = place
        .run(&[&plan[..], &["--json"]].concat())
        .expect(0)
        .json();
    let simulated = &json["simulations"][0];
    assert_eq!(simulated["step"], "one");
    assert!(
        simulated["error"]
            .as_str()
            .unwrap()
            .contains("diagnosis.json")
    );
    assert!(simulated["knee"].is_null());
    let ended = place.run(&["plan", "--simulate"]).expect(104);
    assert!(ended.stderr.contains("--ladder"), "{}", ended.stderr);
    // A hop is between boxes of a simulated fleet.
    for flags in [
        &["--hop", "500us"][..],
        &["--ladder", "ladder.json", "--hop", "500us"],
    ] {
        let ended = place.run(&[&["plan"][..], flags].concat()).expect(104);
        assert!(ended.stderr.contains("--simulate"), "{}", ended.stderr);
    }
    place
        .run(&[&plan[..], &["--hop", "500us"]].concat())
        .expect(0);
}

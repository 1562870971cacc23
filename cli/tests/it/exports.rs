//! Exports of `tenfold run`, `report` and `merge`.

use crate::support;

use support::{Workplace, light_scenario, read_json};

#[test]
fn exports_and_merges_runs_and_rejects_bad_ones() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "2s"));
    let url = service.url();
    let mut children: Vec<_> = ["1", "2"]
        .into_iter()
        .map(|seed| {
            let run = ["run", "light.toml", "--target", &url, "--out", seed];
            place
                .tenfold(&run)
                .args(["--seed", seed, "--export", "csv,junit=j.xml"])
                .env("GITHUB_STEP_SUMMARY", place.path("nowhere/step.md"))
                .output()
                .unwrap()
        })
        .collect();
    let stderr = String::from_utf8(children.remove(0).stderr).unwrap();
    assert!(
        stderr.contains("note: could not append the summary to"),
        "a summary that can't be written is not an error:\n{stderr}"
    );
    assert!(place.path("1/timeline.csv").exists() && place.path("j.xml").exists());

    // The runs start about two seconds apart and last two, so they overlap only sometimes. A run merged with
    // itself is always an error.
    let twice = place.run(&["merge", "1", "1", "--out", "m"]).expect(104);
    assert!(
        twice.stderr.contains("they are the same run"),
        "{}",
        twice.stderr
    );
    assert!(!place.path("m").exists());

    for (arguments, expected) in [
        (vec!["report", "1", "--export", "juint"], "junit"),
        (
            vec!["report", "1", "--export", "csv=no/x.csv"],
            "create it first",
        ),
        (vec!["report", "1", "2", "--export", "csv"], "tenfold merge"),
    ] {
        let ended = place.run(&arguments).expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?}: {}",
            ended.stderr
        );
    }
}

#[test]
fn merges_concurrent_generators_into_one_run() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("100/s", "6s"));
    let url = service.url();
    let running: Vec<_> = ["1", "2"]
        .into_iter()
        .map(|seed| {
            let run = ["run", "light.toml", "--target", &url, "--out", seed];
            let mut command = place.tenfold(&run);
            command.args(["--seed", seed]).spawn().unwrap()
        })
        .collect();
    for mut child in running {
        child.wait().unwrap();
    }
    let merge = [
        "merge",
        "1",
        "2",
        "--out",
        "m",
        "--json",
        "--export",
        "k6=k6.json",
    ];
    let merged = place.run(&merge).json();
    let sent = |run: &str| {
        let summary = read_json(&place.path(run).join("summary.json"));
        summary.pointer("/arrivals/sent").unwrap().as_u64().unwrap()
    };
    assert_eq!(
        merged.pointer("/arrivals/sent").unwrap(),
        sent("1") + sent("2")
    );
    assert_eq!(merged["merged_from"].as_array().unwrap().len(), 2);
    for identity in merged["identities"].as_array().unwrap() {
        assert_ne!(identity["holds"], false, "{identity:#}");
    }
    let k6 = read_json(&place.path("k6.json"));
    let count = k6.pointer("/metrics/http_reqs/count").unwrap();
    assert_eq!(count, sent("1") + sent("2"));
}

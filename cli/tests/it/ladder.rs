//! `tenfold ladder`: variants of a service from a file, in several sittings; flags that are refused.

use serde_json::Value;

use crate::support::{Workplace, light_scenario, read_json, skip};

/// Writes a file with two variants of a service, both the reference service without data.
fn two_steps(place: &Workplace) {
    let serve = format!(
        "{} serve --empty --listen 127.0.0.1:{{port}} --data",
        env!("CARGO_BIN_EXE_tenfold")
    );
    place.write(
        "steps.toml",
        &format!(
            "version = 1\n\
             [[steps]]\nname = \"as it is\"\nstart = \"exec {serve} one\"\nready = \"/healthz\"\nprice_month = 10\n\
             [[steps]]\nname = \"with a cache\"\nchange = \"A cache.\"\nstart = \"exec {serve} two --cache memory:\"\n\
             ready = \"/healthz\"\nprice_month = 12\n"
        ),
    );
    place.write("light.toml", &light_scenario("10/s", "5s"));
}

/// Nothing saturates at the rates that may be tried, which keeps the search short.
const SHORT: [&str; 10] = [
    "ladder",
    "light.toml",
    "--steps",
    "steps.toml",
    "--quick",
    "--max",
    "20/s",
    "--out",
    "ladder",
    "--json",
];

#[test]
fn unfinished_ladder_goes_on() {
    let place = Workplace::new();
    two_steps(&place);
    // The first step begins within the budget, the second does not.
    let first = place.run(&[&SHORT[..], &["--budget", "100ms"]].concat());
    let report = first.expect(121).json();
    assert_eq!(report["steps"].as_array().unwrap().len(), 1);
    assert_eq!(report["finished"], Value::Bool(false));
    let because = report["ended_because"].as_str().unwrap();
    assert!(because.contains("`with a cache`"), "{because}");

    let other = place.run(&[&SHORT[..], &["--rules", "p99 < 2s"]].concat());
    let told = other.expect(104).stderr;
    assert!(told.contains("begun with other flags"), "{told}");

    let report = place.run(&SHORT).expect(0).json();
    let steps = report["steps"].as_array().unwrap();
    assert_eq!(steps.len(), 2);
    assert_eq!(steps[1]["compared_with"], 0);
    assert_eq!(steps[0]["sustained"], 20.0);
    assert_eq!(steps[1]["bottleneck"]["resource"], "not_reached");
    // Every step links to its diagnosis, which links to its runs.
    let page = std::fs::read_to_string(place.path("ladder/report.html")).unwrap();
    for step in steps {
        let directory = step["directory"].as_str().unwrap();
        assert!(
            page.contains(&format!("./{directory}/report.html")),
            "{page}"
        );
        let diagnosis = read_json(&place.path("ladder").join(directory).join("diagnosis.json"));
        assert_eq!(diagnosis["search"]["answer"]["end"], "highest_rate");
    }

    let told = place.run(&SHORT).expect(104).stderr;
    assert!(told.contains("is finished"), "{told}");
}

#[test]
fn refuses_bad_flags_before_anything_starts() {
    let place = Workplace::new();
    place.write("empty.toml", "version = 1\n");
    place.write("prices.toml", "cpu_hour = -1\n");
    for (arguments, expected) in [
        (&["--stages", "no-box"][..], "no stage `no-box`"),
        (&["--steps", "none.toml"], "could not read none.toml"),
        (&["--steps", "empty.toml"], "1 to 50"),
        (
            &["--steps", "empty.toml", "--stages", "cached"],
            "cannot be used with",
        ),
        (&["--boxes", "0.01"], "between 0.1 and 1024"),
        (&["--boxes", "0.4,0.2"], "growing sizes"),
        (&["--boxes", "0.2,0.2"], "growing sizes"),
        (
            &["--steps", "empty.toml", "--no-outages"],
            "cannot be used with",
        ),
        (&["--requests-per-user", "0/month"], "more than 0"),
        (&["--out", "."], "has files, but no ladder"),
        (&["--prices", "prices.toml"], "could not read prices from"),
        (&["--budget", "soon"], "soon"),
        (&["--requests-per-user", "10"], "10"),
    ] {
        let ended = place.run(&[&["ladder"], arguments].concat()).expect(104);
        assert!(
            ended.stderr.contains(expected),
            "{arguments:?}:\n{}",
            ended.stderr
        );
    }
    assert!(!place.path("runs").exists());
    assert!(!place.path(".tenfold").exists());
}

#[test]
fn service_that_does_not_start_is_named_with_its_log() {
    let place = Workplace::new();
    place.write("light.toml", &light_scenario("10/s", "5s"));
    place.write(
        "steps.toml",
        "version = 1\n[[steps]]\nname = \"broken\"\nstart = \"echo no memory for {port}; exit 3\"\n",
    );
    let told = place.run(&SHORT).expect(107).stderr;
    assert!(told.contains("no memory for"), "{told}");
    assert!(told.contains("exit code 3"), "{told}");
}

#[test]
fn outage_of_the_single_box_is_seen_by_all() {
    let place = Workplace::new();
    place.write("light.toml", &light_scenario("20/s", "5s"));
    let ended = place.run(&[
        "ladder",
        "light.toml",
        "--stages",
        "single-box",
        "--quick",
        "--max",
        "40/s",
        "--data-users",
        "20",
        "--data-posts",
        "50",
        "--out",
        "ladder",
        "--json",
    ]);
    if ended.stderr.contains("could not confine the boxes") {
        skip("no control groups");
        return;
    }
    let report = ended.expect(0).json();
    let step = &report["steps"][0];
    assert_eq!(step["boxes"][0]["cpu"], 0.2, "{step:#}");
    // A busy machine may end the search before the highest rate.
    let sustained = step["sustained"].as_f64().unwrap();
    assert!((20.0..=40.0).contains(&sustained), "{step:#}");
    let outage = &step["outages"][0];
    assert_eq!(outage["killed"], "web", "{outage:#}");
    assert_eq!(outage["error"], Value::Null, "{outage:#}");
    // It is gone for three seconds at half of that rate, and starts again.
    let lost = outage["lost"].as_u64().unwrap() as f64;
    assert!((sustained..=4.0 * sustained).contains(&lost), "{outage:#}");
    let seconds = outage["without_reads"]["seconds"].as_f64().unwrap();
    assert!((2.0..=8.0).contains(&seconds), "{outage:#}");
    let run = outage["directory"].as_str().unwrap();
    let run = place.path("ladder").join(run);
    assert!(run.join("report.html").exists());
    assert_eq!(read_json(&run.join("manifest.json"))["stage"], "single-box");
}

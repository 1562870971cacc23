//! The search for the knee of a real service of known capacity.

use std::process::Stdio;
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::raw_service::RawService;
use crate::support::{Ended, Workplace, read_json};

const SCENARIO: &str = r#"
version = 1
name = "permits"
rules = ["p99 < 1s"]
[[phases]]
name = "steady"
kind = "constant"
rate = "50/s"
duration = "30s"
[[requests]]
name = "get"
kind = "read"
path = "/"
"#;

/// Starts a service of four permits of 20 ms: 200/s.
fn service() -> String {
    let service = RawService {
        takes: Duration::from_millis(20),
        at_a_time: 4,
        ..RawService::default()
    };
    format!("http://{}", service.start())
}

fn rate(answer: &Value, end: &str) -> f64 {
    answer[end].as_f64().unwrap_or_else(|| panic!("{answer:#}"))
}

#[test]
fn finds_known_capacity() {
    let place = Workplace::new();
    place.write("permits.toml", SCENARIO);
    let target = service();
    let ended = place.run(&[
        "knee",
        "permits.toml",
        "--quick",
        "--target",
        &target,
        "--json",
        "--out",
        "knee",
    ]);
    let found = ended.json();
    let answer = &found["answer"];
    // A busy machine may spoil trials, which takes time.
    let expected = match answer["end"].as_str().unwrap() {
        "confirmed" => 0,
        _ => 121,
    };
    let (low, high) = (rate(answer, "sustained"), rate(answer, "failed"));
    assert!(low <= 200.0 && high >= 185.0, "{answer:#}");
    assert!(high / low <= 1.4, "{answer:#}");
    let ended = ended.expect(expected);
    assert!(ended.stderr.contains("not sustained"), "{}", ended.stderr);
    assert_eq!(read_json(&place.path("knee/knee.json")), found);
    assert!(place.path("knee/trial-01/report.html").exists());
    // Runs at shares of the knee, if time was left for them.
    let loads = found["loads"].as_array().unwrap();
    if loads.is_empty() {
        assert!(
            ended.stderr.contains("no time was left"),
            "{}",
            ended.stderr
        );
    } else {
        let shares: Vec<f64> = loads.iter().map(|load| rate(load, "share")).collect();
        assert!([0.5, 0.95, 1.05].starts_with(&shares), "{shares:?}");
        for load in loads {
            let directory = load["directory"].as_str().unwrap();
            assert!(
                place
                    .path(&format!("knee/{directory}/report.html"))
                    .exists()
            );
            let expected = rate(load, "share") * f64::midpoint(low, high);
            assert!(
                (rate(load, "rate") / expected - 1.0).abs() < 1e-6,
                "{load:#}"
            );
        }
        let page = std::fs::read_to_string(place.path("knee/report.html")).unwrap();
        assert!(page.contains("At the knee"));
    }
}

#[test]
fn highest_rate_bounds_the_search() {
    let place = Workplace::new();
    place.write("permits.toml", SCENARIO);
    let target = service();
    let arguments = [
        "knee",
        "permits.toml",
        "--quick",
        "--max",
        "60/s",
        "--target",
        &target,
        "--out",
        "knee",
    ];
    let ended = place.run(&arguments).expect(121);
    assert!(
        ended.stdout.contains("the highest rate allowed (--max)"),
        "{}",
        ended.stdout
    );
    let again = place.run(&arguments).expect(104);
    assert!(
        again.stderr.contains("knee already has an answer"),
        "{}",
        again.stderr
    );
}

#[test]
fn compares_two_builds() {
    let place = Workplace::new();
    place.write("permits.toml", SCENARIO);
    let slower = RawService {
        takes: Duration::from_millis(80),
        at_a_time: 4,
        ..RawService::default()
    };
    let (baseline, candidate) = (service(), format!("http://{}", slower.start()));
    let compare = |out: &str, more: &[&str]| {
        let of_both = [
            "knee",
            "permits.toml",
            "--quick",
            "--budget",
            "25s",
            "--baseline",
            &baseline,
            "--candidate",
            &candidate,
            "--json",
            "--out",
            out,
        ];
        place.run(&[&of_both, more].concat())
    };
    let ended = compare("knees", &[]);
    let found = ended.json();
    // A quarter of the capacity. On a busy machine, the time may be too short for the whole interval to show a loss.
    let expected = match found["verdict"].as_str().unwrap() {
        "less" => 99,
        "inconclusive" => 121,
        other => panic!("{other}: {found:#}"),
    };
    let ended = ended.expect(expected);
    match found["change"]["estimate"].as_f64() {
        Some(estimate) => assert!((-0.9..-0.5).contains(&estimate), "{found:#}"),
        // Both ends of a knee may need more time.
        None => assert_eq!(expected, 121, "{found:#}"),
    }
    assert_eq!(read_json(&place.path("knees/comparison.json")), found);
    for side in ["baseline", "candidate"] {
        assert!(ended.stderr.contains(side), "{}", ended.stderr);
        let search = &found[side]["search"];
        let own = read_json(&place.path(&format!("knees/{side}/knee.json")));
        assert_eq!(&own, search);
        let trial = search["trials"][0]["directory"].as_str().unwrap();
        assert!(
            place
                .path(&format!("knees/{side}/{trial}/report.html"))
                .exists()
        );
    }
    let page = std::fs::read_to_string(place.path("knees/report.html")).unwrap();
    assert!(
        page.contains("./candidate/trial-01/report.html"),
        "links to the trials"
    );
    let again = compare("knees", &[]).expect(104);
    assert!(
        again.stderr.contains("already has an answer"),
        "{}",
        again.stderr
    );
}

#[test]
fn mistakes_in_builds_are_found_before_anything_is_sent() {
    let place = Workplace::new();
    place.write("permits.toml", SCENARIO);
    let knee = |arguments: &[&str]| {
        place.run(&[&["knee", "permits.toml", "--out", "knees"], arguments].concat())
    };
    let ended = knee(&["--candidate", "http://127.0.0.1:1"]).expect(104);
    assert!(
        ended
            .stderr
            .contains("give both --baseline and --candidate"),
        "{}",
        ended.stderr
    );
    let both = [
        "--baseline",
        "http://127.0.0.1:1",
        "--candidate",
        "http://127.0.0.1:2",
    ];
    let ended = knee(&[&both[..], &["--stage", "single-box"]].concat()).expect(104);
    assert!(
        ended.stderr.contains("could not use --target or --stage"),
        "{}",
        ended.stderr
    );
    let ended = knee(&[
        "--baseline",
        "exit 3 # {port}",
        "--candidate",
        "no such revision",
    ]);
    let ended = ended.expect(104);
    assert!(
        ended.stderr.contains("`no such revision`"),
        "{}",
        ended.stderr
    );
    let broken = "exit 3 # {port}";
    let ended = knee(&["--baseline", broken, "--candidate", broken]).expect(107);
    assert!(ended.stderr.contains("could not start"), "{}", ended.stderr);
}

#[test]
fn flags_that_do_not_fit_are_refused_before_a_build() {
    let place = Workplace::new();
    place.write("permits.toml", SCENARIO);
    let refused = |arguments: &[&str], message: &str| {
        let all = [&["knee", "permits.toml", "--out", "knees"], arguments].concat();
        let ended = place.run(&all).expect(104);
        assert!(ended.stderr.contains(message), "{}", ended.stderr);
    };
    for flag in ["--build", "--start", "--min-effect=5%", "--advisory"] {
        let value: &[&str] = match flag {
            "--build" | "--start" => &["true"],
            _ => &[],
        };
        refused(
            &[&[flag], value].concat(),
            "is for the comparison of two builds",
        );
    }
    let both = [
        "--baseline",
        ".",
        "--candidate",
        ".",
        "--start",
        "true {port}",
        "--build",
        "touch ../built",
    ];
    let with = |more: &[&'static str]| [&both[..], more].concat();
    refused(&with(&["--box", "web=1"]), "--box is for a search of one");
    refused(&with(&["--tuned"]), "--tuned is for a search of one");
    refused(
        &with(&["--rules", "p99 < soon"]),
        "`soon` is not a duration",
    );
    std::fs::create_dir_all(place.path("knees/candidate/trial-01")).unwrap();
    refused(&with(&[]), "has trials of an earlier comparison");
    assert!(!place.path("built").exists() && !place.path("../built").exists());
}

#[test]
fn mistakes_are_found_before_anything_is_sent() {
    let place = Workplace::new();
    place.write("permits.toml", SCENARIO);
    let knee = |arguments: &[&str]| place.run(&[&["knee"], arguments].concat());
    let ended = knee(&["permits.toml", "--rules", "p99 < soon", "--out", "knee"]).expect(104);
    assert!(
        ended.stderr.contains("`soon` is not a duration"),
        "{}",
        ended.stderr
    );
    let ended = knee(&["journey", "--out", "knee"]).expect(104);
    assert!(
        ended.stderr.contains("can't be sent at a constant rate"),
        "{}",
        ended.stderr
    );
    let ended = knee(&[
        "permits.toml",
        "--target",
        "http://127.0.0.1:9",
        "--out",
        "knee",
    ])
    .expect(107);
    assert!(ended.stderr.contains("could not reach"), "{}", ended.stderr);
    assert!(!place.path("knee").exists());
}

#[test]
fn interrupted_search_keeps_its_bracket() {
    let place = Workplace::new();
    place.write("permits.toml", SCENARIO);
    let target = service();
    let search = place
        .tenfold(&["knee", "permits.toml", "--target", &target, "--out", "knee"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // The first trial takes 6 s with its warm-up.
    std::thread::sleep(Duration::from_secs(9));
    kill_process(Pid::from_child(&search), Signal::INT).unwrap();
    let ended = Ended::of(search.wait_with_output().unwrap()).expect(105);
    assert!(ended.stdout.contains("interrupted"), "{}", ended.stdout);
    let answer = &read_json(&place.path("knee/knee.json"))["answer"];
    assert_eq!(answer["end"], "stopped");
    assert!(rate(answer, "sustained") >= 50.0, "{answer:#}");
}

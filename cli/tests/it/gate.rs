//! `tenfold gate` through the binary: what it refuses, prints, writes and exits with.

use crate::support;

#[path = "../../../loadgen/gate/tests/it/support/planted.rs"]
#[allow(
    dead_code,
    reason = "shared with the tests of gates, which use more of it"
)]
mod planted;

use std::time::{Duration, Instant};

use planted::Planted;
use support::{Workplace, light_scenario, read_json};

#[test]
#[ignore = "the build that the other tests start"]
fn planted_server() {
    Planted::serve_from_environment();
}

fn planted(change: impl FnOnce(&mut Planted)) -> String {
    let mut planted = Planted::default();
    change(&mut planted);
    planted.command()
}

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("light.toml", &light_scenario("400/s", "5s"));
    workplace
}

#[test]
fn what_makes_no_sense_is_refused_with_a_way_out() {
    let workplace = workplace();
    let command = "app --port {port}";
    let cases: &[(&[&str], &str)] = &[
        (&["gate"], "give --baseline and --candidate"),
        (&["gate", "--candidate", command], "without a baseline"),
        (&["gate", "--calibrate"], "without a baseline"),
        (
            &[
                "gate",
                "--baseline",
                command,
                "--candidate",
                "no-such-revision",
            ],
            "a git revision",
        ),
        (
            &[
                "gate",
                "--baseline",
                command,
                "--candidate",
                command,
                "--min-effect",
                "5",
            ],
            "5%",
        ),
        (
            &[
                "gate",
                "--baseline",
                command,
                "--candidate",
                command,
                "--round",
                "1500ms",
            ],
            "whole",
        ),
        (
            &[
                "gate",
                "--baseline",
                command,
                "--candidate",
                command,
                "--export",
                "pdf",
            ],
            "pdf",
        ),
        (
            &[
                "gate",
                "--baseline",
                command,
                "--candidate",
                command,
                "--calibrate",
            ],
            "--calibrate",
        ),
        (
            &[
                "gate",
                "--baseline",
                command,
                "--candidate",
                command,
                "--insecure",
            ],
            "--insecure",
        ),
        (
            &[
                "gate",
                "--baseline",
                command,
                "--candidate",
                command,
                "--baseline-admin",
                "http://127.0.0.1:1",
            ],
            "{admin_port}",
        ),
        (
            &[
                "gate",
                "no-such-scenario",
                "--baseline",
                command,
                "--candidate",
                command,
            ],
            "no-such-scenario",
        ),
    ];
    for (arguments, part) in cases {
        let ended = workplace.run(arguments).expect(104);
        assert!(
            ended.stderr.contains(part),
            "{arguments:?}: {}",
            ended.stderr
        );
        assert_eq!(ended.stdout, "", "{arguments:?}");
    }
    // A directory is something that can be compared, once somebody says how it is started.
    std::fs::create_dir(workplace.path("sources")).unwrap();
    let directory = [
        "gate",
        "light.toml",
        "--baseline",
        "sources",
        "--candidate",
        "sources",
    ];
    let ended = workplace.run(&directory).expect(104);
    assert!(ended.stderr.contains("give --start"), "{}", ended.stderr);
}

#[test]
fn a_build_that_does_not_start_exits_107_and_leaves_its_outcome_everywhere() {
    let workplace = workplace();
    let summary = workplace.write("summary.md", "");
    let mut command = workplace.tenfold(&[
        "gate",
        "light.toml",
        "--baseline",
        "echo the disk is full; exit 3 # {port}",
        "--candidate",
        "exit 4 # {port}",
        "--out",
        "gate",
        "--export",
        "junit=junit.xml,markdown",
        "--history",
        "history.jsonl",
        "--json",
        "--advisory",
    ]);
    let ended = support::Ended::of(
        command
            .env("GITHUB_STEP_SUMMARY", &summary)
            .output()
            .unwrap(),
    );
    // Advice does not hide that nothing is measured any more.
    let ended = ended.expect(107);
    let outcome = ended.json();
    assert_eq!(outcome["verdict"], "did_not_start");
    assert_eq!(outcome["exit_code"], 107);
    assert_eq!(read_json(&workplace.path("gate/gate.json")), outcome);
    let read = |name: &str| std::fs::read_to_string(workplace.path(name)).unwrap();
    assert!(read("gate/report.html").contains("the disk is full"));
    assert!(read("junit.xml").contains("<error"));
    assert!(
        read("gate/gate.md")
            .to_lowercase()
            .contains("did not start")
    );
    assert!(read("summary.md").to_lowercase().contains("did not start"));
    assert_eq!(read("history.jsonl").lines().count(), 1);
    let shown = workplace
        .run(&["gate", "--history", "history.jsonl"])
        .expect(0);
    assert!(shown.stderr.contains("history.html"), "{}", shown.stderr);
    // The same directory again would mix two gates.
    let again = [
        "gate",
        "light.toml",
        "--baseline",
        "exit 1 # {port}",
        "--candidate",
        "exit 1 # {port}",
        "--out",
        "gate",
    ];
    let ended = workplace.run(&again).expect(104);
    assert!(ended.stderr.contains("not empty"), "{}", ended.stderr);
}

#[test]
fn answers_that_differ_exit_99_but_as_advice() {
    let workplace = workplace();
    let (unchanged, created) = (planted(|_| {}), planted(|planted| planted.status = 201));
    let gate = [
        "gate",
        "light.toml",
        "--baseline",
        &unchanged,
        "--candidate",
        &created,
        "--rounds-per-restart",
        "2",
    ];
    let ended = workplace
        .run(&[&gate[..], &["--out", "one"]].concat())
        .expect(99);
    assert!(ended.stdout.contains("answers differ"), "{}", ended.stdout);
    let ended = workplace
        .run(&[&gate[..], &["--out", "two", "--advisory"]].concat())
        .expect(0);
    assert!(ended.stdout.contains("advisory"), "{}", ended.stdout);
}

#[test]
fn where_nothing_is_answered_120_is_the_end() {
    let workplace = workplace();
    let failing = planted(|planted| planted.status = 404);
    let gate = [
        "gate",
        "light.toml",
        "--baseline",
        &failing,
        "--candidate",
        &failing,
        "--advisory",
    ];
    let ended = workplace.run(&gate).expect(120);
    assert!(
        ended.stdout.contains("Nothing was measured"),
        "{}",
        ended.stdout
    );
}

#[test]
fn a_build_beside_itself_passes_with_room_and_cannot_be_judged_without() {
    let workplace = workplace();
    let build = |work| {
        planted(|planted| {
            planted.work = work;
            planted.wait = Duration::from_millis(5);
        })
    };
    let gate = |candidate: &str, out: &str, more: &[&str]| {
        let baseline = build(10_000);
        let gate = [
            "gate",
            "light.toml",
            "--baseline",
            &baseline,
            "--candidate",
            candidate,
            "--rounds-per-restart",
            "9",
            "--budget",
            "18s",
            "--out",
            out,
            "--json",
        ];
        workplace.run(&[&gate[..], more].concat())
    };
    // A slowdown to nearly twice is all that this one is for, so that noise does not matter.
    let wide = [
        "--min-effect",
        "90%",
        "--fail-above",
        "90%",
        "--alpha",
        "5%",
    ];
    let ended = gate(&build(10_000), "same", &wide).expect(0);
    assert_eq!(ended.json()["verdict"], "pass");
    // One of a hundredth is more than so few rounds see.
    let narrow = [
        "--min-effect",
        "0.1%",
        "--fail-above",
        "90%",
        "--alpha",
        "5%",
    ];
    let ended = gate(&build(10_000), "narrow", &narrow).expect(121);
    let verdict = &ended.json()["verdict"];
    assert!(
        verdict == "too_noisy" || verdict == "inconclusive",
        "{verdict}"
    );
}

/// The processes that were started with this mark in their environment.
fn marked(mark: &str) -> usize {
    let sought = format!("PLANTED_MARK={mark}");
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter(|entry| {
            let environment = std::fs::read(entry.path().join("environ")).unwrap_or_default();
            environment
                .split(|byte| *byte == 0)
                .any(|own| own == sought.as_bytes())
        })
        .count()
}

fn within_seconds(mut is: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(15);
    while Instant::now() < deadline {
        if is() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    false
}

#[test]
fn a_gate_that_is_killed_takes_its_builds_along() {
    let workplace = workplace();
    let mark = format!("killed-{}", std::process::id());
    let build = planted(|planted| planted.mark = mark.clone());
    // Not the shell itself, so that its own end would not be enough.
    let child = build.replace("exec ", "");
    let command = format!("{child}; true");
    let gate = [
        "gate",
        "light.toml",
        "--baseline",
        &command,
        "--candidate",
        &command,
    ];
    let log = std::fs::File::create(workplace.path("log")).unwrap();
    let mut gate = workplace.tenfold(&gate).stderr(log).spawn().unwrap();
    let up = within_seconds(|| marked(&mark) == 2);
    // As an impatient machine does.
    gate.kill().unwrap();
    gate.wait().unwrap();
    assert!(
        up,
        "{}",
        std::fs::read_to_string(workplace.path("log")).unwrap()
    );
    assert!(within_seconds(|| marked(&mark) == 0));
}

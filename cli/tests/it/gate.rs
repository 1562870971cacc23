//! `tenfold gate`: rejected flags, outputs and exit codes.

use crate::support;

#[path = "../../../loadgen/gate/examples/planted/service.rs"]
#[allow(
    dead_code,
    reason = "shared with the tests of the gate, which use more of it"
)]
mod planted;

use std::time::{Duration, Instant};

use planted::Planted;
use support::{Workplace, light_scenario, read_json};

fn planted(change: impl FnOnce(&mut Planted)) -> String {
    let mut planted = Planted::default();
    change(&mut planted);
    planted.command("planted_build")
}

fn workplace() -> Workplace {
    let workplace = Workplace::new();
    workplace.write("light.toml", &light_scenario("400/s", "5s"));
    workplace
}

#[test]
fn rejects_invalid_flags_with_advice() {
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
    // A directory can be compared only with a start command.
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
    assert!(
        ended.stderr.contains("give one with --start"),
        "{}",
        ended.stderr
    );
}

#[test]
fn unstartable_build_exits_107_and_writes_all_outputs() {
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
    // --advisory does not hide that nothing was measured.
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
    // A second gate in the same directory would mix their files.
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
fn different_responses_exit_99_unless_advisory() {
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
fn exits_120_if_no_request_completes() {
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
fn identical_builds_pass_only_with_enough_tolerance() {
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
    // This gate only finds a slowdown by 90%: ln 1.9 = 0.64. It has 9 rounds and at most six gated metrics, for which z is 2.39
    // (0.05 / 6, Holm). An identical build fails with probability at most 5%, and only if an estimate is above 90%: if the
    // standard deviation of the logarithm of a round is 0.3, 1 - Phi(0.64 * sqrt(9) / 0.3) = 1e-10. A metric then passes with
    // probability Phi(6.4 - 2.39) = 0.99997.
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
    // So few rounds can't exclude a slowdown of 0.1%.
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

/// Returns the number of processes with this mark in their environment.
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
fn killed_gate_leaves_no_builds() {
    let workplace = workplace();
    let mark = format!("killed-{}", std::process::id());
    let build = planted(|planted| planted.mark = mark.clone());
    // The build is a child of the shell, so killing only the shell would not be enough.
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
    // SIGKILL leaves the gate no time to clean up.
    gate.kill().unwrap();
    gate.wait().unwrap();
    assert!(
        up,
        "{}",
        std::fs::read_to_string(workplace.path("log")).unwrap()
    );
    assert!(within_seconds(|| marked(&mark) == 0));
}

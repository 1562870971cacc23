//! Gates of builds with planted faults: each fault leads to its verdict, and an unchanged build does not fail.

use crate::support;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use support::planted::Planted;
use support::{Trial, marked};
use tenfold_analysis::gate::{BadDay, Conclusion, GateOutcome, GateVerdict, Pair, Side};
use tenfold_gate::{GateError, Step, Subject};
use tenfold_measure::Endpoint;

fn planted(change: impl FnOnce(&mut Planted)) -> String {
    let mut planted = Planted::default();
    change(&mut planted);
    planted.command("planted")
}

fn unchanged() -> String {
    planted(|_| {})
}

fn verdict_of(outcome: &GateOutcome) -> String {
    format!("{:?}: {}", outcome.verdict, outcome.sentence)
}

#[test]
fn unchanged_build_does_not_fail() {
    let mut trial = Trial::of(unchanged(), unchanged());
    trial.rounds_per_epoch = 8;
    trial.budget = Duration::from_secs(26);
    let outcome = trial.gate().unwrap();
    let may = [
        Conclusion::Pass,
        Conclusion::Inconclusive,
        Conclusion::TooNoisy,
    ];
    assert!(may.contains(&outcome.verdict), "{}", verdict_of(&outcome));
    let decision = outcome.decision.unwrap();
    assert_eq!(decision.rounds, outcome.rounds.len());
    assert_eq!(decision.rounds % 8, 0);
    let names: Vec<&str> = decision
        .metrics
        .iter()
        .map(|result| result.metric.name.as_str())
        .collect();
    assert_eq!(
        names,
        [
            "CPU per request",
            "mean response time",
            "p90 response time",
            "wait for store",
            "allocations per request",
            "p99 response time"
        ]
    );
    let answers = outcome.answers.unwrap();
    assert!(answers.compared > 200);
    assert_eq!((answers.statuses_differ, answers.bodies_differ), (0, 0));
    assert!(outcome.memory.is_some() && outcome.cause.is_none());
    assert_eq!(
        outcome.builds.candidate.starts as usize,
        decision.rounds / 8
    );
}

#[test]
fn slow_build_fails_by_name() {
    let build = |work, wait_us| {
        planted(|planted| {
            planted.work = work;
            planted.wait = Duration::from_micros(wait_us);
        })
    };
    // One look at 18 rounds, and at most six gated metrics: the strictest level of Holm's correction is 0.05 / 6, for which
    // z is 2.39. The wait grows eightfold: ln 8 = 2.08. Even if a round is off by a factor of e (standard deviation 1 of the
    // logarithm), the normal test misses it with probability 1 - Phi(2.08 * sqrt(18) - 2.39) = 1e-10. With the 9 rounds of a
    // machine on which a second epoch does not fit, it is 6e-5. The builds differ, so no false alarm is possible.
    let mut trial = Trial::of(build(10_000, 1_000), build(90_000, 8_000));
    trial.alpha = 0.05;
    trial.rounds_per_epoch = 9;
    trial.budget = Duration::from_secs(32);
    let outcome = trial.gate().unwrap();
    assert_eq!(
        outcome.verdict,
        Conclusion::Fail,
        "{}",
        verdict_of(&outcome)
    );
    assert_eq!(outcome.exit_code, 99);
    let metrics = &outcome.decision.as_ref().unwrap().metrics;
    let of = |name: &&str| metrics.iter().find(|result| result.metric.name == *name);
    let planted = [
        "CPU per request",
        "wait for store",
        "allocations per request",
    ];
    let planted: Vec<_> = planted.iter().filter_map(of).collect();
    assert_eq!(planted.len(), 3);
    let mut failed = 0;
    for result in planted {
        let name = result.metric.name.as_str();
        // The gate ends once one metric fails. The others may be undecided after so few rounds, but can't pass.
        let effect = result.effect.as_ref().unwrap().value;
        assert!(effect > 0.5, "{name}: {effect}");
        assert_ne!(result.verdict, GateVerdict::Pass, "{name}");
        if result.verdict == GateVerdict::Fail {
            failed += 1;
            assert!(outcome.sentence.contains(name), "{}", outcome.sentence);
        }
    }
    assert!(failed > 0, "{}", outcome.sentence);
    // The build serves metrics, but no profiles.
    let remarks = outcome.remarks.join("\n");
    assert!(
        outcome.cause.is_none() && remarks.contains("No cause"),
        "{remarks}"
    );
}

#[test]
fn reports_last_lines_of_unstartable_build() {
    let exits = "echo the disk is full >&2; exit 3 # {port}".to_owned();
    let outcome = Trial::of(exits.clone(), unchanged()).gate().unwrap();
    assert_eq!(
        (outcome.verdict, outcome.exit_code),
        (Conclusion::DidNotStart, 107)
    );
    let BadDay::DidNotStart {
        side,
        reason,
        last_lines,
    } = &outcome.bad_days[0]
    else {
        panic!("{}", verdict_of(&outcome));
    };
    assert_eq!(
        (*side, last_lines.as_slice()),
        (Side::Baseline, &["the disk is full".to_owned()][..])
    );
    assert!(reason.contains("exit code 3"), "{reason}");

    let outcome = Trial::of(unchanged(), exits).gate().unwrap();
    assert!(
        matches!(
            outcome.bad_days[0],
            BadDay::DidNotStart {
                side: Side::Candidate,
                ..
            }
        ),
        "{}",
        verdict_of(&outcome)
    );

    let mut trial = Trial::of("echo waiting; sleep 60 # {port}".to_owned(), unchanged());
    trial.recipe.ready_within = Duration::from_millis(300);
    let outcome = trial.gate().unwrap();
    assert!(
        outcome.sentence.contains("not ready within 300ms"),
        "{}",
        outcome.sentence
    );
    assert_eq!(outcome.bad_days[0].last_lines(), ["waiting"]);
}

#[test]
fn reports_last_lines_of_failed_build_command() {
    let mut trial = Trial::of(unchanged(), String::new());
    let sources = trial.directory.path().to_owned();
    trial.candidate = Subject::find(&sources.display().to_string(), &sources).unwrap();
    trial.recipe.build = Some("echo expected one of a dozen tokens >&2; exit 101".to_owned());
    trial.recipe.start = Some("true {port}".to_owned());
    let outcome = trial.gate().unwrap();
    assert_eq!(
        (outcome.verdict, outcome.exit_code),
        (Conclusion::DidNotStart, 107)
    );
    let BadDay::DidNotStart { side, reason, .. } = &outcome.bad_days[0] else {
        panic!("{}", verdict_of(&outcome));
    };
    assert_eq!(*side, Side::Candidate);
    assert!(reason.ends_with("ended with exit code 101"), "{reason}");
    assert_eq!(
        outcome.bad_days[0].last_lines(),
        ["expected one of a dozen tokens"]
    );
}

#[test]
fn reports_side_of_build_that_dies() {
    let dying = planted(|planted| planted.die_after = Some(Duration::from_secs(2)));
    let outcome = Trial::of(unchanged(), dying).gate().unwrap();
    assert_eq!(
        (outcome.verdict, outcome.exit_code),
        (Conclusion::Died, 107)
    );
    let BadDay::Died {
        side,
        status,
        after_s,
        last_lines,
    } = &outcome.bad_days[0]
    else {
        panic!("{}", verdict_of(&outcome));
    };
    assert_eq!((*side, status.as_str()), (Side::Candidate, "exit code 3"));
    assert!(*after_s > 1.0 && *after_s < 10.0, "{after_s}");
    assert!(
        last_lines.iter().any(|line| line == "the store is gone"),
        "{last_lines:?}"
    );
}

#[test]
fn different_responses_end_the_gate() {
    let created = planted(|planted| planted.status = 201);
    let outcome = Trial::of(unchanged(), created).gate().unwrap();
    assert_eq!(
        (outcome.verdict, outcome.exit_code),
        (Conclusion::AnswersDiffer, 99)
    );
    let answers = outcome.answers.unwrap();
    assert_eq!(answers.statuses_differ, answers.compared);
    let example = &answers.requests[0].examples[0];
    assert_eq!(
        (example.baseline.status, example.candidate.status),
        (Some(200), Some(201))
    );

    let other = planted(|planted| planted.body = "otherwise".to_owned());
    let outcome = Trial::of(unchanged(), other).gate().unwrap();
    assert_eq!(
        outcome.verdict,
        Conclusion::AnswersDiffer,
        "{}",
        verdict_of(&outcome)
    );
    assert_eq!(
        outcome.answers.unwrap().requests[0].examples[0]
            .candidate
            .excerpt,
        "otherwise"
    );
}

#[test]
fn detects_leak_and_ignores_varying_bodies() {
    let with_time = |leak_bytes| {
        planted(|planted| {
            planted.body = "time".to_owned();
            planted.leak_bytes = leak_bytes;
        })
    };
    let mut trial = Trial::of(with_time(0), with_time(8_192));
    trial.rounds_per_epoch = 14;
    trial.budget = Duration::from_secs(24);
    let outcome = trial.gate().unwrap();
    assert!(
        matches!(outcome.bad_days[0], BadDay::Leaked { side: Side::Candidate, mib_per_min, .. }
            if mib_per_min > 40.0),
        "{}",
        verdict_of(&outcome)
    );
    let answers = outcome.answers.unwrap();
    assert_eq!(answers.bodies_differ, 0);
    assert!(answers.ignored[0].contains("item"), "{:?}", answers.ignored);
}

#[test]
fn failing_baseline_measures_nothing() {
    let failing = planted(|planted| planted.status = 404);
    let outcome = Trial::of(failing.clone(), failing).gate().unwrap();
    assert_eq!(
        (outcome.verdict, outcome.exit_code),
        (Conclusion::NothingMeasured, 120)
    );
    assert!(
        outcome.sentence.contains("completed no request"),
        "{}",
        outcome.sentence
    );
}

#[test]
fn rejects_budget_too_short_for_a_decision() {
    let mut trial = Trial::of(unchanged(), unchanged());
    trial.budget = Duration::from_secs(5);
    let error = trial.gate().unwrap_err();
    assert!(matches!(error, GateError::TooShort { .. }), "{error}");
    assert!(error.to_string().contains("--budget"), "{error}");
}

#[test]
fn interrupted_gate_stops_all_builds() {
    let mark = format!("interrupted-{}", std::process::id());
    let marked_build = planted(|planted| planted.mark = mark.clone());
    let mut trial = Trial::of(marked_build.clone(), marked_build);
    let (interrupt, interrupted) = tokio::sync::watch::channel(false);
    trial.interrupt = interrupted;
    let measuring = std::sync::mpsc::channel();
    trial.on_step = Box::new(move |step| {
        if matches!(step, Step::Measure { .. }) {
            // The receiver may be gone already.
            let _ = measuring.0.send(());
        }
    });
    let sought = mark.clone();
    let asking = std::thread::spawn(move || {
        measuring.1.recv().unwrap();
        std::thread::sleep(Duration::from_millis(1_500));
        let up = marked(&sought).len();
        interrupt.send_replace(true);
        (up, Instant::now())
    });
    let outcome = trial.gate().unwrap();
    let (up, asked) = asking.join().unwrap();
    assert!(
        asked.elapsed() < Duration::from_secs(5),
        "{:?}",
        asked.elapsed()
    );
    assert_eq!(
        (outcome.verdict, outcome.exit_code),
        (Conclusion::Interrupted, 105)
    );
    assert_eq!(up, 2);
    assert!(marked(&mark).is_empty());
}

#[test]
fn endless_build_stops_at_interrupt_and_limit() {
    let sources = tempfile::tempdir().unwrap();
    let trial = || {
        let mut trial = Trial::of(unchanged(), unchanged());
        trial.baseline = Subject::Directory {
            name: "sources".to_owned(),
            path: sources.path().to_owned(),
        };
        trial.recipe.build = Some("echo compiling; sleep 60".to_owned());
        trial.recipe.start = Some(unchanged());
        trial
    };
    let mut interrupted = trial();
    let (interrupt, receiver) = tokio::sync::watch::channel(false);
    interrupted.interrupt = receiver;
    let asking = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        interrupt.send_replace(true);
    });
    let began = Instant::now();
    let error = interrupted.gate().unwrap_err();
    asking.join().unwrap();
    assert!(matches!(error, GateError::Interrupted), "{error}");
    assert!(began.elapsed() < Duration::from_secs(5));

    let mut limited = trial();
    limited.recipe.build_within = Duration::from_millis(300);
    let outcome = limited.gate().unwrap();
    assert_eq!(outcome.verdict, Conclusion::DidNotStart);
    let sentence = &outcome.sentence;
    assert!(sentence.contains("baseline"), "{sentence}");
    assert!(sentence.contains("did not end within 300ms"), "{sentence}");
    assert_eq!(outcome.bad_days[0].last_lines(), ["compiling"]);
}

fn git(directory: &Path, arguments: &[&str]) -> String {
    let output = Command::new("git")
        .args(["-c", "user.name=test", "-c", "user.email=test@example.com"])
        .args(arguments)
        .current_dir(directory)
        .output()
        .expect("git can be run");
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

#[test]
fn builds_revisions_in_temporary_work_trees() {
    let mut trial = Trial::of(unchanged(), unchanged());
    let repository = trial.working();
    std::fs::create_dir(&repository).unwrap();
    git(&repository, &["init", "--quiet"]);
    for body in ["first", "second"] {
        std::fs::write(repository.join("body"), body).unwrap();
        git(&repository, &["add", "body"]);
        git(&repository, &["commit", "--quiet", "-m", body]);
    }
    // Uncommitted changes belong to no revision.
    std::fs::write(repository.join("body"), "third").unwrap();
    let start = planted(|planted| planted.body = "BODY".to_owned());
    trial.recipe.build = Some("cp body built".to_owned());
    trial.recipe.start = Some(start.replace("'BODY'", "\"$(cat built)\""));
    trial.baseline = Subject::find("HEAD~1", &repository).unwrap();
    trial.candidate = Subject::find("HEAD", &repository).unwrap();
    let commit = git(&repository, &["rev-parse", "HEAD"]);
    let outcome = trial.gate().unwrap();
    assert_eq!(git(&repository, &["worktree", "list"]).lines().count(), 1);
    assert!(!trial.directory.path().join("gate/baseline").exists());
    assert_eq!(git(&repository, &["status", "--porcelain"]), "M body");
    assert_eq!(
        std::fs::read_to_string(repository.join("body")).unwrap(),
        "third"
    );
    assert_eq!(
        outcome.verdict,
        Conclusion::AnswersDiffer,
        "{}",
        verdict_of(&outcome)
    );
    assert_eq!(outcome.builds.candidate.revision, Some(commit));
    let example = outcome.answers.unwrap().requests[0].examples[0].clone();
    assert_eq!(
        (example.baseline.excerpt, example.candidate.excerpt),
        ("first".to_owned(), "second".to_owned())
    );
}

#[test]
fn compares_two_running_services() {
    let endpoint = |body: &str| {
        let planted = Planted {
            body: body.to_owned(),
            ..Planted::default()
        };
        Endpoint {
            target: planted.serve_here().parse().unwrap(),
            admin: None,
            pid: None,
        }
    };
    let trial = |candidate: Endpoint| {
        let mut trial = Trial::of(String::new(), String::new());
        let endpoints = Pair {
            baseline: endpoint("as always"),
            candidate,
        };
        trial.baseline = Subject::Url(endpoints.baseline.target.to_string());
        trial.candidate = Subject::Url(endpoints.candidate.target.to_string());
        trial.endpoints = Pair {
            baseline: Some(endpoints.baseline),
            candidate: Some(endpoints.candidate),
        };
        trial
    };
    let outcome = trial(endpoint("otherwise")).gate().unwrap();
    assert_eq!(
        outcome.verdict,
        Conclusion::AnswersDiffer,
        "{}",
        verdict_of(&outcome)
    );
    assert_eq!(outcome.builds.candidate.starts, 0);

    let unreachable = Endpoint {
        target: "http://127.0.0.1:1".parse().unwrap(),
        admin: None,
        pid: None,
    };
    let outcome = trial(unreachable).gate().unwrap();
    assert!(
        matches!(
            outcome.bad_days[0],
            BadDay::DidNotStart {
                side: Side::Candidate,
                ..
            }
        ),
        "{}",
        verdict_of(&outcome)
    );
}

#[test]
fn calibration_decides_which_metrics_are_gated() {
    let mut trial = Trial::of(unchanged(), unchanged());
    trial.rounds_per_epoch = 14;
    trial.budget = Duration::from_secs(24);
    let (outcome, file) = trial.calibration().unwrap();
    let calibration = outcome.calibration.as_ref().unwrap();
    assert_eq!((calibration.rounds, calibration.metrics.len()), (14, 6));
    assert_eq!(file.unwrap().calibration, *calibration);
    let (verdict, code) = match calibration.is_of_use() {
        true => (Conclusion::Calibrated, 0),
        false => (Conclusion::TooNoisy, 121),
    };
    assert_eq!(
        (outcome.verdict, outcome.exit_code),
        (verdict, code),
        "{}",
        outcome.sentence
    );
    // p99 is never gated.
    assert!(!calibration.metrics[5].gated);

    let dying = planted(|planted| planted.die_after = Some(Duration::from_secs(1)));
    let (outcome, file) = Trial::of(dying, unchanged()).calibration().unwrap();
    assert_eq!(
        outcome.verdict,
        Conclusion::Died,
        "{}",
        verdict_of(&outcome)
    );
    assert!(file.is_none());
}

//! Life cycle of a box, with real processes: a shell script that keeps the promises of `serve`, or breaks them.

#![expect(
    clippy::unwrap_used,
    reason = "the lint allows it in tests, but not in their helper functions"
)]

use std::fs;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

use tenfold_lab::{Allowances, DataSetOptions, LabError, LabOptions};

use crate::support::{PROGRAM, is_running, options, single_box};

fn ends_within(pid: u32, time: Duration) -> bool {
    let deadline = Instant::now() + time;
    while is_running(pid) {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    true
}

#[test]
fn box_comes_up_and_stops() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "good");
    options.data_set = Some(DataSetOptions {
        seed: 7,
        users: 10,
        posts: 20,
    });
    options.store_url = Some("mysql://root:secret@127.0.0.1/db".into());
    let mut lab = single_box(&options).unwrap();
    assert_eq!(lab.stage().name, "single-box");
    assert_eq!(lab.address().unwrap().to_string(), "127.0.0.1:4001");
    assert_eq!(lab.admin_address().unwrap().port(), 4002);
    lab.check().unwrap();
    let web = &lab.boxes()[0];
    assert_eq!((web.name(), web.role()), ("web", "web"));
    let (pid, log) = (web.pid().unwrap(), web.log().to_owned());
    assert!(is_running(pid));
    // Its own process group, which Ctrl-C at a terminal does not reach.
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let group = stat
        .rsplit(')')
        .next()
        .unwrap()
        .split_whitespace()
        .nth(2)
        .unwrap();
    assert_eq!(group, pid.to_string());
    assert!(
        !format!("{lab:?}").contains("secret"),
        "debug output holds the password"
    );
    let began = Instant::now();
    lab.stop().unwrap();
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(!is_running(pid));
    let log = fs::read_to_string(log).unwrap();
    let arguments: Vec<_> = log
        .lines()
        .take_while(|line| !line.starts_with("mode"))
        .collect();
    let arguments = arguments.join(" ");
    assert!(
        arguments.starts_with("serve --stage single-box --listen 127.0.0.1:"),
        "{arguments}"
    );
    assert!(
        arguments.contains("--data-seed 7 --data-users 10 --data-posts 20 --data "),
        "{arguments}"
    );
    // Command lines are public, so the password must not be there.
    assert!(!arguments.contains("secret"));
    assert!(
        log.contains("store mysql://root:secret@127.0.0.1/db"),
        "{log}"
    );
    assert!(log.ends_with("stopped\n"), "{log}");
}

#[test]
fn reuses_directory_with_fresh_log() {
    let directory = tempfile::tempdir().unwrap();
    for _ in 0..3 {
        let lab = single_box(&options(directory.path(), "good")).unwrap();
        assert_eq!(lab.boxes()[0].log_tail().matches("mode good").count(), 1);
        lab.stop().unwrap();
    }
}

#[test]
fn reports_early_exit_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let began = Instant::now();
    let error = single_box(&options(directory.path(), "early-death")).unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(2),
        "{:?}",
        began.elapsed()
    );
    let text = error.to_string();
    assert!(matches!(error, LabError::Exited { .. }), "{text}");
    assert!(text.contains("exit status: 3"), "{text}");
    assert!(text.ends_with("could not open the store"), "{text}");
    // The directory is unlocked again.
    single_box(&options(directory.path(), "good")).unwrap();
}

#[test]
fn kills_box_that_is_never_ready() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "never-ready");
    options.stall_timeout = Duration::from_millis(500);
    let text = single_box(&options).unwrap_err().to_string();
    assert!(
        text.contains("made no progress for 0.5 s: it has not written"),
        "{text}"
    );
    assert!(text.contains("mode never-ready"), "{text}");
    let pid = fs::read_to_string(directory.path().join("web.pid")).unwrap();
    assert!(!is_running(pid.trim().parse().unwrap()));
}

#[test]
fn refuses_malformed_ready_file() {
    let directory = tempfile::tempdir().unwrap();
    let error = single_box(&options(directory.path(), "garbage")).unwrap_err();
    assert!(matches!(error, LabError::ReadyFile { .. }), "{error}");
}

#[test]
fn names_missing_program() {
    let directory = tempfile::tempdir().unwrap();
    let options = LabOptions::new("no/such/program", directory.path());
    let text = single_box(&options).unwrap_err().to_string();
    assert!(text.contains("no/such/program"), "{text}");
}

#[test]
fn reports_exit_after_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut lab = single_box(&options(directory.path(), "late-death")).unwrap();
    assert!(ends_within(
        lab.boxes()[0].pid().unwrap(),
        Duration::from_secs(5)
    ));
    let text = lab.check().unwrap_err().to_string();
    assert!(
        text.contains("exit status: 4") && text.ends_with("out of memory"),
        "{text}"
    );
    assert!(matches!(lab.stop(), Err(LabError::Exited { .. })));
}

#[test]
fn reports_box_out_of_memory() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "greedy");
    options.allowances = Allowances::new(vec!["web=1,32MiB".parse().unwrap()]);
    let mut lab = single_box(&options).unwrap();
    if let Some(reason) = lab.unconfined_because() {
        assert!(
            std::env::var_os("CI").is_none_or(|set| set.is_empty()),
            "tests must not be skipped in CI: {reason}"
        );
        println!("skipped: {reason}");
        return;
    }
    let deadline = Instant::now() + Duration::from_secs(20);
    let text = loop {
        match lab.check() {
            Err(error) => break error.to_string(),
            Ok(()) => assert!(Instant::now() < deadline, "the box was not killed"),
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    assert!(text.contains("exceeded its 32 MiB of memory"), "{text}");
}

#[test]
fn kills_stuck_box_with_its_children() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "stuck");
    options.stop_timeout = Duration::from_millis(300);
    let lab = single_box(&options).unwrap();
    let pid = lab.boxes()[0].pid().unwrap();
    let deadline = Instant::now() + Duration::from_secs(5);
    let sleeper: u32 = loop {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).unwrap();
        // The child that moved the ready file into place may still exist.
        if let Some(child) = children.split_whitespace().last()
            && fs::read_to_string(format!("/proc/{child}/comm")).is_ok_and(|name| name == "sleep\n")
        {
            break child.parse().unwrap();
        }
        assert!(Instant::now() < deadline, "the box did not start a child");
        std::thread::sleep(Duration::from_millis(10));
    };
    let began = Instant::now();
    let error = lab.stop().unwrap_err();
    assert!(matches!(error, LabError::Killed { .. }), "{error}");
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(!is_running(pid));
    assert!(ends_within(sleeper, Duration::from_secs(1)));
}

#[test]
fn waits_for_requests_in_flight() {
    let directory = tempfile::tempdir().unwrap();
    let lab = single_box(&options(directory.path(), "slow-to-stop")).unwrap();
    let began = Instant::now();
    lab.stop().unwrap();
    assert!(began.elapsed() >= Duration::from_millis(900));
}

#[test]
fn reports_failure_to_stop() {
    let directory = tempfile::tempdir().unwrap();
    let lab = single_box(&options(directory.path(), "bad-stop")).unwrap();
    let text = lab.stop().unwrap_err().to_string();
    assert!(
        text.contains("exit status: 5") && text.contains("could not close"),
        "{text}"
    );
}

#[test]
fn dropping_lab_kills_its_boxes() {
    let directory = tempfile::tempdir().unwrap();
    let lab = single_box(&options(directory.path(), "stuck")).unwrap();
    let pid = lab.boxes()[0].pid().unwrap();
    drop(lab);
    assert!(!is_running(pid));
}

#[test]
fn directory_holds_one_lab() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path(), "good");
    let lab = single_box(&options).unwrap();
    let text = single_box(&options).unwrap_err().to_string();
    assert!(
        text.contains(&format!("process {}", std::process::id())),
        "{text}"
    );
    lab.stop().unwrap();
    single_box(&options).unwrap();
}

/// Returns the path of the example `lab_parent`, which is compiled with the tests.
fn lab_parent() -> PathBuf {
    let test_binary = std::env::current_exe().unwrap();
    let profile = test_binary.ancestors().nth(2).unwrap();
    profile.join("examples/lab_parent")
}

#[test]
fn box_dies_with_killed_parent() {
    let directory = tempfile::tempdir().unwrap();
    // Keeps running when its standard input closes.
    fs::write(directory.path().join("mode"), "stuck").unwrap();
    let mut parent = Command::new(lab_parent())
        .arg(PROGRAM)
        .arg(directory.path())
        .spawn()
        .unwrap();
    let deadline = Instant::now() + Duration::from_secs(20);
    let pid: u32 = loop {
        let up = fs::read_to_string(directory.path().join("up")).unwrap_or_default();
        if let Ok(pid) = up.parse() {
            break pid;
        }
        assert!(
            Instant::now() < deadline,
            "the parent did not bring up its lab"
        );
        std::thread::sleep(Duration::from_millis(10));
    };
    assert!(is_running(pid));
    parent.kill().unwrap();
    parent.wait().unwrap();

    let lab = single_box(&options(directory.path(), "good")).unwrap();
    assert!(!is_running(pid));
    lab.stop().unwrap();
}

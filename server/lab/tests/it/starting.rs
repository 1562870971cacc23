//! Boxes that start slowly, stop to make progress, or die on the way.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as they do")]

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use tenfold_lab::{Answer, Lab, LabError, LabOptions, LabStatus, Request, Watch, ask, stage};

use crate::support::{is_running, options, single_box};

fn up_seeing(options: &LabOptions, on_status: &mut dyn FnMut(&LabStatus)) -> Result<Lab, LabError> {
    let mut watch = Watch {
        is_over: &|| false,
        on_status,
    };
    tenfold_lab::up_watched(stage::find("single-box").unwrap(), options, &mut watch)
}

/// Waits for the box to start, and returns its process.
fn started(directory: &Path) -> Pid {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        let pid = fs::read_to_string(directory.join("web.pid")).unwrap_or_default();
        if let Some(pid) = pid.trim().parse().ok().and_then(Pid::from_raw) {
            return pid;
        }
        assert!(Instant::now() < deadline, "the box did not start");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn box_may_take_as_long_as_it_makes_progress() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "slow-load");
    options.stall_timeout = Duration::from_millis(1_500);
    let began = Instant::now();
    let mut shown = Vec::new();
    let lab = up_seeing(&options, &mut |status| shown.push(status.starting_boxes())).unwrap();
    assert!(
        began.elapsed() > options.stall_timeout,
        "{:?}",
        began.elapsed()
    );
    let figures = shown.iter().filter(|line| line.starts_with("web loading "));
    assert!(figures.count() > 1, "{shown:?}");
    let status = lab.status();
    assert!(!status.is_starting && status.boxes[0].progress.is_none());
    lab.stop().unwrap();
}

#[test]
fn progress_has_a_limit() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "slow-load");
    options.ready_timeout = Duration::from_secs(1);
    let text = single_box(&options).unwrap_err().to_string();
    assert!(
        text.contains("was not ready within 1 s (at last: loading "),
        "{text}"
    );
}

#[test]
fn box_that_stops_to_make_progress_fails() {
    for (mode, last) in [
        ("half-loaded", " (at last: loading 3 of 10 rows)"),
        ("retrying", ""),
    ] {
        let directory = tempfile::tempdir().unwrap();
        let mut options = options(directory.path(), mode);
        options.stall_timeout = Duration::from_millis(800);
        let began = Instant::now();
        let text = single_box(&options).unwrap_err().to_string();
        assert!(began.elapsed() < Duration::from_secs(10));
        let expected = format!("the web box made no progress for 0.8 s{last}: it has not written ");
        assert!(text.starts_with(&expected), "{text}");
        let pid = started(directory.path());
        assert!(!is_running(pid.as_raw_nonzero().get().unsigned_abs()));
    }
}

#[test]
fn stopped_process_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "slow-load");
    options.stall_timeout = Duration::from_secs(1);
    let text = std::thread::scope(|scope| {
        scope.spawn(|| kill_process(started(directory.path()), Signal::STOP).unwrap());
        single_box(&options).unwrap_err().to_string()
    });
    let pid = started(directory.path()).as_raw_nonzero();
    let expected = format!(": its process {pid} is stopped; continue it with `kill -CONT`;");
    assert!(text.contains(&expected), "{text}");
}

#[test]
fn box_that_dies_while_it_loads_fails_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let options = options(directory.path(), "half-loaded");
    let began = Instant::now();
    let error = std::thread::scope(|scope| {
        scope.spawn(|| kill_process(started(directory.path()), Signal::KILL).unwrap());
        single_box(&options).unwrap_err()
    });
    assert!(
        began.elapsed() < Duration::from_secs(5),
        "{:?}",
        began.elapsed()
    );
    assert!(matches!(error, LabError::Exited { .. }), "{error}");
    assert!(error.to_string().contains("signal: 9"), "{error}");
}

#[test]
fn lab_answers_while_its_boxes_start() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "half-loaded");
    options.listens = true;
    let error = std::thread::scope(|scope| {
        let asking = scope.spawn(|| {
            started(directory.path());
            let request = |request| ask(directory.path(), &request);
            let shown = loop {
                let Ok(Answer::Status(status)) = request(Request::Status) else {
                    panic!("it does not answer");
                };
                if status.starting_boxes() == "web loading 3 of 10 rows" {
                    assert!(status.is_starting);
                    break status.to_string();
                }
            };
            let name = "web".to_owned();
            let refused = request(Request::Kill { name }).unwrap_err().to_string();
            let down = request(Request::Down).unwrap();
            (shown, refused, down)
        });
        let error = single_box(&options).unwrap_err();
        let (shown, refused, down) = asking.join().unwrap();
        assert!(shown.contains("web  -     loading 3 of 10 rows"), "{shown}");
        assert!(
            refused.contains("boxes are starting (web loading 3"),
            "{refused}"
        );
        assert_eq!(down, Answer::Done(vec!["web".to_owned()]));
        error
    });
    assert!(matches!(error, LabError::Interrupted), "{error}");
    assert!(!directory.path().join("lab.sock").exists());
}

#[test]
fn lab_of_another_command_shows_its_status_only() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = options(directory.path(), "good");
    options.listens = true;
    options.command = "tenfold run spike".to_owned();
    let lab = single_box(&options).unwrap();
    let (running, ended) = std::sync::mpsc::channel::<()>();
    std::thread::scope(|scope| {
        let lab = &lab;
        scope.spawn(move || {
            let ended =
                move || ended.try_recv() == Err(std::sync::mpsc::TryRecvError::Disconnected);
            lab.answer(&ended);
        });
        let status = ask(directory.path(), &Request::Status).unwrap();
        assert!(matches!(status, Answer::Status(status) if !status.is_starting));
        let text = ask(directory.path(), &Request::Down)
            .unwrap_err()
            .to_string();
        drop(running);
        assert!(text.contains("belongs to `tenfold run spike`"), "{text}");
    });
    lab.stop().unwrap();
}

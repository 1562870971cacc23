//! Databases that start slowly, stop, or die while others wait for them.

use std::path::PathBuf;
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use super::stage::lacks;
use crate::support::{Ended, Workplace};

/// Stage that comes up in the foreground. Killed when dropped, with its boxes.
struct Starting {
    place: Workplace,
    child: Child,
}

impl Starting {
    fn new(stage: &str, arguments: &[&str]) -> Self {
        let place = Workplace::new();
        let child = place
            .tenfold(&["lab", "up", "--unconfined", "--stage", stage])
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        Self { place, child }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.place.path(".tenfold/lab").join(name)
    }

    /// Waits until `find` returns something.
    fn await_some<T>(&self, mut find: impl FnMut() -> Option<T>) -> T {
        let deadline = Instant::now() + Duration::from_secs(120);
        loop {
            if let Some(found) = find() {
                return found;
            }
            assert!(Instant::now() < deadline, "it did not come that far");
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Waits for the process of a box.
    fn process_of(&self, name: &str) -> Pid {
        let file = self.file(&format!("{name}.pid"));
        self.await_some(|| {
            let pid = std::fs::read_to_string(&file).ok()?.trim().parse().ok()?;
            Pid::from_raw(pid)
        })
    }

    /// Waits until a box has loaded some posts.
    fn await_loading(&self, name: &str) {
        let file = self.file(&format!("{name}.progress.json"));
        self.await_some(|| {
            let progress = std::fs::read(&file).ok()?;
            let progress: serde_json::Value = serde_json::from_slice(&progress).ok()?;
            (progress["unit"] == "posts" && progress["done"].as_u64() > Some(0)).then_some(())
        });
    }

    /// Waits until the command exits.
    fn ended(mut self) -> Ended {
        let child = std::mem::replace(
            &mut self.child,
            std::process::Command::new("true").spawn().unwrap(),
        );
        Ended::of(child.wait_with_output().unwrap())
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const PROGRAMS: &[&str] = &["mariadbd", "s3s-fs"];

/// The service that loads its data waits for a database that has died, or that stands still.
#[test]
fn names_database_that_dies_while_data_is_loaded() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Starting::new("separated", &["--data-posts", "2000000"]);
    stage.await_loading("web");
    let began = Instant::now();
    kill_process(stage.process_of("sql"), Signal::KILL).unwrap();
    let ended = stage.ended().expect(107);
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "{:?}",
        began.elapsed()
    );
    let expected =
        "error: the sql box exited unexpectedly (signal: 9 (SIGKILL)); the last lines of its log";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
}

#[test]
fn waiting_box_shows_its_last_progress_when_database_stalls() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Starting::new(
        "separated",
        &["--data-posts", "2000000", "--stall-timeout", "4s"],
    );
    stage.await_loading("web");
    // What the lab shows lags behind the file of the box.
    let status = stage.await_some(|| {
        let status = stage.place.run(&["lab", "status"]).expect(0).stdout;
        status.contains(" of 2,000,000 posts").then_some(status)
    });
    assert!(status.contains("stage separated is starting"), "{status}");
    kill_process(stage.process_of("sql"), Signal::STOP).unwrap();
    let ended = stage.ended().expect(107);
    let expected = "error: the web box made no progress for 4 s (at last: loading ";
    assert!(ended.stderr.contains(expected), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains(" of 2,000,000 posts): it has not written "),
        "{}",
        ended.stderr
    );
}

#[test]
fn stopped_database_is_named() {
    if lacks(PROGRAMS) {
        return;
    }
    let stage = Starting::new("separated", &["--stall-timeout", "3s"]);
    let sql = stage.process_of("sql");
    kill_process(sql, Signal::STOP).unwrap();
    let ended = stage.ended().expect(107);
    let expected = format!("its process {} is stopped", sql.as_raw_nonzero());
    assert!(
        ended
            .stderr
            .contains("the sql box made no progress for 3 s"),
        "{}",
        ended.stderr
    );
    assert!(ended.stderr.contains(&expected), "{}", ended.stderr);
}

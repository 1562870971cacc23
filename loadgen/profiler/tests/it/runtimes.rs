//! Runtimes that generate code.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use tenfold_run_dir::off_cpu::WaitKind;

use crate::support::{assert_complete, by_perf_events, share, skip};
use crate::target::Target;

/// A Python that can write a perf map: of the path, or of pyenv.
fn python() -> Option<PathBuf> {
    let works = |program: &PathBuf| {
        let test = "import sys; sys.exit(not sys.is_stack_trampoline_active())";
        let mut command = Command::new(program);
        let quiet = command
            .args(["-X", "perf", "-c", test])
            .stderr(Stdio::null());
        quiet.status().is_ok_and(|status| status.success())
    };
    let of_path = ["python3", "python3.14", "python3.13", "python3.12"].map(PathBuf::from);
    let home = std::env::home_dir().unwrap_or_default();
    let versions = fs::read_dir(home.join(".pyenv/versions"));
    let of_pyenv = versions.into_iter().flatten().flatten();
    let of_pyenv = of_pyenv.map(|version| version.path().join("bin/python3"));
    of_path.into_iter().chain(of_pyenv).find(works)
}

/// Waits until the process has named its code.
fn wait_for_map(pid: u32) {
    let end = Instant::now() + Duration::from_secs(30);
    while fs::metadata(format!("/tmp/perf-{pid}.map")).map_or(0, |map| map.len()) == 0 {
        assert!(Instant::now() < end, "no perf map");
        thread::sleep(Duration::from_millis(20));
    }
    thread::sleep(Duration::from_millis(500));
}

#[test]
fn names_functions_of_python() {
    let Some(python) = python() else {
        return skip("no Python from 3.12 on with perf maps");
    };
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("app.py");
    let text = "
import threading, time

def burn_in_python():
    return sum(n * n for n in range(10000))

def sleep_in_python():
    time.sleep(0.01)

def sleeper():
    while True:
        sleep_in_python()

threading.Thread(target=sleeper, daemon=True).start()
end = time.monotonic() + 60
while time.monotonic() < end:
    burn_in_python()
";
    fs::write(&script, text).unwrap();
    let target = Target::spawn(Command::new(&python).args(["-X", "perf"]).arg(&script));
    wait_for_map(target.pid());
    let Some(profile) = by_perf_events(target.pid(), Duration::from_secs(3)) else {
        return;
    };
    fs::remove_file(format!("/tmp/perf-{}.map", target.pid())).unwrap();
    assert_complete(&profile);
    let stacks = &profile.on_cpu.stacks;
    let share = share(stacks, "py::burn_in_python:");
    // The rest starts the interpreter, which takes its time on a busy machine.
    assert!(share >= 0.75, "{share} in\n{stacks}");
    let waits = profile.off_cpu.unwrap();
    let asleep = waits.folded(|wait| wait.kind == WaitKind::Sleep);
    let named = asleep.iter().any(|(frames, _)| {
        frames
            .iter()
            .any(|frame| frame.contains("py::sleep_in_python:"))
    });
    assert!(named, "{}", waits.folded(|_| true));
}

#[test]
fn names_functions_of_node() {
    let version = Command::new("node")
        .arg("--version")
        .stdout(Stdio::null())
        .status();
    if version.is_err() {
        return skip("no node");
    }
    let directory = tempfile::tempdir().unwrap();
    let script = directory.path().join("app.js");
    let text = "
function burnInNode(end) {
  let sum = 0;
  while (Date.now() < end) for (let n = 0; n < 10000; n++) sum = (sum * 31 + n) % 1000003;
  return sum;
}
const end = Date.now() + 60000;
(function turn() {
  burnInNode(Date.now() + 50);
  if (Date.now() < end) setTimeout(turn, 1);
})();
";
    fs::write(&script, text).unwrap();
    let mut command = Command::new("node");
    let target = Target::spawn(
        command
            .args(["--perf-basic-prof", "--no-turbo-inlining"])
            // It also writes a log.
            .current_dir(directory.path())
            .arg(&script),
    );
    wait_for_map(target.pid());
    let Some(profile) = by_perf_events(target.pid(), Duration::from_secs(3)) else {
        return;
    };
    fs::remove_file(format!("/tmp/perf-{}.map", target.pid())).unwrap();
    assert_complete(&profile);
    let stacks = &profile.on_cpu.stacks;
    let share = share(stacks, "burnInNode");
    assert!(share >= 0.85, "{share} in\n{stacks}");
}

//! `tenfold lab`: start a stage, show it, kill its boxes, and stop it without leaving anything behind.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as they do")]

use crate::support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Ended, Workplace, light_scenario, skip};

const SMALL: [&str; 4] = ["--data-users", "20", "--data-posts", "50"];

/// Running lab. Killed when dropped.
struct Up {
    child: Child,
    status: Value,
}

impl Up {
    /// Starts a lab, and returns once it has printed its boxes.
    fn of(place: &Workplace, arguments: &[&str]) -> Self {
        let child = place
            .tenfold(&["lab", "up", "--json"])
            .args(SMALL)
            .args(arguments)
            .stdout(Stdio::piped())
            .stderr(std::fs::File::create(place.path("up.log")).unwrap())
            .spawn()
            .unwrap();
        let mut own = Self {
            child,
            status: Value::Null,
        };
        let mut document = String::new();
        for line in BufReader::new(own.child.stdout.take().unwrap()).lines() {
            document.push_str(&line.unwrap());
            if let Ok(status) = serde_json::from_str(&document) {
                own.status = status;
                return own;
            }
        }
        let log = std::fs::read_to_string(place.path("up.log")).unwrap();
        panic!("the lab did not come up: {log}");
    }

    fn web(&self) -> &Value {
        &self.status["boxes"][0]
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn pid(web: &Value) -> u32 {
    web["pid"].as_u64().unwrap().try_into().unwrap()
}

fn is_running(pid: u32) -> bool {
    // A zombie has exited.
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .is_ok_and(|stat| !stat.rsplit(')').next().unwrap_or(" Z").starts_with(" Z"))
}

fn within_seconds(mut is: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if is() {
            return true;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    false
}

fn answers(web: &Value) -> bool {
    let address: SocketAddr = web["address"].as_str().unwrap().parse().unwrap();
    let ask = || -> std::io::Result<String> {
        let mut stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(5)))?;
        stream.write_all(b"GET /v1/posts/1 HTTP/1.1\r\nhost: test\r\nconnection: close\r\n\r\n")?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer)?;
        Ok(answer)
    };
    ask().is_ok_and(|answer| answer.starts_with("HTTP/1.1 200"))
}

/// Returns the control groups of a lab that a process is in.
fn groups_of(pid: u32) -> Vec<PathBuf> {
    let own = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let paths = own.lines().filter_map(|line| line.splitn(3, ':').nth(2));
    let name = paths
        .filter_map(|path| {
            path.split('/')
                .find(|part| part.starts_with("tenfold-lab-"))
        })
        .next();
    let Some(name) = name else {
        return Vec::new();
    };
    let mut found = Vec::new();
    let mut left = vec![PathBuf::from("/sys/fs/cgroup")];
    while let Some(directory) = left.pop() {
        for entry in std::fs::read_dir(&directory)
            .into_iter()
            .flatten()
            .flatten()
        {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                if path.file_name().is_some_and(|own| own == name) {
                    found.push(path.clone());
                }
                left.push(path);
            }
        }
    }
    found
}

fn is_confined(web: &Value) -> bool {
    !web["allowance"].is_null()
}

fn files_of(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).unwrap().flatten();
    entries
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect()
}

#[test]
fn kills_revives_and_stops_boxes() {
    let place = Workplace::new();
    let mut lab = Up::of(&place, &["--box", "web=0.4,256MiB"]);
    let web = lab.web().clone();
    assert!(answers(&web));
    let groups = groups_of(pid(&web));
    if is_confined(&web) {
        assert_eq!(web["allowance"]["cpu"], 0.4);
        assert_eq!(web["allowance"]["memory_bytes"], 256 << 20);
        assert!(groups.iter().all(|group| group.is_dir()) && !groups.is_empty());
    } else {
        let reason = lab.status["unconfined_because"].as_str().unwrap();
        skip(&format!("limits of boxes: {reason}"));
    }

    let status = place.run(&["lab", "status"]).expect(0);
    for expected in [
        "stage single-box",
        web["address"].as_str().unwrap(),
        "throttled",
    ] {
        assert!(status.stdout.contains(expected), "{}", status.stdout);
    }
    let killed = place.run(&["lab", "kill", "web"]).expect(0);
    assert_eq!(killed.stderr, "web: killed\n");
    assert!(!is_running(pid(&web)) && !answers(&web));
    let status = place.run(&["lab", "status", "--json"]).expect(0);
    let status: Value = serde_json::from_str(&status.stdout).unwrap();
    assert_eq!(status["boxes"][0]["state"], "signal: 9 (SIGKILL)");
    assert!(status["boxes"][0]["pid"].is_null());

    place.run(&["lab", "revive", "web"]).expect(0);
    // It has its former address.
    assert!(answers(&web));
    let error = place.run(&["lab", "revive", "web"]).expect(107);
    assert_eq!(error.stderr, "error: web is already up\n");
    let error = place.run(&["lab", "kill", "wbe"]).expect(104);
    assert_eq!(
        error.stderr,
        "error: there is no box or zone `wbe`; this lab has web\n"
    );

    let down = place.run(&["lab", "down"]).expect(0);
    assert_eq!(down.stderr, "web: stopped\n");
    assert!(lab.child.wait().unwrap().success());
    assert!(!answers(&web));
    for group in groups {
        assert!(!group.exists(), "{}", group.display());
    }
    assert!(!files_of(&place.path(".tenfold/lab")).contains(&"lab.sock".to_owned()));
    let error = place.run(&["lab", "status"]).expect(107);
    assert!(error.stderr.contains("no lab is up"), "{}", error.stderr);
}

#[test]
fn killed_lab_leaves_nothing_behind() {
    leaves_nothing_behind(&[]);
}

#[test]
fn killed_unconfined_lab_leaves_nothing_behind() {
    leaves_nothing_behind(&["--unconfined"]);
}

fn leaves_nothing_behind(arguments: &[&str]) {
    let place = Workplace::new();
    let mut lab = Up::of(&place, arguments);
    let web = lab.web().clone();
    let groups = groups_of(pid(&web));
    assert_eq!(groups.is_empty(), !is_confined(&web));
    // A stopped process can't exit by itself, so the guard has to kill it.
    let raw = i32::try_from(pid(&web)).unwrap();
    let stopped = rustix::process::Pid::from_raw(raw).unwrap();
    rustix::process::kill_process(stopped, rustix::process::Signal::STOP).unwrap();
    lab.child.kill().unwrap();
    lab.child.wait().unwrap();
    assert!(within_seconds(|| !is_running(pid(&web))));
    for group in groups {
        assert!(within_seconds(|| !group.exists()), "{}", group.display());
    }
    let socket = place.path(".tenfold/lab/lab.sock");
    assert!(within_seconds(|| !socket.exists()));
    // The directory is free for the next lab.
    let mut next = Up::of(&place, &[]);
    assert!(answers(next.web()));
    let own = rustix::process::Pid::from_raw(i32::try_from(next.child.id()).unwrap()).unwrap();
    rustix::process::kill_process(own, rustix::process::Signal::INT).unwrap();
    assert!(next.child.wait().unwrap().success());
    assert!(!is_running(pid(next.web())));
}

/// Stops the lab of a working directory.
struct Down<'a>(&'a Workplace);

impl Drop for Down<'_> {
    fn drop(&mut self) {
        let _ = self.0.tenfold(&["lab", "down"]).output();
    }
}

#[test]
fn detached_lab_is_up_when_command_returns() {
    let place = Workplace::new();
    let _down = Down(&place);
    let arguments = ["lab", "up", "--detach", "--json", "--unconfined"];
    let up = place.run(&[&arguments[..], &SMALL[..]].concat()).expect(0);
    let status: Value = serde_json::from_str(&up.stdout).unwrap();
    let web = &status["boxes"][0];
    assert!(answers(web) && !is_confined(web));
    // A directory belongs to one lab; a second one fails immediately.
    let second = place
        .run(&[&arguments[..], &SMALL[..]].concat())
        .expect(107);
    assert!(
        second.stderr.contains("is held by another lab, process ")
            && second
                .stderr
                .contains(", stage single-box, `tenfold lab up`"),
        "{}",
        second.stderr
    );
    place.run(&["lab", "down"]).expect(0);
    assert!(within_seconds(|| !is_running(pid(web))));
}

#[test]
fn rejects_invalid_lab_flags() {
    let place = Workplace::new();
    for (arguments, expected) in [
        (
            &["--box", "sql=1"][..],
            "stage `single-box` has no box `sql`; its boxes are web",
        ),
        (
            &["--box", "web=0.01"][..],
            "a box needs between 0.1 and 1024 CPUs",
        ),
        (&["--box", "web"][..], "write ROLE=CPU[,MEMORY]"),
        (
            &["--stage", "partitoned"][..],
            "did you mean `partitioned`?",
        ),
    ] {
        let error = place
            .run(&[&["lab", "up"][..], arguments].concat())
            .expect(104);
        assert!(error.stderr.contains(expected), "{}", error.stderr);
    }
}

/// Lets a process run for a fifth of the time, as a box of 0.2 CPU would, until dropped.
struct Slowed {
    stop: Option<std::sync::mpsc::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

impl Slowed {
    fn new(process: rustix::process::Pid) -> Self {
        use rustix::process::{Signal, kill_process};
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let thread = std::thread::spawn(move || {
            let mut runs = true;
            while kill_process(process, if runs { Signal::CONT } else { Signal::STOP }).is_ok() {
                let time = Duration::from_millis(if runs { 20 } else { 80 });
                match stopped.recv_timeout(time) {
                    Err(std::sync::mpsc::RecvTimeoutError::Timeout) => runs = !runs,
                    _ => break,
                }
            }
            let _ = kill_process(process, Signal::CONT);
        });
        Self {
            stop: Some(stop),
            thread: Some(thread),
        }
    }
}

impl Drop for Slowed {
    fn drop(&mut self) {
        drop(self.stop.take());
        let _ = self.thread.take().unwrap().join();
    }
}

#[test]
fn slow_box_is_waited_for_while_it_loads() {
    let place = Workplace::new();
    let mut up = place
        .tenfold(&["lab", "up", "--unconfined", "--stall-timeout", "8s"])
        .args(["--data-users", "1000", "--data-posts", "120000"])
        .stdout(Stdio::null())
        .stderr(std::fs::File::create(place.path("up.log")).unwrap())
        .spawn()
        .unwrap();
    let began = Instant::now();
    let mut process = None;
    assert!(within_seconds(|| {
        let pid = std::fs::read_to_string(place.path(".tenfold/lab/web.pid")).unwrap_or_default();
        process = pid
            .trim()
            .parse()
            .ok()
            .and_then(rustix::process::Pid::from_raw);
        process.is_some()
    }));
    let mut slowed = Some(Slowed::new(process.unwrap()));
    let log = || std::fs::read_to_string(place.path("up.log")).unwrap();
    let deadline = Instant::now() + Duration::from_secs(120);
    while !log().contains("is up after") {
        assert!(Instant::now() < deadline, "{}", log());
        assert!(up.try_wait().unwrap().is_none(), "{}", log());
        // It has been waited for by then, and still loads.
        if began.elapsed() > Duration::from_secs(10) {
            slowed = None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    drop(slowed);
    assert!(
        began.elapsed() > Duration::from_secs(9),
        "{:?}",
        began.elapsed()
    );
    let shown = log();
    assert!(shown.contains("0 of 1 boxes are up after "), "{shown}");
    assert!(
        shown.contains(" of 120,000 posts") || shown.contains("follows"),
        "{shown}"
    );
    place.run(&["lab", "down"]).expect(0);
    assert!(up.wait().unwrap().success());
    let files = files_of(&place.path(".tenfold/lab"));
    assert!(
        !files.contains(&"web.progress.json".to_owned()),
        "{files:?}"
    );
}

#[test]
fn runs_beside_each_other_have_labs_of_their_own() {
    let place = Workplace::new();
    place.write("light.toml", &light_scenario("100/s", "120s"));
    place.write("short.toml", &light_scenario("100/s", "2s"));
    let mut first = place
        .tenfold(&["run", "light.toml", "--out", "first"])
        .args(SMALL)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let lock = place.path(".tenfold/single-box-users20-posts50/lab.lock");
    assert!(within_seconds(
        || std::fs::read_to_string(&lock).is_ok_and(|own| !own.is_empty())
    ));
    let short = |out| {
        let ended = place.run(&[&["run", "short.toml", "--out", out][..], &SMALL].concat());
        // A run this short may be invalid on a busy machine.
        assert!(matches!(ended.code, Some(0 | 120)), "{}", ended.stderr);
        ended.stderr
    };
    let note = "note: another lab is up in .tenfold/single-box-users20-posts50, so this one is in .tenfold/single-box-users20-posts50-2";
    assert!(short("second").contains(note));

    let status = place.run(&["lab", "status"]).expect(0);
    let holder = format!(
        "process {}, stage single-box, `tenfold run light.toml`",
        first.id()
    );
    assert!(
        status.stdout.contains("no lab is up in .tenfold/lab"),
        "{}",
        status.stdout
    );
    assert!(
        status
            .stdout
            .contains(&format!(".tenfold/single-box-users20-posts50  {holder}")),
        "{}",
        status.stdout
    );
    assert!(!status.stdout.contains("posts50-2"), "{}", status.stdout);
    let directory = ["--dir", ".tenfold/single-box-users20-posts50"];
    let status = place
        .run(&[&["lab", "status", "--json"][..], &directory].concat())
        .expect(0);
    let web = status.json()["boxes"][0].clone();
    assert!(answers(&web));
    let down = place
        .run(&[&["lab", "down"][..], &directory].concat())
        .expect(107);
    assert!(
        down.stderr.contains("belongs to `tenfold run light.toml`"),
        "{}",
        down.stderr
    );
    let down = place.run(&["lab", "down"]).expect(107);
    assert!(
        down.stderr
            .contains(&format!(".tenfold/single-box-users20-posts50 ({holder})")),
        "{}",
        down.stderr
    );

    let running = rustix::process::Pid::from_child(&first);
    rustix::process::kill_process(running, rustix::process::Signal::INT).unwrap();
    assert_eq!(first.wait().unwrap().code(), Some(105));
    assert!(!is_running(pid(&web)));
    // The first directory is free again, with the data that was loaded there.
    assert!(!short("third").contains("so this one is in"));
    assert!(
        place
            .path(".tenfold/single-box-users20-posts50/data/tenfold.db")
            .exists()
    );
    let mut labs = files_of(&place.path(".tenfold"));
    labs.sort();
    assert_eq!(
        labs,
        ["single-box-users20-posts50", "single-box-users20-posts50-2"]
    );
    for lab in labs {
        let files = files_of(&place.path(".tenfold").join(&lab));
        assert!(
            !files.iter().any(|file| file.ends_with(".sock")),
            "{files:?}"
        );
    }
}

#[test]
fn interrupt_ends_run_whose_stage_is_starting() {
    let place = Workplace::new();
    let run = place
        .tenfold(&["run", "uneven", "--out", "run"])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let progress = place.path(".tenfold/single-box/web.progress.json");
    assert!(within_seconds(|| progress.exists()));
    let running = rustix::process::Pid::from_child(&run);
    rustix::process::kill_process(running, rustix::process::Signal::INT).unwrap();
    let ended = Ended::of(run.wait_with_output().unwrap()).expect(105);
    assert!(
        ended
            .stderr
            .contains("interrupted before every box was ready"),
        "{}",
        ended.stderr
    );
    assert!(!place.path("run").exists());
    let status = place.run(&["lab", "status"]).expect(107);
    assert!(
        status.stderr.ends_with("start one with `tenfold lab up`\n"),
        "{}",
        status.stderr
    );
}

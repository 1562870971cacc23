//! `tenfold lab`: start a stage, show it, kill its boxes, and stop it without leaving anything behind.

#![allow(clippy::unwrap_used, reason = "a helper of tests fails as they do")]

use crate::support;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Workplace, skip};

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
        second.stderr.contains("is held by another lab"),
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
        (&["--stage", "autoscaled"][..], "not built yet"),
    ] {
        let error = place
            .run(&[&["lab", "up"][..], arguments].concat())
            .expect(104);
        assert!(error.stderr.contains(expected), "{}", error.stderr);
    }
}

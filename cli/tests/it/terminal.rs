//! A terminal that goes away or stops reading, and pipes that close, while a command runs.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, ioctl_tiocgptpeer, openpt, unlockpt};
use rustix::termios::{Action, Winsize, tcflow, tcsetwinsize};
use support::{Service, Workplace, light_scenario, read_json};

/// Time limit for what takes a moment.
const SOON: Duration = Duration::from_secs(20);

/// Text on the dashboard.
const DRAWN: &str = "planned rate";

/// Arrivals of the scenario that runs to its end: 200 a second for 6 seconds.
const ARRIVALS: u64 = 1_200;

/// A pseudo-terminal. Dropping it hangs it up.
struct Terminal {
    master: OwnedFd,
    /// The end of the command, kept for its settings.
    slave: Option<OwnedFd>,
}

/// Relation of a command to its terminal.
#[derive(Debug, Clone, Copy)]
enum Relation {
    /// The command leads a session whose terminal it is, as in a window of tmux: SIGHUP ends the session.
    Controlling,
    /// The same, but with SIGHUP ignored, as by `nohup`.
    Ignoring,
    /// The command is in another session, as by `setsid`: it gets no signal.
    Foreign,
}

impl Terminal {
    fn open() -> Self {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY;
        let master = openpt(flags | OpenptFlags::CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let slave = ioctl_tiocgptpeer(&master, flags | OpenptFlags::CLOEXEC).unwrap();
        let size = Winsize {
            ws_row: 24,
            ws_col: 80,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        tcsetwinsize(&slave, size).unwrap();
        Self {
            master,
            slave: Some(slave),
        }
    }

    /// Starts `tenfold` with this terminal as its standard streams.
    fn start(&self, place: &Workplace, relation: Relation, arguments: &[&str]) -> Child {
        let inner = place.tenfold(arguments);
        let wrapper: &[&str] = match relation {
            Relation::Controlling => &["setsid", "--ctty"],
            Relation::Ignoring => &[
                "setsid",
                "--ctty",
                "sh",
                "-c",
                "trap '' HUP; exec \"$@\"",
                "sh",
            ],
            Relation::Foreign => &["setsid"],
        };
        let mut command = Command::new(wrapper[0]);
        command
            .args(&wrapper[1..])
            .arg(inner.get_program())
            .args(inner.get_args())
            .current_dir(place.path("."));
        for (name, value) in inner.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        let end = || Stdio::from(self.slave.as_ref().unwrap().try_clone().unwrap());
        command
            .env("TERM", "xterm-256color")
            .env_remove("CI")
            .env_remove("NO_COLOR")
            .stdin(end())
            .stdout(end())
            .stderr(end())
            .spawn()
            .unwrap()
    }

    /// Reads until a text was shown.
    fn read_until(&self, expected: &str) {
        let deadline = Instant::now() + Duration::from_secs(120);
        let mut shown = String::new();
        while !shown.contains(expected) {
            assert!(Instant::now() < deadline, "{expected} is missing: {shown}");
            shown.push_str(&self.read());
        }
    }

    /// Reads for a while, as a terminal does that is looked at.
    fn read_for(&self, time: Duration) {
        let deadline = Instant::now() + time;
        while Instant::now() < deadline {
            self.read();
        }
    }

    fn read(&self) -> String {
        let moment = Timespec {
            tv_sec: 0,
            tv_nsec: 50_000_000,
        };
        let mut waited = [PollFd::new(&self.master, PollFlags::IN)];
        if poll(&mut waited, Some(&moment)).unwrap() == 0 {
            return String::new();
        }
        let mut bytes = [0; 4_096];
        let count = rustix::io::read(&self.master, &mut bytes).unwrap_or(0);
        String::from_utf8_lossy(&bytes[..count]).into_owned()
    }

    /// Stops the output, as Ctrl-S and a connection without acknowledgements do.
    fn stop_output(&self) {
        tcflow(self.slave.as_ref().unwrap(), Action::OOff).unwrap();
    }
}

fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// Waits for a command that has to exit soon.
fn exit_of(child: &mut Child) -> ExitStatus {
    exit_within(child, SOON)
}

fn exit_within(child: &mut Child, time: Duration) -> ExitStatus {
    let deadline = Instant::now() + time;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status;
        }
        if Instant::now() > deadline {
            let threads = threads(child);
            let _ = child.kill();
            let _ = child.wait();
            panic!("it still runs, with the threads {threads:?}");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// Names of the threads of a command.
fn threads(child: &Child) -> Vec<String> {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", child.id()));
    let tasks = tasks.into_iter().flatten().flatten();
    let names = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("comm")).ok());
    names.map(|name| name.trim().to_owned()).collect()
}

fn waits_until(mut is: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + SOON;
    while !is() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Arguments of a run against a service, into the directory `run`.
fn run_against<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    [
        &["run", "light.toml", "--target", url, "--out", "run"],
        more,
    ]
    .concat()
}

fn place_with_service(duration: &str) -> (Workplace, Service) {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", duration));
    (place, service)
}

fn assert_is_whole(run: &Path) -> serde_json::Value {
    let summary = read_json(&run.join("summary.json"));
    for identity in summary["identities"].as_array().unwrap() {
        assert_ne!(identity["holds"], false, "{identity:#}");
    }
    assert!(run.join("report.html").exists());
    summary
}

fn count(summary: &serde_json::Value, pointer: &str) -> u64 {
    summary.pointer(pointer).unwrap().as_u64().unwrap()
}

#[test]
fn hangup_ends_run_and_keeps_measurements() {
    for (view, shown) in [(&[][..], DRAWN), (&["--no-live"], "offered")] {
        let (place, service) = place_with_service("60s");
        let terminal = Terminal::open();
        let url = service.url();
        let mut run = terminal.start(&place, Relation::Controlling, &run_against(&url, view));
        terminal.read_until(shown);
        // The dashboard is drawn before the first request is sent, on a busy machine long before.
        terminal.read_for(Duration::from_secs(4));
        drop(terminal);
        // A shell and the SSH server send more of them, which must not abort.
        for _ in 0..3 {
            let _ = kill_process(pid(&run), Signal::HUP);
        }
        assert_eq!(exit_of(&mut run).code(), Some(105));
        let summary = assert_is_whole(&place.path("run"));
        let sent = count(&summary, "/arrivals/sent");
        assert!((20..6_000).contains(&sent), "{sent} sent");
    }
}

#[test]
fn run_goes_on_without_its_terminal() {
    for relation in [Relation::Foreign, Relation::Ignoring] {
        for (view, shown) in [(&[][..], DRAWN), (&["--no-live"], "offered")] {
            let (place, service) = place_with_service("6s");
            let terminal = Terminal::open();
            let url = service.url();
            let mut run = terminal.start(&place, relation, &run_against(&url, view));
            terminal.read_until(shown);
            terminal.read_for(Duration::from_secs(1));
            drop(terminal);
            // The thread of the keyboard ends; it used to spin.
            let is_gone = || !threads(&run).contains(&"live".to_owned());
            assert!(waits_until(is_gone), "{:?}", threads(&run));
            assert_eq!(run.try_wait().unwrap(), None, "{relation:?}");
            // A run this short may be invalid on a busy machine.
            let code = exit_of(&mut run).code();
            assert!(matches!(code, Some(0 | 120)), "{relation:?}: {code:?}");
            let summary = assert_is_whole(&place.path("run"));
            assert_eq!(count(&summary, "/arrivals/planned"), ARRIVALS);
        }
    }
}

#[test]
fn terminal_that_stops_reading_does_not_stop_the_run() {
    for view in [&[][..], &["--no-live"]] {
        let (place, service) = place_with_service("6s");
        let terminal = Terminal::open();
        let url = service.url();
        let mut run = terminal.start(&place, Relation::Foreign, &run_against(&url, view));
        terminal.read_until(if view.is_empty() { DRAWN } else { "offered" });
        terminal.stop_output();
        // Every file is written, although nothing can be printed.
        let report = place.path("run/report.html");
        assert!(waits_until(|| report.exists()), "{:?}", threads(&run));
        let summary = assert_is_whole(&place.path("run"));
        assert_eq!(count(&summary, "/arrivals/planned"), ARRIVALS);
        drop(terminal);
        let code = exit_of(&mut run).code();
        assert!(matches!(code, Some(0 | 120)), "{code:?}");
    }
}

#[test]
fn second_interrupt_aborts_despite_terminal_that_stops_reading() {
    let (place, service) = place_with_service("60s");
    let terminal = Terminal::open();
    let url = service.url();
    let mut run = terminal.start(&place, Relation::Foreign, &run_against(&url, &[]));
    terminal.read_until(DRAWN);
    terminal.stop_output();
    std::thread::sleep(Duration::from_secs(1));
    for _ in 0..2 {
        kill_process(pid(&run), Signal::INT).unwrap();
        std::thread::sleep(Duration::from_millis(50));
    }
    assert_eq!(exit_of(&mut run).code(), Some(105));
}

#[test]
fn run_goes_on_without_reader_of_its_pipes() {
    let (place, service) = place_with_service("2s");
    let url = service.url();
    let mut command = place.tenfold(&run_against(&url, &["--export", "csv=-"]));
    let mut run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop((run.stdout.take(), run.stderr.take()));
    let code = exit_of(&mut run).code();
    assert!(matches!(code, Some(0 | 120)), "{code:?}");
    let summary = assert_is_whole(&place.path("run"));
    assert_eq!(count(&summary, "/arrivals/planned"), 400);
}

#[test]
fn disk_that_is_full_is_still_an_error() {
    let place = Workplace::new();
    let full = File::options().write(true).open("/dev/full").unwrap();
    let ended = place
        .tenfold(&["doctor", "--json"])
        .stdout(full)
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    assert_eq!(ended.status.code(), Some(1));
    let stderr = String::from_utf8(ended.stderr).unwrap();
    assert!(
        stderr.contains("could not write to standard output"),
        "{stderr}"
    );
}

/// Arguments of a gate of a service with itself.
fn gate_of<'a>(url: &'a str, budget: &'a str) -> Vec<&'a str> {
    let builds = ["gate", "light.toml", "--baseline", url, "--candidate", url];
    [&builds[..], &["--budget", budget, "--out", "gate"]].concat()
}

#[test]
fn gate_ends_with_its_terminal_or_goes_on_without() {
    let (place, service) = place_with_service("6s");
    let url = service.url();
    let terminal = Terminal::open();
    let arguments = gate_of(&url, "60s");
    let mut gate = terminal.start(&place, Relation::Controlling, &arguments);
    terminal.read_until("round 5 ");
    drop(terminal);
    assert_eq!(exit_of(&mut gate).code(), Some(105));

    std::fs::remove_dir_all(place.path("gate")).unwrap();
    let terminal = Terminal::open();
    let mut gate = terminal.start(&place, Relation::Ignoring, &gate_of(&url, "30s"));
    terminal.read_until("round 5 ");
    drop(terminal);
    let status = exit_within(&mut gate, 3 * SOON);
    assert_eq!(status.signal(), None);
    assert!(place.path("gate/gate.json").exists(), "{status}");
}

#[test]
fn lab_and_service_end_with_their_terminal() {
    let place = Workplace::new();
    let small = ["--data-users", "20", "--data-posts", "50"];
    let lab = [&["lab", "up", "--unconfined"][..], &small].concat();
    let serve = [
        "serve",
        "--empty",
        "--listen",
        "127.0.0.1:0",
        "--admin",
        "127.0.0.1:0",
    ];
    for (arguments, shown) in [(&lab[..], "is up after"), (&serve, "metrics and profiles")] {
        let terminal = Terminal::open();
        let mut command = terminal.start(&place, Relation::Controlling, arguments);
        terminal.read_until(shown);
        drop(terminal);
        assert_eq!(exit_of(&mut command).code(), Some(0), "{arguments:?}");
    }
    let status = place.run(&["lab", "status"]).expect(107);
    assert!(status.stderr.contains("no lab is up"), "{}", status.stderr);
}

#[test]
fn lab_goes_on_without_its_terminal() {
    let place = Workplace::new();
    let terminal = Terminal::open();
    let arguments = [
        "lab",
        "up",
        "--unconfined",
        "--data-users",
        "20",
        "--data-posts",
        "50",
    ];
    let mut lab = terminal.start(&place, Relation::Ignoring, &arguments);
    terminal.read_until("is up after");
    drop(terminal);
    let status = place.run(&["lab", "status"]).expect(0);
    assert!(
        status.stdout.contains("stage single-box"),
        "{}",
        status.stdout
    );
    place.run(&["lab", "down"]).expect(0);
    assert_eq!(exit_of(&mut lab).code(), Some(0));
}

/// A shell's job in the background must not change the mode of its terminal: the system would stop it.
#[test]
fn job_in_the_background_has_no_dashboard() {
    let (place, service) = place_with_service("2s");
    let terminal = Terminal::open();
    let script = format!(
        "set -m; {} run light.toml --target {} --out run & wait $!; echo ended with $?",
        env!("CARGO_BIN_EXE_tenfold"),
        service.url()
    );
    let end = || Stdio::from(terminal.slave.as_ref().unwrap().try_clone().unwrap());
    let mut shell = Command::new("setsid")
        .args(["--ctty", "bash", "-c", &script])
        .current_dir(place.path("."))
        .env("TERM", "xterm-256color")
        .env_remove("CI")
        .env_remove("NO_COLOR")
        .stdin(end())
        .stdout(end())
        .stderr(end())
        .spawn()
        .unwrap();
    terminal.read_until("ended with ");
    assert_eq!(exit_of(&mut shell).code(), Some(0));
    assert_is_whole(&place.path("run"));
}

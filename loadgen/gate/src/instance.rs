//! A build that is up: a child process that answers on a port it was given.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tenfold_child_process::describe_exit;
use tenfold_loadgen::{HttpVersion, Interrupt};

use crate::GateError;
use crate::launch::{Launch, Slot};
use crate::logged_command::{LoggedCommand, POLL};

/// How long one question whether it is ready may take.
const ASK_WITHIN: Duration = Duration::from_secs(2);

/// How often a build is started on other ports where somebody took its own before it could.
const MOST_TRIES: u32 = 3;

/// Lines of a log that are shown.
const TAIL_LINES: usize = 12;

/// A build that is up. Dropping it ends the process and all that it has started.
#[derive(Debug)]
pub(crate) struct Instance {
    group: LoggedCommand,
    address: SocketAddr,
    admin: Option<SocketAddr>,
}

impl Instance {
    /// Starts a build on ports that were free a moment ago, and returns once it answers.
    ///
    /// Its output goes to `log`. It is ready when `GET` of the launch's path is answered by anything
    /// but a 5xx.
    ///
    /// # Errors
    /// [`GateError::NotStarted`] where it does not come to answer, [`GateError::Interrupted`] where
    /// somebody did not wait for that, and where it can't be tried at all.
    pub(crate) fn start(
        launch: &Launch,
        slot: Slot,
        log: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self, GateError> {
        let mut tries = 1;
        loop {
            let ports = free_ports()?;
            let started = Self::start_on(launch, slot, ports, log, interrupt);
            let not_started = matches!(started, Err(GateError::NotStarted { .. }));
            // Between the search and the start, a port may have become somebody else's.
            if !not_started || tries == MOST_TRIES || ports.is_free(launch.has_admin()) {
                return started;
            }
            tries += 1;
        }
    }

    fn start_on(
        launch: &Launch,
        slot: Slot,
        ports: Ports,
        log: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self, GateError> {
        let command = launch.command(slot, ports.own, ports.admin);
        let deadline = Instant::now() + launch.ready_within;
        let mut group = LoggedCommand::start(&command, &launch.directory, log)?;
        let not_started = |group: &LoggedCommand, reason: String| GateError::NotStarted {
            command: command.clone(),
            reason,
            log: group.log_tail(TAIL_LINES),
        };
        let address = loopback(ports.own);
        let mut seen = "nothing listens on its port".to_owned();
        let mut is_ready = false;
        loop {
            // Looked at after the answer too: that may have been somebody else's.
            if let Some(status) = group.ended() {
                return Err(not_started(&group, ended_early(status)));
            }
            if is_ready {
                break;
            }
            if *interrupt.borrow() {
                return Err(GateError::Interrupted);
            }
            if Instant::now() >= deadline {
                let reason = format!("not ready within {:?}: {seen}", launch.ready_within);
                return Err(not_started(&group, reason));
            }
            match ask(address, &launch.ready_path, launch.http) {
                Asked::Ready => is_ready = true,
                Asked::NotYet(reason) => {
                    seen = reason;
                    std::thread::sleep(POLL);
                }
                Asked::Nobody => std::thread::sleep(POLL),
            }
        }
        Ok(Self {
            group,
            address,
            admin: launch.has_admin().then(|| loopback(ports.admin)),
        })
    }

    /// Where it serves.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Where it has metrics and profiles, if it was given a port for them.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// The process whose tree it is.
    pub(crate) fn pid(&self) -> u32 {
        self.group.pid()
    }

    /// The last lines of its log; empty where it wrote none.
    pub(crate) fn log_tail(&self) -> String {
        self.group.log_tail(TAIL_LINES)
    }

    /// How it ended, where it has ended by itself.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.group.ended()
    }

    /// Asks it to stop. Nothing is waited for.
    pub(crate) fn ask_to_stop(&mut self) {
        self.group.ask_to_stop();
    }

    /// Asks it to stop, and waits; kills it where it doesn't in time.
    pub(crate) fn stop(self) {
        self.group.stop();
    }
}

/// Why a build that has ended is not up.
fn ended_early(status: ExitStatus) -> String {
    match status.success() {
        true => "it ended with exit code 0; it has to stay in the foreground".to_owned(),
        false => format!("it ended with {}", describe_exit(status)),
    }
}

/// The ports that a build is given.
#[derive(Debug, Clone, Copy)]
struct Ports {
    own: u16,
    admin: u16,
}

impl Ports {
    /// Whether nobody holds them, the second only where it is asked for.
    fn is_free(self, with_admin: bool) -> bool {
        let is_free = |port| TcpListener::bind(loopback(port)).is_ok();
        is_free(self.own) && (!with_admin || is_free(self.admin))
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Two ports of loopback that nothing listens on, different from each other.
fn free_ports() -> Result<Ports, GateError> {
    let bind = || TcpListener::bind(loopback(0));
    let port = |listener: &TcpListener| listener.local_addr().map(|address| address.port());
    let both = bind().and_then(|one| {
        let other = bind()?;
        Ok(Ports {
            own: port(&one)?,
            admin: port(&other)?,
        })
    });
    both.map_err(|source| GateError::System {
        action: "find a free port on",
        what: "127.0.0.1".to_owned(),
        source,
    })
}

/// What came of a question whether a build is ready.
enum Asked {
    Ready,
    /// Something is there; with what is wrong with it.
    NotYet(String),
    Nobody,
}

/// Asks for a path once.
fn ask(address: SocketAddr, path: &str, http: HttpVersion) -> Asked {
    let deadline = Instant::now() + ASK_WITHIN;
    let Ok(stream) = TcpStream::connect_timeout(&address, ASK_WITHIN) else {
        return Asked::Nobody;
    };
    let head = first_bytes(stream, address, path, deadline);
    if http == HttpVersion::Http2 {
        // Who speaks HTTP/2 alone does not take the question for one.
        return Asked::Ready;
    }
    let Some(head) = head else {
        return Asked::NotYet("it accepts connections but does not answer".to_owned());
    };
    let status: Option<u16> = std::str::from_utf8(&head)
        .ok()
        .filter(|head| head.starts_with("HTTP/1."))
        .and_then(|head| head.get(9..)?.parse().ok());
    match status {
        Some(status) if status < 500 => Asked::Ready,
        Some(status) => Asked::NotYet(format!("it answers {status} to GET {path}")),
        None => Asked::NotYet("what answers does not speak HTTP/1".to_owned()),
    }
}

/// The first bytes of an answer, as far as a status reaches; none where they don't come in time.
fn first_bytes(
    mut stream: TcpStream,
    address: SocketAddr,
    path: &str,
    deadline: Instant,
) -> Option<[u8; 12]> {
    let question = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).ok()?;
    let (mut head, mut filled) = ([0; 12], 0);
    while filled < head.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        // A timeout of nothing is refused.
        stream.set_read_timeout(Some(left)).ok()?;
        match stream.read(&mut head[filled..]) {
            Ok(0) => return None,
            Ok(count) => filled += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return None,
        }
    }
    Some(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_for_ever_to_answer_is_not_waited_for() {
        let listener = TcpListener::bind(loopback(0)).unwrap();
        let address = listener.local_addr().unwrap();
        let dripping = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // A byte now and then, each within any timeout of a single read.
            while stream.write_all(b"H").is_ok() {
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        let asked = Instant::now();
        let answer = ask(address, "/", HttpVersion::Negotiated);
        assert!(matches!(answer, Asked::NotYet(_)));
        assert!(asked.elapsed() < ASK_WITHIN * 2);
        dripping.join().unwrap();
    }

    #[test]
    fn a_port_that_somebody_holds_is_told() {
        let ports = free_ports().unwrap();
        assert!(ports.own != ports.admin && ports.is_free(true));
        let held = TcpListener::bind(loopback(ports.admin)).unwrap();
        assert!(ports.is_free(false) && !ports.is_free(true));
        drop(held);
    }
}

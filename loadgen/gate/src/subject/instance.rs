//! A running build: a child process that serves on an assigned port.

use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::Path;
use std::process::ExitStatus;
use std::time::{Duration, Instant};

use tenfold_child_process::describe_exit;
use tenfold_loadgen::{HttpVersion, Interrupt};

use crate::GateError;
use crate::subject::launch::{Launch, Slot};
use crate::subject::logged_command::{LoggedCommand, POLL};

/// Time limit of a readiness check.
const CHECK_WITHIN: Duration = Duration::from_secs(2);

/// Number of attempts if another process takes a port before the build does.
const ATTEMPTS_MAX: u32 = 3;

/// Number of log lines in an error.
const TAIL_LINES: usize = 12;

/// A running build. Dropping it kills the process and all its children.
#[derive(Debug)]
pub(crate) struct Instance {
    command: LoggedCommand,
    address: SocketAddr,
    admin: Option<SocketAddr>,
}

impl Instance {
    /// Starts a build on free ports, and returns once it is ready.
    ///
    /// Its output goes to `log`. It is ready when `GET` of the launch's path returns a status below 500.
    ///
    /// # Errors
    /// Fails with [`GateError::NotStarted`] if the build does not become ready, with
    /// [`GateError::Interrupted`] if the gate is interrupted, and if the process can't be created.
    pub(crate) fn start(
        launch: &Launch,
        slot: Slot,
        log: &Path,
        interrupt: &Interrupt,
    ) -> Result<Self, GateError> {
        let mut attempts = 1;
        loop {
            let ports = free_ports()?;
            let started = Self::start_on(launch, slot, ports, log, interrupt);
            let not_started = matches!(started, Err(GateError::NotStarted { .. }));
            // Another process may have taken a port between the search and the start.
            if !not_started || attempts == ATTEMPTS_MAX || ports.is_free(launch.has_admin()) {
                return started;
            }
            attempts += 1;
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
        let mut running = LoggedCommand::start(&command, &launch.directory, log)?;
        let not_started = |running: &LoggedCommand, reason: String| GateError::NotStarted {
            command: command.clone(),
            reason,
            log: running.log_tail(TAIL_LINES),
        };
        let address = loopback(ports.own);
        let mut last_seen = "nothing listens on its port".to_owned();
        let mut is_ready = false;
        loop {
            // Checked after a response too, because another process may have sent it.
            if let Some(status) = running.exited() {
                return Err(not_started(&running, exit_reason(status)));
            }
            if is_ready {
                break;
            }
            if *interrupt.borrow() {
                return Err(GateError::Interrupted);
            }
            if Instant::now() >= deadline {
                let reason = format!("not ready within {:?}: {last_seen}", launch.ready_within);
                return Err(not_started(&running, reason));
            }
            match check(address, &launch.ready_path, launch.http) {
                Readiness::Ready => is_ready = true,
                Readiness::NotYet(reason) => {
                    last_seen = reason;
                    std::thread::sleep(POLL);
                }
                Readiness::NotListening => std::thread::sleep(POLL),
            }
        }
        Ok(Self {
            command: running,
            address,
            admin: launch.has_admin().then(|| loopback(ports.admin)),
        })
    }

    /// Returns the address of the service.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Returns the address of metrics and profiles, if the build serves them.
    pub(crate) fn admin(&self) -> Option<SocketAddr> {
        self.admin
    }

    /// Returns the root of its process tree.
    pub(crate) fn pid(&self) -> u32 {
        self.command.pid()
    }

    /// Returns the last lines of its log.
    pub(crate) fn log_tail(&self) -> String {
        self.command.log_tail(TAIL_LINES)
    }

    /// Returns the exit status if the process has exited by itself.
    pub(crate) fn exited(&mut self) -> Option<ExitStatus> {
        self.command.exited()
    }

    /// Signals the process to stop, without waiting.
    pub(crate) fn signal_stop(&mut self) {
        self.command.signal_stop();
    }

    /// Signals the process to stop, waits, and kills it after a time limit.
    pub(crate) fn stop(self) {
        self.command.stop();
    }
}

/// Returns the reason why a build that exited is not running.
fn exit_reason(status: ExitStatus) -> String {
    match status.success() {
        true => "it exited with code 0, but has to stay in the foreground".to_owned(),
        false => format!("it ended with {}", describe_exit(status)),
    }
}

/// Ports of a build.
#[derive(Debug, Clone, Copy)]
struct Ports {
    own: u16,
    admin: u16,
}

impl Ports {
    /// Returns whether the ports are free. The second counts only with `with_admin`.
    fn is_free(self, with_admin: bool) -> bool {
        let is_free = |port| TcpListener::bind(loopback(port)).is_ok();
        is_free(self.own) && (!with_admin || is_free(self.admin))
    }
}

fn loopback(port: u16) -> SocketAddr {
    SocketAddr::from((Ipv4Addr::LOCALHOST, port))
}

/// Returns two different free ports of the loopback address.
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

/// Result of a readiness check.
enum Readiness {
    Ready,
    /// A process answers, but is not ready, for this reason.
    NotYet(String),
    /// Nothing listens on the port.
    NotListening,
}

/// Requests a path once.
fn check(address: SocketAddr, path: &str, http: HttpVersion) -> Readiness {
    let deadline = Instant::now() + CHECK_WITHIN;
    let Ok(stream) = TcpStream::connect_timeout(&address, CHECK_WITHIN) else {
        return Readiness::NotListening;
    };
    let head = first_bytes(stream, address, path, deadline);
    if http == HttpVersion::Http2 {
        // A server that only speaks HTTP/2 rejects this request, but listens.
        return Readiness::Ready;
    }
    let Some(head) = head else {
        return Readiness::NotYet("it accepts connections, but does not respond".to_owned());
    };
    let status: Option<u16> = std::str::from_utf8(&head)
        .ok()
        .filter(|head| head.starts_with("HTTP/1."))
        .and_then(|head| head.get(9..)?.parse().ok());
    match status {
        Some(status) if status < 500 => Readiness::Ready,
        Some(status) => Readiness::NotYet(format!("it responds to GET {path} with {status}")),
        None => Readiness::NotYet("it does not speak HTTP/1".to_owned()),
    }
}

/// Returns the first bytes of a response, up to the status. `None` if they do not arrive in time.
fn first_bytes(
    mut stream: TcpStream,
    address: SocketAddr,
    path: &str,
    deadline: Instant,
) -> Option<[u8; 12]> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).ok()?;
    let (mut head, mut filled) = ([0; 12], 0);
    while filled < head.len() {
        let left = deadline.saturating_duration_since(Instant::now());
        // A timeout of zero is an error.
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
    fn readiness_check_bounds_slow_responses() {
        let listener = TcpListener::bind(loopback(0)).unwrap();
        let address = listener.local_addr().unwrap();
        let dripping = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            // Each byte arrives within the timeout of a single read.
            while stream.write_all(b"H").is_ok() {
                std::thread::sleep(Duration::from_millis(500));
            }
        });
        let began = Instant::now();
        let readiness = check(address, "/", HttpVersion::Negotiated);
        assert!(matches!(readiness, Readiness::NotYet(_)));
        assert!(began.elapsed() < CHECK_WITHIN * 2);
        dripping.join().unwrap();
    }

    #[test]
    fn detects_ports_in_use() {
        let ports = free_ports().unwrap();
        assert!(ports.own != ports.admin && ports.is_free(true));
        let held = TcpListener::bind(loopback(ports.admin)).unwrap();
        assert!(ports.is_free(false) && !ports.is_free(true));
        drop(held);
    }
}

//! HAProxy's runtime API: reads counters and changes server states, over a Unix socket in the box's directory.
//!
//! A socket file can be reached from outside the box's network namespace, and by this account only.

use std::io::{self, ErrorKind, Write as _};
use std::net::{Shutdown, SocketAddr};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use rustix::fs::{Mode, OFlags};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType};
use serde::Deserialize;

use super::status::{BalancerStatus, ServerStatus};
use crate::network::read_answer;

/// Name of the socket. Short, and relative to the box's directory: the path of a Unix socket may have
/// only about 100 characters.
pub(crate) const SOCKET: &str = "haproxy.sock";

/// Time limit for a whole answer.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(1);

/// Maximum length of an answer, in bytes. HAProxy writes about 10 kB for each server.
const ANSWER_BYTES_MAX: usize = 4 << 20;

/// Client of a balancer's runtime API.
pub(crate) struct RuntimeApi<'a> {
    /// Directory that contains the socket.
    pub(crate) directory: &'a Path,
}

impl RuntimeApi<'_> {
    /// Returns the balancer's counters.
    pub(crate) fn status(&self, name: &str) -> BalancerStatus {
        let status = self
            .ask("show stat json")
            .and_then(|answer| parse_statistics(&answer));
        match status {
            Ok(status) => BalancerStatus {
                name: name.to_owned(),
                ..status
            },
            Err(error) => BalancerStatus {
                name: name.to_owned(),
                silent_because: Some(error.to_string()),
                ..BalancerStatus::default()
            },
        }
    }

    /// Stops new requests to a server.
    pub(crate) fn drain(&self, server: &ServerStatus) -> io::Result<()> {
        self.set(server, "drain")
    }

    /// Resumes requests to a server.
    pub(crate) fn resume(&self, server: &ServerStatus) -> io::Result<()> {
        self.set(server, "ready")
    }

    /// Returns the servers of one list, which is a shorter answer than [`RuntimeApi::status`].
    pub(crate) fn servers(&self, list: &str) -> io::Result<Vec<ServerStatus>> {
        // 4 selects servers, -1 all of them.
        let answer = self.ask(&format!("show stat {list} 4 -1 json"))?;
        Ok(parse_statistics(&answer)?.servers)
    }

    /// Adds a server, and has it checked and sent requests. `settings` are those of a `server` line.
    pub(crate) fn add(
        &self,
        list: &str,
        name: &str,
        address: SocketAddr,
        settings: &str,
    ) -> io::Result<()> {
        self.command(
            &format!("add server {list}/{name} {address} {settings}"),
            "New server registered.",
        )?;
        // A new server is in maintenance, and not checked.
        self.command(&format!("enable health {list}/{name}"), "")?;
        self.command(&format!("enable server {list}/{name}"), "")
    }

    /// Sends requests to a server that the settings name and that is in maintenance.
    pub(crate) fn enable(&self, list: &str, name: &str) -> io::Result<()> {
        self.command(&format!("set server {list}/{name} state ready"), "")
    }

    /// Puts a server into maintenance.
    pub(crate) fn disable(&self, server: &ServerStatus) -> io::Result<()> {
        self.set(server, "maint")
    }

    /// Ends the requests and connections in flight of a drained server, and puts it into maintenance.
    pub(crate) fn cut_off(&self, server: &ServerStatus) -> io::Result<()> {
        let ServerStatus { list, name, .. } = server;
        self.command(&format!("shutdown sessions server {list}/{name}"), "")?;
        self.set(server, "maint")
    }

    /// Removes a drained server.
    ///
    /// # Errors
    /// Returns an error while it has connections, including idle ones that the balancer keeps.
    pub(crate) fn remove(&self, server: &ServerStatus) -> io::Result<()> {
        self.set(server, "maint")?;
        let ServerStatus { list, name, .. } = server;
        self.command(&format!("del server {list}/{name}"), "Server deleted.")
    }

    /// Has new connections use the certificate and key in a file that its settings name. Open ones go on with the earlier one.
    pub(crate) fn renew(&self, certificate: &Path) -> io::Result<()> {
        let path = certificate.display();
        let pem = std::fs::read_to_string(certificate)?;
        // The payload ends with an empty line.
        let answer = self.ask(&format!("set ssl cert {path} <<\n{pem}"))?;
        if !answer.starts_with("Transaction") {
            return Err(io::Error::other(answer.trim().to_owned()));
        }
        let answer = self.ask(&format!("commit ssl cert {path}"))?;
        match answer.contains("Success") {
            true => Ok(()),
            false => Err(io::Error::other(answer.trim().to_owned())),
        }
    }

    /// Sends a command that has one successful answer.
    fn command(&self, command: &str, expected: &str) -> io::Result<()> {
        let answer = self.ask(command)?;
        match answer.trim() {
            answer if answer == expected => Ok(()),
            reason => Err(io::Error::other(reason.to_owned())),
        }
    }

    fn set(&self, server: &ServerStatus, state: &str) -> io::Result<()> {
        let ServerStatus { list, name, .. } = server;
        // HAProxy answers a successful command with an empty line.
        self.command(&format!("set server {list}/{name} state {state}"), "")
    }

    fn ask(&self, command: &str) -> io::Result<String> {
        let directory = rustix::fs::open(
            self.directory,
            OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        // Through the directory's descriptor: its own path may be too long for a socket address.
        let own = format!("/proc/self/fd/{}/{SOCKET}", directory.as_raw_fd());
        let mut stream = connect(&own)?;
        let deadline = Instant::now() + ANSWER_TIMEOUT;
        stream.set_write_timeout(Some(ANSWER_TIMEOUT))?;
        stream.write_all(format!("{command}\n").as_bytes())?;
        stream.shutdown(Shutdown::Write)?;
        read_answer(&mut stream, deadline, ANSWER_BYTES_MAX)
    }
}

/// Connects without blocking, so that a full backlog is an error and not a wait without end.
fn connect(path: &str) -> io::Result<UnixStream> {
    let socket = rustix::net::socket_with(
        AddressFamily::UNIX,
        SocketType::STREAM,
        SocketFlags::CLOEXEC | SocketFlags::NONBLOCK,
        None,
    )?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    let stream = UnixStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

/// A statistic of HAProxy: the object it belongs to, its name and its value.
#[derive(Deserialize)]
struct Statistic {
    #[serde(rename = "objType")]
    of: String,
    field: Field,
    value: Value,
}

#[derive(Deserialize)]
struct Field {
    name: String,
}

#[derive(Deserialize)]
struct Value {
    value: serde_json::Value,
}

/// Parses the answer to `show stat json`: a list of statistics for each frontend, backend and server (HAProxy's
/// management guide, section 9.3, "show stat" and "typed output format").
pub(super) fn parse_statistics(answer: &str) -> io::Result<BalancerStatus> {
    let all: Vec<Vec<Statistic>> = serde_json::from_str(answer)
        .map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
    let mut status = BalancerStatus::default();
    for statistics in all {
        let find = |name: &str| {
            statistics
                .iter()
                .find(|statistic| statistic.field.name == name)
        };
        let text = |name: &str| {
            let value = find(name).and_then(|statistic| statistic.value.value.as_str());
            value.unwrap_or_default().to_owned()
        };
        let maybe = |name: &str| find(name).and_then(|statistic| statistic.value.value.as_u64());
        let number = |name: &str| maybe(name).unwrap_or_default();
        match statistics.first().map(|statistic| statistic.of.as_str()) {
            Some("Frontend") => {
                status.cache_lookups = status.cache_lookups.saturating_add(number("cache_lookups"));
                status.cache_hits = status.cache_hits.saturating_add(number("cache_hits"));
            }
            Some("Server") => status.servers.push(ServerStatus {
                list: text("pxname"),
                name: text("svname"),
                state: text("status"),
                takes_requests: text("mode") == "http",
                now: number("scur"),
                sent: number("stot"),
                failed_connections: number("econ"),
                failed_answers: number("eresp"),
                retries: number("wretr"),
                redispatches: number("wredis"),
                failed_checks: number("chkfail"),
                times_down: number("chkdown"),
                down_s: number("downtime"),
                is_backup: number("bck") > 0,
                denied: number("dresp"),
                queued_max: number("qmax"),
                in_flight_max: number("smax"),
                queue_ms: maybe("qtime"),
                connect_ms: maybe("ctime"),
                answer_ms: maybe("rtime"),
            }),
            _ => {}
        }
    }
    Ok(status)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use proptest::prelude::*;

    use super::*;

    const ANSWER: &str = r#"[
        [
            {"objType":"Frontend","proxyId":2,"id":0,"field":{"pos":0,"name":"pxname"},"processNum":1,
             "tags":{"origin":"Key","nature":"Name","scope":"Service"},"value":{"type":"str","value":"public"}},
            {"objType":"Frontend","proxyId":2,"id":0,"field":{"pos":86,"name":"cache_lookups"},"processNum":1,
             "tags":{"origin":"Metric","nature":"Counter","scope":"Process"},"value":{"type":"u64","value":9}},
            {"objType":"Frontend","proxyId":2,"id":0,"field":{"pos":87,"name":"cache_hits"},"processNum":1,
             "tags":{"origin":"Metric","nature":"Counter","scope":"Process"},"value":{"type":"u64","value":7}}
        ],
        [
            {"objType":"Server","proxyId":3,"id":1,"field":{"pos":0,"name":"pxname"},"processNum":1,
             "tags":{"origin":"Key","nature":"Name","scope":"Service"},"value":{"type":"str","value":"web"}},
            {"objType":"Server","proxyId":3,"id":1,"field":{"pos":1,"name":"svname"},"processNum":1,
             "tags":{"origin":"Key","nature":"Name","scope":"Service"},"value":{"type":"str","value":"web-1"}},
            {"objType":"Server","proxyId":3,"id":1,"field":{"pos":7,"name":"stot"},"processNum":1,
             "tags":{"origin":"Metric","nature":"Counter","scope":"Process"},"value":{"type":"u64","value":41}},
            {"objType":"Server","proxyId":3,"id":1,"field":{"pos":17,"name":"status"},"processNum":1,
             "tags":{"origin":"Status","nature":"Output","scope":"Service"},"value":{"type":"str","value":"DRAIN"}},
            {"objType":"Server","proxyId":3,"id":1,"field":{"pos":75,"name":"mode"},"processNum":1,
             "tags":{"origin":"Config","nature":"Output","scope":"Service"},"value":{"type":"str","value":"http"}}
        ]
    ]"#;

    #[test]
    fn reads_statistics_by_name() {
        let status = parse_statistics(ANSWER).unwrap();
        assert_eq!((status.cache_lookups, status.cache_hits), (9, 7));
        let [server] = &status.servers[..] else {
            panic!("{status:?}")
        };
        assert_eq!(
            (server.list.as_str(), server.name.as_str()),
            ("web", "web-1")
        );
        assert_eq!((server.sent, server.failed_answers), (41, 0));
        assert!(server.takes_requests && server.is_drained());
    }

    #[test]
    fn reports_missing_balancer() {
        let directory = tempfile::tempdir().unwrap();
        let api = RuntimeApi {
            directory: directory.path(),
        };
        let status = api.status("balancer");
        assert!(status.silent_because.is_some(), "{status:?}");
        assert_eq!(status.servers, []);
    }

    #[test]
    fn connects_through_long_directory_path() {
        let directory = tempfile::tempdir().unwrap();
        let deep = directory.path().join("d".repeat(120));
        std::fs::create_dir(&deep).unwrap();
        let inside = rustix::fs::open(&deep, OFlags::PATH, Mode::empty()).unwrap();
        let own = format!("/proc/self/fd/{}/{SOCKET}", inside.as_raw_fd());
        let listener = std::os::unix::net::UnixListener::bind(own).unwrap();
        let answering = std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut command = String::new();
            stream.read_to_string(&mut command).unwrap();
            stream.write_all(b"No such server.\n").unwrap();
            command
        });
        let api = RuntimeApi { directory: &deep };
        let server = ServerStatus {
            list: "web".to_owned(),
            name: "web-9".to_owned(),
            ..ServerStatus::default()
        };
        let error = api.drain(&server).unwrap_err();
        assert_eq!(error.to_string(), "No such server.");
        assert_eq!(
            answering.join().unwrap(),
            "set server web/web-9 state drain\n"
        );
    }

    proptest! {
        #[test]
        fn reads_or_refuses_any_text(text in ".{0,200}", cut in 0..ANSWER.len()) {
            let _ = parse_statistics(&text);
            prop_assert!(parse_statistics(&ANSWER[..cut]).is_err());
        }
    }
}

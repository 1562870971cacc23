//! Servers of the tests, each on a free port with its own directory. Dropped, they end.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a skipped test says why, and a failed step fails the test"
)]

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tempfile::TempDir;
use tenfold_child_process::{ProcessGroup, find_program};

pub(super) const PASSWORD: &str = "s3cret-pass";

/// Time for a server to answer.
const READY_MAX: Duration = Duration::from_secs(60);

/// Reports why a test is skipped.
///
/// # Panics
/// If the environment variable `CI` is set and not empty: CI runs every test.
fn program(name: &str) -> Option<PathBuf> {
    let found = find_program(name);
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none_or(|set| set.is_empty()),
            "tests must not be skipped in CI: no {name}"
        );
        println!("skipped: no {name}");
    }
    found
}

struct Server {
    directory: TempDir,
    address: SocketAddr,
    _process: ProcessGroup,
}

impl Server {
    /// Starts a program, given its directory and address, and waits until `is_ready`.
    fn start(
        program: &Path,
        directory: TempDir,
        arguments: impl Fn(&Path, SocketAddr) -> Vec<String>,
        is_ready: impl Fn(SocketAddr) -> bool,
    ) -> Self {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(program);
        command
            .args(arguments(directory.path(), address))
            .current_dir(directory.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = ProcessGroup::spawn_guarded(&mut command).unwrap();
        let begun = Instant::now();
        while !is_ready(address) {
            assert!(!process.has_exited() && begun.elapsed() < READY_MAX);
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            directory,
            address,
            _process: process,
        }
    }
}

/// A database whose root account has no password, and an account that may read counters.
pub(super) struct MariaDb(Server);

impl MariaDb {
    pub(super) fn start() -> Option<Self> {
        let (server, install) = (program("mariadbd")?, program("mariadb-install-db")?);
        let directory = tempfile::tempdir().unwrap();
        let installed = Command::new(install)
            .args(["--no-defaults", "--skip-test-db"])
            .arg("--auth-root-authentication-method=normal")
            .arg(format!(
                "--datadir={}",
                directory.path().join("data").display()
            ))
            .args(user())
            .env("TMPDIR", directory.path())
            .output()
            .unwrap();
        assert!(installed.status.success(), "{installed:?}");
        let arguments = |directory: &Path, address: SocketAddr| {
            let mut arguments = vec![
                "--no-defaults".to_owned(),
                format!("--datadir={}", directory.join("data").display()),
                format!("--socket={}", directory.join("sql.sock").display()),
                format!("--port={}", address.port()),
                "--bind-address=127.0.0.1".to_owned(),
                "--performance-schema=ON".to_owned(),
                "--performance-schema-digests-size=200".to_owned(),
            ];
            arguments.extend(user());
            arguments
        };
        let started = Self(Server::start(&server, directory, arguments, |address| {
            let Ok(mut stream) = TcpStream::connect(address) else {
                return false;
            };
            let mut greeting = [0; 64];
            stream.read(&mut greeting).is_ok_and(|read| {
                let text = String::from_utf8_lossy(&greeting[..read]).into_owned();
                text.contains("MariaDB")
            })
        }));
        started.run(&format!(
            "CREATE USER watcher@'%' IDENTIFIED BY '{PASSWORD}'; GRANT PROCESS ON *.* TO watcher@'%'; \
             GRANT SELECT ON performance_schema.* TO watcher@'%'"
        ));
        Some(started)
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    pub(super) fn root(&self) -> String {
        format!("mysql://root@{}", self.address())
    }

    pub(super) fn monitor(&self) -> String {
        format!("mysql://watcher:{PASSWORD}@{}", self.address())
    }

    /// Runs statements as root.
    pub(super) fn run(&self, statements: &str) {
        let done = Command::new(find_program("mariadb").unwrap())
            .args(["--no-defaults", "--user=root"])
            .arg(format!(
                "--socket={}",
                self.0.directory.path().join("sql.sock").display()
            ))
            .args(["--execute", statements])
            .output()
            .unwrap();
        assert!(done.status.success(), "{done:?}");
    }
}

/// A cache with 2 MiB that logs every command as slow.
pub(super) struct Redis(Server);

impl Redis {
    pub(super) fn start() -> Option<Self> {
        let server = program("redis-server")?;
        let arguments = |_: &Path, address: SocketAddr| {
            let port = address.port().to_string();
            [
                ["--bind", "127.0.0.1"],
                ["--port", &port],
                ["--save", ""],
                ["--requirepass", PASSWORD],
                ["--maxmemory", "2mb"],
                ["--maxmemory-policy", "allkeys-lru"],
                ["--slowlog-log-slower-than", "0"],
                ["--slowlog-max-len", "10"],
            ]
            .concat()
            .into_iter()
            .map(str::to_owned)
            .collect()
        };
        let directory = tempfile::tempdir().unwrap();
        let is_ready = |address: SocketAddr| TcpStream::connect(address).is_ok();
        Some(Self(Server::start(&server, directory, arguments, is_ready)))
    }

    pub(super) fn url(&self) -> String {
        format!("redis://:{PASSWORD}@{}", self.0.address)
    }

    pub(super) fn client(&self) -> redis::Connection {
        let client = redis::Client::open(self.url()).unwrap();
        client.get_connection().unwrap()
    }
}

/// A web server with its counters at `/status`.
pub(super) struct Nginx(Server);

impl Nginx {
    pub(super) fn start() -> Option<Self> {
        let server = program("nginx")?;
        let directory = tempfile::tempdir().unwrap();
        let arguments = |directory: &Path, address: SocketAddr| {
            let own = directory.display();
            let root = match rustix::process::geteuid().is_root() {
                true => "user root;",
                false => "",
            };
            let settings = format!(
                "{root} daemon off; pid {own}/pid; error_log stderr; events {{}} http {{ access_log off; \
                 client_body_temp_path {own}/a; proxy_temp_path {own}/b; fastcgi_temp_path {own}/c; \
                 uwsgi_temp_path {own}/d; scgi_temp_path {own}/e; \
                 server {{ listen {address}; location = /status {{ stub_status; }} location / {{ return 204; }} }} }}"
            );
            std::fs::write(directory.join("nginx.conf"), settings).unwrap();
            let file = directory.join("nginx.conf").display().to_string();
            ["-e", "stderr", "-p", &own.to_string(), "-c", &file]
                .map(str::to_owned)
                .to_vec()
        };
        let is_ready = |address: SocketAddr| TcpStream::connect(address).is_ok();
        Some(Self(Server::start(&server, directory, arguments, is_ready)))
    }

    pub(super) fn address(&self) -> SocketAddr {
        self.0.address
    }

    pub(super) fn get(&self, path: &str) {
        let mut stream = TcpStream::connect(self.address()).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        assert!(answer.starts_with("HTTP/1.1 204"), "{answer}");
    }
}

/// MariaDB refuses to run as root without this argument.
fn user() -> Option<String> {
    rustix::process::geteuid()
        .is_root()
        .then(|| "--user=root".to_owned())
}

//! Redis server for a test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::RedisCache;
use crate::cache::Cache;

/// Attempts to listen on a port.
const BINDS_MAX: usize = 5;

pub(crate) const PASSWORD: &str = "s3cret-redis";

/// Server with its own directory and a free loopback port; killed when dropped.
pub(crate) struct RedisServer {
    dir: tempfile::TempDir,
    port: u16,
    encrypted: bool,
    child: Child,
}

impl RedisServer {
    /// Starts a server and waits until it responds. `None` if it is not installed, which skips the test.
    pub(crate) async fn start() -> Option<Self> {
        Self::begin(false).await
    }

    /// Like [`start`](Self::start), with TLS only and a self-signed certificate.
    pub(crate) async fn start_with_tls() -> Option<Self> {
        Self::begin(true).await
    }

    async fn begin(encrypted: bool) -> Option<Self> {
        let Some(program) = program("redis-server") else {
            crate::skip::skip("no redis-server");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        if encrypted && !make_certificate(dir.path()) {
            crate::skip::skip("no openssl");
            return None;
        }
        let port = free_port();
        let mut server = Self {
            child: spawn(&program, dir.path(), port, encrypted),
            dir,
            port,
            encrypted,
        };
        // Between the choice of a port and its use, another process may take it.
        for _ in 0..BINDS_MAX {
            if server.is_ready().await {
                return Some(server);
            }
            server.port = free_port();
            server.child = spawn(&program, server.dir.path(), server.port, encrypted);
        }
        panic!("redis-server found {BINDS_MAX} ports in use");
    }

    /// Returns the URL, including the password.
    pub(crate) fn url(&self) -> String {
        let (scheme, query) = if self.encrypted {
            let file = self.dir.path().join("certificate.pem");
            ("rediss", format!("?ca={}", file.display()))
        } else {
            ("redis", String::new())
        };
        format!("{scheme}://:{PASSWORD}@127.0.0.1:{}{query}", self.port)
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Restarts the server after it was killed, without its data.
    pub(crate) async fn restart(&mut self) {
        let program = program("redis-server").unwrap();
        for _ in 0..BINDS_MAX {
            self.child = spawn(&program, self.dir.path(), self.port, self.encrypted);
            if self.is_ready().await {
                return;
            }
            // A connection that uses the port ends.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("redis-server could not use port {} again", self.port);
    }

    /// Suspends the process, keeping its connections open.
    pub(crate) fn pause(&self) {
        let paused = Command::new("kill")
            .arg("-STOP")
            .arg(self.child.id().to_string())
            .status();
        assert!(paused.unwrap().success());
    }

    /// Waits until the server responds. False if its port is in use.
    async fn is_ready(&mut self) -> bool {
        let path = self.dir.path().join("log");
        let log = || std::fs::read_to_string(&path).unwrap_or_default();
        for _ in 0..600 {
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = log();
                assert!(
                    log.contains("Address already in use"),
                    "redis-server ended with {status}:\n{log}"
                );
                return false;
            }
            // Until then, a response may be that of the server of another test.
            let is_listening = log().contains("Ready to accept connections");
            if is_listening
                && RedisCache::open(&self.url())
                    .unwrap()
                    .get(b"-")
                    .await
                    .is_ok()
            {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        panic!("redis-server did not respond within 30 s:\n{}", log());
    }
}

impl Drop for RedisServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts a server with an empty log.
fn spawn(program: &Path, dir: &Path, port: u16, encrypted: bool) -> Child {
    let _ = std::fs::remove_file(dir.join("log"));
    let mut command = Command::new(program);
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--maxmemory", "64mb", "--maxmemory-policy", "allkeys-lru"])
        .args(["--requirepass", PASSWORD])
        .arg("--dir")
        .arg(dir)
        .arg("--logfile")
        .arg(dir.join("log"));
    let port = port.to_string();
    if encrypted {
        let file = |name: &str| dir.join(name).display().to_string();
        command
            .args([
                "--port",
                "0",
                "--tls-port",
                &port,
                "--tls-auth-clients",
                "no",
            ])
            .args(["--tls-cert-file", &file("certificate.pem")])
            .args(["--tls-key-file", &file("key.pem")])
            .args(["--tls-ca-cert-file", &file("certificate.pem")]);
    } else {
        command.args(["--port", &port]);
    }
    command
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// Creates a self-signed certificate for 127.0.0.1.
fn make_certificate(dir: &Path) -> bool {
    let made = Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "ec",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
        ])
        .args(["-nodes", "-days", "2", "-subj", "/CN=redis"])
        .args(["-addext", "subjectAltName=IP:127.0.0.1"])
        .args(["-addext", "basicConstraints=critical,CA:FALSE"])
        .arg("-keyout")
        .arg(dir.join("key.pem"))
        .arg("-out")
        .arg(dir.join("certificate.pem"))
        .output();
    made.is_ok_and(|made| made.status.success())
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

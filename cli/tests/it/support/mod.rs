//! What the tests of the binary share: running it, and a service to run it against.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "for tests, each of which uses the part that it needs"
)]

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// A working directory of a test's own, with the binary to run in it.
pub(crate) struct Workplace {
    directory: tempfile::TempDir,
}

impl Workplace {
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).unwrap();
        path
    }

    /// The binary, about to run here with none of the caller's settings.
    pub(crate) fn tenfold(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenfold"));
        command
            .args(arguments)
            .current_dir(self.directory.path())
            // What a person has allowed is no business of a test's.
            .env("XDG_CONFIG_HOME", self.path("configuration"))
            .stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENFOLD_")) {
            command.env_remove(name);
        }
        command
    }

    /// Runs the binary to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ended {
        Ended::of(self.tenfold(arguments).output().unwrap())
    }

    /// Starts `tenfold serve` on free ports with a small data set.
    pub(crate) fn serve(&self, arguments: &[&str]) -> Service {
        let ready = self.path("ready.json");
        let _ = std::fs::remove_file(&ready);
        let mut command = self.tenfold(&["serve", "--listen", "127.0.0.1:0"]);
        command
            .args([
                "--admin",
                "127.0.0.1:0",
                "--data",
                "data",
                "--ready-file",
                "ready.json",
            ])
            .args(arguments)
            .stderr(std::fs::File::create(self.path("serve.log")).unwrap());
        let mut child = command.spawn().unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            if let Ok(text) = std::fs::read(&ready) {
                let document: Value = serde_json::from_slice(&text).unwrap();
                let address = |name: &str| document[name].as_str().unwrap().parse().unwrap();
                return Service {
                    child,
                    address: address("address"),
                    admin: address("admin"),
                };
            }
            if let Some(status) = child.try_wait().unwrap() {
                let log = std::fs::read_to_string(self.path("serve.log")).unwrap();
                panic!("the service ended with {status}: {log}");
            }
            assert!(
                Instant::now() < deadline,
                "the service was not ready in time"
            );
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

/// A service that runs; killed when dropped.
pub(crate) struct Service {
    pub(crate) child: Child,
    pub(crate) address: SocketAddr,
    pub(crate) admin: SocketAddr,
}

impl Service {
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(crate) fn admin_url(&self) -> String {
        format!("http://{}", self.admin)
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A run of the binary that has ended.
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Panics with all that was written where the exit code is another.
    pub(crate) fn expect(self, code: i32) -> Self {
        assert_eq!(
            self.code,
            Some(code),
            "stdout:\n{}\nstderr:\n{}",
            self.stdout,
            self.stderr
        );
        self
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| {
            panic!("{error} in:\n{}\nstderr:\n{}", self.stdout, self.stderr)
        })
    }
}

/// Reads a JSON document.
pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// A scenario that reads the health of any service of ours.
pub(crate) fn light_scenario(rate: &str, duration: &str) -> String {
    format!(
        r#"
version = 1
name = "light"
seed = 5
rules = ['errors < 1%']
[load]
arrivals = "even"
[[phases]]
name = "steady"
kind = "constant"
rate = "{rate}"
duration = "{duration}"
[[requests]]
name = "health"
kind = "read"
weight = 1
path = "/healthz"
"#
    )
}

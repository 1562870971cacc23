//! Shared by tests of the binary: running it, and a service to run it against.

#![allow(
    dead_code,
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "test support, of which each test uses a part"
)]

pub(crate) mod namespace;
pub(crate) mod nats;
pub(crate) mod raw_service;
pub(crate) mod recording_service;
pub(crate) mod slow_link;
pub(crate) mod tls_service;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

/// Working directory of a test, in which it runs the binary.
pub(crate) struct Workplace {
    directory: tempfile::TempDir,
    is_profiled: bool,
    /// Directory of further programs.
    programs: Option<PathBuf>,
}

impl Workplace {
    /// Creates a place whose runs take no profile: that of a debug build takes longer than most runs of tests.
    pub(crate) fn new() -> Self {
        Self {
            directory: tempfile::tempdir().unwrap(),
            is_profiled: false,
            programs: None,
        }
    }

    /// Creates a place whose commands find the programs of a directory as well.
    pub(crate) fn with_programs(directory: PathBuf) -> Self {
        Self {
            programs: Some(directory),
            ..Self::new()
        }
    }

    /// Creates a place whose runs take a profile.
    pub(crate) fn profiled() -> Self {
        Self {
            is_profiled: true,
            ..Self::new()
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

    /// Returns a command that runs the binary here, without the settings of the environment.
    pub(crate) fn tenfold(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tenfold"));
        command.args(arguments);
        self.settle(&mut command);
        command
    }

    /// Makes a command run here, without the settings of the environment.
    pub(crate) fn settle(&self, command: &mut Command) {
        command
            .current_dir(self.directory.path())
            // Tests must not use the permissions of the person who runs them.
            .env("XDG_CONFIG_HOME", self.path("configuration"))
            .stdin(Stdio::null());
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("TENFOLD_")) {
            command.env_remove(name);
        }
        if let Some(programs) = &self.programs {
            let path = std::env::var_os("PATH").unwrap_or_default();
            let all = [programs.clone()]
                .into_iter()
                .chain(std::env::split_paths(&path));
            command.env("PATH", std::env::join_paths(all).unwrap());
        }
        if !self.is_profiled {
            command.env("TENFOLD_NO_PROFILE", "true");
        }
    }

    /// Runs the binary until it exits.
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

/// Running service. Killed when dropped.
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

/// Result of the binary.
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

    /// Checks the exit code.
    ///
    /// # Panics
    /// Panics with the whole output if the exit code differs.
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

/// Reports that a test is skipped because this machine lacks something.
///
/// # Panics
/// If the environment variable `CI` is set and not empty: CI runs every test.
pub(crate) fn skip(reason: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|set| set.is_empty()),
        "tests must not be skipped in CI: {reason}"
    );
    println!("skipped: {reason}");
}

/// Reads a JSON document.
pub(crate) fn read_json(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Returns a scenario that reads `/healthz` of the reference service.
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

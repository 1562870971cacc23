//! ArcadeDB server for a test.

use std::net::SocketAddr;
use std::process::Command;

use crate::test_process::{TestProcess, free_addresses, program};

pub(super) const PASSWORD: &str = "s3cret-pass";

/// Server with its own directory and a free loopback port; killed when dropped.
pub(super) struct ArcadeServer {
    process: TestProcess,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl ArcadeServer {
    /// Starts a server and waits until it accepts connections. `None` if ArcadeDB is not installed, which skips the test.
    pub(super) async fn start() -> Option<Self> {
        let Some(program) = program("arcadedb-server") else {
            crate::skip::skip("no arcadedb-server");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let [address, encrypted] = free_addresses();
        let root = dir.path().to_owned();
        std::fs::write(root.join("password"), PASSWORD).unwrap();
        let command = move || {
            let option = |name: &str, value: String| format!("-Darcadedb.{name}={value}");
            let mut command = Command::new(&program);
            command
                .current_dir(&root)
                .arg(option("server.rootPath", root.display().to_string()))
                .arg(option(
                    "server.rootPasswordPath",
                    root.join("password").display().to_string(),
                ))
                .arg(option("server.httpIncomingHost", "127.0.0.1".to_owned()))
                .arg(option(
                    "server.httpIncomingPort",
                    address.port().to_string(),
                ))
                .arg(option(
                    "server.httpsIncomingPort",
                    encrypted.port().to_string(),
                ))
                .arg(option("server.defaultDatabases", String::new()))
                .arg(option("ha.enabled", "false".to_owned()))
                .arg(option("profile", "low-ram".to_owned()))
                .env("JAVA_OPTS", "-Xms64m -Xmx256m");
            command
        };
        let log = dir.path().join("output");
        Some(Self {
            process: TestProcess::start(command, address, log).await,
            address,
            _dir: dir,
        })
    }

    /// Returns the URL of a database, including the password.
    pub(super) fn url(&self) -> String {
        format!("arcadedb://root:{PASSWORD}@{}/posts", self.address)
    }

    /// Kills it as a crash would, and starts it again with its data.
    pub(super) async fn kill_and_restart(&mut self) {
        self.process.kill_and_restart().await;
    }
}

//! ClickHouse server for a test.

use std::net::SocketAddr;
use std::process::Command;

use crate::test_process::{TestProcess, free_addresses, program};

/// Server with its own directory and free loopback ports; killed when dropped.
pub(crate) struct ClickHouseServer {
    process: TestProcess,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl ClickHouseServer {
    /// Starts a server and waits until it accepts connections. `None` if ClickHouse is not installed, which skips the test.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = program("clickhouse-server") else {
            crate::skip::skip("no clickhouse-server");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let [address, native, between] = free_addresses();
        let root = dir.path().to_owned();
        for (name, text) in [
            ("config.xml", include_str!("clickhouse-config.xml")),
            ("users.xml", include_str!("clickhouse-users.xml")),
        ] {
            let text = text
                .replace("{DIRECTORY}", &root.display().to_string())
                .replace("{HTTP_PORT}", &address.port().to_string())
                .replace("{TCP_PORT}", &native.port().to_string())
                .replace("{BETWEEN_PORT}", &between.port().to_string());
            std::fs::write(root.join(name), text).unwrap();
        }
        let command = move || {
            let mut command = Command::new(&program);
            command.current_dir(&root).arg(format!(
                "--config-file={}",
                root.join("config.xml").display()
            ));
            command
        };
        let log = dir.path().join("output");
        Some(Self {
            process: TestProcess::start(command, address, log).await,
            address,
            _dir: dir,
        })
    }

    /// Returns the URL of the database.
    pub(crate) fn url(&self) -> String {
        format!("clickhouse://default:@{}/default", self.address)
    }

    /// Kills it as a crash would, and starts it again with its data.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.process.kill_and_restart().await;
    }
}

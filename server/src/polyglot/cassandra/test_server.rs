//! Cassandra server for a test.

use std::net::SocketAddr;
use std::process::Command;

use crate::test_process::{TestProcess, free_addresses, program};

/// Server with its own directory and free loopback ports; killed when dropped.
pub(super) struct CassandraServer {
    process: TestProcess,
    address: SocketAddr,
    _dir: tempfile::TempDir,
}

impl CassandraServer {
    /// Starts a server and waits until it accepts connections. `None` if Cassandra is not installed, which skips the test.
    pub(super) async fn start() -> Option<Self> {
        let Some(program) = program("cassandra") else {
            crate::skip::skip("no cassandra");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let [address, storage, encrypted] = free_addresses();
        let root = dir.path().display().to_string();
        let settings = dir.path().join("cassandra.yaml");
        let text = include_str!("cassandra.yaml")
            .replace("{DIRECTORY}", &root)
            .replace("{CQL_PORT}", &address.port().to_string())
            .replace("{STORAGE_PORT}", &storage.port().to_string())
            .replace("{ENCRYPTED_PORT}", &encrypted.port().to_string());
        std::fs::write(&settings, text).unwrap();
        let command = move || {
            let mut command = Command::new(&program);
            command
                .args(["-f", "-R"])
                .arg(format!("-Dcassandra.config=file://{root}/cassandra.yaml"))
                .arg(format!("-Dcassandra.storagedir={root}"))
                .arg("-Dcassandra.skip_wait_for_gossip_to_settle=0")
                .arg("-Dcassandra.ring_delay_ms=100")
                .arg("-Dcassandra.superuser_setup_delay_ms=0")
                .env("MAX_HEAP_SIZE", "256M")
                .env("HEAP_NEWSIZE", "64M");
            command
        };
        let log = dir.path().join("output");
        Some(Self {
            process: TestProcess::start(command, address, log).await,
            address,
            _dir: dir,
        })
    }

    /// Returns the URL of a keyspace.
    pub(super) fn url(&self) -> String {
        format!("cassandra://{}/feeds", self.address)
    }

    /// Kills it as a crash would, and starts it again with its data.
    pub(super) async fn kill_and_restart(&mut self) {
        self.process.kill_and_restart().await;
    }
}

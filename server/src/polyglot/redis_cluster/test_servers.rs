//! Redis cluster for a test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use super::RedisCluster;

/// Servers of the cluster.
const SERVERS: usize = 3;
/// Slots of a cluster.
const SLOTS: usize = 16_384;
/// Attempts to find free ports.
const BINDS_MAX: usize = 5;

pub(crate) const PASSWORD: &str = "s3cret-pass";

/// Three servers on free loopback ports; killed when dropped.
pub(crate) struct RedisServers {
    dir: tempfile::TempDir,
    /// Ports for clients, and for the other servers.
    ports: Vec<(u16, u16)>,
    children: Vec<Child>,
}

impl RedisServers {
    /// Starts the servers and waits until they serve all slots. `None` if Redis is not installed, which skips the test.
    pub(crate) async fn start() -> Option<Self> {
        if program().is_none() {
            crate::skip::skip("no redis-server");
            return None;
        }
        for _ in 0..BINDS_MAX {
            let dir = tempfile::tempdir().unwrap();
            let ports: Vec<_> = free_ports();
            let mut servers = Self {
                children: Vec::new(),
                ports,
                dir,
            };
            for index in 0..SERVERS {
                servers.write_nodes(index);
                servers.children.push(servers.spawn(index));
            }
            if servers.is_ready().await {
                return Some(servers);
            }
        }
        panic!("redis-server found {BINDS_MAX} sets of ports in use");
    }

    /// Returns the URL, including the password.
    pub(crate) fn url(&self) -> String {
        let nodes = self
            .ports
            .iter()
            .map(|(port, _)| format!("127.0.0.1:{port}"));
        let nodes: Vec<_> = nodes.collect();
        format!("redis-cluster://:{PASSWORD}@{}", nodes.join(","))
    }

    /// Kills a server as a crash would, and starts it again with its data.
    pub(crate) async fn kill_and_restart(&mut self, index: usize) {
        self.children[index].kill().unwrap();
        self.children[index].wait().unwrap();
        self.children[index] = self.spawn(index);
        assert!(self.is_ready().await, "a port is in use");
    }

    /// Writes what a server knows of the cluster, so that it need not be formed.
    fn write_nodes(&self, index: usize) {
        let own = self.dir.path().join(index.to_string());
        std::fs::create_dir_all(&own).unwrap();
        let mut text = String::new();
        for (other, (port, bus)) in self.ports.iter().enumerate() {
            let (first, end) = (SLOTS * other / SERVERS, SLOTS * (other + 1) / SERVERS);
            let id = format!("{:040x}", other + 1);
            let flags = if other == index {
                "myself,master"
            } else {
                "master"
            };
            let epoch = other + 1;
            text += &format!(
                "{id} 127.0.0.1:{port}@{bus} {flags} - 0 0 {epoch} connected {first}-{}\n",
                end - 1
            );
        }
        text += &format!("vars currentEpoch {SERVERS} lastVoteEpoch 0\n");
        std::fs::write(own.join("nodes.conf"), text).unwrap();
    }

    fn spawn(&self, index: usize) -> Child {
        let own = self.dir.path().join(index.to_string());
        let _ = std::fs::remove_file(own.join("log"));
        let (port, bus) = self.ports[index];
        Command::new(program().unwrap())
            .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "yes"])
            // Otherwise a write waits for a slow sync of an earlier one, after it was acknowledged.
            .args(["--appendfsync", "always"])
            .args([
                "--port",
                &port.to_string(),
                "--cluster-port",
                &bus.to_string(),
            ])
            .args([
                "--cluster-enabled",
                "yes",
                "--cluster-require-full-coverage",
                "no",
            ])
            .args(["--requirepass", PASSWORD])
            .arg("--dir")
            .arg(&own)
            .arg("--logfile")
            .arg(own.join("log"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }

    /// Waits until the cluster serves all its slots. False if a server ended, as one of its ports is in use.
    async fn is_ready(&mut self) -> bool {
        for _ in 0..600 {
            for (index, child) in self.children.iter_mut().enumerate() {
                if child.try_wait().unwrap().is_some() {
                    let log = read_log(self.dir.path(), index);
                    assert!(
                        log.contains("ddress already in use"),
                        "redis-server ended:\n{log}"
                    );
                    return false;
                }
            }
            if self.serves_all_slots().await {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let logs: Vec<_> = (0..SERVERS)
            .map(|own| read_log(self.dir.path(), own))
            .collect();
        panic!(
            "the Redis cluster did not respond within 30 s:\n{}",
            logs.join("\n")
        );
    }

    async fn serves_all_slots(&self) -> bool {
        use crate::polyglot::Counters as _;
        let Ok(cluster) = RedisCluster::open(&self.url()).await else {
            return false;
        };
        for number in 0..10 {
            if cluster.value(&format!("any:{number}")).await.is_err() {
                return false;
            }
        }
        true
    }
}

impl Drop for RedisServers {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Returns ports that were free a moment ago, different from each other.
fn free_ports() -> Vec<(u16, u16)> {
    let listeners: Vec<_> = (0..2 * SERVERS)
        .map(|_| TcpListener::bind("127.0.0.1:0").unwrap())
        .collect();
    let ports: Vec<_> = listeners
        .iter()
        .map(|own| own.local_addr().unwrap().port())
        .collect();
    ports.chunks(2).map(|pair| (pair[0], pair[1])).collect()
}

fn read_log(dir: &Path, index: usize) -> String {
    std::fs::read_to_string(dir.join(index.to_string()).join("log")).unwrap_or_default()
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join("redis-server"))
        .find(|program| program.is_file())
}

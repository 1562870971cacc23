//! A private MariaDB server for a test.

use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::*;

pub(super) const PASSWORD: &str = "s3cret-pass";

/// A server with its own data directory and a free port on loopback; killed when dropped.
pub(super) struct MariaDb {
    dir: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl MariaDb {
    /// Starts a server and waits until it answers. `None`, having said so, where there is none.
    pub(super) async fn start() -> Option<Self> {
        let (Some(server), Some(install)) = (program("mariadbd"), program("mariadb-install-db"))
        else {
            println!("skipped: no mariadbd");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let installed = Command::new(install)
            .arg("--no-defaults")
            .arg("--auth-root-authentication-method=normal")
            .arg("--skip-test-db")
            .arg(format!("--datadir={}", dir.path().join("data").display()))
            .args(user())
            .output()
            .unwrap();
        assert!(
            installed.status.success(),
            "{}",
            String::from_utf8_lossy(&installed.stderr)
        );
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = spawn(&server, dir.path(), port);
        let mut started = Self { dir, port, child };
        started.wait().await;
        let mut root = Conn::from_url(&started.root()).await.unwrap();
        let users = format!(
            "CREATE USER tenfold@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO tenfold@'%'"
        );
        root.query_drop(users).await.unwrap();
        Some(started)
    }

    /// Creates an empty database and answers with its URL.
    pub(super) async fn database(&self, name: &str) -> String {
        let mut root = Conn::from_url(&self.root()).await.unwrap();
        root.query_drop(format!("CREATE DATABASE {name}"))
            .await
            .unwrap();
        format!("mysql://tenfold:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// Kills the server as a power cut would, and starts it again.
    pub(super) async fn kill_and_start(&mut self) {
        self.kill();
        self.child = spawn(&program("mariadbd").unwrap(), self.dir.path(), self.port);
        self.wait().await;
    }

    pub(super) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn root(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/mysql", self.port)
    }

    async fn wait(&mut self) {
        for _ in 0..600 {
            if Conn::from_url(&self.root()).await.is_ok() {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                let log = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
                panic!("mariadbd ended with {status}:\n{log}");
            }
            sleep(Duration::from_millis(100)).await;
        }
        panic!("mariadbd did not answer within 60 s");
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(server: &Path, dir: &Path, port: u16) -> Child {
    Command::new(server)
        .arg("--no-defaults")
        .arg(format!("--datadir={}", dir.join("data").display()))
        .arg(format!("--socket={}", dir.join("socket").display()))
        .arg(format!("--log-error={}", dir.join("log").display()))
        // In the shared one, a server that starts deletes the temporary tables of the others.
        .arg(format!("--tmpdir={}", dir.display()))
        .arg(format!("--port={port}"))
        .arg("--bind-address=127.0.0.1")
        .arg("--innodb-buffer-pool-size=64M")
        .arg("--skip-name-resolve")
        .args(user())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// MariaDB runs as root only where it is told to.
fn user() -> Option<&'static str> {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|id| id.stdout == b"0\n");
    root.then_some("--user=root")
}

fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

//! A private MariaDB server for a test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::*;

pub(in crate::store) const PASSWORD: &str = "s3cret-pass";

/// A server with its own data directory and a free port on loopback; killed when dropped.
pub(in crate::store) struct MariaDb {
    dir: tempfile::TempDir,
    port: u16,
    arguments: Vec<String>,
    child: Child,
}

impl MariaDb {
    /// Starts a server and waits until it answers. `None`, having said so, where there is none.
    pub(in crate::store) async fn start() -> Option<Self> {
        Self::start_with(|_| Vec::new()).await
    }

    /// Starts a server with further arguments, for which there is a directory.
    pub(in crate::store) async fn start_with(
        arguments: impl FnOnce(&Path) -> Vec<String>,
    ) -> Option<Self> {
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
            // In the shared one, two of them take each other's temporary tables away.
            .env("TMPDIR", dir.path())
            .args(user())
            .output()
            .unwrap();
        assert!(
            installed.status.success(),
            "{}",
            String::from_utf8_lossy(&installed.stderr)
        );
        let port = free_port();
        let arguments = arguments(dir.path());
        let child = spawn(&server, dir.path(), port, &arguments);
        let mut started = Self {
            dir,
            port,
            arguments,
            child,
        };
        started.wait().await;
        let mut root = Conn::from_url(&started.root()).await.unwrap();
        let users = format!(
            "CREATE USER tenfold@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO tenfold@'%'"
        );
        root.query_drop(users).await.unwrap();
        Some(started)
    }

    /// Runs a statement as root.
    pub(in crate::store) async fn run(&self, statement: &str) {
        let mut root = Conn::from_url(&self.root()).await.unwrap();
        root.query_drop(statement).await.unwrap();
    }

    /// Reads the first column of a statement's answer, as root.
    pub(in crate::store) async fn column(&self, query: &str) -> Vec<String> {
        let mut root = Conn::from_url(&self.root()).await.unwrap();
        root.query(query).await.unwrap()
    }

    /// Has it count the rows of a database's tables anew, but for one that it is to hold for as good as empty,
    /// and start with that.
    pub(in crate::store) async fn start_believing_empty(&mut self, database: &str, table: &str) {
        self.run(&format!(
            "ANALYZE TABLE {database}.users, {database}.posts, {database}.follows"
        ))
        .await;
        self.run(&format!(
            "UPDATE mysql.innodb_table_stats SET n_rows = 1, clustered_index_size = 1 \
             WHERE database_name = '{database}' AND table_name = '{table}'"
        ))
        .await;
        self.kill_and_start().await;
    }

    /// Where it listens.
    pub(in crate::store) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Where a test may put its files.
    pub(in crate::store) fn directory(&self) -> &Path {
        self.dir.path()
    }

    /// Creates an empty database and answers with its URL.
    pub(in crate::store) async fn database(&self, name: &str) -> String {
        self.run(&format!("CREATE DATABASE {name}")).await;
        self.url(name)
    }

    /// The URL of a database.
    pub(in crate::store) fn url(&self, name: &str) -> String {
        format!("mysql://tenfold:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// Kills the server as a power cut would, and starts it again.
    pub(in crate::store) async fn kill_and_start(&mut self) {
        self.kill();
        self.start_again().await;
    }

    /// Starts a server that was killed.
    pub(in crate::store) async fn start_again(&mut self) {
        let server = program("mariadbd").unwrap();
        self.child = spawn(&server, self.dir.path(), self.port, &self.arguments);
        self.wait().await;
    }

    pub(in crate::store) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn root(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/mysql", self.port)
    }

    async fn wait(&mut self) {
        for _ in 0..3_000 {
            // One of a cluster answers before it is a part of that, but nothing of use.
            if let Ok(mut root) = Conn::from_url(&self.root()).await
                && root.query_drop("SELECT 1 FROM mysql.user").await.is_ok()
            {
                return;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                let read = |name| std::fs::read_to_string(self.dir.path().join(name));
                let log = read("log").unwrap_or_default();
                let words = read("words").unwrap_or_default();
                panic!("mariadbd ended with {status}:\n{words}\n{log}");
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("mariadbd did not answer within 60 s");
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(in crate::store) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn spawn(server: &Path, dir: &Path, port: u16, arguments: &[String]) -> Child {
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
        .args(arguments)
        .args(user())
        .stdout(Stdio::null())
        // What it says before it has its log.
        .stderr(std::fs::File::create(dir.join("words")).unwrap())
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

pub(in crate::store) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

//! MariaDB server for a test.

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use mysql_async::Conn;
use mysql_async::prelude::*;
use tokio::time::sleep;

/// Attempts to listen on a port.
const BINDS_MAX: usize = 5;

pub(crate) const PASSWORD: &str = "s3cret-pass";

/// Server with its own data directory and a free loopback port; killed when dropped.
pub(crate) struct MariaDb {
    dir: tempfile::TempDir,
    port: u16,
    arguments: Vec<String>,
    child: Child,
}

impl MariaDb {
    /// Starts a server and waits until it responds. `None` if it is not installed, which skips the test.
    pub(crate) async fn start() -> Option<Self> {
        Self::start_with(|_| Vec::new()).await
    }

    /// Starts a server with further arguments, created for its directory at each attempt to listen.
    pub(crate) async fn start_with(
        mut arguments: impl FnMut(&Path) -> Vec<String>,
    ) -> Option<Self> {
        let (Some(server), Some(install)) = (program("mariadbd"), program("mariadb-install-db"))
        else {
            crate::skip::skip("no mariadbd");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let installed = Command::new(install)
            .arg("--no-defaults")
            .arg("--auth-root-authentication-method=normal")
            .arg("--skip-test-db")
            .arg(format!("--datadir={}", dir.path().join("data").display()))
            // In a shared directory, two processes delete each other's temporary tables.
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
        let first = arguments(dir.path());
        let mut started = Self {
            child: spawn(&server, dir.path(), port, &first),
            dir,
            port,
            arguments: first,
        };
        // Between the choice of a port and its use, another process may take it.
        let mut attempts = 1;
        while !started.is_ready().await {
            assert!(attempts < BINDS_MAX, "{attempts} ports were in use");
            attempts += 1;
            started.port = free_port();
            started.arguments = arguments(started.dir.path());
            started.spawn(&server);
        }
        let mut root = Conn::from_url(&started.root()).await.unwrap();
        let users = format!(
            "CREATE USER tenfold@'%' IDENTIFIED BY '{PASSWORD}'; GRANT ALL ON *.* TO tenfold@'%'"
        );
        root.query_drop(users).await.unwrap();
        Some(started)
    }

    /// Runs a statement as root.
    pub(crate) async fn run(&self, statement: &str) {
        let mut root = Conn::from_url(&self.root()).await.unwrap();
        root.query_drop(statement).await.unwrap();
    }

    /// Returns the first column of a query's result, as root.
    pub(crate) async fn column(&self, query: &str) -> Vec<String> {
        let mut root = Conn::from_url(&self.root()).await.unwrap();
        root.query(query).await.unwrap()
    }

    /// Updates the statistics of a database, except that one table counts as nearly empty, and restarts.
    pub(crate) async fn restart_presuming_empty(&mut self, database: &str, table: &str) {
        self.run(&format!(
            "ANALYZE TABLE {database}.users, {database}.posts, {database}.follows"
        ))
        .await;
        self.run(&format!(
            "UPDATE mysql.innodb_table_stats SET n_rows = 1, clustered_index_size = 1 \
             WHERE database_name = '{database}' AND table_name = '{table}'"
        ))
        .await;
        self.kill_and_restart().await;
    }

    /// Returns the address.
    pub(crate) fn address(&self) -> SocketAddr {
        SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))
    }

    /// Returns a directory for files of the test.
    pub(crate) fn directory(&self) -> &Path {
        self.dir.path()
    }

    /// Creates an empty database and returns its URL.
    pub(crate) async fn database(&self, name: &str) -> String {
        self.run(&format!("CREATE DATABASE {name}")).await;
        self.url(name)
    }

    /// Returns the URL of a database.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("mysql://tenfold:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// Kills the server, as a power failure would, and restarts it.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill();
        self.restart().await;
    }

    /// Restarts a killed server.
    pub(crate) async fn restart(&mut self) {
        let server = program("mariadbd").unwrap();
        for _ in 0..BINDS_MAX {
            self.spawn(&server);
            if self.is_ready().await {
                return;
            }
            // A connection that uses the port ends.
            sleep(Duration::from_millis(500)).await;
        }
        panic!("mariadbd could not use port {} again", self.port);
    }

    fn spawn(&mut self, server: &Path) {
        self.child = spawn(server, self.dir.path(), self.port, &self.arguments);
    }

    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    fn root(&self) -> String {
        format!("mysql://root@127.0.0.1:{}/mysql", self.port)
    }

    /// Waits until the server responds. False if one of its ports is in use.
    async fn is_ready(&mut self) -> bool {
        let data = self.dir.path().join("data");
        for _ in 0..3_000 {
            // A cluster member responds before it has joined the cluster, but refuses queries. On a port in use, the server
            // of another test may respond.
            if let Ok(mut root) = Conn::from_url(&self.root()).await
                && let Ok(Some(directory)) = root
                    .query_first::<String, _>("SELECT @@datadir FROM mysql.user LIMIT 1")
                    .await
                && Path::new(&directory) == data
            {
                return true;
            }
            if let Some(status) = self.child.try_wait().unwrap() {
                let read = |name| std::fs::read_to_string(self.dir.path().join(name));
                let log = read("log").unwrap_or_default();
                let stderr = read("stderr").unwrap_or_default();
                assert!(
                    log.contains("Address already in use"),
                    "mariadbd ended with {status}:\n{stderr}\n{log}"
                );
                return false;
            }
            sleep(Duration::from_millis(20)).await;
        }
        panic!("mariadbd did not respond within 60 s");
    }
}

impl Drop for MariaDb {
    fn drop(&mut self) {
        self.kill();
    }
}

pub(crate) fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

/// Starts a server with an empty log.
fn spawn(server: &Path, dir: &Path, port: u16, arguments: &[String]) -> Child {
    let _ = std::fs::remove_file(dir.join("log"));
    Command::new(server)
        .arg("--no-defaults")
        .arg(format!("--datadir={}", dir.join("data").display()))
        .arg(format!("--socket={}", dir.join("socket").display()))
        .arg(format!("--log-error={}", dir.join("log").display()))
        // In a shared directory, a starting server deletes the temporary tables of others.
        .arg(format!("--tmpdir={}", dir.display()))
        .arg(format!("--port={port}"))
        .arg("--bind-address=127.0.0.1")
        .arg("--innodb-buffer-pool-size=64M")
        .arg("--skip-name-resolve")
        .args(arguments)
        .args(user())
        .stdout(Stdio::null())
        // Messages from before the log is open.
        .stderr(std::fs::File::create(dir.join("stderr")).unwrap())
        .spawn()
        .unwrap()
}

/// Returns the option that MariaDB requires to run as root.
fn user() -> Option<&'static str> {
    let root = Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|id| id.stdout == b"0\n");
    root.then_some("--user=root")
}

pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into(), "/usr/local/sbin".into()])
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

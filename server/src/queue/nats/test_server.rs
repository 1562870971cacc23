//! NATS server for a test.

use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Attempts to listen on a port.
const BINDS_MAX: usize = 5;

pub(crate) const PASSWORD: &str = "s3cret-nats";

/// Server with its own directory and a free loopback port; killed when dropped.
pub(crate) struct NatsServer {
    dir: tempfile::TempDir,
    port: u16,
    child: Child,
}

impl NatsServer {
    /// Starts a server and waits until it accepts connections. `None` if it is not installed, which skips the
    /// test.
    pub(crate) async fn start() -> Option<Self> {
        let Some(program) = program() else {
            crate::skip::skip("no nats-server");
            return None;
        };
        let dir = tempfile::tempdir().unwrap();
        let port = free_port();
        let mut server = Self {
            child: spawn(&program, dir.path(), port),
            dir,
            port,
        };
        // Between the choice of a port and its use, another process may take it.
        for _ in 0..BINDS_MAX {
            if server.is_ready().await {
                return Some(server);
            }
            server.port = free_port();
            server.child = spawn(&program, server.dir.path(), server.port);
        }
        panic!("nats-server found {BINDS_MAX} ports in use");
    }

    /// Returns the URL of a queue, including the password.
    pub(crate) fn url(&self, name: &str) -> String {
        format!("nats://tenfold:{PASSWORD}@127.0.0.1:{}/{name}", self.port)
    }

    /// Kills it as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again with its data.
    pub(crate) async fn restart(&mut self) {
        let program = program().unwrap();
        for _ in 0..BINDS_MAX {
            self.child = spawn(&program, self.dir.path(), self.port);
            if self.is_ready().await {
                return;
            }
            // A connection that uses the port ends.
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
        panic!("nats-server could not use port {} again", self.port);
    }

    /// Waits until it accepts connections. False if it ended, as its port is in use.
    async fn is_ready(&mut self) -> bool {
        for _ in 0..3_000 {
            if self.child.try_wait().unwrap().is_some() {
                return false;
            }
            if TcpStream::connect(("127.0.0.1", self.port)).is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("nats-server did not respond within 30 s");
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn spawn(program: &Path, dir: &Path, port: u16) -> Child {
    let settings = dir.join("nats.conf");
    let text = format!(
        "listen: \"127.0.0.1:{port}\"\n\
         jetstream {{ store_dir: \"{}\", max_mem: 64M, max_file: 1G }}\n\
         authorization {{ user: tenfold, password: \"{PASSWORD}\" }}\n",
        dir.join("data").display()
    );
    std::fs::write(&settings, text).unwrap();
    Command::new(program)
        .arg("-c")
        .arg(settings)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|dir| dir.join("nats-server"))
        .find(|program| program.is_file())
}

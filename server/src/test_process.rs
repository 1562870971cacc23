//! Server program for a test, with its own directory; killed when dropped.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::fs::File;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Longest start of a server on a busy machine.
const START_MAX: Duration = Duration::from_secs(90);

/// Server program for a test.
pub(crate) struct TestProcess {
    command: Box<dyn Fn() -> Command + Send + Sync>,
    address: SocketAddr,
    log: PathBuf,
    child: Child,
}

impl TestProcess {
    /// Starts a server and waits until it accepts connections at an address. Its output goes to `log`.
    ///
    /// # Panics
    /// If it exits, or accepts no connection for 90 s.
    pub(crate) async fn start(
        command: impl Fn() -> Command + Send + Sync + 'static,
        address: SocketAddr,
        log: PathBuf,
    ) -> Self {
        let child = spawn(&command, &log);
        let mut own = Self {
            command: Box::new(command),
            address,
            log,
            child,
        };
        own.await_connection().await;
        own
    }

    /// Kills it as a crash would, and starts it again with its data.
    pub(crate) async fn kill_and_restart(&mut self) {
        self.kill();
        self.child = spawn(&*self.command, &self.log);
        self.await_connection().await;
    }

    async fn await_connection(&mut self) {
        let begun = Instant::now();
        let log = || std::fs::read_to_string(&self.log).unwrap_or_default();
        while TcpStream::connect(self.address).is_err() {
            if let Some(status) = self.child.try_wait().unwrap() {
                panic!("the server ended with {status}:\n{}", log());
            }
            assert!(
                begun.elapsed() < START_MAX,
                "the server is not ready:\n{}",
                log()
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for TestProcess {
    fn drop(&mut self) {
        self.kill();
    }
}

fn spawn(command: &dyn Fn() -> Command, log: &Path) -> Child {
    let file = File::create(log).unwrap();
    command()
        .stdin(Stdio::null())
        .stdout(file.try_clone().unwrap())
        .stderr(file)
        .spawn()
        .unwrap()
}

/// Returns loopback addresses with ports that were free a moment ago.
pub(crate) fn free_addresses<const N: usize>() -> [SocketAddr; N] {
    let listeners = [(); N].map(|()| TcpListener::bind("127.0.0.1:0").unwrap());
    listeners.map(|own| own.local_addr().unwrap())
}

/// Finds a program on the `PATH`.
pub(crate) fn program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .map(|dir| dir.join(name))
        .find(|program| program.is_file())
}

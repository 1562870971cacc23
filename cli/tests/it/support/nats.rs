//! A NATS server for a test.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// Attempts to listen on a port.
const BINDS_MAX: usize = 5;

/// A NATS server with a free loopback port. Killed when dropped.
pub(crate) struct NatsServer {
    pub(crate) port: u16,
    child: Child,
}

impl NatsServer {
    /// Starts a server with further lines of configuration, in a directory of its own. `None` if it is not installed, which skips the
    /// test.
    pub(crate) fn start(directory: &Path, settings: &str) -> Option<Self> {
        let Some(program) = program() else {
            super::skip("no nats-server");
            return None;
        };
        for _ in 0..BINDS_MAX {
            let listener = TcpListener::bind("127.0.0.1:0").unwrap();
            let port = listener.local_addr().unwrap().port();
            drop(listener);
            let file = directory.join("nats.conf");
            let text = format!("listen: \"127.0.0.1:{port}\"\n{settings}\n");
            std::fs::File::create(&file)
                .unwrap()
                .write_all(text.as_bytes())
                .unwrap();
            let log = std::fs::File::create(directory.join("nats.log")).unwrap();
            let mut child = Command::new(&program)
                .arg("-c")
                .arg(&file)
                .stdin(Stdio::null())
                .stdout(Stdio::null())
                .stderr(log)
                .spawn()
                .unwrap();
            let deadline = Instant::now() + Duration::from_secs(30);
            // Between the choice of a port and its use, another process may take it.
            while child.try_wait().unwrap().is_none() {
                if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                    return Some(Self { port, child });
                }
                assert!(Instant::now() < deadline, "nats-server did not respond");
                std::thread::sleep(Duration::from_millis(10));
            }
        }
        let log = std::fs::read_to_string(directory.join("nats.log")).unwrap_or_default();
        panic!("nats-server did not start: {log}");
    }

    /// Kills it, as a crash would.
    pub(crate) fn kill(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Starts it again on its port.
    pub(crate) fn restart(&mut self, directory: &Path) {
        let mut command = Command::new(program().unwrap());
        command.arg("-c").arg(directory.join("nats.conf"));
        let silent = command
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        self.child = silent.spawn().unwrap();
    }

    pub(crate) fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }
}

impl Drop for NatsServer {
    fn drop(&mut self) {
        self.kill();
    }
}

fn program() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin")])
        .map(|directory| directory.join("nats-server"))
        .find(|program| program.is_file())
}

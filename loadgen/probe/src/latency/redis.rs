//! Reads of a value from a Redis of its own.

use std::io::{self, BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use tenfold_child_process::{ProcessGroup, find_program};

use super::times;

/// Reads.
const COUNT: usize = 3000;

/// Bytes of the value.
const VALUE_BYTES: usize = 1000;

/// Time for Redis to answer, at the start and later.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Times reads of a value of 1,000 bytes from a Redis that runs for this alone, over TCP on loopback.
///
/// # Errors
/// If Redis is not installed, does not start, or gives another answer, with the reason.
pub fn redis() -> Result<Vec<Duration>, String> {
    let program = find_program("redis-server")
        .ok_or("Redis is missing (Debian: apt-get install redis-server)")?;
    let reason = |error: io::Error| format!("Redis: {error}");
    let folder = tempfile::tempdir().map_err(reason)?;
    // Redis can't choose a free port itself.
    let port = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .and_then(|listener| listener.local_addr())
        .map_err(reason)?
        .port();
    let mut command = Command::new(program);
    command
        .args(["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"])
        .args(["--port", &port.to_string()])
        .current_dir(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    let server = ProcessGroup::spawn_guarded(&mut command).map_err(reason)?;
    let measured = connected(port, &server).and_then(|stream| {
        let mut stream = BufReader::new(stream);
        let value = "v".repeat(VALUE_BYTES);
        let set = format!("SET key {value}\r\n");
        stream.get_mut().write_all(set.as_bytes())?;
        let mut line = String::new();
        stream.read_line(&mut line)?;
        if line != "+OK\r\n" {
            return Err(io::Error::other(format!(
                "it answers {:?}",
                line.trim_end()
            )));
        }
        let mut answer = vec![0; format!("${VALUE_BYTES}\r\n\r\n").len() + VALUE_BYTES];
        times(COUNT, |_| {
            stream.get_mut().write_all(b"GET key\r\n")?;
            stream.read_exact(&mut answer)
        })
    });
    drop(server);
    measured.map_err(reason)
}

/// Connects as soon as the server listens.
fn connected(port: u16, server: &ProcessGroup) -> io::Result<TcpStream> {
    let began = Instant::now();
    loop {
        match TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                stream.set_read_timeout(Some(TIMEOUT))?;
                return Ok(stream);
            }
            Err(_) if server.has_exited() => return Err(io::Error::other("it has exited")),
            Err(error) if began.elapsed() > TIMEOUT => return Err(error),
            Err(_) => std::thread::sleep(Duration::from_millis(10)),
        }
    }
}

//! Round trips of a byte over TCP on this machine.

use std::io::{self, Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::thread;
use std::time::Duration;

use super::times;

/// Round trips.
const COUNT: usize = 5000;

/// Time without an answer after which it is given up.
const TIMEOUT: Duration = Duration::from_secs(2);

/// Times round trips of a byte between two threads over TCP on loopback.
///
/// # Errors
/// If there is no such connection.
pub fn loopback() -> io::Result<Vec<Duration>> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    let mut client = TcpStream::connect(address)?;
    let (mut server, _) = listener.accept()?;
    for end in [&client, &server] {
        end.set_nodelay(true)?;
        end.set_read_timeout(Some(TIMEOUT))?;
    }
    let echo = thread::spawn(move || {
        let mut byte = [0];
        while server.read_exact(&mut byte).is_ok() && server.write_all(&byte).is_ok() {}
    });
    let measured = times(COUNT, |_| {
        client.write_all(b"x")?;
        client.read_exact(&mut [0])
    });
    drop(client);
    // It ends with the connection.
    let _ = echo.join();
    measured
}

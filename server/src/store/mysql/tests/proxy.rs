//! Proxy between the store and a server that imitates a failing network or server.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// State of connections.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    /// Existing and new connections are cut.
    Down,
}

/// Fate of a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The connection is cut before the server receives the command.
    CutBefore,
    /// The connection is cut after the server has responded; the response is lost.
    CutAfter,
    /// The proxy responds with this error; the server does not receive the command.
    Refused(u16),
}

/// Commands that a fate applies to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Commit,
    Execute,
}

#[derive(Debug)]
struct State {
    /// Fate of the next commands of this kind, and their number.
    fate: Mutex<Option<(Command, Fate, u32)>>,
    commits: AtomicU32,
    accepted: AtomicU32,
    weather: watch::Sender<Weather>,
    /// Connections up to this number are no longer forwarded, but stay open.
    stalled: watch::Sender<u32>,
}

/// Proxy in front of a server.
pub(super) struct Proxy {
    pub(super) address: SocketAddr,
    state: Arc<State>,
    task: JoinHandle<()>,
}

impl Proxy {
    pub(super) async fn to(server: SocketAddr) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::new(State {
            fate: Mutex::new(None),
            commits: AtomicU32::new(0),
            accepted: AtomicU32::new(0),
            weather: watch::Sender::new(Weather::Fair),
            stalled: watch::Sender::new(0),
        });
        let task = tokio::spawn(accept(listener, server, Arc::clone(&state)));
        Self {
            address,
            state,
            task,
        }
    }

    /// Returns the URL of a server's database through this proxy.
    pub(super) fn url(&self, direct: &str, server: SocketAddr) -> String {
        direct.replace(&server.to_string(), &self.address.to_string())
    }

    pub(super) fn set(&self, weather: Weather) {
        self.state.weather.send_replace(weather);
    }

    /// Sets the fate of the next commands.
    pub(super) fn befall(&self, command: Command, fate: Fate, count: u32) {
        *self.state.fate.lock().unwrap() = Some((command, fate, count));
    }

    /// Stops forwarding over all existing connections; later ones are not affected.
    pub(super) fn stall(&self) {
        let connections = self.connections();
        self.state.stalled.send_replace(connections);
    }

    /// Returns the number of commits received.
    pub(super) fn commits(&self) -> u32 {
        self.state.commits.load(Ordering::SeqCst)
    }

    /// Returns the number of connections accepted.
    pub(super) fn connections(&self) -> u32 {
        self.state.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(listener: TcpListener, server: SocketAddr, state: Arc<State>) {
    loop {
        let (client, _) = listener.accept().await.unwrap();
        let number = state.accepted.fetch_add(1, Ordering::SeqCst) + 1;
        let state = Arc::clone(&state);
        tokio::spawn(async move {
            let mut weather = state.weather.subscribe();
            tokio::select! {
                _ = weather.wait_for(|weather| *weather == Weather::Down) => {}
                _ = forward(client, server, number, &state) => {}
            }
        });
    }
}

/// Forwards until either side ends or a command is cut.
async fn forward(
    client: TcpStream,
    server: SocketAddr,
    number: u32,
    state: &State,
) -> std::io::Result<()> {
    client.set_nodelay(true)?;
    let server = TcpStream::connect(server).await?;
    server.set_nodelay(true)?;
    let (from_client, to_client) = client.into_split();
    let (from_server, to_server) = server.into_split();
    let to_client = tokio::sync::Mutex::new(to_client);
    tokio::select! {
        ended = commands(from_client, to_server, &to_client, number, state) => ended,
        ended = responses(from_server, &to_client, number, state) => ended,
    }
}

async fn stalled(number: u32, state: &State) {
    let mut stalled = state.stalled.subscribe();
    if *stalled.borrow_and_update() >= number {
        std::future::pending::<()>().await;
    }
}

async fn commands(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    to_client: &tokio::sync::Mutex<OwnedWriteHalf>,
    number: u32,
    state: &State,
) -> std::io::Result<()> {
    loop {
        // Packet: length in three bytes, sequence number, content.
        let mut head = [0; 4];
        from.read_exact(&mut head).await?;
        let length = u32::from_le_bytes([head[0], head[1], head[2], 0]);
        let mut content = vec![0; length as usize];
        from.read_exact(&mut content).await?;
        stalled(number, state).await;
        let command = match (head[3], content.first()) {
            (0, Some(3)) if content.ends_with(b"COMMIT") => {
                state.commits.fetch_add(1, Ordering::SeqCst);
                Some(Command::Commit)
            }
            (0, Some(0x17)) => Some(Command::Execute),
            _ => None,
        };
        match command.and_then(|command| next_fate(command, state)) {
            None => {
                to.write_all(&head).await?;
                to.write_all(&content).await?;
            }
            Some(Fate::CutBefore) => return Ok(()),
            Some(Fate::CutAfter) => {
                // Withholds the response. A pause gives the server time to send it.
                let _silence = to_client.lock().await;
                to.write_all(&head).await?;
                to.write_all(&content).await?;
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                return Ok(());
            }
            Some(Fate::Refused(code)) => {
                let message = b"#08S01refused by the test";
                let mut response = vec![message.len() as u8 + 3, 0, 0, 1, 0xff];
                response.extend(code.to_le_bytes());
                response.extend(message);
                to_client.lock().await.write_all(&response).await?;
            }
        }
    }
}

fn next_fate(command: Command, state: &State) -> Option<Fate> {
    let mut fate = state.fate.lock().unwrap();
    let (of, befalls, count) = fate.as_mut()?;
    if *of != command || *count == 0 {
        return None;
    }
    *count -= 1;
    Some(*befalls)
}

async fn responses(
    mut from: OwnedReadHalf,
    to: &tokio::sync::Mutex<OwnedWriteHalf>,
    number: u32,
    state: &State,
) -> std::io::Result<()> {
    let mut buffer = vec![0; 16_384];
    loop {
        let read = from.read(&mut buffer).await?;
        if read == 0 {
            return Ok(());
        }
        stalled(number, state).await;
        to.lock().await.write_all(&buffer[..read]).await?;
    }
}

//! A proxy between the store and a server, which does what a failing network or a failing server does.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How connections fare.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Weather {
    Fair,
    /// Connections are cut, and new ones too.
    Down,
}

/// What befalls a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// The connection is cut before the server gets it.
    CutBefore,
    /// The connection is cut once the server has answered, whose answer is lost.
    CutAfter,
    /// It is answered with this error and does not reach the server.
    Refused(u16),
}

/// The commands that something befalls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Command {
    Commit,
    Execute,
}

#[derive(Debug)]
struct State {
    /// What befalls how many of the next commands of this kind.
    fate: Mutex<Option<(Command, Fate, u32)>>,
    commits: AtomicU32,
    accepted: AtomicU32,
    weather: watch::Sender<Weather>,
    /// Connections up to this one are not forwarded any more, and stay open.
    stalled: watch::Sender<u32>,
}

/// A proxy in front of a server.
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

    /// The URL of a server's database, through this proxy.
    pub(super) fn url(&self, direct: &str, server: SocketAddr) -> String {
        direct.replace(&server.to_string(), &self.address.to_string())
    }

    pub(super) fn set(&self, weather: Weather) {
        self.state.weather.send_replace(weather);
    }

    /// Lets something befall the next commands.
    pub(super) fn befall(&self, command: Command, fate: Fate, count: u32) {
        *self.state.fate.lock().unwrap() = Some((command, fate, count));
    }

    /// Forwards nothing any more over the connections that there are; others are not affected.
    pub(super) fn stall(&self) {
        let connections = self.connections();
        self.state.stalled.send_replace(connections);
    }

    /// How many commits came.
    pub(super) fn commits(&self) -> u32 {
        self.state.commits.load(Ordering::SeqCst)
    }

    /// How many connections came.
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

/// Forwards until either side ends, or something befalls.
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
        ended = answers(from_server, &to_client, number, state) => ended,
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
        // A packet: its length in three bytes, its number, its content.
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
                // Nobody else may pass the answer on; that it is there is known by waiting.
                let _silence = to_client.lock().await;
                to.write_all(&head).await?;
                to.write_all(&content).await?;
                tokio::time::sleep(std::time::Duration::from_millis(500)).await;
                return Ok(());
            }
            Some(Fate::Refused(code)) => {
                let message = b"#08S01refused by the test";
                let mut answer = vec![message.len() as u8 + 3, 0, 0, 1, 0xff];
                answer.extend(code.to_le_bytes());
                answer.extend(message);
                to_client.lock().await.write_all(&answer).await?;
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

async fn answers(
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

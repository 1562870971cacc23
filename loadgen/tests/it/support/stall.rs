//! The server of the stall oracle: it answers in a fixed time with unlimited parallelism, but
//! stands still for a while, and then answers all that it held.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

/// How many held requests are answered at a time, so that those that come meanwhile get their turn.
const ANSWERED_AT_A_TIME: usize = 16;

/// How long to wait for something to happen, at most.
const LONGEST_WAIT: Duration = Duration::from_millis(5);

/// The event of the listener; those of connections are their index.
const LISTENER: u64 = u64::MAX;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server that stands still once.
///
/// It is one loop over `epoll`, with times exact to microseconds and one write an answer: what it
/// costs to let thousands go at once is the error of the oracle. It speaks just enough HTTP for
/// requests that fit one packet and have no body.
#[derive(Debug, Clone)]
pub(crate) struct StallServer {
    pub(crate) address: SocketAddr,
    stall: Arc<OnceLock<(Instant, Instant)>>,
    drained: Arc<OnceLock<Duration>>,
}

impl StallServer {
    /// Starts a server that answers in `service_time`, on a thread of its own.
    pub(crate) fn start(service_time: Duration) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = listener.local_addr().unwrap();
        let stall = Arc::new(OnceLock::new());
        let drained = Arc::new(OnceLock::new());
        let server = Self {
            address,
            stall,
            drained,
        };
        let serving = server.clone();
        std::thread::spawn(move || {
            serve(&listener, service_time, &serving.stall, &serving.drained)
        });
        server
    }

    /// How long it took to write the answers to all that was held.
    pub(crate) fn drained_in(&self) -> Duration {
        *self.drained.get().expect("the stall is over")
    }

    /// Stands still from `from` for `length`.
    pub(crate) fn stall(&self, from: Instant, length: Duration) {
        self.stall.set((from, from + length)).unwrap();
    }
}

fn serve(
    listener: &TcpListener,
    service_time: Duration,
    stall: &OnceLock<(Instant, Instant)>,
    drained: &OnceLock<Duration>,
) {
    let events = epoll::create(epoll::CreateFlags::CLOEXEC).unwrap();
    let listen = epoll::EventData::new_u64(LISTENER);
    epoll::add(&events, listener, listen, epoll::EventFlags::IN).unwrap();
    let mut connections: Vec<TcpStream> = Vec::new();
    let mut due: VecDeque<(Instant, usize)> = VecDeque::new();
    let mut held: Vec<usize> = Vec::new();
    let mut ready = Vec::with_capacity(64);
    loop {
        let now = Instant::now();
        let stalled = stall
            .get()
            .is_some_and(|(from, until)| (*from..*until).contains(&now));
        let next = match (due.front(), stall.get()) {
            _ if !held.is_empty() && !stalled => now,
            (Some((next, _)), _) => *next,
            (None, Some((_, until))) if stalled => *until,
            (None, _) => now + LONGEST_WAIT,
        };
        let wait = next.saturating_duration_since(now).min(LONGEST_WAIT);
        let wait = Timespec {
            tv_sec: 0,
            tv_nsec: wait.subsec_nanos().into(),
        };
        ready.clear();
        epoll::wait(
            &events,
            rustix::buffer::spare_capacity(&mut ready),
            Some(&wait),
        )
        .unwrap();
        let now = Instant::now();
        for event in &ready {
            let index = event.data.u64();
            if index == LISTENER {
                while let Ok((stream, _)) = listener.accept() {
                    stream.set_nonblocking(true).unwrap();
                    stream.set_nodelay(true).unwrap();
                    let data = epoll::EventData::new_u64(connections.len() as u64);
                    epoll::add(&events, &stream, data, epoll::EventFlags::IN).unwrap();
                    connections.push(stream);
                }
                continue;
            }
            let index = usize::try_from(index).unwrap();
            if !request_came(&connections[index]) {
                // What a client that has gone leaves behind makes no more events.
                let _ = epoll::delete(&events, &connections[index]);
            } else if stall
                .get()
                .is_some_and(|(from, until)| (*from..*until).contains(&now))
            {
                held.push(index);
            } else {
                due.push_back((now + service_time, index));
            }
        }
        let now = Instant::now();
        while let Some((_, index)) = due.pop_front_if(|(at, _)| *at <= now) {
            answer(&connections[index]);
        }
        if let Some((_, until)) = stall.get().filter(|(_, until)| now >= *until) {
            // The newest first.
            let from = held.len().saturating_sub(ANSWERED_AT_A_TIME);
            held.drain(from..)
                .rev()
                .for_each(|index| answer(&connections[index]));
            if held.is_empty() {
                // Only the first time counts.
                let _ = drained.set(until.elapsed());
            }
        }
    }
}

fn request_came(mut stream: &TcpStream) -> bool {
    let mut head = [0; 1024];
    match stream.read(&mut head) {
        Ok(read) => head[..read].ends_with(b"\r\n\r\n"),
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

fn answer(mut stream: &TcpStream) {
    // A client that has gone away takes no answer, and there is room for one so short.
    let _ = stream.write(ANSWER);
}

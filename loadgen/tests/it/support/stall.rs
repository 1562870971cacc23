//! The server of the stall oracle: answers in a fixed time with unlimited parallelism, stalls once, and
//! then answers all pending requests.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use rustix::event::{Timespec, epoll};

/// Pending requests that are answered per iteration, so that new requests are not delayed.
const ANSWERS_PER_TURN: usize = 16;

/// The longest wait for an event.
const WAIT_MAX: Duration = Duration::from_millis(5);

/// The event of the listener. Events of connections are their index.
const LISTENER: u64 = u64::MAX;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// A server that stalls once.
///
/// It is one loop over `epoll`, accurate to microseconds, with one write per answer: the time to answer
/// thousands of requests is the error of the oracle. It supports only requests without a body that fit
/// in one packet.
#[derive(Debug, Clone)]
pub(crate) struct StallServer {
    pub(crate) address: SocketAddr,
    stall: Arc<OnceLock<(Instant, Instant)>>,
    drained: Arc<OnceLock<Duration>>,
}

impl StallServer {
    /// Starts a server that answers in `service_time`, on its own thread.
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

    /// The time it took to answer all pending requests after the stall.
    pub(crate) fn drained_in(&self) -> Duration {
        *self.drained.get().expect("the stall is over")
    }

    /// Stalls from `from` for `length`.
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
    let mut pending: Vec<usize> = Vec::new();
    let mut ready = Vec::with_capacity(64);
    loop {
        let now = Instant::now();
        let stalled = stall
            .get()
            .is_some_and(|(from, until)| (*from..*until).contains(&now));
        let next = match (due.front(), stall.get()) {
            _ if !pending.is_empty() && !stalled => now,
            (Some((next, _)), _) => *next,
            (None, Some((_, until))) if stalled => *until,
            (None, _) => now + WAIT_MAX,
        };
        let wait = next.saturating_duration_since(now).min(WAIT_MAX);
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
            if !has_request(&connections[index]) {
                // A closed connection produces no more events.
                let _ = epoll::delete(&events, &connections[index]);
            } else if stall
                .get()
                .is_some_and(|(from, until)| (*from..*until).contains(&now))
            {
                pending.push(index);
            } else {
                due.push_back((now + service_time, index));
            }
        }
        let now = Instant::now();
        while let Some((_, index)) = due.pop_front_if(|(at, _)| *at <= now) {
            answer(&connections[index]);
        }
        if let Some((_, until)) = stall.get().filter(|(_, until)| now >= *until) {
            // Newest first.
            let from = pending.len().saturating_sub(ANSWERS_PER_TURN);
            pending
                .drain(from..)
                .rev()
                .for_each(|index| answer(&connections[index]));
            if pending.is_empty() {
                // Later calls have no effect.
                let _ = drained.set(until.elapsed());
            }
        }
    }
}

fn has_request(mut stream: &TcpStream) -> bool {
    let mut head = [0; 1024];
    match stream.read(&mut head) {
        Ok(read) => head[..read].ends_with(b"\r\n\r\n"),
        Err(error) => error.kind() == ErrorKind::WouldBlock,
    }
}

fn answer(mut stream: &TcpStream) {
    // Fails only if the client has closed; an answer this short always fits the buffer.
    let _ = stream.write(ANSWER);
}

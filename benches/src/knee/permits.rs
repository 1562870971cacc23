//! A server of known capacity: each request holds one of a number of permits for a fixed time.
//!
//! The end of a request is worked out rather than waited for: the time at which a permit is free, or the arrival, plus the
//! fixed time. So late wake-ups delay answers by up to a millisecond, but never lower the capacity.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::Write as _;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::extract::State;
use axum::routing::get;
use axum::serve::ListenerExt as _;
use tokio::net::TcpListener;
use tokio::time::Instant;

use crate::knee::arguments::PermitsArguments;

/// Permits, each with the time at which it is free.
#[derive(Debug)]
struct Permits {
    free: BinaryHeap<Reverse<Instant>>,
    takes: Duration,
}

impl Permits {
    fn new(count: u32, takes: Duration, now: Instant) -> Self {
        Self {
            free: (0..count).map(|_| Reverse(now)).collect(),
            takes,
        }
    }

    /// Takes the permit that is free first. Returns the end of the request.
    fn take(&mut self, now: Instant) -> Instant {
        let free = self.free.pop().map_or(now, |Reverse(free)| free);
        let end = free.max(now) + self.takes;
        self.free.push(Reverse(end));
        end
    }
}

/// Serves until it is killed. Prints its port.
pub(crate) fn serve(arguments: &PermitsArguments) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    let takes = Duration::from_micros(arguments.takes_us);
    let permits = Permits::new(arguments.permits, takes, Instant::now());
    runtime.block_on(listen(permits))
}

async fn listen(permits: Permits) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .context("could not listen on 127.0.0.1")?;
    let port = listener.local_addr()?.port();
    let mut out = std::io::stdout();
    writeln!(out, "{port}").and_then(|()| out.flush())?;
    let listener = listener.tap_io(|stream| {
        // Without this option the stream is slower, but still correct.
        let _ = stream.set_nodelay(true);
    });
    let routes = Router::new()
        .route("/", get(answer))
        .with_state(Arc::new(Mutex::new(permits)));
    Ok(axum::serve(listener, routes).await?)
}

async fn answer(State(permits): State<Arc<Mutex<Permits>>>) -> &'static str {
    let end = {
        let mut permits = permits.lock().unwrap_or_else(PoisonError::into_inner);
        permits.take(Instant::now())
    };
    tokio::time::sleep_until(end).await;
    "done\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn capacity_is_permits_over_time() {
        let start = Instant::now();
        let mut permits = Permits::new(4, Duration::from_millis(20), start);
        // All at once: the thousandth ends after 250 rounds of four.
        let ends: Vec<Instant> = (0..1_000).map(|_| permits.take(start)).collect();
        assert_eq!(ends[0], start + Duration::from_millis(20));
        assert_eq!(ends[999], start + Duration::from_secs(5));
        // An idle permit waits for the request.
        let later = start + Duration::from_secs(60);
        assert_eq!(permits.take(later), later + Duration::from_millis(20));
    }
}

//! Records the events of a stream, and decides when it ends.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Context;
use std::time::Duration;

use tenfold_run_dir::Metric;
use tenfold_scenarios::{Arrival, EventStream};
use tokio::time::Sleep;

use crate::clock::nanoseconds;
use crate::http::{Event, EventSink};
use crate::shared::Shared;

/// Records the events of one stream, and decides when it ends.
pub(crate) struct EventRecorder<'a> {
    shared: &'a Shared,
    arrival: &'a Arrival,
    stream: &'a EventStream,
    /// When bytes last arrived; when the request was sent, before any did.
    heard_ns: AtomicU64,
    state: Mutex<State>,
}

struct State {
    events: u64,
    last_ns: Option<u64>,
    /// Passes when the time for the stream is over. `None` if it is not limited.
    over: Option<Pin<Box<Sleep>>>,
}

impl<'a> EventRecorder<'a> {
    /// Creates a recorder for a request that is sent at `sent_ns`.
    pub(crate) fn new(
        shared: &'a Shared,
        arrival: &'a Arrival,
        stream: &'a EventStream,
        sent_ns: u64,
    ) -> Self {
        let over = stream.until_elapsed.map(|elapsed| {
            let end = sent_ns.saturating_add(nanoseconds(elapsed));
            let left = end.saturating_sub(shared.clock.now());
            Box::pin(tokio::time::sleep(Duration::from_nanos(left)))
        });
        Self {
            shared,
            arrival,
            stream,
            heard_ns: AtomicU64::new(sent_ns),
            state: Mutex::new(State {
                events: 0,
                last_ns: None,
                over,
            }),
        }
    }

    /// When bytes last arrived, in nanoseconds since the start of the run.
    pub(crate) fn heard_ns(&self) -> &AtomicU64 {
        &self.heard_ns
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Changes are complete before the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for EventRecorder<'_> {
    fn receive(&self, event: &Event, at_ns: u64) -> bool {
        let mut state = self.state();
        let (metric, since_ns) = match state.last_ns {
            None => (Metric::FirstEvent, nanoseconds(self.arrival.intended)),
            Some(last_ns) => (Metric::EventGap, last_ns),
        };
        state.last_ns = Some(at_ns);
        state.events += 1;
        let value_ns = at_ns.saturating_sub(since_ns);
        self.shared
            .recorder
            .with(|recorder| recorder.event(self.arrival, &event.name, metric, value_ns));
        self.stream
            .ends_with(&event.name, &event.data, state.events)
    }

    fn poll_over(&self, context: &mut Context<'_>) -> bool {
        let mut state = self.state();
        let over = state.over.as_mut();
        over.is_some_and(|over| over.as_mut().poll(context).is_ready())
    }

    fn heard(&self, at_ns: u64) {
        self.heard_ns.fetch_max(at_ns, Ordering::Relaxed);
    }

    fn ended(&self) -> Result<(), String> {
        match self.stream.lacks_its_end() {
            true => Err(format!(
                "the service ended the stream after {} events, before any condition of `until` held",
                self.state().events
            )),
            false => Ok(()),
        }
    }
}

impl fmt::Debug for EventRecorder<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("EventRecorder")
            .field("stream", self.stream)
            .finish_non_exhaustive()
    }
}

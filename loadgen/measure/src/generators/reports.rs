//! The thread that writes the messages of a generator.

use std::io::{self, Write};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::JoinHandle;
use std::time::Duration;

use tenfold_loadgen::{FeedReader, LoadError, OtherThread, RequestSpan};

use super::job::{Event, Spans};
use super::lines;
use crate::MeasureError;

/// Messages that may wait to be written. Progress beyond that is left out: the generator never waits for a reader.
const EVENTS_MAX: usize = 8;

/// Time between two looks for sampled requests.
const LOOK: Duration = Duration::from_millis(50);

/// Most sampled requests of one message.
const SPANS_MAX: usize = 256;

/// Most messages of sampled requests at one look, so that progress need not wait for more of them: about twice what a feed holds.
const MESSAGES_MAX: usize = 32;

/// Messages that a thread writes.
pub(super) struct Reports {
    events: SyncSender<Event>,
    thread: JoinHandle<()>,
}

impl Reports {
    /// Starts the thread. It reports the sampled requests of `spans`, if given.
    ///
    /// # Errors
    /// If the system refuses a thread.
    pub(super) fn start(
        output: impl Write + Send + 'static,
        spans: Option<FeedReader>,
    ) -> Result<Self, MeasureError> {
        let (events, to_write) = mpsc::sync_channel(EVENTS_MAX);
        let thread = std::thread::Builder::new()
            .name("reports".into())
            // If it fails, the run has ended without this generator, which its closed orders say, too.
            .spawn(move || drop(write(output, &to_write, spans)))
            .map_err(|source| LoadError::System {
                action: "start a thread",
                source,
            })?;
        Ok(Self { events, thread })
    }

    /// Reports an event, unless too many wait.
    pub(super) fn send(&self, event: Event) {
        let _ = self.events.try_send(event);
    }

    /// Reports the sampled requests that are left, then the last event, and waits until both are written.
    pub(super) fn finish(self, last: Event) {
        let _ = self.events.send(last);
        drop(self.events);
        let _ = self.thread.join();
    }
}

/// Writes events until there are no more.
///
/// # Errors
/// If `output` is closed.
fn write(
    mut output: impl Write,
    events: &Receiver<Event>,
    spans: Option<FeedReader>,
) -> io::Result<()> {
    let Some(reader) = spans else {
        for event in events {
            lines::write(&event, &mut output)?;
        }
        return Ok(());
    };
    // As the thread that sends the telemetry of a single generator.
    let _other = OtherThread::new();
    let mut source = SpanSource {
        reader,
        waiting: Vec::new(),
        lost: 0,
    };
    loop {
        let event = events.recv_timeout(LOOK);
        for _ in 0..MESSAGES_MAX {
            let Some(spans) = source.next(event.is_ok()) else {
                break;
            };
            lines::write(&Event::Spans(spans), &mut output)?;
        }
        match event {
            Ok(event) => lines::write(&event, &mut output)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// The sampled requests of a generator.
struct SpanSource {
    reader: FeedReader,
    /// Those that have ended and were not reported.
    waiting: Vec<RequestSpan>,
    /// Number of lost ones that were reported.
    lost: u64,
}

impl SpanSource {
    /// Returns those that have ended and were not reported: [`SPANS_MAX`], or fewer beside an event. `None` if there are not as many.
    ///
    /// Few messages matter to a run of a thousand agents.
    fn next(&mut self, beside_event: bool) -> Option<Spans> {
        let room = SPANS_MAX - self.waiting.len();
        self.waiting.extend(self.reader.spans().take(room));
        if self.waiting.len() < SPANS_MAX && !beside_event {
            return None;
        }
        let lost = self.reader.lost();
        let spans = Spans {
            requests: std::mem::take(&mut self.waiting),
            lost: lost - self.lost,
        };
        self.lost = lost;
        (spans.count() > 0).then_some(spans)
    }
}

#[cfg(test)]
mod tests {
    use tenfold_loadgen::feed;

    use super::*;
    use crate::generators::lines::Lines;

    fn span(number: u64) -> RequestSpan {
        RequestSpan {
            phase: 0,
            request: 0,
            trace_id: u128::MAX - u128::from(number),
            span_id: u64::MAX - number,
            intended_ns: 0,
            blocked_ns: None,
            sent_ns: 0,
            done_ns: 1,
            status: Some(200),
            failure: None,
            exchanges: Vec::new(),
        }
    }

    /// Offers sampled requests while a pipe is full, and returns those that arrived, and how many were lost.
    fn reported(offered: u64) -> (Vec<RequestSpan>, u64) {
        let (reader, writer) = io::pipe().unwrap();
        let (feed, spans) = feed();
        let reports = Reports::start(writer, Some(spans)).unwrap();
        for number in 0..offered {
            feed.offer(span(number));
        }
        let reading = std::thread::spawn(move || {
            let mut lines = Lines::new(reader);
            let (mut requests, mut lost) = (Vec::new(), 0);
            while let Some(event) = lines.next::<Event>().unwrap() {
                match event {
                    Event::Spans(spans) => {
                        assert!(spans.requests.len() <= SPANS_MAX);
                        requests.extend(spans.requests);
                        lost += spans.lost;
                    }
                    Event::Ended => return (requests, lost),
                    other => panic!("{other:?}"),
                }
            }
            panic!("no end");
        });
        reports.finish(Event::Ended);
        reading.join().unwrap()
    }

    #[test]
    fn all_sampled_requests_come_before_the_end() {
        let (requests, lost) = reported(1_000);
        let expected: Vec<RequestSpan> = (0..1_000).map(span).collect();
        assert!(requests == expected, "{}", requests.len());
        assert_eq!(lost, 0);
    }

    #[test]
    fn lost_requests_are_counted() {
        let offered = 200_000;
        let (requests, lost) = reported(offered);
        assert_eq!(requests.len() as u64 + lost, offered);
        assert!(lost > 0, "they can't be written so quickly");
    }
}

//! The thread that sends the records of a run to its receivers.

mod tally;

use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime};

use tenfold_loadgen::{Failure, Feed, FeedReader, OtherThread, Progress, RequestTotal, feed};
use tenfold_run_dir::Counts;
use tenfold_run_dir::counts::RequestCounts;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, timeout_at};

use crate::delivery::Delivery;
use crate::family::{Distribution, families, latencies};
use crate::otlp::OtlpSender;
use crate::receiver::PostError;
use crate::remote_write::RemoteWriteSender;
use crate::sender::Sender;
use crate::settings::{Settings, SettingsError};
use crate::snapshot::{Description, Snapshot};
use tally::Tally;

/// Time between two looks for sampled requests.
const LOOK_INTERVAL: Duration = Duration::from_millis(50);

/// Longest time after the end of a run that its last delivery takes.
const LAST_MAX: Duration = Duration::from_secs(5);

/// Time between two attempts at the last delivery.
const RETRY_INTERVAL: Duration = Duration::from_millis(250);

/// Sends the records of a run to its receivers, from a thread of its own.
///
/// Dropped before [`Publisher::finish`], it sends nothing more.
pub struct Publisher {
    shared: Arc<Shared>,
    feed: Feed,
    stage: watch::Sender<Stage>,
    thread: Option<JoinHandle<Vec<String>>>,
}

#[derive(Debug, Default)]
struct Shared {
    progress: Mutex<Progress>,
    /// Start of the run, and the same in nanoseconds since 1970.
    start: OnceLock<(Instant, u64)>,
}

/// Stage of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stage {
    Waiting,
    Running,
    Ended(Instant),
    Abandoned,
}

impl Stage {
    fn is_over(&self) -> bool {
        matches!(self, Self::Ended(_) | Self::Abandoned)
    }
}

/// Everything that the tasks of the thread share.
struct Context {
    shared: Arc<Shared>,
    description: Description,
    reader: FeedReader,
    deliveries: Vec<Delivery>,
}

/// The state after an attempt to send everything.
enum Pushed {
    Complete,
    /// Another attempt may succeed.
    Incomplete,
    Refused,
}

impl Publisher {
    /// Starts the thread. Nothing is sent before [`Publisher::begin`].
    ///
    /// # Errors
    /// If a receiver can't be used, or the system refuses a thread.
    pub fn start(settings: Settings, description: Description) -> Result<Self, SettingsError> {
        let intervals = (
            settings.otlp.as_ref().map(|otlp| otlp.interval),
            settings.remote_write.as_ref().map(|write| write.interval),
        );
        let otlp = settings.otlp.map(OtlpSender::new).transpose()?;
        let write = settings.remote_write.map(RemoteWriteSender::new);
        let write = write.transpose()?;
        let shared = Arc::new(Shared::default());
        let (feed, reader) = feed();
        let context = Context {
            shared: Arc::clone(&shared),
            description,
            reader,
            deliveries: vec![
                Delivery::new(otlp.is_some()),
                // Remote write has no spans.
                Delivery::new(false),
            ],
        };
        let (stage, stages) = watch::channel(Stage::Waiting);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(SettingsError::System)?;
        let thread = std::thread::Builder::new()
            .name("telemetry".into())
            .spawn(move || {
                let _other = OtherThread::new();
                let context = &context;
                runtime.block_on(async {
                    let otlp = async {
                        match (&otlp, intervals.0) {
                            (Some(sender), Some(interval)) => {
                                let own = &context.deliveries[0];
                                deliver(sender, interval, context, own, stages.clone()).await
                            }
                            _ => Vec::new(),
                        }
                    };
                    let write = async {
                        match (&write, intervals.1) {
                            (Some(sender), Some(interval)) => {
                                let own = &context.deliveries[1];
                                deliver(sender, interval, context, own, stages.clone()).await
                            }
                            _ => Vec::new(),
                        }
                    };
                    let collecting = context.collect(stages.clone());
                    let ((), mut sentences, more) = tokio::join!(collecting, otlp, write);
                    sentences.extend(more);
                    sentences
                })
            })
            .map_err(SettingsError::System)?;
        Ok(Self {
            shared,
            feed,
            stage,
            thread: Some(thread),
        })
    }

    /// Feed for the run: [`Options::feed`](tenfold_loadgen::Options::feed).
    pub fn feed(&self) -> Feed {
        self.feed.clone()
    }

    /// Begins: the clock of the run reads zero at `start`.
    pub fn begin(&self, start: Instant) {
        let (now, unix) = (Instant::now(), SystemTime::now());
        // The start may lie a moment ahead.
        let at = unix + start.saturating_duration_since(now);
        let at = at.checked_sub(now.saturating_duration_since(start));
        let since_1970 = at.and_then(|at| at.duration_since(SystemTime::UNIX_EPOCH).ok());
        let unix_ns = since_1970.map_or(0, |since| since.as_nanos());
        let unix_ns = u64::try_from(unix_ns).unwrap_or(u64::MAX);
        // It is set once.
        let _ = self.shared.start.set((start, unix_ns));
        self.stage.send_replace(Stage::Running);
    }

    /// Sends this progress from now on.
    pub fn update(&self, progress: &Progress) {
        self.shared.progress().clone_from(progress);
    }

    /// Ends: sends the final counts, without waiting for it.
    pub fn end(&self, counts: &Counts) {
        finalise(&mut self.shared.progress(), counts);
        self.stage.send_replace(Stage::Ended(Instant::now()));
    }

    /// Waits for the last delivery, until 5 s after [`Publisher::end`] at most. Returns sentences about successful and failed
    /// deliveries.
    pub fn finish(mut self) -> Vec<String> {
        let thread = self.thread.take();
        self.stage.send_if_modified(|stage| {
            let was_over = stage.is_over();
            if !was_over {
                *stage = Stage::Abandoned;
            }
            !was_over
        });
        let sentences = thread.map(JoinHandle::join);
        match sentences {
            Some(Ok(sentences)) => sentences,
            Some(Err(panic)) => std::panic::resume_unwind(panic),
            None => Vec::new(),
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.stage.send_replace(Stage::Abandoned);
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn progress(&self) -> std::sync::MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Completes the progress with the counts of a run that has ended.
///
/// A total never decreases, which receivers would take for a restart: a generator that dies may have reported more
/// than its last checkpoint has.
fn finalise(progress: &mut Progress, counts: &Counts) {
    let all = || counts.phases.iter().flatten();
    let raise = |total: &mut u64, of: fn(&RequestCounts) -> u64| {
        *total = all().map(of).sum::<u64>().max(*total);
    };
    raise(&mut progress.planned, |one| one.planned);
    raise(&mut progress.sent, |one| one.sent);
    raise(&mut progress.completed, |one| one.completed);
    raise(&mut progress.failed, |one| one.failed);
    raise(&mut progress.dropped, |one| one.dropped);
    progress.in_flight = all().map(|one| one.in_flight).sum();
    progress.waiting = 0;
    let failures = Failure::ALL.into_iter().map(|failure| {
        let of_class = all().filter_map(|one| one.failures.get(failure.name()));
        let mut reported = progress.failures.iter();
        let reported = reported.find(|(class, _)| *class == failure);
        let reported = reported.map_or(0, |(_, count)| *count);
        (failure, of_class.sum::<u64>().max(reported))
    });
    progress.failures = failures.filter(|(_, count)| *count > 0).collect();
    progress.elapsed = Duration::from_nanos(counts.elapsed_ns);
}

impl Context {
    /// Takes sampled requests off the feed, until the run is over.
    async fn collect(&self, mut stages: watch::Receiver<Stage>) {
        loop {
            self.drain();
            let over = stages.wait_for(Stage::is_over);
            if tokio::time::timeout(LOOK_INTERVAL, over).await.is_ok() {
                return;
            }
        }
    }

    fn drain(&self) {
        for span in self.reader.spans() {
            for delivery in &self.deliveries {
                delivery.take(&span);
            }
        }
    }

    fn snapshot(&self, needs_exact: bool, delivery: &Delivery, is_last: bool) -> Snapshot<'_> {
        let (start, start_unix_ns) = match self.shared.start.get() {
            Some(start) => *start,
            None => (Instant::now(), 0),
        };
        let progress = self.shared.progress().clone();
        let description = &self.description;
        let mut exemplars = delivery.exemplars.borrow_mut();
        let totals = self.reader.totals().into_iter();
        let distributions = totals.map(|total| {
            let RequestTotal {
                request,
                latency,
                exact,
            } = total;
            let named = description.requests.get(request);
            Distribution {
                labels: vec![
                    ("kind", latency.kind.to_string()),
                    (
                        "request",
                        named.map_or(String::new(), |own| own.name.clone()),
                    ),
                ],
                exemplars: exemplars.of(latency.metric, request),
                exact: needs_exact.then_some(exact),
                total: latency,
            }
        });
        let distributions = distributions.collect();
        exemplars.clear();
        let mut all = families(&progress, &description.scenario, &description.phases);
        all.extend(latencies(distributions));
        Snapshot {
            description,
            families: all,
            at_ns: u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX),
            start_unix_ns,
            is_last,
        }
    }

    /// Sends metrics and spans once.
    async fn push(
        &self,
        sender: &impl Sender,
        delivery: &Delivery,
        tally: &mut Tally,
        is_last: bool,
    ) -> Pushed {
        self.drain();
        let snapshot = self.snapshot(sender.needs_exact(), delivery, is_last);
        let metrics = sender.send_metrics(&snapshot).await;
        let metrics = metrics.map(|rejection| delivery.rejections.borrow_mut().add(&rejection));
        let spans = sender.send_spans(&snapshot, delivery).await;
        tally.count(&metrics);
        match (metrics, spans) {
            (Ok(()), Ok(())) => Pushed::Complete,
            (Err(PostError::Temporary(reason)), _) | (_, Err(PostError::Temporary(reason))) => {
                tally.last_error = Some(reason);
                Pushed::Incomplete
            }
            (Err(PostError::Refused(reason)), _) | (_, Err(PostError::Refused(reason))) => {
                tally.last_error = Some(reason);
                Pushed::Refused
            }
        }
    }
}

/// Delivers to one receiver until the run is over, and once more then. Returns sentences about successful and failed deliveries.
async fn deliver(
    sender: &impl Sender,
    interval: Duration,
    context: &Context,
    delivery: &Delivery,
    mut stages: watch::Receiver<Stage>,
) -> Vec<String> {
    let begun = stages.wait_for(|stage| *stage != Stage::Waiting).await;
    drop(begun);
    let mut tally = Tally::default();
    let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + interval, interval);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            _ = ticks.tick() => {}
            _ = stages.wait_for(Stage::is_over) => break,
        }
        // A delivery that is not complete when the run ends is replaced by the last one.
        tokio::select! {
            _ = context.push(sender, delivery, &mut tally, false) => {}
            _ = stages.wait_for(Stage::is_over) => break,
        }
    }
    let stage = *stages.borrow();
    let Stage::Ended(ended) = stage else {
        return Vec::new();
    };
    let deadline = tokio::time::Instant::from_std(ended) + LAST_MAX;
    tally.is_complete = loop {
        let push = context.push(sender, delivery, &mut tally, true);
        match timeout_at(deadline, push).await {
            Ok(Pushed::Complete) => break true,
            Ok(Pushed::Refused) => break false,
            Ok(Pushed::Incomplete) => {}
            Err(_) => {
                let reason = || format!("no answer within {LAST_MAX:?} of the end of the run");
                tally.last_error.get_or_insert_with(reason);
                tally.failed += 1;
                break false;
            }
        }
        let pause = tokio::time::sleep(RETRY_INTERVAL);
        if timeout_at(deadline, pause).await.is_err() {
            break false;
        }
    };
    tally.sentences(sender.receiver().url(), delivery, context.reader.lost())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_never_decrease_at_the_end() {
        let reported = Progress {
            planned: 10,
            sent: 9,
            completed: 7,
            failed: 2,
            failures: vec![(Failure::Timeout, 2)],
            in_flight: 1,
            waiting: 1,
            ..Progress::default()
        };
        let counts = |completed, timeouts| Counts {
            phases: vec![vec![RequestCounts {
                planned: completed + timeouts,
                sent: completed + timeouts,
                completed,
                failed: timeouts,
                failures: [("timeout".into(), timeouts)].into(),
                ..RequestCounts::default()
            }]],
            ..Counts::default()
        };
        let at_the_end = |counts: &Counts| {
            let mut progress = reported.clone();
            finalise(&mut progress, counts);
            assert_eq!((progress.in_flight, progress.waiting), (0, 0));
            let Progress {
                planned,
                sent,
                completed,
                failed,
                failures,
                ..
            } = progress;
            (planned, sent, completed, failed, failures)
        };
        let timeouts = |count| vec![(Failure::Timeout, count)];
        let complete = at_the_end(&counts(8, 3));
        assert_eq!(complete, (11, 11, 8, 3, timeouts(3)));
        // The record of a lost generator ends at its last checkpoint.
        let lost = at_the_end(&counts(5, 1));
        assert_eq!(lost, (10, 9, 7, 2, timeouts(2)));
    }
}

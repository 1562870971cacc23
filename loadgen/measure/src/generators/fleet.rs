//! All generators of a run, from their start to the sum of their records.

use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant, SystemTime};

use tenfold_loadgen::{
    Feed, FeedRelay, Interrupt, LoadError, Progress, Recording, Target, TargetDescription,
    missed_by_all,
};
use tenfold_run_dir::RunDir;
use tenfold_run_dir::counts::Aborted;
use tenfold_scenarios::{Overrides, Scenario, Share};

use super::generator::{Generator, Loss, State};
use super::generator_process::GeneratorProcess;
use super::job::{Event, Job};
use super::log_follower::LogFollower;
use super::worker::{Message, Messages, Worker};
use super::{Generators, OnLoss, Place, refuse_generators};
use crate::MeasureError;

/// Time between the order to start and the start, in which the order reaches every generator.
const LEAD: Duration = Duration::from_millis(150);

/// Longest time between two looks at the interrupt.
const LOOK: Duration = Duration::from_millis(20);

/// Longest time that the progress of a second waits for a generator that has not reported it yet.
const PATIENCE: Duration = Duration::from_millis(400);

/// Time limit of generators that were ordered to stop. They wait half a second for requests in flight, then write their records.
const STOP_MAX: Duration = Duration::from_secs(10);

/// A run of several generators.
pub(crate) struct FleetRun<'a> {
    /// The scenario.
    pub(crate) scenario: Scenario,
    /// Changes that were made to it.
    pub(crate) overrides: Overrides,
    /// The service to send it to.
    pub(crate) target: Target,
    /// The directory of the run.
    pub(crate) run_dir: &'a RunDir,
    /// Ends the run early when it becomes true.
    pub(crate) interrupt: Interrupt,
    /// Publishes latencies and sampled requests of all generators. `None` without a reader.
    pub(crate) feed: Option<Feed>,
    /// Called once, when the users of all generators are ready.
    pub(crate) on_ready: Box<dyn FnOnce() + 'a>,
    /// Called once, with the instant at which the clock of the run starts.
    pub(crate) on_start: Box<dyn FnOnce(Instant) + 'a>,
    /// Called once a second, with the progress of all generators together.
    pub(crate) on_progress: Box<dyn FnMut(&Progress) + 'a>,
    /// Called for each generator that ends without a complete record, with a sentence about it.
    pub(crate) on_loss: Box<dyn FnMut(&str) + 'a>,
}

/// Runs the scenario with several generators, and writes the sum of their records into the run directory, except for counts and
/// timeline, which it returns.
///
/// If a generator dies, the others go on or stop, as [`Generators::on_loss`] says, and its record has the time of its end.
///
/// # Errors
/// If a generator can't be started or can't send, the run is interrupted before its first arrival, all generators die, or a file
/// can't be written.
pub(crate) fn run(
    run: FleetRun<'_>,
    mut generators: Generators,
) -> Result<Recording, MeasureError> {
    let FleetRun {
        scenario,
        overrides,
        target,
        run_dir,
        interrupt,
        feed,
        on_ready,
        on_start,
        mut on_progress,
        mut on_loss,
    } = run;
    let target = TargetDescription::of(&target);
    refuse_generators(&scenario, target.connections(), generators.count)?;
    let (messages, received) = mpsc::channel();
    let job = |share: Share| {
        Job::new(
            &scenario,
            &overrides,
            share,
            target.clone().with_connections(|all| share.part_of(all)),
            generators.permitted_hosts.clone(),
            feed.is_some(),
            run_dir.generator(share.index() + 1).path().to_owned(),
        )
    };
    let jobs = Share::all(generators.count).map(job).collect();
    let mut fleet = Fleet {
        generators: start(&mut generators, jobs, run_dir, messages, &interrupt)?,
        received,
        interrupt,
        feed: feed.clone(),
    };
    fleet.wait_until_ready()?;
    on_ready();
    let (lead, stop_max) = match &generators.place {
        Place::Processes { .. } => (LEAD, STOP_MAX),
        Place::Crew(crew) => (crew.lead(), crew.stop_max()),
    };
    let start = Instant::now() + lead;
    fleet
        .generators
        .iter_mut()
        .for_each(|own| own.start_at(start));
    on_start(start);
    let follower = feed
        .map(|feed| {
            let logs = Share::all(generators.count)
                .map(|share| run_dir.generator(share.index() + 1).interval_tail());
            LogFollower::start(FeedRelay::new(feed, &scenario), logs.collect())
        })
        .transpose()?;
    let mut watch = Watch {
        scenario: &scenario,
        on_loss: generators.on_loss,
        stop_max,
        on_progress: &mut *on_progress,
        on_sentence: &mut *on_loss,
    };
    let (aborted, stopped_for) = fleet.watch(&mut watch);
    let closed = fleet.close_records();
    if let Place::Crew(crew) = &mut generators.place {
        crew.finish(run_dir)?;
    }
    if let Some(follower) = follower {
        follower.finish();
    }
    closed?;
    let base = SystemTime::now()
        .checked_sub(start.elapsed())
        .unwrap_or(SystemTime::UNIX_EPOCH);
    let (mut counts, timeline) = run_dir.merge_generators(base)?;
    if let Some((aborted, description)) = aborted {
        (counts.aborted, counts.interrupted) = (Some(aborted), Some(description));
    } else if let Some(reason) = stopped_for {
        counts.interrupted = Some(reason);
    }
    Ok(Recording {
        counts,
        timeline,
        agreement: None,
    })
}

/// Starts a generator for each job.
fn start(
    generators: &mut Generators,
    jobs: Vec<Job>,
    run_dir: &RunDir,
    messages: Messages,
    interrupt: &Interrupt,
) -> Result<Vec<Generator>, MeasureError> {
    let workers = match &mut generators.place {
        Place::Crew(crew) => crew.start(jobs, run_dir, messages, interrupt)?,
        Place::Processes { command } => {
            let mut processes: Vec<Box<dyn Worker>> = Vec::new();
            for (position, job) in jobs.iter().enumerate() {
                let process = GeneratorProcess::start(command, position, job, messages.clone())?;
                processes.push(Box::new(process));
            }
            processes
        }
    };
    let shares = Share::all(generators.count);
    let with_share = |(share, worker): (Share, Box<dyn Worker>)| {
        Generator::new(share, worker, run_dir.generator(share.index() + 1))
    };
    Ok(shares.zip(workers).map(with_share).collect())
}

/// What a run does while its generators work.
struct Watch<'a, 'b> {
    scenario: &'a Scenario,
    on_loss: OnLoss,
    stop_max: Duration,
    on_progress: &'a mut (dyn FnMut(&Progress) + 'b),
    on_sentence: &'a mut (dyn FnMut(&str) + 'b),
}

/// The generators of a run. Dropping it kills those that are alive.
struct Fleet {
    generators: Vec<Generator>,
    received: Receiver<(usize, Message)>,
    interrupt: Interrupt,
    feed: Option<Feed>,
}

impl Fleet {
    /// Waits until the users of all generators are ready.
    fn wait_until_ready(&mut self) -> Result<(), MeasureError> {
        while !self.generators.iter().all(|own| own.state == State::Ready) {
            if *self.interrupt.borrow() {
                return Err(LoadError::Interrupted.into());
            }
            let Some((position, message)) = self.receive() else {
                continue;
            };
            if self.generators[position].note(message)
                && let Some(loss) = self.generators[position].finish()
            {
                return Err(self.failure(position, loss));
            }
        }
        Ok(())
    }

    /// Follows the run until all generators have ended. Returns the rule that aborted it, with a description, and why it was stopped
    /// if a generator was lost.
    fn watch(&mut self, watch: &mut Watch<'_, '_>) -> (Option<(Aborted, String)>, Option<String>) {
        let mut aborted = None;
        let mut stopped_for = None;
        let mut stopped: Option<Instant> = None;
        let mut seconds = Seconds::default();
        while self.generators.iter().any(Generator::is_alive) {
            if let Some((position, message)) = self.receive()
                && self.generators[position].note(message)
            {
                let name = self.generators[position].name();
                let next = match watch.on_loss {
                    OnLoss::Continue => "its share of the load is missing from now on",
                    OnLoss::Stop => "the others stop as well",
                };
                (watch.on_sentence)(&format!("{name} has ended before the run; {next}"));
                if watch.on_loss == OnLoss::Stop && stopped.is_none() {
                    stopped_for = Some(format!("stopped because {name} was lost"));
                }
            }
            if seconds.is_complete(&self.generators, Instant::now()) {
                let parts: Vec<Progress> = self
                    .generators
                    .iter()
                    .filter_map(|own| own.progress.clone())
                    .collect();
                let lost = self
                    .generators
                    .iter()
                    .filter(|own| own.state == State::Lost);
                (watch.on_progress)(&Progress {
                    lost_generators: u32::try_from(lost.count()).unwrap_or(u32::MAX),
                    ..Progress::merged(&parts)
                });
                if stopped.is_none() {
                    aborted = missed_by_all(watch.scenario, &parts);
                }
            }
            let ends = aborted.is_some() || stopped_for.is_some() || *self.interrupt.borrow();
            match stopped {
                None if ends => {
                    stopped = Some(Instant::now());
                    self.generators.iter_mut().for_each(Generator::stop);
                }
                Some(since) if since.elapsed() > watch.stop_max => {
                    let alive = self.generators.iter_mut().filter(|own| own.is_alive());
                    alive.for_each(Generator::kill);
                }
                _ => {}
            }
        }
        (aborted, stopped_for)
    }

    /// Waits until all generators have ended, and completes the records of those that are lost.
    ///
    /// # Errors
    /// If all are lost, or a record can't be written.
    fn close_records(&mut self) -> Result<(), MeasureError> {
        let mut losses = Vec::new();
        for (position, generator) in self.generators.iter_mut().enumerate() {
            if let Some(loss) = generator.finish() {
                generator.close_record(&loss)?;
                losses.push((position, loss));
            }
        }
        match losses.first() {
            Some((position, loss)) if losses.len() == self.generators.len() => {
                Err(self.failure(*position, loss.clone()))
            }
            _ => Ok(()),
        }
    }

    /// Receives a message, and passes sampled requests on. `None` if no other message arrives within [`LOOK`].
    fn receive(&mut self) -> Option<(usize, Message)> {
        match self.received.recv_timeout(LOOK) {
            Ok((_, Message::Event(Event::Spans(spans)))) => {
                if let Some(feed) = &self.feed {
                    feed.lose(spans.lost);
                    spans.requests.into_iter().for_each(|span| feed.offer(span));
                }
                None
            }
            Ok(message) => Some(message),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => {
                // Every process has reported its end before; sleeping keeps a defect from using a core.
                std::thread::sleep(LOOK);
                None
            }
        }
    }

    fn failure(&self, position: usize, loss: Loss) -> MeasureError {
        MeasureError::Generator {
            name: self.generators[position].name(),
            reason: loss.reason,
            code: loss.code,
        }
    }
}

/// The seconds of the run that were reported.
#[derive(Debug, Default)]
struct Seconds {
    /// The last second whose progress was passed on.
    passed_on: u64,
    /// When the first generator reported the next one.
    since: Option<Instant>,
}

impl Seconds {
    /// Returns `true` once for each second: when all generators that are alive have reported it, or when one of them is too late.
    fn is_complete(&mut self, generators: &[Generator], now: Instant) -> bool {
        let reported = generators.iter().filter(|own| own.is_alive()).map(|own| {
            own.progress
                .as_ref()
                .map_or(0, |progress| nearest_second(progress.elapsed))
        });
        let Some((first, last)) = reported.fold(None, |bounds, second| match bounds {
            None => Some((second, second)),
            Some((first, last)) => Some((second.max(first), second.min(last))),
        }) else {
            return false;
        };
        self.advance(first, last, now)
    }

    /// Like [`Seconds::is_complete`], for the last seconds that the first and the last generator have reported.
    fn advance(&mut self, first: u64, last: u64, now: Instant) -> bool {
        if first <= self.passed_on {
            return false;
        }
        let since = *self.since.get_or_insert(now);
        if last < first && now.saturating_duration_since(since) < PATIENCE {
            return false;
        }
        self.passed_on = first;
        self.since = None;
        true
    }
}

/// Returns the whole second nearest to a time: generators report a moment after it.
fn nearest_second(time: Duration) -> u64 {
    (time + Duration::from_millis(500)).as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn late_generator_delays_a_second_briefly() {
        let now = Instant::now();
        let mut seconds = Seconds::default();
        assert!(!seconds.advance(0, 0, now));
        assert!(!seconds.advance(1, 0, now), "one has not reported");
        assert!(seconds.advance(1, 1, now));
        assert!(!seconds.advance(1, 1, now), "once");
        assert!(!seconds.advance(2, 1, now));
        assert!(!seconds.advance(2, 1, now + PATIENCE / 2));
        assert!(seconds.advance(2, 1, now + PATIENCE), "one is stalled");
        assert!(!seconds.advance(2, 2, now + PATIENCE));
        assert!(
            seconds.advance(5, 5, now + PATIENCE),
            "seconds were skipped"
        );
    }

    #[test]
    fn seconds_are_rounded() {
        for (ms, second) in [(0, 0), (499, 0), (1_000, 1), (1_012, 1), (1_700, 2)] {
            assert_eq!(nearest_second(Duration::from_millis(ms)), second);
        }
    }
}

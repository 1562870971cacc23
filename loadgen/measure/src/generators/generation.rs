//! A generator in a process of its own, from its job to its record.

use std::io::{Read, Write};
use std::sync::mpsc::{self, Receiver};

use tenfold_loadgen::{
    Feed, HostGuard, Interrupt, Journeys, KnownSessions, LoadError, Options, Start, feed,
};
use tenfold_probe::HostSampler;
use tenfold_run_dir::RunDir;
use tokio::sync::watch;

use super::job::{Event, Job, Order};
use super::lines::Lines;
use super::reports::Reports;
use super::shared_clock;
use crate::MeasureError;

/// Takes a job from `input`, sends its share of the schedule, and writes its record. Reports to `output`.
///
/// Ends early, with its record, when it is ordered to or when `input` closes. `guard` judges the hosts that redirects lead to, and
/// gets those that the command line permits. With `machine`, the record has CPU and memory of this machine: of a generator on the
/// machine of the run, the run itself has them.
///
/// # Errors
/// If the job can't be read or done. The error was then reported to `output` as well.
pub fn generate(
    input: impl Read + Send + 'static,
    output: impl Write + Send + 'static,
    guard: impl FnOnce(Vec<String>) -> HostGuard,
    machine: bool,
) -> Result<(), MeasureError> {
    let mut input = Lines::new(input);
    let job = input.next::<Job>();
    let reports_spans = matches!(&job, Ok(Some(job)) if job.reports_spans);
    let (feed, spans) = reports_spans.then(feed).unzip();
    let reports = Reports::start(output, spans)?;
    let done = match job {
        Ok(Some(job)) => {
            Orders::take(input).and_then(|orders| run(job, orders, feed, guard, machine, &reports))
        }
        Ok(None) => Err(MeasureError::Load(LoadError::Interrupted)),
        Err(source) => Err(system("read the job of a generator", source)),
    };
    reports.finish(match &done {
        Ok(()) => Event::Ended,
        Err(error) => Event::Failed {
            message: error.to_string(),
        },
    });
    done
}

fn run(
    job: Job,
    orders: Orders,
    feed: Option<Feed>,
    guard: impl FnOnce(Vec<String>) -> HostGuard,
    machine: bool,
    reports: &Reports,
) -> Result<(), MeasureError> {
    let scenario = job.scenario()?;
    let share = job.share().ok_or_else(|| LoadError::Configuration {
        what: "the job of a generator".to_owned(),
        reason: "its share does not exist".to_owned(),
    })?;
    let run_dir = RunDir::open(&job.run_dir);
    let target = job.target.target()?.guarded_by(guard(job.permitted_hosts));
    let mut sampler = None;
    let recording = tenfold_loadgen::run_with(
        Options {
            scenario,
            share,
            target,
            candidate: None,
            sessions: KnownSessions::default(),
            run_dir: &run_dir,
            interrupt: orders.interrupt,
            feed,
            on_ready: Box::new(|| ()),
            start: Start::Agreed(Box::new(|| {
                reports.send(Event::Ready);
                shared_clock::instant_of(orders.start.recv().ok()?)
            })),
            on_start: Box::new(|start| {
                sampler =
                    machine.then(|| HostSampler::start(tenfold_probe::Target::Unknown, start));
            }),
            on_progress: Box::new(|progress| {
                reports.send(Event::Progress(Box::new(progress.clone())));
            }),
        },
        Journeys::default(),
    )?;
    if let Some(sampler) = sampler {
        run_dir.write_host(&sampler.stop())?;
    }
    run_dir.write_timeline(&recording.timeline)?;
    run_dir.write_counts(&recording.counts)?;
    Ok(())
}

fn system(action: &'static str, source: std::io::Error) -> MeasureError {
    LoadError::System { action, source }.into()
}

/// Orders that a thread reads.
struct Orders {
    /// When the clock of the run starts, in nanoseconds of the monotonic clock. Closed once nothing more can be ordered.
    start: Receiver<u64>,
    /// Becomes `true` when the run is to end.
    interrupt: Interrupt,
}

impl Orders {
    /// Reads orders from now on.
    fn take(mut input: Lines<impl Read + Send + 'static>) -> Result<Self, MeasureError> {
        let (starts, start) = mpsc::channel();
        let (interrupts, interrupt) = watch::channel(false);
        let reading = move || {
            // An order that is no order ends the run, as the end of the pipe does.
            while let Ok(Some(Order::Start { at_ns })) = input.next() {
                let _ = starts.send(at_ns);
            }
            drop(starts);
            interrupts.send_replace(true);
        };
        std::thread::Builder::new()
            .name("orders".into())
            .spawn(reading)
            .map_err(|source| system("start a thread", source))?;
        Ok(Self { start, interrupt })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(input: &'static [u8]) -> (Result<(), MeasureError>, Vec<Event>) {
        let (reader, writer) = std::io::pipe().unwrap();
        let done = generate(input, writer, |_| HostGuard::default(), false);
        let mut lines = Lines::new(reader);
        let mut events = Vec::new();
        while let Some(event) = lines.next().unwrap() {
            events.push(event);
        }
        (done, events)
    }

    #[test]
    fn reports_why_a_job_can_not_be_done() {
        for (input, expected) in [
            (&b""[..], "interrupted before the first arrival"),
            (b"{}\n", "could not read the job of a generator"),
            (b"\"half", "a message is cut off"),
        ] {
            let (done, events) = events(input);
            let error = done.unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            let [Event::Failed { message }] = events.as_slice() else {
                panic!("{events:?}");
            };
            assert_eq!(*message, error);
        }
    }
}

//! The process of one generator.

use std::io::Read;
use std::process::{ChildStdin, Command, Stdio};
use std::sync::mpsc::Sender;
use std::time::Duration;

use tenfold_child_process::{ProcessGroup, describe_exit, log_tail};
use tenfold_loadgen::{LoadError, Progress};
use tenfold_run_dir::RunDir;
use tenfold_scenarios::Share;

use super::Generators;
use super::job::{Event, Job, Order};
use super::lines::{self, Lines};
use crate::MeasureError;

/// File with what the process writes to its standard error: above all, the message of a panic.
const LOG: &str = "generator.log";

/// Lines of that file that an error quotes.
const LOG_LINES: usize = 4;

/// Longest time between the end of the messages of a process and its exit.
const EXIT_MAX: Duration = Duration::from_secs(5);

/// A message from a generator.
#[derive(Debug)]
pub(super) enum Message {
    /// It reports.
    Event(Event),
    /// It reports no more: its process has ended, or writes what nobody understands.
    Silent,
}

/// The process of one generator.
pub(super) struct GeneratorProcess {
    share: Share,
    group: ProcessGroup,
    /// `None` once it is ordered to stop.
    orders: Option<ChildStdin>,
    run_dir: RunDir,
    /// Its state, by its messages.
    pub(super) state: State,
    /// Its last progress. `None` before the first second of the run has passed.
    pub(super) progress: Option<Progress>,
    /// Why it could not do its job. `None` if it has not said so.
    failed_because: Option<String>,
}

/// The state of a generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    /// It connects, and logs sessions in.
    Starting,
    /// Its users are ready, or send.
    Ready,
    /// Its record is complete.
    Ended,
    /// It ended without a complete record.
    Lost,
}

impl GeneratorProcess {
    /// Starts a process with a job. Its messages go to `messages`, with its position.
    ///
    /// # Errors
    /// If the process can't be started. One that ends before it has read its job says why in its messages.
    pub(super) fn start(
        generators: &Generators,
        share: Share,
        job: &Job,
        messages: Sender<(usize, Message)>,
    ) -> Result<Self, MeasureError> {
        let run_dir = RunDir::open(&job.run_dir);
        let refused = |source| LoadError::System {
            action: "start a generator",
            source,
        };
        std::fs::create_dir_all(run_dir.path()).map_err(refused)?;
        let log = std::fs::File::create(run_dir.file(LOG)).map_err(refused)?;
        let (program, arguments) = &generators.command;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut group = ProcessGroup::spawn(&mut command).map_err(refused)?;
        let mut orders = group.take_stdin();
        if let Some(output) = group.take_stdout() {
            let position = share.index() as usize;
            std::thread::Builder::new()
                .name("generator".into())
                .spawn(move || pass_on(output, position, &messages))
                .map_err(refused)?;
        }
        if let Some(orders) = &mut orders {
            // If it fails, the process has ended.
            let _ = lines::write(job, orders);
        }
        Ok(Self {
            share,
            group,
            orders,
            run_dir,
            state: State::Starting,
            progress: None,
            failed_because: None,
        })
    }

    /// Number of the generator, from 1.
    pub(super) fn number(&self) -> u32 {
        self.share.index() + 1
    }

    /// Returns whether it may still report.
    pub(super) fn is_alive(&self) -> bool {
        matches!(self.state, State::Starting | State::Ready)
    }

    /// Notes a message. Returns `true` if the generator is lost by it.
    pub(super) fn note(&mut self, message: Message) -> bool {
        match message {
            Message::Event(Event::Ready) => self.state = State::Ready,
            Message::Event(Event::Progress(progress)) => self.progress = Some(*progress),
            Message::Event(Event::Ended) => {
                self.state = State::Ended;
                self.settle();
            }
            Message::Event(Event::Failed { message }) => self.failed_because = Some(message),
            Message::Silent if self.is_alive() => {
                self.state = State::Lost;
                self.settle();
                return true;
            }
            Message::Silent => {}
        }
        false
    }

    /// Keeps the counts of the last progress, and no rates.
    fn settle(&mut self) {
        if let Some(progress) = &mut self.progress {
            progress.settle();
        }
    }

    /// Orders the clock of the run to start.
    pub(super) fn start_at(&mut self, at_ns: u64) {
        if let Some(orders) = &mut self.orders {
            // If it fails, the process has ended, which its messages say.
            let _ = lines::write(&Order::Start { at_ns }, orders);
        }
    }

    /// Orders it to end early, with its record.
    pub(super) fn stop(&mut self) {
        if let Some(mut orders) = self.orders.take() {
            let _ = lines::write(&Order::Stop, &mut orders);
        }
    }

    /// Kills it.
    pub(super) fn kill(&mut self) {
        self.group.kill();
    }

    /// Waits until the process has exited, and returns why it did not complete its record. `None` if it did.
    pub(super) fn finish(&mut self) -> Option<Loss> {
        drop(self.orders.take());
        self.group.wait_exited(EXIT_MAX);
        let status = self.group.kill();
        let log = log_tail(&self.run_dir.file(LOG), LOG_LINES);
        if log.is_empty() {
            let _ = std::fs::remove_file(self.run_dir.file(LOG));
        }
        if self.state == State::Ended {
            return None;
        }
        let said = self.failed_because.take();
        let reason = said.unwrap_or_else(|| match log.is_empty() {
            true => format!("its process ended with {}", describe_exit(status)),
            false => {
                let log = log.replace('\n', "; ");
                format!("its process ended with {}: {log}", describe_exit(status))
            }
        });
        Some(Loss {
            reason,
            code: status.code(),
        })
    }

    /// Writes into the record of a lost generator why it ends. Does nothing if there is no record.
    ///
    /// # Errors
    /// If the record can't be read or written.
    pub(super) fn close_record(&self, loss: &Loss) -> Result<(), MeasureError> {
        if !self.run_dir.is_recorded() {
            return Ok(());
        }
        let mut counts = self.run_dir.read_counts()?;
        let until = counts.checkpoint.map_or(0, |checkpoint| checkpoint.at_ns);
        counts.interrupted = Some(format!(
            "{}; recorded up to {} s",
            loss.reason,
            until / 1_000_000_000
        ));
        Ok(self.run_dir.write_counts(&counts)?)
    }
}

/// Why a generator did not complete its record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Loss {
    /// The reason.
    pub(super) reason: String,
    /// Exit code of its process. `None` if a signal ended it.
    pub(super) code: Option<i32>,
}

/// Passes the messages of a process on, until it reports no more.
fn pass_on(output: impl Read, position: usize, messages: &Sender<(usize, Message)>) {
    let mut lines = Lines::new(output);
    while let Ok(Some(event)) = lines.next() {
        if messages.send((position, Message::Event(event))).is_err() {
            return;
        }
    }
    let _ = messages.send((position, Message::Silent));
}

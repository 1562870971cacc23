//! The process of one generator.

use std::io::Read;
use std::path::PathBuf;
use std::process::{ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use tenfold_child_process::{ProcessGroup, describe_exit, log_tail};
use tenfold_loadgen::LoadError;
use tenfold_run_dir::RunDir;

use super::job::{Job, Order};
use super::lines::{self, Lines};
use super::shared_clock;
use super::worker::{Exit, Message, Messages, Worker};
use crate::MeasureError;

/// File with what the process writes to its standard error: above all, the message of a panic.
const LOG: &str = "generator.log";

/// Lines of that file that an error quotes.
const LOG_LINES: usize = 4;

/// Longest time between the end of the messages of a process and its exit.
const EXIT_MAX: Duration = Duration::from_secs(5);

/// The process of one generator.
pub(super) struct GeneratorProcess {
    group: ProcessGroup,
    /// `None` once it is ordered to stop.
    orders: Option<ChildStdin>,
    run_dir: RunDir,
}

impl GeneratorProcess {
    /// Starts a process with a job. Its messages go to `messages`, with its position.
    ///
    /// # Errors
    /// If the process can't be started. One that ends before it has read its job says why in its messages.
    pub(super) fn start(
        (program, arguments): &(PathBuf, Vec<String>),
        position: usize,
        job: &Job,
        messages: Messages,
    ) -> Result<Self, MeasureError> {
        let run_dir = RunDir::open(&job.run_dir);
        let refused = |source| LoadError::System {
            action: "start a generator",
            source,
        };
        std::fs::create_dir_all(run_dir.path()).map_err(refused)?;
        let log = std::fs::File::create(run_dir.file(LOG)).map_err(refused)?;
        let mut command = Command::new(program);
        command
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(log);
        let mut group = ProcessGroup::spawn(&mut command).map_err(refused)?;
        let mut orders = group.take_stdin();
        if let Some(output) = group.take_stdout() {
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
            group,
            orders,
            run_dir,
        })
    }
}

impl Worker for GeneratorProcess {
    fn start_at(&mut self, at: Instant) {
        if let Some(orders) = &mut self.orders {
            let at_ns = shared_clock::ns_of(at);
            // If it fails, the process has ended, which its messages say.
            let _ = lines::write(&Order::Start { at_ns }, orders);
        }
    }

    fn stop(&mut self) {
        if let Some(mut orders) = self.orders.take() {
            let _ = lines::write(&Order::Stop, &mut orders);
        }
    }

    fn kill(&mut self) {
        self.group.kill();
    }

    fn finish(&mut self) -> Exit {
        drop(self.orders.take());
        self.group.wait_exited(EXIT_MAX);
        let status = self.group.kill();
        let log = log_tail(&self.run_dir.file(LOG), LOG_LINES);
        let mut reason = format!("its process ended with {}", describe_exit(status));
        match log.is_empty() {
            true => drop(std::fs::remove_file(self.run_dir.file(LOG))),
            false => reason.push_str(&format!(": {}", log.replace('\n', "; "))),
        }
        let code = status.code().and_then(|code| u8::try_from(code).ok());
        Exit { reason, code }
    }
}

/// Passes the messages of a process on, until it reports no more.
fn pass_on(output: impl Read, position: usize, messages: &Messages) {
    let mut lines = Lines::new(output);
    while let Ok(Some(event)) = lines.next() {
        if messages.send((position, Message::Event(event))).is_err() {
            return;
        }
    }
    let _ = messages.send((position, Message::Silent));
}

//! Agents that share one generator, as tasks of one process.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::mpsc::{self, Receiver};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use anyhow::Context as _;
use tenfold_agents::{AgentOptions, Broker, Limits};
use tenfold_loadgen::LoadError;
use tenfold_measure::{
    Event, Exit, Job, MeasureError, Message, Messages, Worker, shared_clock, start_process,
};

use crate::agents::arguments::SimulatedAgentsArguments;
use crate::workshop::progress::report;

/// Part of the sentence of an agent that waits for runs.
pub(super) const WAITS: &str = "waits for runs";

/// Directory of the record, below that of the agents.
pub(super) const RECORD: &str = "record";

/// Acts as a number of agents until standard input closes.
pub(crate) fn serve(arguments: &SimulatedAgentsArguments) -> anyhow::Result<()> {
    tenfold_probe::limits::raise_open_files();
    std::thread::spawn(|| {
        // The pipe closes once the benchmark ends, normally or not.
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        std::process::exit(0);
    });
    let record = arguments.directory.join(RECORD);
    std::fs::create_dir_all(&record)
        .with_context(|| format!("could not create {}", record.display()))?;
    let generator = ["generator", "--of-agent", "--allow-host", "127.0.0.1"];
    let shared = Arc::new(SharedGenerator {
        command: (
            arguments.tenfold.clone(),
            generator.map(str::to_owned).to_vec(),
        ),
        record,
        state: Mutex::default(),
    });
    let agents = (1..=arguments.agents).map(|number| {
        let shared = Arc::clone(&shared);
        let name = format!("agent-{number:04}");
        AgentOptions {
            broker: Broker::new(arguments.nats.clone()),
            directory: arguments.directory.join(&name),
            name,
            labels: Default::default(),
            limits: Limits {
                hosts: Arc::new(|_, _| Ok(())),
                rate_max: None,
                users_max: None,
            },
            start: Arc::new(move |job, messages| shared.start(job, messages)),
        }
    });
    let (_interrupt, interrupted) = tokio::sync::watch::channel(false);
    tenfold_agents::serve_all(agents.collect(), interrupted, report)?;
    Ok(())
}

/// The generator that all agents share. It does the job of the first one.
struct SharedGenerator {
    command: (PathBuf, Vec<String>),
    /// Directory of its record, which the agents' own directories link to.
    record: PathBuf,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// `None` until it starts, and after its end.
    worker: Option<Box<dyn Worker>>,
    is_ready: bool,
    /// Receivers of its messages: one for each agent.
    agents: Vec<Messages>,
}

/// The generator, as one agent sees it.
struct Follower {
    shared: Arc<SharedGenerator>,
    /// Only the first agent starts and ends the generator.
    is_first: bool,
}

impl SharedGenerator {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn start(
        self: &Arc<Self>,
        job: &Job,
        messages: Messages,
    ) -> Result<Box<dyn Worker>, MeasureError> {
        let link = || {
            std::fs::remove_dir(job.run_dir())?;
            std::os::unix::fs::symlink(&self.record, job.run_dir())
        };
        link().map_err(|source| LoadError::System {
            action: "link to the shared record",
            source,
        })?;
        let is_first = job.share().is_some_and(|share| share.index() == 0);
        {
            let mut state = self.state();
            if state.is_ready {
                let _ = messages.send((0, Message::Event(Event::Ready)));
            }
            state.agents.push(messages);
            if is_first {
                let (own, received) = mpsc::channel();
                state.worker = Some(start_process(&self.command, job, own)?);
                let shared = Arc::clone(self);
                std::thread::spawn(move || shared.pass_on(received));
            }
        }
        Ok(Box::new(Follower {
            shared: Arc::clone(self),
            is_first,
        }))
    }

    /// Passes the messages of the generator on to all agents.
    fn pass_on(&self, received: Receiver<(usize, Message)>) {
        for (_, message) in received {
            let mut state = self.state();
            let is_last = match &message {
                Message::Event(event) => {
                    state.is_ready |= matches!(event, Event::Ready);
                    matches!(event, Event::Ended)
                }
                Message::Silent => true,
            };
            for agent in &state.agents {
                let copy = match &message {
                    Message::Event(event) => Message::Event(event.clone()),
                    Message::Silent => Message::Silent,
                };
                let _ = agent.send((0, copy));
            }
            if is_last {
                state.agents.clear();
            }
        }
    }
}

impl Worker for Follower {
    fn start_at(&mut self, at: Instant) {
        if !self.is_first {
            return;
        }
        // The benchmark counts the time from here.
        let _ = writeln!(std::io::stdout(), "{}", shared_clock::ns_of(at));
        if let Some(worker) = &mut self.shared.state().worker {
            worker.start_at(at);
        }
    }

    fn stop(&mut self) {
        if let Some(worker) = &mut self.shared.state().worker {
            worker.stop();
        }
    }

    fn kill(&mut self) {
        if let Some(worker) = &mut self.shared.state().worker {
            worker.kill();
        }
    }

    fn finish(&mut self) -> Exit {
        let worker = match self.is_first {
            true => self.shared.state().worker.take(),
            false => None,
        };
        match worker {
            Some(mut worker) => worker.finish(),
            None => Exit {
                reason: "the shared generator has ended".to_owned(),
                code: Some(0),
            },
        }
    }
}

//! An agent, from one run to the next.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use async_nats::{Client, Message as NatsMessage, Subscriber};
use futures_util::StreamExt as _;
use nkeys::XKey;
use tenfold_loadgen::Interrupt;
use tenfold_measure::{Job, MeasureError, Messages, Worker, shared_clock, tool};
use tokio::sync::mpsc;
use tokio::task::{JoinHandle, JoinSet};

use crate::limits::Limits;
use crate::message::{
    Answer, Assignment, Beat, FIND, Offer, Order, Pulse, Request, agent_subject, beat_subject,
    decode, encode,
};
use crate::outbox::{Heartbeats, Outbox};
use crate::part::{Outcome, Part};
use crate::seal::{Seal, random_name};
use crate::{AgentsError, Broker};

/// Orders that may wait: start, stop, kill and release.
const ORDERS_MAX: usize = 8;

/// Threads of an agent: heartbeats are answered while another one reads a file.
const THREADS: usize = 3;

/// Starts the generator of a job. Its messages have position 0.
pub type StartGenerator =
    Arc<dyn Fn(&Job, Messages) -> Result<Box<dyn Worker>, MeasureError> + Send + Sync>;

/// Gets sentences for the operator.
type Note = Arc<dyn Fn(&str) + Send + Sync>;

/// An agent and the limits of its operator.
pub struct AgentOptions {
    /// The NATS server.
    pub broker: Broker,
    /// Name of the agent.
    pub name: String,
    /// Labels, by which runs choose agents.
    pub labels: BTreeMap<String, String>,
    /// Limits of its operator.
    pub limits: Limits,
    /// Directory of records on their way. What can't be delivered stays there, below the name of the run.
    pub directory: PathBuf,
    /// Starts its generators, usually by [`tenfold_measure::start_process`].
    pub start: StartGenerator,
}

impl std::fmt::Debug for AgentOptions {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AgentOptions")
            .field("broker", &self.broker)
            .field("name", &self.name)
            .field("labels", &self.labels)
            .field("limits", &self.limits)
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

/// Takes part in runs, one after the other, until `interrupt` becomes true. `note` gets a sentence for what its operator should
/// know.
///
/// # Errors
/// If the NATS server can't be reached at the start. Later, it is connected to again.
pub fn serve(
    options: AgentOptions,
    interrupt: Interrupt,
    note: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(), AgentsError> {
    serve_all(vec![options], interrupt, note)
}

/// Does what [`serve`] does, for several agents in one process.
///
/// # Errors
/// As for [`serve`], before any agent takes part in a run.
pub fn serve_all(
    agents: Vec<AgentOptions>,
    interrupt: Interrupt,
    note: impl Fn(&str) + Send + Sync + 'static,
) -> Result<(), AgentsError> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(THREADS)
        .enable_all()
        .build()
        .map_err(|source| AgentsError::System {
            action: "start a runtime",
            source,
        })?;
    let note: Note = Arc::new(note);
    runtime.block_on(async {
        let mut connected = Vec::new();
        // One after the other: a server closes connections that do not log in at once.
        for options in agents {
            connected.push(Agent::connect(options, interrupt.clone(), &*note).await?);
        }
        let mut serving = JoinSet::new();
        for (agent, subscriptions) in connected {
            serving.spawn(agent.serve(subscriptions, Arc::clone(&note)));
        }
        while serving.join_next().await.is_some() {}
        Ok(())
    })
}

struct Agent {
    options: Arc<AgentOptions>,
    client: Client,
    id: String,
    key: Arc<XKey>,
    interrupt: Interrupt,
    current: Option<Current>,
}

/// The run that an agent takes part in.
struct Current {
    run: String,
    /// The controller's public key.
    controller: String,
    orders: mpsc::Sender<Order>,
    heartbeats: Heartbeats,
    done: JoinHandle<Outcome>,
    beats: JoinHandle<()>,
}

impl Agent {
    /// Connects an agent. Returns also the searches and the requests that it gets.
    async fn connect(
        options: AgentOptions,
        interrupt: Interrupt,
        note: &(dyn Fn(&str) + Send + Sync),
    ) -> Result<(Self, (Subscriber, Subscriber)), AgentsError> {
        let client = options
            .broker
            .connect(&format!("tenfold agent {}", options.name))
            .await?;
        let key = XKey::new();
        let agent = Self {
            client,
            id: random_name(&key),
            key: Arc::new(key),
            options: Arc::new(options),
            interrupt,
            current: None,
        };
        let searches = agent.subscribe(FIND.to_owned()).await?;
        let requests = agent.subscribe(agent_subject(&agent.id)).await?;
        // Who reads that it is ready may search for it at once.
        let _ = agent.client.flush().await;
        note(&format!(
            "agent {} waits for runs at {}",
            agent.options.name,
            agent.options.broker.plain_url()
        ));
        Ok((agent, (searches, requests)))
    }

    /// Takes part in runs until it is interrupted.
    async fn serve(mut self, (mut searches, mut requests): (Subscriber, Subscriber), note: Note) {
        let mut interrupt = self.interrupt.clone();
        loop {
            tokio::select! {
                Some(message) = searches.next() => self.offer(&message).await,
                Some(message) = requests.next() => self.answer(&message, &*note).await,
                outcome = ended(&mut self.current) => {
                    note(&self.describe(outcome));
                    if let Some(current) = self.current.take() {
                        current.beats.abort();
                    }
                }
                () = ended_by(&mut interrupt) => break,
            }
        }
        if self.current.is_some() {
            let outcome = ended(&mut self.current).await;
            note(&self.describe(outcome));
        }
        let _ = self.client.flush().await;
    }

    async fn subscribe(&self, subject: String) -> Result<Subscriber, AgentsError> {
        let subscribed = self.client.subscribe(subject).await;
        subscribed.map_err(|error| AgentsError::Broker {
            url: self.options.broker.plain_url(),
            reason: error.to_string(),
        })
    }

    /// Answers a search.
    async fn offer(&self, message: &NatsMessage) {
        let Some(reply) = message.reply.clone() else {
            return;
        };
        let offer = Offer {
            id: self.id.clone(),
            name: self.options.name.clone(),
            tool: tool(),
            labels: self.options.labels.clone(),
            host: Some(tenfold_probe::host::describe()),
            machine: tenfold_probe::host::boot_id(),
            key: self.key.public_key(),
            is_busy: self.current.is_some(),
        };
        let _ = self.client.publish(reply, encode(&offer, &[])).await;
    }

    /// Answers a request.
    async fn answer(&mut self, message: &NatsMessage, note: &(dyn Fn(&str) + Send + Sync)) {
        let done = match decode::<Request>(&message.payload) {
            Some((Request::Take { run, key }, body)) => {
                let taken = self.take(run.clone(), key, &body).await;
                if taken.is_ok() {
                    note(&format!("takes part in run {run}"));
                }
                taken
            }
            Some((Request::Order { run }, body)) => self.order(&run, &body).await,
            None => Err("the request can't be read".to_owned()),
        };
        let answer = match done {
            Ok(()) => Answer::Done,
            Err(reason) => Answer::Refused { reason },
        };
        if let Some(reply) = message.reply.clone() {
            let _ = self.client.publish(reply, encode(&answer, &[])).await;
        }
    }

    /// Takes part in a run.
    async fn take(&mut self, run: String, key: String, body: &[u8]) -> Result<(), String> {
        if let Some(current) = &self.current {
            // The answer to the first request may be lost.
            return match current.run == run {
                true => Ok(()),
                false => Err("it takes part in another run".to_owned()),
            };
        }
        // It becomes the name of a directory, and part of subjects.
        if run.is_empty() || run.len() > 64 || !run.bytes().all(|c| c.is_ascii_alphanumeric()) {
            return Err("the name of the run can't be used".to_owned());
        }
        let seal = Seal::new(&self.key, &key);
        let assignment: Assignment = seal
            .and_then(|seal| seal.open(body))
            .and_then(|body| serde_json::from_slice(&body).ok())
            .ok_or("its part of the run can't be read")?;
        let heartbeats = Heartbeats::new();
        let beats = self
            .client
            .subscribe(beat_subject(&run))
            .await
            .map_err(|error| error.to_string())?;
        let beats = tokio::spawn(answer_beats(
            self.client.clone(),
            beats,
            assignment.number,
            heartbeats.clone(),
        ));
        let (orders, received) = mpsc::channel(ORDERS_MAX);
        let part = Part {
            options: Arc::clone(&self.options),
            outbox: Outbox {
                client: self.client.clone(),
                run: run.clone(),
                number: assignment.number,
                own: Arc::clone(&self.key),
                controller: key.clone(),
                heartbeats: heartbeats.clone(),
            },
            assignment,
            orders: received,
            interrupt: self.interrupt.clone(),
        };
        self.current = Some(Current {
            run,
            controller: key,
            orders,
            heartbeats,
            done: tokio::spawn(part.conduct()),
            beats,
        });
        Ok(())
    }

    /// Passes an order on.
    async fn order(&self, run: &str, body: &[u8]) -> Result<(), String> {
        let Some(current) = self.current.as_ref().filter(|own| own.run == run) else {
            return Err("it does not take part in this run".to_owned());
        };
        let order: Order = Seal::new(&self.key, &current.controller)
            .and_then(|seal| seal.open(body))
            .and_then(|body| serde_json::from_slice(&body).ok())
            .ok_or("the order can't be read")?;
        if order == Order::Release {
            current.heartbeats.release();
        }
        current
            .orders
            .try_send(order)
            .map_err(|_| "its part of the run has ended".to_owned())
    }

    fn describe(&self, outcome: Outcome) -> String {
        let run = self.current.as_ref().map_or("", |own| own.run.as_str());
        match outcome {
            Outcome::Delivered => format!("run {run} has ended"),
            Outcome::Refused(reason) => format!("took no part in run {run}: {reason}"),
            Outcome::Kept(directory) => format!(
                "the controller of run {run} is gone; the record is kept in {}, and can be put together with those of the other \
                 agents (docs/agents.md)",
                directory.display()
            ),
        }
    }
}

/// Waits until an agent is to end.
async fn ended_by(interrupt: &mut Interrupt) {
    let _ = interrupt.wait_for(|now| *now).await;
}

/// Waits for the end of the current run; forever if there is none.
async fn ended(current: &mut Option<Current>) -> Outcome {
    match current {
        Some(current) => match (&mut current.done).await {
            Ok(outcome) => outcome,
            Err(_) => Outcome::Refused("a defect of Tenfold ended it".to_owned()),
        },
        None => std::future::pending().await,
    }
}

/// Answers the heartbeats of a run.
async fn answer_beats(client: Client, mut beats: Subscriber, number: u32, heartbeats: Heartbeats) {
    while let Some(message) = beats.next().await {
        let received = shared_clock::monotonic_ns();
        let Some((Beat { asked }, _)) = decode::<Beat>(&message.payload) else {
            continue;
        };
        heartbeats.note();
        if let Some(reply) = message.reply {
            let pulse = Pulse {
                number,
                asked,
                received,
                replied: shared_clock::monotonic_ns(),
            };
            let _ = client.publish(reply, encode(&pulse, &[])).await;
        }
    }
}

//! Queue in NATS JetStream: a work-queue stream for the jobs, and a stream for the dead letters.

use std::fmt;
use std::str::FromStr as _;
use std::sync::{Arc, PoisonError, RwLock};
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::pull::Config as ConsumerConfig;
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer};
use async_nats::jetstream::context::{PublishError, PublishErrorKind};
use async_nats::jetstream::message::{Acker, PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{
    Config as StreamConfig, DiscardPolicy, RawMessageErrorKind, RetentionPolicy, Stream,
};
use async_nats::jetstream::{self, AckKind, Context, ErrorCode};
use async_nats::{ConnectOptions, HeaderMap};
use async_trait::async_trait;
use bytes::Bytes;
use futures_util::StreamExt as _;
use tokio::sync::Mutex;
use tokio::time::timeout;

use self::nats_url::NatsUrl;
use super::{DeadLetter, Delivery, JobId, Queue, QueueError, QueueOptions, QueueStats};
use crate::model::Timestamp;
use crate::tls_provider;

mod nats_url;
#[cfg(test)]
pub(crate) mod test_server;

/// Timeout of a call. A push waits for the disk.
const CALL_TIMEOUT: Duration = Duration::from_secs(3);
/// Maximum pause before the next attempt to connect.
const RECONNECT_PAUSE_MAX: Duration = Duration::from_secs(1);
/// Time in which a job that is pushed again is recognised.
const DUPLICATE_WINDOW: Duration = Duration::from_secs(120);
/// Name of the consumer that all workers share.
const CONSUMER: &str = "workers";
/// Maximum number of leased and pausing jobs.
const LEASED_MAX: i64 = 10_000;
/// Time without a delivery after which jobs that no worker has count as forgotten.
const FORGOTTEN_AFTER: Duration = Duration::from_secs(10);
/// Maximum number of jobs that are swept at once.
const SWEPT_MAX: usize = 100;
/// Maximum length of a reason, in characters.
const REASON_CHARS_MAX: usize = 300;

const ID_HEADER: &str = "Tenfold-Job";
const ATTEMPTS_HEADER: &str = "Tenfold-Attempts";
const REASON_HEADER: &str = "Tenfold-Reason";
const BURIED_HEADER: &str = "Tenfold-Buried-Ms";

/// Queue in NATS JetStream.
///
/// Connects on first use. Creates its streams, and creates them again if the server has lost them.
pub(super) struct NatsQueue {
    url: NatsUrl,
    options: QueueOptions,
    ready: RwLock<Option<Arc<Ready>>>,
    /// Held while connecting, by one task.
    client: Mutex<Option<Context>>,
    unaccounted: std::sync::Mutex<Option<Unaccounted>>,
}

/// Jobs in the stream that no worker has, and none gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Unaccounted {
    /// Number of deliveries so far.
    deliveries: u64,
    /// Number of jobs.
    jobs: u64,
    since: Instant,
}

/// Streams of a connected server.
struct Ready {
    context: Context,
    jobs: Stream,
    dead: Stream,
    workers: PullConsumer,
}

impl fmt::Debug for NatsQueue {
    /// Omits the password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("NatsQueue")
            .field("address", &self.url.address)
            .field("name", &self.url.name)
            .finish_non_exhaustive()
    }
}

impl NatsQueue {
    /// Prepares a connection to the queue of a URL.
    #[cfg(test)]
    pub(super) fn open(url: &str, options: QueueOptions) -> Result<Self, QueueError> {
        Self::open_beside(url, None, options)
    }

    /// Prepares a connection, to a queue with a suffix to its name if there is one. The server need not be running yet.
    ///
    /// # Errors
    /// `Invalid` if the URL is invalid.
    pub(super) fn open_beside(
        url: &str,
        suffix: Option<&str>,
        options: QueueOptions,
    ) -> Result<Self, QueueError> {
        let mut url = NatsUrl::parse(url)?;
        if let Some(suffix) = suffix {
            url.name = format!("{}-{suffix}", url.name);
        }
        Ok(Self {
            url,
            options,
            ready: RwLock::default(),
            client: Mutex::default(),
            unaccounted: std::sync::Mutex::default(),
        })
    }

    fn jobs_subject(&self) -> String {
        format!("{}.jobs", self.url.name)
    }

    fn dead_subject(&self, id: &str) -> String {
        format!("{}.dead.{id}", self.url.name)
    }

    async fn ready(&self) -> Result<Arc<Ready>, QueueError> {
        if let Some(ready) = self.current() {
            return Ok(ready);
        }
        let prepare = async {
            let mut client = self.client.lock().await;
            if let Some(ready) = self.current() {
                return Ok(ready);
            }
            let context = match &*client {
                Some(context) => context.clone(),
                None => client.insert(self.connect().await?).clone(),
            };
            let ready = Arc::new(self.prepare(context).await?);
            *self.ready.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&ready));
            Ok(ready)
        };
        timeout(CALL_TIMEOUT, prepare)
            .await
            .map_err(|_| self.unavailable("no response in time"))?
    }

    async fn connect(&self) -> Result<Context, QueueError> {
        let mut options = ConnectOptions::new()
            .name("tenfold")
            .connection_timeout(CALL_TIMEOUT)
            .request_timeout(Some(CALL_TIMEOUT))
            .reconnect_delay_callback(|attempts| {
                let exponent = u32::try_from(attempts).unwrap_or(u32::MAX).min(10);
                Duration::from_millis(1 << exponent).min(RECONNECT_PAUSE_MAX)
            })
            .max_reconnects(None);
        if let Some((user, password)) = &self.url.credentials {
            options = options.user_and_password(user.clone(), password.clone());
        }
        if self.url.is_encrypted {
            tls_provider::install();
            options = options.require_tls(true);
        }
        if let Some(file) = &self.url.authority_file {
            options = options.add_root_certificates(file.clone());
        }
        let connected = options.connect(&self.url.address).await;
        let client = connected.map_err(|error| self.unavailable(&error.to_string()))?;
        let version = client.server_info().version;
        if syncs_late(&version) {
            tracing::warn!(
                %version,
                "this NATS acknowledges jobs before they are on disk; a power failure may lose them unless \
                 its folder is synchronous (see docs/queue.md)"
            );
        }
        let mut context = jetstream::new(client);
        context.set_timeout(CALL_TIMEOUT);
        Ok(context)
    }

    /// Creates the streams and the consumer, or updates their settings.
    async fn prepare(&self, context: Context) -> Result<Ready, QueueError> {
        let failed = |error: &dyn fmt::Display| self.unavailable(&error.to_string());
        let name = &self.url.name;
        let jobs = StreamConfig {
            name: name.clone(),
            subjects: vec![self.jobs_subject()],
            retention: RetentionPolicy::WorkQueue,
            max_messages: self.options.jobs_max.map_or(-1, i64::from),
            discard: DiscardPolicy::New,
            duplicate_window: DUPLICATE_WINDOW,
            ..StreamConfig::default()
        };
        let dead = StreamConfig {
            name: format!("{name}-dead"),
            subjects: vec![self.dead_subject("*")],
            max_messages: i64::from(self.options.dead_max),
            // A job that is buried twice, after a crash between two steps, is one dead letter.
            max_messages_per_subject: 1,
            discard: DiscardPolicy::New,
            ..StreamConfig::default()
        };
        let workers = ConsumerConfig {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: self.options.visibility,
            max_ack_pending: LEASED_MAX,
            // Without a limit: the workers bury what fails too often, so that nothing is dropped unseen.
            max_deliver: -1,
            ..ConsumerConfig::default()
        };
        for config in [&jobs, &dead] {
            let made = context.create_or_update_stream(config.clone()).await;
            made.map_err(|error| failed(&error))?;
        }
        let jobs = context.get_stream(name).await;
        let dead = context.get_stream(&dead.name).await;
        let (jobs, dead) = (
            jobs.map_err(|error| failed(&error))?,
            dead.map_err(|error| failed(&error))?,
        );
        let workers = jobs.create_consumer(workers).await;
        Ok(Ready {
            workers: workers.map_err(|error| failed(&error))?,
            context,
            jobs,
            dead,
        })
    }

    /// Sends jobs again that are in the stream although the consumer has passed them. NATS 2.9 leaves some behind if it
    /// is killed after an acknowledgement, before it has removed the job, and may forget jobs that it has delivered: they
    /// would never be delivered again, and take up room. Sending them again is safe, since effects may be repeated.
    async fn sweep(&self, ready: &Ready) -> Result<(), QueueError> {
        let workers = self.within(ready.jobs.consumer_info(CONSUMER)).await?;
        let stream = self.within(ready.jobs.get_info()).await?;
        // This call follows one that found nothing to deliver.
        let idle = stream
            .state
            .messages
            .saturating_sub(workers.num_ack_pending as u64);
        let floor = match self.are_forgotten(idle, workers.delivered.consumer_sequence) {
            true => stream.state.last_sequence,
            false => workers.ack_floor.stream_sequence,
        };
        for _ in 0..SWEPT_MAX {
            let next = self.next_message(&ready.jobs, self.jobs_subject(), 1);
            let Some(job) = next.await?.filter(|job| job.sequence <= floor) else {
                break;
            };
            let id = job_id(Some(&job.headers), job.sequence);
            let again = PublishMessage::build()
                .payload(job.payload)
                .header(ID_HEADER, id.as_str())
                .message_id(format!("{id}.swept.{}", job.sequence));
            self.publish(&ready.context, self.jobs_subject(), again)
                .await?;
            // Another process may have removed it.
            let _ = self.within(ready.jobs.delete_message(job.sequence)).await;
        }
        Ok(())
    }

    /// Returns true if the consumer has not delivered a job for some time, although there are some that no worker has. A moment
    /// before, one may just have been added.
    fn are_forgotten(&self, jobs: u64, deliveries: u64) -> bool {
        let mut seen = self
            .unaccounted
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if jobs == 0 {
            *seen = None;
            return false;
        }
        match *seen {
            Some(own) if own.jobs == jobs && own.deliveries == deliveries => {
                own.since.elapsed() >= FORGOTTEN_AFTER
            }
            _ => {
                *seen = Some(Unaccounted {
                    deliveries,
                    jobs,
                    since: Instant::now(),
                });
                false
            }
        }
    }

    fn current(&self) -> Option<Arc<Ready>> {
        let ready = self.ready.read().unwrap_or_else(PoisonError::into_inner);
        ready.clone()
    }

    /// Returns the error, and looks for the streams again before the next call.
    fn unavailable(&self, reason: &str) -> QueueError {
        *self.ready.write().unwrap_or_else(PoisonError::into_inner) = None;
        QueueError::Unavailable(format!("{reason}, at {}", self.url.address))
    }

    async fn publish(
        &self,
        context: &Context,
        subject: String,
        message: PublishMessage,
    ) -> Result<(), QueueError> {
        let sent = async { context.send_publish(subject, message).await?.await };
        match timeout(CALL_TIMEOUT, sent).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(error)) if is_full(&error) => Err(QueueError::Full),
            Ok(Err(error)) if error.kind() == PublishErrorKind::MaxPayloadExceeded => {
                Err(QueueError::Rejected(error.to_string()))
            }
            Ok(Err(error)) => Err(self.unavailable(&error.to_string())),
            Err(_) => Err(self.unavailable("no response in time")),
        }
    }

    /// Acknowledges a delivery, and waits until the server has received it.
    async fn acknowledge(&self, delivery: &Delivery, kind: AckKind) -> Result<(), QueueError> {
        let ready = self.ready().await?;
        let reply = delivery.receipt.clone().into();
        let acker = Acker::new(ready.context.clone(), Some(reply));
        match timeout(CALL_TIMEOUT, acker.double_ack_with(kind)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.unavailable(&error.to_string())),
            Err(_) => Err(self.unavailable("no response in time")),
        }
    }

    /// Awaits a call within its timeout.
    async fn within<T, E: fmt::Display>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, QueueError> {
        match timeout(CALL_TIMEOUT, call).await {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => Err(self.unavailable(&error.to_string())),
            Err(_) => Err(self.unavailable("no response in time")),
        }
    }

    /// Returns the first message on a subject from this sequence number on.
    async fn next_message(
        &self,
        stream: &Stream,
        subject: String,
        from: u64,
    ) -> Result<Option<StreamMessage>, QueueError> {
        let request = stream.raw_message_builder();
        let request = request.next_by_subject(subject).sequence(from).send();
        let found = async {
            match request.await {
                Ok(message) => Ok(Some(message)),
                Err(error) if error.kind() == RawMessageErrorKind::NoMessageFound => Ok(None),
                Err(error) => Err(error),
            }
        };
        self.within(found).await
    }
}

#[async_trait]
impl Queue for NatsQueue {
    async fn push(&self, id: &JobId, payload: Bytes) -> Result<(), QueueError> {
        let ready = self.ready().await?;
        let message = PublishMessage::build()
            .payload(payload)
            .header(ID_HEADER, id.as_str())
            .message_id(id.as_str());
        self.publish(&ready.context, self.jobs_subject(), message)
            .await
    }

    async fn pull(&self, wait: Duration) -> Result<Option<Delivery>, QueueError> {
        let ready = self.ready().await?;
        let fetch = async {
            let batch = ready.workers.batch().max_messages(1).expires(wait);
            let mut batch = batch.messages().await.map_err(|error| error.to_string())?;
            let next = batch.next().await.transpose();
            next.map_err(|error| error.to_string())
        };
        // The server ends the wait; without an answer soon after, it is gone.
        let message = match timeout(wait + Duration::from_secs(1), fetch).await {
            Ok(Ok(Some(message))) => message,
            Ok(Ok(None)) => {
                // A moment without load, at which the queue has room.
                self.sweep(&ready).await?;
                return Ok(None);
            }
            Ok(Err(reason)) => return Err(self.unavailable(&reason)),
            Err(_) => return Err(self.unavailable("no response in time")),
        };
        let (sequence, attempt) = match message.info() {
            Ok(info) => (info.stream_sequence, info.delivered),
            Err(error) => return Err(QueueError::Rejected(error.to_string())),
        };
        Ok(Some(Delivery {
            id: job_id(message.headers.as_ref(), sequence),
            payload: message.payload.clone(),
            attempt: u64::try_from(attempt).unwrap_or(1).max(1),
            receipt: message.reply.as_deref().unwrap_or_default().to_owned(),
        }))
    }

    async fn extend(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.acknowledge(delivery, AckKind::Progress).await
    }

    async fn complete(&self, delivery: &Delivery) -> Result<(), QueueError> {
        self.acknowledge(delivery, AckKind::Ack).await
    }

    async fn retry(&self, delivery: &Delivery, pause: Duration) -> Result<(), QueueError> {
        let pause = (!pause.is_zero()).then_some(pause);
        self.acknowledge(delivery, AckKind::Nak(pause)).await
    }

    async fn bury(&self, delivery: &Delivery, reason: &str) -> Result<(), QueueError> {
        let ready = self.ready().await?;
        let printable = |c: char| if c.is_control() { ' ' } else { c };
        let reason: String = reason
            .chars()
            .take(REASON_CHARS_MAX)
            .map(printable)
            .collect();
        let message = PublishMessage::build()
            .payload(delivery.payload.clone())
            .header(ID_HEADER, delivery.id.as_str())
            .header(ATTEMPTS_HEADER, delivery.attempt.to_string().as_str())
            .header(REASON_HEADER, reason.trim())
            .header(BURIED_HEADER, Timestamp::now().0.to_string().as_str());
        let subject = self.dead_subject(delivery.id.as_str());
        self.publish(&ready.context, subject, message).await?;
        self.complete(delivery).await
    }

    async fn dead_letters(&self, limit: usize) -> Result<Vec<DeadLetter>, QueueError> {
        let ready = self.ready().await?;
        let mut letters = Vec::new();
        let mut from = 1;
        while letters.len() < limit {
            let next = self.next_message(&ready.dead, self.dead_subject("*"), from);
            let Some(message) = next.await? else {
                break;
            };
            from = message.sequence + 1;
            letters.push(dead_letter(message));
        }
        Ok(letters)
    }

    async fn revive(&self, id: &JobId) -> Result<(), QueueError> {
        let ready = self.ready().await?;
        let found = self.next_message(&ready.dead, self.dead_subject(id.as_str()), 1);
        let letter = found.await?.ok_or(QueueError::NotFound)?;
        // Not the job's own identifier, which would be taken for the push of before.
        let message_id = format!("{id}.{}", letter.sequence);
        let message = PublishMessage::build()
            .payload(letter.payload)
            .header(ID_HEADER, id.as_str())
            .message_id(message_id);
        self.publish(&ready.context, self.jobs_subject(), message)
            .await?;
        let deleted = ready.dead.delete_message(letter.sequence);
        self.within(deleted).await.map(drop)
    }

    async fn stats(&self) -> Result<QueueStats, QueueError> {
        let ready = self.ready().await?;
        let workers = ready.jobs.consumer_info(CONSUMER);
        let jobs = self.within(ready.jobs.get_info()).await?;
        let dead = self.within(ready.dead.get_info()).await?;
        let workers = self.within(workers).await?;
        Ok(QueueStats {
            jobs: jobs.state.messages,
            leased: workers.num_ack_pending as u64,
            dead: dead.state.messages,
        })
    }
}

/// Returns the identifier in the headers, or one made of the sequence number for a message of another program.
fn job_id(headers: Option<&HeaderMap>, sequence: u64) -> JobId {
    let named = headers
        .and_then(|headers| headers.get(ID_HEADER))
        .and_then(|value| JobId::new(value.as_str()));
    named.unwrap_or_else(|| JobId::numbered(sequence))
}

fn dead_letter(message: StreamMessage) -> DeadLetter {
    let text = |name: &str| message.headers.get(name).map(|value| value.as_str());
    let number = |name: &str| text(name).and_then(|text| i64::from_str(text).ok());
    DeadLetter {
        id: job_id(Some(&message.headers), message.sequence),
        attempts: number(ATTEMPTS_HEADER).map_or(0, i64::unsigned_abs),
        reason: text(REASON_HEADER).unwrap_or_default().to_owned(),
        buried_at: Timestamp(number(BURIED_HEADER).unwrap_or(0)),
        payload: message.payload,
    }
}

/// Returns true if the stream has no room.
fn is_full(error: &PublishError) -> bool {
    let source = std::error::Error::source(error);
    let rejected = source.and_then(|source| source.downcast_ref::<jetstream::Error>());
    rejected.is_some_and(|error| match error.error_code() {
        // The code has several meanings; the text tells them apart.
        ErrorCode::STREAM_STORE_FAILED => error.to_string().contains("maximum"),
        code => [
            ErrorCode::INSUFFICIENT_RESOURCES,
            ErrorCode::STORAGE_RESOURCES_EXCEEDED,
        ]
        .contains(&code),
    })
}

/// Returns true if a server of this version can't be set to sync before it acknowledges: before 2.10.
fn syncs_late(version: &str) -> bool {
    let mut numbers = version.split('.').map(|part| part.parse::<u32>().ok());
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < (2, 10),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::test_server::NatsServer;
    use super::*;
    use crate::queue::contract;

    #[test]
    fn jobs_are_forgotten_after_some_time_without_a_delivery() {
        let queue = NatsQueue::open("nats://127.0.0.1:1/photos", QueueOptions::default()).unwrap();
        assert!(!queue.are_forgotten(3, 7));
        let earlier = Instant::now().checked_sub(FORGOTTEN_AFTER).unwrap();
        let seen = Unaccounted {
            deliveries: 7,
            jobs: 3,
            since: earlier,
        };
        for (jobs, deliveries, expected) in
            [(3, 7, true), (2, 7, false), (3, 8, false), (0, 7, false)]
        {
            *queue.unaccounted.lock().unwrap() = Some(seen);
            assert_eq!(queue.are_forgotten(jobs, deliveries), expected);
        }
    }

    #[tokio::test]
    async fn satisfies_contract() {
        let Some(server) = NatsServer::start().await else {
            return;
        };
        let mut number = 0;
        contract::holds(async |options| {
            number += 1;
            let url = server.url(&format!("queue{number}"));
            Arc::new(NatsQueue::open(&url, options).unwrap()) as Arc<dyn Queue>
        })
        .await;
        let wrong = server
            .url("queue")
            .replace(test_server::PASSWORD, "guessed");
        let queue = NatsQueue::open(&wrong, QueueOptions::default()).unwrap();
        let error = queue.stats().await.unwrap_err();
        assert!(matches!(error, QueueError::Unavailable(_)), "{error}");
        assert!(!format!("{error} {error:?} {queue:?}").contains("guessed"));
    }

    #[tokio::test]
    async fn accepted_jobs_survive_kills_of_the_server() {
        let Some(mut server) = NatsServer::start().await else {
            return;
        };
        let queue = NatsQueue::open(&server.url("photos"), QueueOptions::default()).unwrap();
        let id = |number: u32| JobId::new(format!("job-{number}")).unwrap();
        let mut accepted = Vec::new();
        for round in 0..4 {
            for number in round * 10..(round + 1) * 10 {
                queue.push(&id(number), Bytes::from("x")).await.unwrap();
                accepted.push(id(number));
            }
            server.kill();
            let failed = queue.push(&id(1_000 + round), Bytes::new()).await;
            assert!(matches!(failed, Err(QueueError::Unavailable(_))));
            server.restart().await;
            // The client connects again by itself.
            let mut tries = 0;
            while queue.stats().await.is_err() {
                tries += 1;
                assert!(tries < 20, "the client did not connect again");
            }
        }
        let mut got = Vec::new();
        while let Some(delivery) = queue.pull(Duration::from_secs(1)).await.unwrap() {
            queue.complete(&delivery).await.unwrap();
            got.push(delivery.id);
        }
        // Those that were not accepted may be there, too.
        got.retain(|id| !id.as_str().starts_with("job-100"));
        assert_eq!(got, accepted);
    }

    #[tokio::test]
    async fn unreachable_server_is_reported_without_password() {
        let url = "nats://user:hunter2@127.0.0.1:1/photos";
        let queue = NatsQueue::open(url, QueueOptions::default()).unwrap();
        let error = queue.pull(Duration::from_millis(10)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("127.0.0.1:1"), "{text}");
        assert!(!text.contains("hunter2"), "{text}");
    }

    #[test]
    fn knows_versions_that_sync_late() {
        for (version, late) in [
            ("2.9.10", true),
            ("2.10.0", false),
            ("3.0.1", false),
            ("", false),
            ("2", false),
        ] {
            assert_eq!(syncs_late(version), late, "{version}");
        }
    }
}

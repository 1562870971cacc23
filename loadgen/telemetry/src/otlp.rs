//! OTLP over HTTP with protobuf: metrics to `/v1/metrics`, spans to `/v1/traces`.

mod messages;
mod metrics;
mod spans;

use std::io::Write as _;

use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::CONTENT_ENCODING;
use http::{HeaderName, HeaderValue};
use prost::Message;

use crate::delivery::{Delivery, Rejection};
use crate::receiver::{PostError, Receiver, ReceiverError};
use crate::sender::Sender;
use crate::settings::{HistogramForm, OtlpSettings};
use crate::snapshot::Snapshot;
use messages::{Exported, KeyValue, Resource, Scope};

/// Most spans of one message: two for a request without redirects.
const REQUESTS_MAX: usize = 512;

/// Sends to a receiver of OTLP.
pub(crate) struct OtlpSender {
    receiver: Receiver,
    settings: OtlpSettings,
}

impl OtlpSender {
    /// Prepares a sender.
    ///
    /// # Errors
    /// As [`Receiver::new`].
    pub(crate) fn new(settings: OtlpSettings) -> Result<Self, ReceiverError> {
        let receiver = Receiver::new(settings.url.clone(), settings.headers.clone())?;
        Ok(Self { receiver, settings })
    }

    /// The resource: the attributes of the environment, and those that name the run.
    fn resource(&self, snapshot: &Snapshot<'_>) -> Resource {
        let own = [
            ("service.name", self.settings.service_name.as_str()),
            ("service.version", env!("CARGO_PKG_VERSION")),
            ("service.instance.id", &snapshot.description.instance),
            ("host.name", &snapshot.description.host),
            ("tenfold.scenario", &snapshot.description.scenario),
            ("tenfold.target", &snapshot.description.target),
        ];
        let named = self.settings.attributes.iter();
        let named = named.filter(|(name, _)| own.iter().all(|(own, _)| own != name));
        let named = named.map(|(name, value)| KeyValue::text(name, value));
        let own = own.map(|(name, value)| KeyValue::text(name, value));
        Resource {
            attributes: own.into_iter().chain(named).collect(),
        }
    }

    async fn post(&self, path: &str, message: Vec<u8>) -> Result<Rejection, PostError> {
        let mut headers: Vec<(HeaderName, HeaderValue)> = Vec::new();
        let mut body = message;
        if self.settings.gzip {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
            let packed = encoder.write_all(&body).and_then(|()| encoder.finish());
            body = packed.map_err(|error| PostError::Refused(error.to_string()))?;
            headers.push((CONTENT_ENCODING, HeaderValue::from_static("gzip")));
        }
        let timeout = self.settings.timeout;
        let answer = self.receiver.post(path, &headers, body, timeout).await?;
        // An answer that is no such message says nothing.
        let exported = Exported::decode(answer).unwrap_or_default();
        let partial = exported.partial_success.unwrap_or_default();
        Ok(Rejection {
            count: u64::try_from(partial.rejected).unwrap_or(0),
            reason: partial.error_message,
        })
    }
}

fn scope() -> Scope {
    Scope {
        name: "tenfold".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
    }
}

impl Sender for OtlpSender {
    fn receiver(&self) -> &Receiver {
        &self.receiver
    }

    fn needs_exact(&self) -> bool {
        self.settings.form == HistogramForm::Exponential
    }

    async fn send_metrics(&self, snapshot: &Snapshot<'_>) -> Result<Rejection, PostError> {
        let message = metrics::message(snapshot, self.resource(snapshot));
        self.post("/v1/metrics", message.encode_to_vec()).await
    }

    async fn send_spans(
        &self,
        snapshot: &Snapshot<'_>,
        delivery: &Delivery,
    ) -> Result<(), PostError> {
        loop {
            let (message, count) = {
                let waiting = delivery.spans.borrow();
                let requests = waiting.queue.iter().take(REQUESTS_MAX);
                let resource = self.resource(snapshot);
                (
                    spans::message(requests, snapshot, resource),
                    waiting.queue.len().min(REQUESTS_MAX),
                )
            };
            if count == 0 {
                return Ok(());
            }
            let posted = self.post("/v1/traces", message.encode_to_vec()).await;
            let mut waiting = delivery.spans.borrow_mut();
            match posted {
                Ok(rejection) => {
                    waiting.queue.drain(..count);
                    waiting.sent += count as u64;
                    delivery.rejections.borrow_mut().add(&rejection);
                }
                // They stay in the queue, which drops new ones when it is full.
                Err(PostError::Temporary(reason)) => return Err(PostError::Temporary(reason)),
                Err(PostError::Refused(reason)) => {
                    waiting.queue.drain(..count);
                    waiting.dropped += count as u64;
                    return Err(PostError::Refused(reason));
                }
            }
        }
    }
}

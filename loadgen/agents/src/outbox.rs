//! Reports of an agent to the controller of its run.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_nats::Client;
use bytes::Bytes;
use nkeys::XKey;
use zeroize::Zeroizing;

use crate::message::{About, Answer, Report, decode, encode, report_subject};
use crate::record_copy::Recipient;
use crate::seal::{SEAL_BYTES, Seal};

/// Time without a heartbeat after which nothing more is reported: the controller is gone.
const GIVE_UP_AFTER: Duration = Duration::from_secs(10);

/// Pause before a report is sent again.
const PAUSE: Duration = Duration::from_millis(100);

/// Largest part of a file or event in one message, in bytes.
const PART_BYTES_MAX: usize = 256 << 10;

/// Room for the head of a message, in bytes.
const HEAD_BYTES: usize = 2 << 10;

/// Returns the largest part for a server that takes messages of this many bytes.
pub(crate) fn part_bytes(payload_max: usize) -> usize {
    let room = payload_max.saturating_sub(HEAD_BYTES + SEAL_BYTES);
    room.clamp(1_024, PART_BYTES_MAX)
}

/// When the last heartbeat came, and whether the controller wants anything more.
#[derive(Debug, Clone)]
pub(crate) struct Heartbeats {
    last: Arc<Mutex<Instant>>,
    is_released: Arc<AtomicBool>,
}

impl Heartbeats {
    /// Counts from now.
    pub(crate) fn new() -> Self {
        Self {
            last: Arc::new(Mutex::new(Instant::now())),
            is_released: Arc::default(),
        }
    }

    /// Notes a heartbeat.
    pub(crate) fn note(&self) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    /// Notes that the run is over: nothing is reported any more.
    pub(crate) fn release(&self) {
        self.is_released.store(true, Ordering::Relaxed);
    }

    /// Returns whether the controller is gone, or the run is over.
    fn are_over(&self) -> bool {
        self.is_released.load(Ordering::Relaxed) || self.silence() > GIVE_UP_AFTER
    }

    /// Time since the last one.
    pub(crate) fn silence(&self) -> Duration {
        self.last
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .elapsed()
    }
}

/// Why a report has not arrived.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ReportError {
    /// The controller is gone.
    #[error("the controller can't be reached")]
    CutOff,
    /// The controller has refused it.
    #[error("{0}")]
    Refused(String),
    /// A file could not be read.
    #[error("could not read the record: {0}")]
    Read(#[from] io::Error),
}

/// Reports to the controller. Each waits for its answer, so a slow network slows the reports, never the load.
#[derive(Clone)]
pub(crate) struct Outbox {
    pub(crate) client: Client,
    pub(crate) run: String,
    pub(crate) number: u32,
    /// The agent's keys.
    pub(crate) own: Arc<XKey>,
    /// The controller's public key.
    pub(crate) controller: String,
    pub(crate) heartbeats: Heartbeats,
}

impl Outbox {
    /// Reports, as often as it takes. Returns what the answer contains.
    ///
    /// # Errors
    /// If the controller is gone, or refuses the report.
    pub(crate) async fn report(
        &self,
        about: About,
        body: &[u8],
    ) -> Result<Zeroizing<Vec<u8>>, ReportError> {
        let unusable = || ReportError::Refused("the controller's key is not a key".to_owned());
        let report = Report {
            number: self.number,
            about,
        };
        let message = {
            let seal = Seal::new(&self.own, &self.controller).ok_or_else(unusable)?;
            encode(&report, &seal.close(body))
        };
        let subject = report_subject(&self.run);
        loop {
            let asked = self.client.request(subject.clone(), message.clone()).await;
            match asked.ok().and_then(|own| decode::<Answer>(&own.payload)) {
                Some((Answer::Done, sealed)) => return self.opened(&sealed).ok_or_else(unusable),
                Some((Answer::Refused { reason }, _)) => return Err(ReportError::Refused(reason)),
                None if self.heartbeats.are_over() => {
                    return Err(ReportError::CutOff);
                }
                None => tokio::time::sleep(PAUSE).await,
            }
        }
    }

    fn opened(&self, sealed: &Bytes) -> Option<Zeroizing<Vec<u8>>> {
        if sealed.is_empty() {
            return Some(Zeroizing::default());
        }
        Seal::new(&self.own, &self.controller)?.open(sealed)
    }

    /// Reports an event, by its number from 1.
    ///
    /// # Errors
    /// As for [`Outbox::report`].
    pub(crate) async fn report_event(&self, event: u64, text: &[u8]) -> Result<(), ReportError> {
        let part_bytes = part_bytes(self.client.max_payload());
        let parts = text.chunks(part_bytes);
        let last = parts.len().saturating_sub(1);
        let mut offset = 0;
        for (index, part) in parts.enumerate() {
            let about = About::Event {
                event,
                offset,
                is_last: index == last,
            };
            self.report(about, part).await?;
            offset += part.len() as u64;
        }
        Ok(())
    }
}

impl Recipient for Outbox {
    async fn take(&self, about: About, part: &[u8]) -> Result<(), ReportError> {
        self.report(about, part).await.map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_fit_the_messages_of_the_server() {
        assert_eq!(part_bytes(1 << 20), PART_BYTES_MAX);
        assert_eq!(part_bytes(8 << 10), (8 << 10) - HEAD_BYTES - SEAL_BYTES);
        assert_eq!(part_bytes(0), 1_024);
    }
}

//! Queue and dead letters of a service: `/debug/queue` at its admin listener.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use ureq::Agent;

use crate::{AdminListener, ProbeError, http};

/// Path of the desk.
const PATH: &str = "/debug/queue";
/// Timeout of a request. A slow disk makes the queue slow.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const BYTES_MAX: u64 = 1 << 20;

/// Client for the queue of a service.
#[derive(Debug, Clone)]
pub struct JobDesk {
    client: Agent,
    url: String,
}

/// The queue of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct QueueStatus {
    /// Jobs in the queue, including those being worked on.
    pub jobs: u64,
    /// Maximum number of jobs. `None` if unbounded.
    pub jobs_max: Option<u64>,
    /// Jobs being worked on, or pausing before their next attempt.
    pub leased: u64,
    /// Number of dead letters.
    pub dead: u64,
    /// The oldest dead letters.
    pub dead_letters: Vec<DeadLetter>,
}

/// A job that was given up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeadLetter {
    /// Identifier.
    pub id: String,
    /// Attempts that were made.
    pub attempts: u64,
    /// Reason of the last failure.
    pub reason: String,
    /// Time of the burial, in milliseconds since 1970.
    pub buried_at: i64,
    /// Content of the job.
    pub content: String,
}

#[derive(Debug, Deserialize)]
struct Retried {
    retried: Vec<String>,
}

impl JobDesk {
    /// Returns the desk of a service. Sends nothing yet.
    pub fn new(listener: &AdminListener) -> Self {
        let at_path = listener.join(PATH);
        Self {
            client: http::client(&at_path, TIMEOUT),
            url: at_path.url().to_owned(),
        }
    }

    /// Returns the queue and its oldest dead letters.
    ///
    /// # Errors
    /// If there was no answer, the service has no queue, or the answer is malformed.
    pub fn show(&self) -> Result<QueueStatus, ProbeError> {
        let body = http::get(&self.client, &self.url, TIMEOUT, BYTES_MAX)?.body;
        serde_json::from_slice(&body).map_err(|error| self.malformed(&error))
    }

    /// Sends a dead letter again, or the oldest ones if `id` is `all`. Returns those that were sent.
    ///
    /// # Errors
    /// As [`JobDesk::show`], and if there is no such dead letter, or the queue is full.
    pub fn retry(&self, id: &str) -> Result<Vec<String>, ProbeError> {
        let url = format!("{}?retry={id}", self.url);
        let answer = self.client.post(&url).send_empty();
        let body = http::read(answer, &url, TIMEOUT, BYTES_MAX)?.body;
        let retried: Retried =
            serde_json::from_slice(&body).map_err(|error| self.malformed(&error))?;
        Ok(retried.retried)
    }

    fn malformed(&self, error: &serde_json::Error) -> ProbeError {
        ProbeError::NotQueue {
            url: self.url.clone(),
            reason: error.to_string(),
        }
    }
}

//! Written feeds of a service: `/debug/feeds` at its admin listener.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use ureq::Agent;

use crate::{AdminListener, ProbeError, http};

/// Path of the desk.
const PATH: &str = "/debug/feeds";
/// Timeout of a request. A slow disk makes the queue slow.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest answer that is read, in bytes.
const BYTES_MAX: u64 = 1 << 16;

/// Client for the written feeds of a service.
#[derive(Debug, Clone)]
pub struct FeedDesk {
    client: Agent,
    url: String,
}

/// The written feeds of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedStatus {
    /// Mode: `write` or `hybrid`.
    pub mode: String,
    /// Jobs in the queue. `None` if it does not respond.
    pub jobs: Option<u64>,
    /// Jobs that were given up. `None` if the queue does not respond.
    pub dead: Option<u64>,
    /// The latest check of feeds and counters. `None` without one in the last week.
    pub repair: Option<FeedRepair>,
}

/// A check of feeds and counters.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedRepair {
    /// Start, in milliseconds since 1970.
    pub started_at: i64,
    /// Users up to this one were checked.
    pub checked_to: i64,
    /// End, in milliseconds since 1970. `None` if it is not over.
    pub ended_at: Option<i64>,
    /// Number of checked users.
    pub users: u64,
    /// Number of wrong counters.
    pub counters: u64,
    /// Number of posts that were missing in feeds.
    pub added: u64,
    /// Number of posts in feeds of users who did not follow their authors.
    pub removed: u64,
}

impl FeedDesk {
    /// Returns the desk of a service. Sends nothing yet.
    pub fn new(listener: &AdminListener) -> Self {
        let at_path = listener.join(PATH);
        Self {
            client: http::client(&at_path, TIMEOUT),
            url: at_path.url().to_owned(),
        }
    }

    /// Returns the state of the feeds.
    ///
    /// # Errors
    /// If there was no answer, feeds are not written, or the answer is malformed.
    pub fn show(&self) -> Result<FeedStatus, ProbeError> {
        let body = http::get(&self.client, &self.url, TIMEOUT, BYTES_MAX)?.body;
        serde_json::from_slice(&body).map_err(|error| self.malformed(&error))
    }

    /// Begins to check feeds and counters.
    ///
    /// # Errors
    /// As [`FeedDesk::show`], and if the queue is full.
    pub fn check(&self) -> Result<FeedRepair, ProbeError> {
        let answer = self.client.post(&self.url).send_empty();
        let body = http::read(answer, &self.url, TIMEOUT, BYTES_MAX)?.body;
        serde_json::from_slice(&body).map_err(|error| self.malformed(&error))
    }

    fn malformed(&self, error: &serde_json::Error) -> ProbeError {
        ProbeError::NotFeeds {
            url: self.url.clone(),
            reason: error.to_string(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_state() {
        let text = r#"{"mode":"hybrid","jobs":3,"dead":null,"repair":{"started_at":1,"checked_to":7,
            "ended_at":null,"users":7,"counters":0,"added":1,"removed":2}}"#;
        let status: FeedStatus = serde_json::from_str(text).unwrap();
        assert_eq!((status.jobs, status.dead), (Some(3), None));
        assert_eq!(status.repair.unwrap().added, 1);
    }
}

//! Messages between controller and agents: a line of JSON, then bytes.
//!
//! | subject | from | to |
//! |---|---|---|
//! | `tenfold.find` | controller | all agents |
//! | `tenfold.agent.ID` | controller | one agent |
//! | `tenfold.run.RUN.beat` | controller | the agents of a run |
//! | `tenfold.run.RUN.report` | agents of a run | controller |
//!
//! Every message has an answer. [`Search`] and [`Offer`] are read by other versions as well, so fields may be added to them, never
//! changed.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tenfold_run_dir::manifest::Host;

/// Subject on which agents are looked for.
pub(crate) const FIND: &str = "tenfold.find";

/// Longest head of a message in bytes.
const HEAD_BYTES_MAX: usize = 64 << 10;

/// Subject of one agent.
pub(crate) fn agent_subject(id: &str) -> String {
    format!("tenfold.agent.{id}")
}

/// Subject of the heartbeats of a run.
pub(crate) fn beat_subject(run: &str) -> String {
    format!("tenfold.run.{run}.beat")
}

/// Subject of the reports to the controller of a run.
pub(crate) fn report_subject(run: &str) -> String {
    format!("tenfold.run.{run}.report")
}

/// Search for agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Search {
    /// Version of the program that searches.
    pub(crate) tool: String,
}

/// Answer of an agent to a search.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Offer {
    /// Identity of the agent's process.
    pub(crate) id: String,
    /// Name that its operator gave it.
    pub(crate) name: String,
    /// Version of its program.
    pub(crate) tool: String,
    /// Labels that its operator gave it.
    #[serde(default)]
    pub(crate) labels: BTreeMap<String, String>,
    /// Its machine. `None` in other versions that don't say.
    #[serde(default)]
    pub(crate) host: Option<Host>,
    /// Boot ID of its machine. `None` in other versions that don't say.
    #[serde(default)]
    pub(crate) machine: Option<String>,
    /// Public key to seal messages with for it.
    #[serde(default)]
    pub(crate) key: String,
    /// `true` while it takes part in a run.
    #[serde(default)]
    pub(crate) is_busy: bool,
}

/// Message to one agent. All but `Take` have a sealed body, so that nobody else can order anything.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub(crate) enum Request {
    /// Take part in a run. The body is a sealed [`Assignment`].
    Take {
        /// The run.
        run: String,
        /// Public key of the controller.
        key: String,
    },
    /// An order about the run. The body is a sealed [`Order`].
    Order {
        /// The run.
        run: String,
    },
}

/// Orders of an agent for its part of a run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Assignment {
    /// Number of the generator, from 1.
    pub(crate) number: u32,
    /// The job of its generator.
    pub(crate) job: Parcel,
    /// Manifest of the run, which the agent keeps with its record.
    pub(crate) manifest: Parcel,
    /// Files that the scenario names, relative to it.
    pub(crate) files: Vec<(String, Parcel)>,
    /// Files that the target names, by the path in the job.
    pub(crate) target_files: Vec<(String, Parcel)>,
}

/// Bytes that an agent fetches.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Parcel {
    /// SHA-256 in hexadecimal digits.
    pub(crate) sha256: String,
    /// Length.
    pub(crate) bytes: u64,
}

/// An order to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Order {
    /// Start when the agent's monotonic clock reads this many nanoseconds.
    Start {
        /// Nanoseconds of the agent's clock.
        at_ns: u64,
    },
    /// End early, and send the record.
    Stop,
    /// End at once.
    Kill,
    /// The run is over: nothing that the agent still has is wanted.
    Release,
}

/// Answer to a request or report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "answer")]
pub(crate) enum Answer {
    /// Done. A fetched piece is in the body.
    Done,
    /// Not done, and it makes no sense to ask again.
    Refused {
        /// The reason.
        reason: String,
    },
}

/// A heartbeat of the controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Beat {
    /// The controller's clock.
    pub(crate) asked: u64,
}

/// Answer to a heartbeat.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Pulse {
    /// Number of the generator, from 1.
    pub(crate) number: u32,
    /// The controller's clock, as in the heartbeat.
    pub(crate) asked: u64,
    /// The agent's clock when it received the heartbeat.
    pub(crate) received: u64,
    /// The agent's clock when it replied.
    pub(crate) replied: u64,
}

/// Message of an agent to the controller. Bodies are sealed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Report {
    /// Number of the generator, from 1.
    pub(crate) number: u32,
    /// Contents.
    pub(crate) about: About,
}

/// Contents of a report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum About {
    /// A part of an event of the generator.
    Event {
        /// Number of the event, from 1. A repeated report has the same.
        event: u64,
        /// Position of this part in the event.
        offset: u64,
        /// `true` for the last part.
        is_last: bool,
    },
    /// The generator has ended without saying so.
    Gone {
        /// The reason.
        reason: String,
        /// Exit code of its process. `None` if a signal ended it.
        code: Option<u8>,
    },
    /// A part of a file of the record.
    File {
        /// Name of the file.
        name: String,
        /// Position of this part in the file.
        offset: u64,
        /// The complete file, with its last part.
        complete: Option<Parcel>,
    },
    /// A request for a part of a parcel.
    Fetch {
        /// SHA-256 of the parcel.
        sha256: String,
        /// Position of the part.
        offset: u64,
    },
}

/// Writes a message.
pub(crate) fn encode(head: &impl Serialize, body: &[u8]) -> Bytes {
    // Heads have no maps with keys that are not strings, so this never fails; an empty message is refused by its reader.
    let mut message = serde_json::to_vec(head).unwrap_or_default();
    message.push(b'\n');
    message.extend_from_slice(body);
    message.into()
}

/// Reads a message. `None` if it is not one.
pub(crate) fn decode<H: DeserializeOwned>(message: &Bytes) -> Option<(H, Bytes)> {
    let searched = &message[..message.len().min(HEAD_BYTES_MAX)];
    let end = searched.iter().position(|byte| *byte == b'\n')?;
    let head = serde_json::from_slice(&message[..end]).ok()?;
    Some((head, message.slice(end + 1..)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn messages_survive_the_way() {
        let head = Report {
            number: 3,
            about: About::File {
                name: "counts.json".to_owned(),
                offset: 7,
                complete: None,
            },
        };
        let (back, body) = decode::<Report>(&encode(&head, b"a\nb")).unwrap();
        assert_eq!((back, &body[..]), (head, &b"a\nb"[..]));
    }

    #[test]
    fn offers_of_later_versions_are_read() {
        let text = br#"{"id":"a","name":"b","tool":"9.9.9","colour":"red"}"#;
        let message = Bytes::from([&text[..], b"\n"].concat());
        let (offer, _) = decode::<Offer>(&message).unwrap();
        assert_eq!((offer.tool.as_str(), offer.is_busy), ("9.9.9", false));
    }

    proptest! {
        #[test]
        fn foreign_bytes_are_survived(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let message = Bytes::from(bytes);
            let _ = decode::<Report>(&message);
            let _ = decode::<Request>(&message);
            let _ = decode::<Offer>(&message);
            let _ = decode::<Pulse>(&message);
        }

        #[test]
        fn damaged_messages_are_survived(at: prop::sample::Index, byte: u8) {
            let head = Request::Take { run: "r".to_owned(), key: "k".to_owned() };
            let mut bytes = encode(&head, b"body").to_vec();
            let at = at.index(bytes.len());
            bytes[at] = byte;
            let _ = decode::<Request>(&bytes.into());
        }
    }
}

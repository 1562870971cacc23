//! Spreads the posts of a running stage over its shards. An application server moves them; this asks it.

use std::fmt;
use std::io::{self, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::thread::sleep;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::control::socket::{Answer, Request, ask};
use crate::{LabError, table};

/// Time limit for a connection, and for each part of an answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Maximum length of an answer, in bytes.
const BYTES_MAX: u64 = 1 << 20;
/// Interval between looks at the progress.
const POLL: Duration = Duration::from_millis(200);

/// Shards of a stage, as an application server reports them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Shards {
    /// Version of the shard map.
    pub version: u64,
    /// Shards, by name.
    pub shards: Vec<ShardBuckets>,
    /// Number of moves that are not complete.
    pub moves: usize,
    /// Moves that the server makes, or has made.
    pub spreading: Spreading,
}

/// A shard and its buckets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShardBuckets {
    /// Name.
    pub name: String,
    /// Number of buckets.
    pub buckets: usize,
    /// False if it does not respond.
    pub responds: bool,
}

/// Moves made by one application server.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum Spreading {
    /// It has made none.
    None,
    /// In progress.
    Running,
    /// Done.
    Done {
        /// Buckets that have changed shards.
        buckets: u64,
        /// Posts copied, without later changes.
        posts: u64,
        /// Changes copied since.
        changes: u64,
        /// Longest time for which the writes of one bucket waited, in milliseconds.
        wait_ms_max: u64,
    },
    /// Failed. The next attempt continues.
    Failed {
        /// Cause.
        reason: String,
    },
}

/// What resharding is to reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Resharding {
    /// These shards hold equally many buckets of authors, and others none. All shards of the stage, if there are no names.
    Even(Vec<String>),
    /// The load of this shard is that of the others. It keeps the bucket that most of its calls are for.
    AwayFrom(String),
}

/// Moves posts between shards to reach a goal. `progress` gets each state that differs from the last.
///
/// # Errors
/// No lab is up, no application server answers, or it refuses or fails.
pub fn reshard(
    directory: &Path,
    goal: &Resharding,
    progress: &mut dyn FnMut(&Shards),
) -> Result<Shards, LabError> {
    let failed = |reason: String| LabError::Resharding { reason };
    let status = match ask(directory, &Request::Status)? {
        Answer::Status(status) => status,
        other => return Err(failed(format!("unexpected answer {other:?}"))),
    };
    let mut servers = status
        .boxes
        .iter()
        .filter(|own| ["app", "posts"].contains(&own.role.as_str()) && own.pid.is_some());
    let server = servers.find_map(|own| own.admin).ok_or_else(|| {
        failed(format!(
            "stage {} has no application server that is up",
            status.stage
        ))
    })?;
    let body = match goal {
        Resharding::Even(shards) if shards.is_empty() => "{}".to_owned(),
        Resharding::Even(shards) => serde_json::json!({ "shards": shards }).to_string(),
        Resharding::AwayFrom(shard) => serde_json::json!({ "away_from": shard }).to_string(),
    };
    let read = |method, body: &str| {
        call(server, method, body).map_err(|error| failed(format!("{server}: {error}")))
    };
    let mut last = read("POST", &body)?;
    progress(&last);
    while last.spreading == Spreading::Running {
        sleep(POLL);
        let now = read("GET", "")?;
        if now != last {
            progress(&now);
        }
        last = now;
    }
    match &last.spreading {
        Spreading::Failed { reason } => Err(failed(reason.clone())),
        _ => Ok(last),
    }
}

fn call(server: SocketAddr, method: &str, body: &str) -> io::Result<Shards> {
    let mut stream = TcpStream::connect_timeout(&server, TIMEOUT)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    // By HTTP/1.0, so that the answer is not chunked and ends with the connection.
    let request = format!(
        "{method} /shards HTTP/1.0\r\nHost: {server}\r\nContent-Length: {}\r\n\r\n{body}",
        body.len()
    );
    stream.write_all(request.as_bytes())?;
    let mut answer = String::new();
    stream.take(BYTES_MAX).read_to_string(&mut answer)?;
    shards_of(&answer)
}

/// Reads an answer: the shards, or a problem document with a `detail`.
fn shards_of(answer: &str) -> io::Result<Shards> {
    #[derive(Deserialize)]
    struct Problem {
        detail: String,
    }
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or_else(|| io::Error::other("the answer has no end of its head"))?;
    let status = head.split_ascii_whitespace().nth(1).unwrap_or_default();
    match status {
        "200" | "202" => serde_json::from_str(body).map_err(io::Error::other),
        _ => Err(io::Error::other(
            match serde_json::from_str::<Problem>(body) {
                Ok(problem) => problem.detail,
                Err(_) => format!("the answer has status {status}"),
            },
        )),
    }
}

impl fmt::Display for Shards {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = ["shard", "buckets", "responds"].map(str::to_owned);
        let rows = self.shards.iter().map(|own| {
            let responds = if own.responds { "yes" } else { "no" };
            [
                own.name.clone(),
                own.buckets.to_string(),
                responds.to_owned(),
            ]
        });
        let rows: Vec<_> = std::iter::once(header).chain(rows).collect();
        table::write(f, &rows)?;
        match &self.spreading {
            Spreading::Done {
                buckets,
                posts,
                changes,
                wait_ms_max,
            } => writeln!(
                f,
                "{buckets} buckets moved: {posts} posts copied, and {changes} changes after them; \
                 writes of a bucket waited for {wait_ms_max} ms at most"
            ),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_shards_and_problems() {
        let answer = "HTTP/1.0 202 Accepted\r\ncontent-type: application/json\r\n\r\n\
            {\"version\":7,\"shards\":[{\"name\":\"a\",\"buckets\":1024,\"responds\":true}],\"moves\":0,\
            \"spreading\":{\"state\":\"done\",\"buckets\":3,\"posts\":5,\"changes\":1,\"wait_ms_max\":4},\
            \"incomplete_feeds\":0}";
        let shards = shards_of(answer).unwrap();
        let text = shards.to_string();
        assert!(text.contains("a      1024     yes\n"), "{text}");
        assert!(text.contains("3 buckets moved: 5 posts copied"), "{text}");
        let answer = "HTTP/1.0 422 Unprocessable\r\n\r\n{\"detail\":\"there is no shard `b`\"}";
        let error = shards_of(answer).unwrap_err().to_string();
        assert_eq!(error, "there is no shard `b`");
    }

    proptest! {
        #[test]
        fn any_answer_is_harmless(head in ".*", body in ".*") {
            let _ = shards_of(&head);
            let _ = shards_of(&format!("HTTP/1.0 200 OK\r\n\r\n{body}"));
        }
    }
}

//! Queue and dead letters of the service, for the people who run it.

use std::time::Duration;

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde::Serialize;
use tokio::time::timeout;

use crate::problem::Problem;
use crate::queue::{DeadLetter, JobId, Jobs, QueueError, QueueStats};

/// Time limit for the numbers in the metrics, so that a dead queue does not stop them.
const STATS_TIMEOUT: Duration = Duration::from_millis(300);
/// Maximum number of dead letters shown or sent again at once.
const LETTERS_MAX: usize = 100;

/// Queue and dead letters.
#[derive(Serialize)]
struct Desk {
    /// Jobs in the queue, including those being worked on.
    jobs: u64,
    /// Maximum number of jobs. `null` if unbounded.
    jobs_max: Option<u32>,
    /// Jobs being worked on, or pausing.
    leased: u64,
    /// Number of dead letters.
    dead: u64,
    /// The oldest dead letters.
    dead_letters: Vec<Letter>,
}

#[derive(Serialize)]
struct Letter {
    id: String,
    attempts: u64,
    reason: String,
    buried_at: i64,
    content: String,
}

/// Jobs that were sent again.
#[derive(Serialize)]
struct Retried {
    retried: Vec<String>,
}

impl From<DeadLetter> for Letter {
    fn from(letter: DeadLetter) -> Self {
        Self {
            id: letter.id.to_string(),
            attempts: letter.attempts,
            reason: letter.reason,
            buried_at: letter.buried_at.0,
            content: String::from_utf8_lossy(&letter.payload).into_owned(),
        }
    }
}

/// Counts the jobs. `None` if the queue does not respond in time.
pub(super) async fn stats(jobs: &Jobs) -> Option<QueueStats> {
    timeout(STATS_TIMEOUT, jobs.queue.stats()).await.ok()?.ok()
}

/// Shows the queue and its oldest dead letters.
pub(super) async fn show(jobs: Option<&Jobs>) -> Result<Response, Problem> {
    let jobs = jobs.ok_or_else(no_queue)?;
    let letters = jobs.queue.dead_letters(LETTERS_MAX).await?;
    let stats = jobs.queue.stats().await?;
    let desk = Desk {
        jobs: stats.jobs,
        jobs_max: jobs.jobs_max,
        leased: stats.leased,
        dead: stats.dead,
        dead_letters: letters.into_iter().map(Letter::from).collect(),
    };
    json(&desk)
}

/// Sends the dead letter `retry=ID` again, or the oldest ones with `retry=all`.
pub(super) async fn retry(jobs: Option<&Jobs>, query: Option<&str>) -> Result<Response, Problem> {
    let jobs = jobs.ok_or_else(no_queue)?;
    let usage = || Problem::bad_request("say which: `?retry=ID`, or `?retry=all`");
    let asked = query.and_then(|query| query.strip_prefix("retry="));
    let ids = match asked.ok_or_else(usage)? {
        "all" => {
            let letters = jobs.queue.dead_letters(LETTERS_MAX).await?;
            letters.into_iter().map(|letter| letter.id).collect()
        }
        id => vec![JobId::new(id).ok_or_else(usage)?],
    };
    let mut retried = Vec::new();
    for id in ids {
        match jobs.queue.revive(&id).await {
            Ok(()) => retried.push(id.to_string()),
            // Those that are sent are shown; the others stay dead letters.
            Err(QueueError::Full) if !retried.is_empty() => break,
            Err(QueueError::NotFound) => return Err(Problem::not_found("no such dead letter")),
            Err(error) => return Err(error.into()),
        }
    }
    json(&Retried { retried })
}

fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "could not serialise a response");
        Problem::internal()
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

fn no_queue() -> Problem {
    Problem::not_found("the service has no queue; start it with --queue URL")
}

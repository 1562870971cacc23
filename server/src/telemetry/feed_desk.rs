//! Written feeds of the service, for the people who run it.

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use http::header::CONTENT_TYPE;
use serde::Serialize;

use super::job_desk;
use super::prometheus_text::Kind::{Counter, Gauge, Summary};
use super::prometheus_text::PrometheusText;
use crate::feeds::{FeedEvent, FeedMode, Feeds};
use crate::model::Timestamp;
use crate::problem::Problem;
use crate::queue::{Intake, JobEvent, Jobs, QueueStats};
use crate::store::Repair;

/// Written feeds, and the queue of their jobs.
#[derive(Clone, Debug)]
pub(crate) struct FeedDesk {
    pub(crate) feeds: Arc<Feeds>,
    pub(crate) jobs: Jobs,
    intake: Arc<Intake>,
}

/// State of the written feeds.
#[derive(Serialize)]
struct Shown {
    /// `write` or `hybrid`.
    mode: &'static str,
    /// Jobs in the queue. `null` if it does not respond.
    jobs: Option<u64>,
    /// Dead letters. `null` if the queue does not respond.
    dead: Option<u64>,
    /// The latest check of feeds and counters. `null` without one in the last week.
    repair: Option<Repair>,
}

impl FeedDesk {
    /// Uses feeds, and the queue of their jobs.
    pub(crate) fn new(feeds: Arc<Feeds>, jobs: Jobs) -> Self {
        let intake = Arc::new(jobs.intake());
        Self {
            feeds,
            jobs,
            intake,
        }
    }

    /// Counts the jobs. `None` if the queue does not respond in time.
    pub(super) async fn stats(&self) -> Option<QueueStats> {
        job_desk::stats(&self.jobs).await
    }
}

/// Shows the written feeds.
pub(super) async fn show(desk: Option<&FeedDesk>) -> Result<Response, Problem> {
    let desk = desk.ok_or_else(no_feeds)?;
    let stats = desk.stats().await;
    json(&Shown {
        mode: match desk.feeds.options().mode {
            FeedMode::Read => "read",
            FeedMode::Write => "write",
            FeedMode::Hybrid => "hybrid",
        },
        jobs: stats.map(|stats| stats.jobs),
        dead: stats.map(|stats| stats.dead),
        repair: desk.feeds.table().repair(None).await?,
    })
}

/// Begins to check feeds and counters.
pub(super) async fn check(desk: Option<&FeedDesk>) -> Result<Response, Problem> {
    let desk = desk.ok_or_else(no_feeds)?;
    let started_at = Timestamp::now();
    let begun = desk.feeds.begin_check_by(&desk.intake, started_at).await;
    begun.map_err(Problem::unavailable)?;
    json(&Repair::new(started_at))
}

/// Writes the metrics of the written feeds.
pub(super) fn metrics(text: &mut PrometheusText, desk: &FeedDesk, stats: Option<QueueStats>) {
    let name = "tenfold_feed_events_total";
    let help = "Events of written feeds in this process.";
    text.metric(name, Counter, help);
    let counters = desk.feeds.counters();
    for event in FeedEvent::ALL {
        text.sample(name, &[("event", &event.name())], counters.count(event));
    }
    let name = "tenfold_feed_spread_seconds";
    let help = "Time from the creation of a post to its place in all feeds.";
    text.metric(name, Summary, help);
    let (count, sum) = counters.spreads();
    text.sum_and_count(name, &[], sum.as_secs_f64(), count);
    let name = "tenfold_feed_job_events_total";
    let help = "Events in the life of jobs of feeds that this process pushed or worked on.";
    text.metric(name, Counter, help);
    for event in JobEvent::ALL {
        let count = desk.jobs.counters.count(event);
        text.sample(name, &[("event", &event.name())], count);
    }
    // Absent if the queue does not respond.
    let Some(stats) = stats else { return };
    let help = "Jobs of feeds in the queue, including those being worked on.";
    text.value("tenfold_feed_jobs", Gauge, help, stats.jobs);
    let help = "Jobs of feeds that were given up.";
    text.value("tenfold_feed_dead_letters", Gauge, help, stats.dead);
}

fn json(value: &impl Serialize) -> Result<Response, Problem> {
    let body = serde_json::to_vec(value).map_err(|error| {
        tracing::error!(%error, "could not serialise a response");
        Problem::internal()
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

fn no_feeds() -> Problem {
    Problem::not_found("feeds are not written; start the service with --feeds write or hybrid")
}

//! Repair: checks all counters and written feeds, some users at a time.
//!
//! A run is a row in the database with its progress. Each job checks the next users, stores the progress, and sends the
//! next job; a job whose users were checked already only sends the next one. So a run goes on whatever dies, and counts
//! each fault once.
//!
//! A run also lets authors leave the popular ones if they have few followers now: from then on workers write their new
//! posts to feeds, then the feeds of all followers become stale, and only then are they no longer read with feeds.

use super::{FeedEvent, FeedMode, FeedTask, Feeds, TaskKind};
use crate::model::{Timestamp, UserId};
use crate::queue::Intake;
use crate::store::{Popularity, Repair, StoreError, WrittenFeed};

/// Users checked by one job.
const USERS_AT_ONCE: u32 = 200;

/// Outcome of one job of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Checked {
    /// Users up to this one are checked; the next job is due.
    UpTo(UserId),
    /// The run is over.
    All,
}

impl Feeds {
    /// Begins a run. Does nothing if it has begun.
    ///
    /// # Errors
    /// The reason why it could not begin.
    pub(crate) async fn begin_check_by(
        &self,
        queue: &Intake,
        started_at: Timestamp,
    ) -> Result<(), String> {
        let begun = self.table.begin_repair(started_at).await;
        begun.map_err(|error| error.to_string())?;
        let after = Repair::new(started_at).checked_to;
        let first = FeedTask::from(TaskKind::Check { started_at, after });
        let (id, payload) = first
            .id()
            .zip(first.to_bytes())
            .ok_or("its job could not be made")?;
        let pushed = queue.push(&id, payload).await;
        pushed.map_err(|error| error.to_string())
    }

    /// Checks the next users of a run, after those up to `after`.
    pub(crate) async fn check(
        &self,
        started_at: Timestamp,
        after: UserId,
    ) -> Result<Checked, StoreError> {
        let Some(run) = self.table.repair(Some(started_at)).await? else {
            return Ok(Checked::All);
        };
        if run.ended_at.is_some() {
            return Ok(Checked::All);
        }
        if run.checked_to != after {
            return Ok(Checked::UpTo(run.checked_to));
        }
        if after == Repair::new(started_at).checked_to {
            self.unload_popular().await?;
        }
        let users = self.table.users_after(after, USERS_AT_ONCE).await?;
        let mut next = run;
        for user in &users {
            self.check_user(*user, &mut next).await?;
        }
        next.checked_to = users.last().copied().unwrap_or(after);
        next.ended_at = users.is_empty().then(Timestamp::now);
        if self.table.advance_repair(after, next).await? {
            let counts = [
                (FeedEvent::CounterRepaired, next.counters - run.counters),
                (FeedEvent::EntryAdded, next.added - run.added),
                (FeedEvent::EntryRemoved, next.removed - run.removed),
            ];
            for (event, count) in counts {
                self.counters.add_many(event, count);
            }
        }
        match next.ended_at {
            Some(_) => {
                tracing::info!(run = ?next, "all feeds and counters are checked");
                Ok(Checked::All)
            }
            None => Ok(Checked::UpTo(next.checked_to)),
        }
    }

    async fn check_user(&self, user: UserId, run: &mut Repair) -> Result<(), StoreError> {
        run.users += 1;
        match self.base.recount(user).await {
            Ok(wrong) => run.counters += wrong,
            Err(StoreError::NotFound) => return Ok(()),
            Err(error) => return Err(error),
        }
        // A stale feed is written when it is read.
        let written = self.table.written_feed(user, super::NEWEST, 1).await?;
        if let WrittenFeed::Complete { .. } = written {
            let rewritten = self.write(user).await?;
            run.added += rewritten.added;
            run.removed += rewritten.removed;
        }
        Ok(())
    }

    /// Lets popular authors leave who have few followers now.
    async fn unload_popular(&self) -> Result<(), StoreError> {
        let mut after = UserId(i64::MIN);
        loop {
            let authors = self
                .table
                .popular_authors(after, super::FOLLOWERS_AT_ONCE)
                .await?;
            let Some(last) = authors.last() else {
                return Ok(());
            };
            after = *last;
            for author in authors {
                let followers = self.table.user(author).await?.followers;
                // Half, so that authors at the limit do not go to and fro.
                let stays = followers > self.options.followers_max / 2;
                if !stays || self.options.mode != FeedMode::Hybrid {
                    self.leave_popular(author).await?;
                }
            }
        }
    }

    pub(super) async fn leave_popular(&self, author: UserId) -> Result<(), StoreError> {
        let leaving = Some(Popularity::Leaving);
        self.table.change_popularity(author, leaving).await?;
        let mut after = UserId(i64::MIN);
        while let Some(last) = self
            .table
            .spoil_feeds(author, after, super::FOLLOWERS_AT_ONCE)
            .await?
        {
            after = last;
        }
        self.table.change_popularity(author, None).await
    }
}

//! Work on feeds: write posts to them, write them anew, check them.

use std::sync::Arc;

use async_trait::async_trait;

use super::work::{TryAgain, Unworked, Work, Worked};
use crate::feeds::{Checked, FeedTask, Feeds, TaskKind};
use crate::model::{PostId, UserId};
use crate::queue::{Delivery, Queue};
use crate::store::{NotedPost, StoreError, WrittenFeed};

/// Work on feeds.
#[derive(Debug)]
pub(crate) struct FeedWork {
    feeds: Arc<Feeds>,
    /// Gets the next job of a check.
    queue: Arc<dyn Queue>,
}

impl FeedWork {
    /// Uses feeds, and their queue.
    pub(crate) fn new(feeds: Arc<Feeds>, queue: Arc<dyn Queue>) -> Self {
        Self { feeds, queue }
    }

    /// Writes a feed, unless that was done.
    async fn write(&self, user: UserId) -> Result<Worked, StoreError> {
        let newest = PostId(i64::MAX);
        match self.feeds.table().written_feed(user, newest, 1).await? {
            WrittenFeed::Complete { .. } => return Ok(Worked::Unneeded),
            WrittenFeed::Stale { .. } => {}
        }
        match self.feeds.write(user).await {
            Ok(_) => Ok(Worked::Applied),
            Err(StoreError::NotFound) => Ok(Worked::Unneeded),
            Err(error) => Err(error),
        }
    }
}

#[async_trait]
impl Work for FeedWork {
    async fn work(&self, job: &Delivery) -> Result<Worked, Unworked> {
        let task = FeedTask::parse(&job.id, &job.payload).map_err(Unworked::Foreign)?;
        match task.kind {
            TaskKind::Spread {
                post,
                author,
                created_at,
            } => {
                let note = NotedPost {
                    post,
                    author,
                    created_at,
                };
                self.feeds.spread(note).await?;
                Ok(Worked::Applied)
            }
            TaskKind::Write { user, .. } => Ok(self.write(user).await?),
            TaskKind::Check { started_at, after } => {
                if let Checked::UpTo(after) = self.feeds.check(started_at, after).await? {
                    let next = FeedTask::from(TaskKind::Check { started_at, after });
                    let (id, payload) = next
                        .id()
                        .zip(next.to_bytes())
                        .ok_or_else(|| TryAgain::because(&"the next job could not be made"))?;
                    self.queue.push(&id, payload).await?;
                }
                Ok(Worked::Applied)
            }
        }
    }
}

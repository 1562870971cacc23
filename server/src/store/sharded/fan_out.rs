//! Feeds over several shards: all at once, within a deadline, without those that do not answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::Core;
use super::bucket::Bucket;
use super::member::Member;
use super::routes::Known;
use crate::model::{Page, Post, UserId};
use crate::store::StoreError;

/// Reads the newest posts of several authors.
///
/// # Errors
/// `Incomplete` if some shards did not answer, `Unavailable` if none did.
pub(super) async fn newest_posts(
    core: &Core,
    authors: Vec<UserId>,
    page: Page,
) -> Result<Vec<Post>, StoreError> {
    let deadline = Instant::now() + core.options.feed_time;
    let mut posts = Vec::new();
    let mut pending = authors;
    let (mut answers, mut failure) = (0, None);
    for attempt in 0.. {
        let known = core.routes.known();
        let mut groups: BTreeMap<&str, (&Member, Vec<UserId>)> = BTreeMap::new();
        for author in pending.drain(..) {
            match core.place(&known.map, Bucket::of_author(author), attempt) {
                Ok(member) => {
                    let group = groups.entry(&member.name);
                    group.or_insert((member, Vec::new())).1.push(author);
                }
                Err(error) => failure = Some(error),
            }
        }
        let asked = groups.into_values().map(|(member, authors)| {
            let (known, timed_out) = (&known, || member.timed_out());
            async move {
                let answer = ask(member, known, authors, page);
                let answer = timeout_at(deadline, member.call_for_feed(answer)).await;
                answer.unwrap_or_else(|_| {
                    timed_out();
                    Err(StoreError::Unavailable("no answer in time".to_owned()))
                })
            }
        });
        for answer in join_all(asked).await {
            match answer {
                Ok((found, moved)) => {
                    answers += 1;
                    posts.extend(found);
                    pending.extend(moved);
                }
                Err(error) => failure = Some(error),
            }
        }
        if pending.is_empty() {
            break;
        }
        if Instant::now() + super::MOVE_PAUSE > deadline {
            failure = Some(StoreError::Unavailable("a bucket is moving".to_owned()));
            break;
        }
        core.routes.refresh().await;
        tokio::time::sleep(super::MOVE_PAUSE).await;
    }
    posts.sort_unstable_by_key(|post: &Post| std::cmp::Reverse(post.id));
    posts.truncate(page.limit() as usize);
    match failure {
        None => Ok(posts),
        Some(error) if answers == 0 => Err(error),
        Some(error) => {
            core.incomplete_feeds.fetch_add(1, Ordering::Relaxed);
            tracing::warn!(%error, "a feed is incomplete");
            Err(StoreError::Incomplete(Arc::new(posts)))
        }
    }
}

/// Asks one shard. Returns posts of the authors that it serves, and the other authors.
async fn ask(
    member: &Member,
    known: &Known,
    mut authors: Vec<UserId>,
    page: Page,
) -> Result<(Vec<Post>, Vec<UserId>), StoreError> {
    let mut buckets: Vec<Bucket> = authors.iter().map(|own| Bucket::of_author(*own)).collect();
    buckets.sort_unstable();
    buckets.dedup();
    let vouches = || known.vouches_for(buckets.iter().copied());
    if vouches() {
        let posts = member.store.posts_by_any(authors.clone(), page).await?;
        if vouches() {
            return Ok((posts, Vec::new()));
        }
    }
    let mut moved = Vec::new();
    loop {
        let before = member.store.served(&buckets).await?;
        let is_served = |author: &UserId| {
            let bucket = Bucket::of_author(*author);
            before.iter().any(|(own, _)| *own == bucket)
        };
        let (here, gone): (Vec<_>, Vec<_>) = authors.into_iter().partition(is_served);
        moved.extend(gone);
        if here.is_empty() {
            return Ok((Vec::new(), moved));
        }
        let posts = member.store.posts_by_any(here.clone(), page).await?;
        if member.store.served(&buckets).await? == before {
            return Ok((posts, moved));
        }
        authors = here;
    }
}

//! Reads from several shards: all at once, within a deadline, without those that do not answer.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use super::Core;
use super::bucket::Bucket;
use super::member::Member;
use super::routes::Known;
use super::shard::Shard;
use crate::model::{Page, Post, PostId, UserId};
use crate::store::{StoreError, newest};

/// Something to ask a shard for, and the bucket that it is in.
type Wanted<T> = (Bucket, T);

/// Reads the newest posts of several authors.
///
/// # Errors
/// `Incomplete` if some shards did not answer, `Unavailable` if none did.
pub(super) async fn newest_posts(
    core: &Core,
    authors: Vec<UserId>,
    page: Page,
) -> Result<Vec<Post>, StoreError> {
    let wanted = authors.into_iter();
    let wanted = wanted.map(|author| (Bucket::of_author(author), author));
    let read =
        |shard: Arc<dyn Shard>, authors| async move { shard.posts_by_any(authors, page).await };
    match posts(core, wanted.collect(), read).await {
        Ok(posts) => Ok(newest(posts, page.limit())),
        Err(StoreError::Incomplete(posts)) => {
            let posts = newest(Arc::unwrap_or_clone(posts), page.limit());
            Err(StoreError::Incomplete(Arc::new(posts)))
        }
        Err(error) => Err(error),
    }
}

/// Reads those of these posts that exist.
///
/// # Errors
/// As [`newest_posts`].
pub(super) async fn posts_with(core: &Core, ids: Vec<PostId>) -> Result<Vec<Post>, StoreError> {
    let mut wanted = Vec::with_capacity(ids.len());
    for id in ids {
        match core.bucket_of(id).await {
            Ok(bucket) => wanted.push((bucket, id)),
            Err(StoreError::NotFound) => {}
            Err(error) => return Err(error),
        }
    }
    let read = |shard: Arc<dyn Shard>, ids| async move { shard.posts_with(ids).await };
    posts(core, wanted, read).await
}

/// Reads posts from each shard that has some of the wanted.
async fn posts<T, R>(
    core: &Core,
    wanted: Vec<Wanted<T>>,
    read: impl Fn(Arc<dyn Shard>, Vec<T>) -> R + Sync,
) -> Result<Vec<Post>, StoreError>
where
    T: Copy + Send + Sync,
    R: Future<Output = Result<Vec<Post>, StoreError>> + Send,
{
    let deadline = Instant::now() + core.options.feed_time;
    let mut posts = Vec::new();
    let mut pending = wanted;
    let (mut answers, mut failure) = (0, None);
    for attempt in 0.. {
        let known = core.routes.known();
        let mut groups: BTreeMap<&str, (&Member, Vec<Wanted<T>>)> = BTreeMap::new();
        for one in pending.drain(..) {
            match core.place(&known.map, one.0, attempt) {
                Ok(member) => {
                    let group = groups.entry(&member.name);
                    group.or_insert((member, Vec::new())).1.push(one);
                }
                Err(error) => failure = Some(error),
            }
        }
        let asked = groups.into_values().map(|(member, wanted)| {
            let (known, read) = (&known, &read);
            async move {
                let answer = ask(member, known, wanted, read);
                let answer = timeout_at(deadline, member.call_for_feed(answer)).await;
                answer.unwrap_or_else(|_| {
                    member.timed_out();
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

/// Asks one shard. Returns posts of the buckets that it serves, and what was wanted of others.
async fn ask<T, R>(
    member: &Member,
    known: &Known,
    mut wanted: Vec<Wanted<T>>,
    read: &(impl Fn(Arc<dyn Shard>, Vec<T>) -> R + Sync),
) -> Result<(Vec<Post>, Vec<Wanted<T>>), StoreError>
where
    T: Copy + Send + Sync,
    R: Future<Output = Result<Vec<Post>, StoreError>> + Send,
{
    let mut buckets: Vec<Bucket> = wanted.iter().map(|(bucket, _)| *bucket).collect();
    buckets.sort_unstable();
    buckets.dedup();
    let read = |wanted: &[Wanted<T>]| {
        let wanted = wanted.iter().map(|(_, own)| *own).collect();
        read(Arc::clone(&member.store), wanted)
    };
    let vouches = || known.vouches_for(buckets.iter().copied());
    if vouches() {
        let posts = read(&wanted).await?;
        if vouches() {
            return Ok((posts, Vec::new()));
        }
    }
    let mut moved = Vec::new();
    loop {
        let before = member.store.served(&buckets).await?;
        let is_served = |(bucket, _): &Wanted<T>| before.iter().any(|(own, _)| own == bucket);
        let (here, gone): (Vec<_>, Vec<_>) = wanted.into_iter().partition(is_served);
        moved.extend(gone);
        if here.is_empty() {
            return Ok((Vec::new(), moved));
        }
        let posts = read(&here).await?;
        if member.store.served(&buckets).await? == before {
            return Ok((posts, moved));
        }
        wanted = here;
    }
}

//! Moves of buckets between shards while the service writes to them.
//!
//! A move copies the posts of a bucket, follows the changes made meanwhile, and switches:
//!
//! | step | old shard | new shard | shard map |
//! |---|---|---|---|
//! | announce | owned | | names the move |
//! | follow | records each change | | |
//! | fill | | gets a copy of all posts | |
//! | catch up | | gets the changed posts | |
//! | freeze | refuses writes; they wait | | |
//! | catch up | | gets the last changes | |
//! | own | | owned: accepts writes | |
//! | switch | | | names the new shard |
//! | clean, forget | removes the posts | | forgets the move |
//!
//! Only the last changes are between freeze and own, so writes wait for milliseconds. Every step is a transaction of
//! one database that may be repeated, and [`next`] derives the step that is due from the state in the databases. So
//! any mover continues after a crash. A token on both shards excludes a mover that was replaced.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::stream::{self, StreamExt as _};
use tokio::time::sleep;

use super::bucket::Bucket;
use super::relief::{HotBucket, relief};
use super::routes::{self, SETTLING};
use super::shard::{Advance, Directory, HoldingState, PostCopy, Shard};
use super::shard_map::{Move, ShardMap, ShardMapError};
use crate::model::{PAGE_POSTS_MAX, Page, Post, PostId, UserId};
use crate::store::StoreError;

mod next;
mod patience;

use next::{Backlog, Step, View, next};
pub(super) use patience::patience;

/// Buckets whose moves are announced at a time.
const MOVES_MAX: usize = 128;
/// Buckets that are copied at a time. Each takes a connection of both of its shards.
const COPIES_MAX: usize = 8;
/// Posts removed at a time.
const REMOVED_MAX: u32 = 1_000;
/// Authors or changes read at a time.
const BATCH: u32 = 100;
/// Pause while a move waits for processes to learn of it.
const WAIT: Duration = Duration::from_millis(50);
/// Attempts to move a bucket, or to change the map, if others do the same.
const ATTEMPTS_MAX: u32 = 20;

/// Moves buckets between shards.
#[derive(Debug)]
pub struct Mover {
    users: Arc<dyn Directory>,
    shards: BTreeMap<String, Arc<dyn Shard>>,
    settling: Duration,
    /// Held while this mover changes the map, so that its moves do not have to try again because of each other.
    changing: tokio::sync::Mutex<()>,
}

/// What a mover is to reach.
#[derive(Clone, Debug, PartialEq)]
pub enum Goal {
    /// These shards hold equally many buckets, and others none.
    Even(Vec<String>),
    /// This shard keeps its hot bucket, and so few others that its load is that of the other shards.
    Relieved(String, HotBucket),
}

/// Result of a mover.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moved {
    /// Buckets that have changed shards.
    pub buckets: u64,
    /// Posts copied, without later changes.
    pub posts: u64,
    /// Changes copied since.
    pub changes: u64,
    /// Longest time for which the writes of one bucket waited.
    pub longest_wait: Duration,
}

impl Moved {
    fn add(&mut self, more: Self) {
        self.buckets += more.buckets;
        self.posts += more.posts;
        self.changes += more.changes;
        self.longest_wait = self.longest_wait.max(more.longest_wait);
    }
}

impl Mover {
    /// Creates a mover between these shards.
    #[must_use]
    pub fn new(users: Arc<dyn Directory>, shards: BTreeMap<String, Arc<dyn Shard>>) -> Self {
        Self {
            users,
            shards,
            settling: SETTLING,
            changing: tokio::sync::Mutex::default(),
        }
    }

    /// Finishes the moves in progress, and then moves as few buckets as possible to reach a goal.
    ///
    /// # Errors
    /// `Invalid` if a shard is not known. Otherwise those of the databases; the next call continues.
    pub async fn reach(&self, goal: &Goal) -> Result<Moved, StoreError> {
        let known = |name: &String| self.shards.contains_key(name);
        let unknown = match goal {
            Goal::Even(shards) => shards.iter().find(|name| !known(name)),
            Goal::Relieved(shard, _) => Some(shard).filter(|name| !known(name)),
        };
        if let Some(unknown) = unknown {
            return Err(StoreError::Invalid(format!(
                "there is no shard `{unknown}`; the shards are {}",
                self.shards.keys().cloned().collect::<Vec<_>>().join(", ")
            )));
        }
        let mut moved = self.resume().await?;
        let map = self.map().await?;
        let wanted = match goal {
            Goal::Even(shards) => map.rebalance(shards),
            Goal::Relieved(shard, hot) => {
                let all: Vec<String> = self.shards.keys().cloned().collect();
                relief(&map, &all, shard, *hot)
            }
        };
        let wanted = wanted.map_err(refused)?;
        // The map has the moves in progress, and every process reads it all the time.
        for some in wanted.chunks(MOVES_MAX) {
            self.change_map(|map| map.announce(some)).await?;
            moved.add(self.resume().await?);
        }
        Ok(moved)
    }

    /// Finishes all moves in progress.
    ///
    /// # Errors
    /// Those of the databases; the next call continues.
    pub async fn resume(&self) -> Result<Moved, StoreError> {
        let mut moved = Moved::default();
        let began = Instant::now();
        let map = self.map().await?;
        let due = map.moves().clone().into_iter();
        let due = due.filter(|(_, own)| !own.switched);
        let moves = due.map(|(bucket, own)| self.move_one(bucket, own, began));
        let mut moves = stream::iter(moves).buffer_unordered(COPIES_MAX);
        while let Some(one) = moves.next().await {
            moved.add(one?);
        }
        drop(moves);
        let map = self.map().await?;
        let switched: Vec<(Bucket, Move)> = map
            .moves()
            .clone()
            .into_iter()
            .filter(|(_, own)| own.switched)
            .collect();
        if switched.is_empty() {
            return Ok(moved);
        }
        // Processes with the previous map may still read the old copies.
        sleep(self.settling).await;
        let buckets: Vec<Bucket> = switched.iter().map(|(bucket, _)| *bucket).collect();
        let left = switched.into_iter();
        let left = left.map(|(bucket, own)| self.clean(bucket, own));
        let mut cleaned = stream::iter(left).buffer_unordered(COPIES_MAX);
        while let Some(one) = cleaned.next().await {
            one?;
        }
        drop(cleaned);
        self.change_map(|map| map.forget(&buckets)).await?;
        Ok(moved)
    }

    /// Finishes a move whose writes wait already, in the place of a mover that may have died. One attempt.
    ///
    /// # Errors
    /// `Conflict` if another mover takes over. Otherwise those of the databases.
    pub(super) async fn finish(&self, bucket: Bucket) -> Result<(), StoreError> {
        let map = self.map().await?;
        let Some(own) = map.move_of(bucket).filter(|own| !own.switched) else {
            return Ok(());
        };
        let source = self.shard(&own.from)?.holding(bucket).await?;
        if source.is_none_or(|source| source.state != HoldingState::Frozen) {
            return Ok(());
        }
        let mut run = self.run(bucket, own, Instant::now())?;
        run.until_switched(&mut Moved::default()).await
    }

    /// Moves a bucket up to the switch. Starts again if another mover takes over, after a pause in which that one may
    /// finish.
    async fn move_bucket(
        &self,
        bucket: Bucket,
        own: &Move,
        announced: Instant,
        moved: &mut Moved,
    ) -> Result<(), StoreError> {
        let mut failed = 0;
        loop {
            let mut run = self.run(bucket, own, announced)?;
            match run.until_switched(moved).await {
                Err(StoreError::Conflict(why)) if failed + 1 < ATTEMPTS_MAX => {
                    tracing::info!(%bucket, why, "a move starts again");
                    sleep(patience(failed)).await;
                    failed += 1;
                }
                done => return done,
            }
        }
    }

    /// Returns one attempt to move a bucket.
    fn run(&self, bucket: Bucket, own: &Move, announced: Instant) -> Result<Run<'_>, StoreError> {
        Ok(Run {
            mover: self,
            bucket,
            source: self.shard(&own.from)?,
            target: self.shard(&own.to)?,
            token: new_token(),
            announced,
            applied: 0,
            backlog: None,
            frozen: None,
        })
    }

    async fn move_one(
        &self,
        bucket: Bucket,
        own: Move,
        announced: Instant,
    ) -> Result<Moved, StoreError> {
        let mut moved = Moved::default();
        self.move_bucket(bucket, &own, announced, &mut moved)
            .await?;
        moved.buckets += 1;
        Ok(moved)
    }

    /// Removes the old copy of a bucket. Starts again if another mover takes over, which may die before it has finished.
    async fn clean(&self, bucket: Bucket, own: Move) -> Result<(), StoreError> {
        let source = self.shard(&own.from)?;
        for failed in 0..ATTEMPTS_MAX {
            let token = new_token();
            source.take_over(bucket, token).await?;
            let is_frozen = source
                .holding(bucket)
                .await?
                .is_some_and(|found| found.state == HoldingState::Frozen);
            if !is_frozen {
                return Ok(());
            }
            while source.remove_some(bucket, token, REMOVED_MAX).await? {}
            if source.advance(bucket, Advance::Clean, token).await? {
                return Ok(());
            }
            sleep(patience(failed)).await;
        }
        Err(super::taken_over(bucket))
    }

    /// Changes the stored map. Starts again if another process was faster.
    async fn change_map(
        &self,
        change: impl Fn(&ShardMap) -> Result<ShardMap, ShardMapError>,
    ) -> Result<(), StoreError> {
        let _changing = self.changing.lock().await;
        for _ in 0..ATTEMPTS_MAX {
            let next = change(&self.map().await?).map_err(refused)?;
            if routes::replace(&*self.users, &next).await? {
                return Ok(());
            }
        }
        Err(StoreError::Conflict(
            "others keep changing the shard map".to_owned(),
        ))
    }

    async fn map(&self) -> Result<ShardMap, StoreError> {
        let map = routes::read(&*self.users).await?;
        map.ok_or_else(|| StoreError::Other("the shard map is gone".to_owned()))
    }

    fn shard(&self, name: &str) -> Result<&dyn Shard, StoreError> {
        let shard = self.shards.get(name).map(|shard| &**shard);
        shard.ok_or_else(|| StoreError::Invalid(format!("there is no shard `{name}`")))
    }
}

fn refused(error: ShardMapError) -> StoreError {
    StoreError::Conflict(error.to_string())
}

/// A token that no other mover has. Not 0.
fn new_token() -> i64 {
    let number = RandomState::new().hash_one(std::process::id());
    number.cast_signed() | 1
}

/// One attempt to move a bucket.
struct Run<'a> {
    mover: &'a Mover,
    bucket: Bucket,
    source: &'a dyn Shard,
    target: &'a dyn Shard,
    token: i64,
    /// Time by which the move had been announced.
    announced: Instant,
    /// Number of the last change that was copied.
    applied: i64,
    backlog: Option<(HoldingState, Backlog)>,
    /// Time by which the source refused writes.
    frozen: Option<Instant>,
}

impl Run<'_> {
    async fn until_switched(&mut self, moved: &mut Moved) -> Result<(), StoreError> {
        self.source.take_over(self.bucket, self.token).await?;
        self.target.take_over(self.bucket, self.token).await?;
        loop {
            let view = self.view().await?;
            match next(&view, self.token) {
                Step::Wait => {
                    sleep(WAIT).await;
                    self.backlog = None;
                }
                Step::GiveUp => return Err(super::taken_over(self.bucket)),
                Step::Follow => self.advance(self.source, Advance::Follow).await?,
                Step::Fill => {
                    let target = self.target;
                    // Of a copy that another mover began.
                    while target
                        .remove_some(self.bucket, self.token, REMOVED_MAX)
                        .await?
                    {}
                    self.advance(target, Advance::Fill).await?;
                    self.applied = 0;
                    moved.posts += self.copy_all().await?;
                    self.advance(self.target, Advance::Copied).await?;
                }
                Step::CatchUp(state) => moved.changes += self.catch_up(state).await?,
                Step::Freeze => {
                    self.frozen = Some(Instant::now());
                    self.advance(self.source, Advance::Freeze).await?;
                }
                Step::Own(last_post) => {
                    self.advance(self.target, Advance::Own(last_post)).await?;
                    let waited = self.frozen.map(|frozen| frozen.elapsed());
                    moved.longest_wait = moved.longest_wait.max(waited.unwrap_or_default());
                }
                Step::Switch => {
                    let bucket = self.bucket;
                    self.mover.change_map(|map| map.switch(bucket)).await?;
                }
                Step::Done => return Ok(()),
                Step::Stuck => {
                    return Err(StoreError::Other(format!(
                        "bucket {} is on neither of its shards as the shard map says",
                        self.bucket
                    )));
                }
            }
        }
    }

    async fn view(&self) -> Result<View, StoreError> {
        let map = self.mover.map().await?;
        Ok(View {
            is_switched: map.move_of(self.bucket).is_none_or(|own| own.switched),
            source: self.source.holding(self.bucket).await?,
            target: self.target.holding(self.bucket).await?,
            backlog: self.backlog,
            is_settled: self.announced.elapsed() >= self.mover.settling,
        })
    }

    /// Takes a step that only this mover may take.
    async fn advance(&self, shard: &dyn Shard, step: Advance) -> Result<(), StoreError> {
        match shard.advance(self.bucket, step, self.token).await? {
            true => Ok(()),
            false => Err(super::taken_over(self.bucket)),
        }
    }

    /// Copies all posts. Those that change meanwhile are copied again later.
    async fn copy_all(&self) -> Result<u64, StoreError> {
        let (mut after, mut count) = (UserId(i64::MIN), 0);
        loop {
            let authors = self.source.authors_in(self.bucket, after, BATCH).await?;
            let Some(last) = authors.last() else {
                return Ok(count);
            };
            after = *last;
            for author in authors {
                let mut before = None;
                loop {
                    let page = Page::new(before, PAGE_POSTS_MAX);
                    let posts = self.source.posts_by(author, page).await?;
                    before = posts.last().map(|post| post.id);
                    let is_last = posts.len() < PAGE_POSTS_MAX as usize;
                    count += posts.len() as u64;
                    self.copy(author, posts, Vec::new()).await?;
                    if is_last {
                        break;
                    }
                }
            }
        }
    }

    /// Copies the changes recorded since the last call. Returns their number.
    async fn catch_up(&mut self, state: HoldingState) -> Result<u64, StoreError> {
        let mut count = 0;
        loop {
            let changes = self
                .source
                .changes(self.bucket, self.applied, BATCH)
                .await?;
            let mut by_author: BTreeMap<UserId, Vec<PostId>> = BTreeMap::new();
            for change in &changes {
                let posts = by_author.entry(change.author).or_default();
                if !posts.contains(&change.post) {
                    posts.push(change.post);
                }
            }
            for (author, posts) in by_author {
                self.copy_changed(author, posts).await?;
            }
            self.applied = changes.last().map_or(self.applied, |last| last.number);
            let found = changes.len();
            count += found as u64;
            if found < BATCH as usize {
                let backlog = if found == 0 {
                    Backlog::Empty
                } else {
                    Backlog::Short
                };
                self.backlog = Some((state, backlog));
                return Ok(count);
            }
        }
    }

    /// Copies changed posts of one author as they are now.
    async fn copy_changed(&self, author: UserId, ids: Vec<PostId>) -> Result<(), StoreError> {
        let (mut posts, mut removed) = (Vec::new(), Vec::new());
        for id in ids {
            match self.source.post(id).await {
                Ok(post) => posts.push(post),
                Err(StoreError::NotFound) => removed.push(id),
                Err(error) => return Err(error),
            }
        }
        self.copy(author, posts, removed).await
    }

    /// Stores posts of one author on the new shard, with their photos, and the author's count. A change since they
    /// were read is recorded, so that they are copied again.
    async fn copy(
        &self,
        author: UserId,
        posts: Vec<Post>,
        removed: Vec<PostId>,
    ) -> Result<(), StoreError> {
        let mut copies = Vec::with_capacity(posts.len());
        for post in posts {
            let photo = match post.has_photo {
                false => None,
                true => match self.source.photo(post.id).await {
                    Err(StoreError::NotFound) => None,
                    photo => Some(photo?),
                },
            };
            copies.push(PostCopy { post, photo });
        }
        let author = self.source.user(author).await?;
        self.target
            .import(self.bucket, self.token, author, copies, removed)
            .await
    }
}

#[cfg(test)]
mod tests;

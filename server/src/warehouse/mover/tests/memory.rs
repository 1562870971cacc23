//! Posts and a warehouse in memory, whose calls fail when a test says so.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard};

use async_trait::async_trait;

use crate::model::{Page, Post, PostId, Timestamp, UserId};
use crate::store::StoreError;
use crate::store::old_posts::{Mark, Marked, MonthTotals, OldPosts, month_of};
use crate::store::sharded::PostCopy;
use crate::warehouse::{AnswerRow, Question, Warehouse};

/// Posts marked at once.
const BATCH: usize = 3;

/// Calls that are left until one fails.
#[derive(Debug, Default)]
struct Faults {
    /// `None` if no call fails.
    left: Option<u32>,
    /// True if the failing call takes effect.
    takes_effect: bool,
}

/// What a call does.
#[derive(PartialEq, Eq)]
enum Fate {
    Works,
    FailsBefore,
    FailsAfter,
}

impl Faults {
    /// Once a call has failed, all later ones do: the mover is dead.
    fn next(&mut self) -> Fate {
        match &mut self.left {
            None => Fate::Works,
            Some(0) => match std::mem::take(&mut self.takes_effect) {
                true => Fate::FailsAfter,
                false => Fate::FailsBefore,
            },
            Some(left) => {
                *left -= 1;
                Fate::Works
            }
        }
    }

    fn call<T>(&mut self, effect: impl FnOnce() -> T) -> Result<T, StoreError> {
        let killed = || StoreError::Unavailable("killed".to_owned());
        match self.next() {
            Fate::Works => Ok(effect()),
            Fate::FailsBefore => Err(killed()),
            Fate::FailsAfter => {
                effect();
                Err(killed())
            }
        }
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap()
}

fn totals<'a>(posts: impl Iterator<Item = &'a PostCopy>) -> Vec<MonthTotals> {
    let mut months: BTreeMap<u32, MonthTotals> = BTreeMap::new();
    for own in posts {
        let month = month_of(own.post.created_at);
        let one = MonthTotals {
            month,
            posts: 1,
            ids: own.post.id.0.unsigned_abs() % 1_000_003,
            content_bytes: own.post.content.len() as u64,
            content_digests: own.post.content.bytes().map(u64::from).sum(),
        };
        let sum = months.get(&month).map_or(one, |sum| sum.and(one));
        months.insert(month, sum);
    }
    months.into_values().collect()
}

#[derive(Debug, Default)]
struct Rows {
    posts: BTreeMap<PostId, PostCopy>,
    marks: BTreeMap<PostId, Mark>,
    faults: Faults,
}

/// Posts of a database.
#[derive(Debug)]
pub(in crate::warehouse) struct MemoryPosts(Mutex<Rows>);

impl MemoryPosts {
    /// Creates posts, half of them older than a time, over several months.
    pub(super) fn new(count: i64, before: Timestamp) -> Self {
        let mut rows = Rows::default();
        for number in 1..=count {
            let created_at = Timestamp(before.0 + (number - count / 2) * 10 * 86_400_000 - 1);
            let post = Post {
                id: PostId(number),
                author: UserId(number % 3 + 1),
                author_handle: format!("user{}", number % 3 + 1),
                content: format!("post {number}"),
                html: String::new(),
                created_at,
                updated_at: created_at,
                has_photo: false,
            };
            let copy = PostCopy { post, photo: None };
            rows.posts.insert(PostId(number), copy);
        }
        Self(Mutex::new(rows))
    }

    pub(super) fn all(&self) -> BTreeMap<PostId, PostCopy> {
        locked(&self.0).posts.clone()
    }

    pub(super) fn marks(&self) -> usize {
        locked(&self.0).marks.len()
    }

    pub(super) fn fail_after(&self, calls: u32, takes_effect: bool) {
        locked(&self.0).faults = Faults {
            left: Some(calls),
            takes_effect,
        };
    }

    pub(super) fn never_fail(&self) {
        locked(&self.0).faults = Faults::default();
    }

    /// Edits the post at an index, without a new time: two edits may be in the same millisecond.
    pub(super) fn edit(&self, index: usize) -> Option<PostCopy> {
        let mut rows = locked(&self.0);
        let own = rows.posts.values_mut().nth(index)?;
        own.post.content.push('!');
        Some(own.clone())
    }

    pub(super) fn delete(&self, index: usize) -> Option<PostId> {
        let mut rows = locked(&self.0);
        let id = *rows.posts.keys().nth(index)?;
        rows.posts.remove(&id);
        Some(id)
    }
}

#[async_trait]
impl OldPosts for MemoryPosts {
    async fn prepare_moves(&self) -> Result<(), StoreError> {
        locked(&self.0).faults.call(|| ())
    }

    async fn mark(&self, after: PostId, before: Timestamp) -> Result<Option<Marked>, StoreError> {
        let rows = &mut *locked(&self.0);
        let (posts, marks) = (&rows.posts, &mut rows.marks);
        rows.faults.call(|| {
            let old = posts
                .values()
                .filter(|own| own.post.id > after && own.post.created_at < before);
            let old: Vec<_> = old.take(BATCH).cloned().collect();
            for PostCopy { post, .. } in &old {
                let mark = Mark {
                    post: post.id,
                    author: post.author,
                    created_at: post.created_at,
                };
                marks.insert(post.id, mark);
            }
            let last = old.last()?.post.id;
            Some(Marked { last, posts: old })
        })
    }

    async fn remove_copied(&self, copied: Vec<PostCopy>) -> Result<u64, StoreError> {
        let rows = &mut *locked(&self.0);
        let (posts, marks) = (&mut rows.posts, &mut rows.marks);
        rows.faults.call(|| {
            let mut removed = 0;
            for own in &copied {
                if posts.get(&own.post.id) == Some(own) {
                    posts.remove(&own.post.id);
                    marks.remove(&own.post.id);
                    removed += 1;
                }
            }
            removed
        })
    }

    async fn deleted_marks(&self) -> Result<Vec<Mark>, StoreError> {
        let rows = &mut *locked(&self.0);
        let (posts, marks) = (&rows.posts, &rows.marks);
        rows.faults.call(|| {
            let absent = marks.values().filter(|own| !posts.contains_key(&own.post));
            absent.take(BATCH).copied().collect()
        })
    }

    async fn forget(&self, forgotten: Vec<Mark>) -> Result<(), StoreError> {
        let rows = &mut *locked(&self.0);
        let marks = &mut rows.marks;
        rows.faults.call(|| {
            for own in forgotten {
                marks.remove(&own.post);
            }
        })
    }

    async fn totals_by_month(&self, before: Timestamp) -> Result<Vec<MonthTotals>, StoreError> {
        let rows = locked(&self.0);
        let old = rows
            .posts
            .values()
            .filter(|own| own.post.created_at < before);
        Ok(totals(old))
    }
}

#[derive(Debug, Default)]
struct Versions {
    /// Highest version of each post. `None` without the post.
    posts: BTreeMap<PostId, (u64, Option<PostCopy>)>,
    faults: Faults,
}

/// Warehouse in memory.
#[derive(Debug, Default)]
pub(in crate::warehouse) struct MemoryWarehouse(Mutex<Versions>);

impl MemoryWarehouse {
    pub(super) fn copies(&self) -> Vec<PostCopy> {
        let versions = locked(&self.0);
        let posts = versions.posts.values();
        posts.filter_map(|(_, post)| post.clone()).collect()
    }

    pub(in crate::warehouse) fn fail_after(&self, calls: u32, takes_effect: bool) {
        locked(&self.0).faults = Faults {
            left: Some(calls / 2),
            takes_effect,
        };
    }

    pub(super) fn never_fail(&self) {
        locked(&self.0).faults = Faults::default();
    }

    fn write(
        &self,
        posts: impl Iterator<Item = (PostId, Option<PostCopy>)>,
        version: u64,
    ) -> Result<(), StoreError> {
        let versions = &mut *locked(&self.0);
        let stored = &mut versions.posts;
        versions.faults.call(|| {
            for (id, post) in posts {
                let found = stored.entry(id).or_insert((0, None));
                if version > found.0 {
                    *found = (version, post);
                }
            }
        })
    }
}

#[async_trait]
impl Warehouse for MemoryWarehouse {
    async fn put(&self, posts: &[PostCopy], version: u64) -> Result<(), StoreError> {
        let rows = posts.iter().map(|own| (own.post.id, Some(own.clone())));
        self.write(rows, version)
    }

    async fn bury(&self, posts: &[Mark], version: u64) -> Result<(), StoreError> {
        self.write(posts.iter().map(|own| (own.post, None)), version)
    }

    async fn totals_by_month(&self) -> Result<Vec<MonthTotals>, StoreError> {
        Ok(totals(self.copies().iter()))
    }

    async fn post(&self, id: PostId) -> Result<PostCopy, StoreError> {
        let copies = self.copies().into_iter();
        copies
            .into_iter()
            .find(|own| own.post.id == id)
            .ok_or(StoreError::NotFound)
    }

    async fn posts_by(&self, authors: &[UserId], page: Page) -> Result<Vec<Post>, StoreError> {
        // Reads fail as writes do, but take no turn.
        if locked(&self.0).faults.left == Some(0) {
            return Err(StoreError::Unavailable("killed".to_owned()));
        }
        let authors: BTreeSet<_> = authors.iter().collect();
        let before = page.before().unwrap_or(PostId(i64::MAX));
        let copies = self.copies().into_iter().rev().map(|own| own.post);
        let found = copies.filter(|own| authors.contains(&own.author) && own.id < before);
        Ok(found.take(page.limit() as usize).collect())
    }

    async fn answer(&self, _: Question, _: Option<u32>) -> Result<Vec<AnswerRow>, StoreError> {
        Ok(Vec::new())
    }
}

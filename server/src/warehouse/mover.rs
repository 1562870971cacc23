//! Moves old posts from a database to the warehouse.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;

use super::Warehouse;
use crate::model::{PostId, Timestamp};
use crate::store::StoreError;
use crate::store::old_posts::{MonthTotals, OldPosts};

/// Moves old posts from databases to the warehouse.
///
/// A post is marked in its database, copied to the warehouse, and removed from the database if it still equals its copy. After a crash between two of
/// these steps, the next move repeats them: copies are idempotent, and a post that was deleted meanwhile is marked but absent, and is removed from the
/// warehouse. Several movers may work at once.
#[derive(Clone, Debug)]
pub struct Mover {
    sources: Vec<Arc<dyn OldPosts>>,
    warehouse: Arc<dyn Warehouse>,
}

/// Result of a move.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moved {
    /// Posts that are in the warehouse alone now.
    pub posts: u64,
    /// Posts that stay for the next move: they changed while they were copied, or are about to move to another shard.
    pub left: u64,
    /// Posts that were deleted after they had been copied.
    pub deleted: u64,
}

/// A month of posts in the databases and in the warehouse.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct MonthOnBothSides {
    /// In the databases.
    pub databases: MonthTotals,
    /// In the warehouse.
    pub warehouse: MonthTotals,
}

/// Posts on both sides, by month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Checked {
    /// The months, in order.
    pub months: Vec<MonthOnBothSides>,
}

impl Checked {
    /// Returns the totals of each month, wherever its posts are. A move leaves them as they were.
    #[must_use]
    pub fn totals(&self) -> Vec<MonthTotals> {
        let months = self.months.iter();
        months.map(|own| own.databases.and(own.warehouse)).collect()
    }
}

impl Mover {
    /// Moves from databases to a warehouse.
    #[must_use]
    pub fn new(sources: Vec<Arc<dyn OldPosts>>, warehouse: Arc<dyn Warehouse>) -> Self {
        Self { sources, warehouse }
    }

    /// Moves all posts created before a time.
    ///
    /// # Errors
    /// The error of a database or of the warehouse. The other posts stay, and the next move continues with them.
    pub async fn move_older(&self, before: Timestamp) -> Result<Moved, StoreError> {
        let mut moved = Moved::default();
        for source in &self.sources {
            source.prepare_moves().await?;
            // Deleted while an earlier move was interrupted.
            moved.deleted += self.bury_deleted(source).await?;
            let mut after = PostId(0);
            while let Some(marked) = source.mark(after, before).await? {
                after = marked.last;
                if !marked.posts.is_empty() {
                    self.warehouse.put(&marked.posts, next_version()).await?;
                    let copied = marked.posts.len() as u64;
                    let removed = source.remove_copied(marked.posts).await?;
                    moved.posts += removed;
                    moved.left += copied - removed;
                }
                moved.deleted += self.bury_deleted(source).await?;
            }
        }
        Ok(moved)
    }

    async fn bury_deleted(&self, source: &Arc<dyn OldPosts>) -> Result<u64, StoreError> {
        let mut deleted = 0;
        loop {
            let marks = source.deleted_marks().await?;
            if marks.is_empty() {
                return Ok(deleted);
            }
            self.warehouse.bury(&marks, next_version()).await?;
            deleted += marks.len() as u64;
            source.forget(marks).await?;
        }
    }

    /// Counts and sums the posts created before a time on both sides, by month. While posts move, some are counted on both.
    ///
    /// # Errors
    /// The error of a database or of the warehouse.
    pub async fn check(&self, before: Timestamp) -> Result<Checked, StoreError> {
        let mut months: BTreeMap<u32, MonthOnBothSides> = BTreeMap::new();
        for source in &self.sources {
            for own in source.totals_by_month(before).await? {
                let both = both_sides(&mut months, own.month);
                both.databases = both.databases.and(own);
            }
        }
        for own in self.warehouse.totals_by_month().await? {
            both_sides(&mut months, own.month).warehouse = own;
        }
        Ok(Checked {
            months: months.into_values().collect(),
        })
    }
}

fn both_sides(months: &mut BTreeMap<u32, MonthOnBothSides>, month: u32) -> &mut MonthOnBothSides {
    let none = MonthTotals {
        month,
        posts: 0,
        ids: 0,
        content_bytes: 0,
        content_digests: 0,
    };
    months.entry(month).or_insert(MonthOnBothSides {
        databases: none,
        warehouse: none,
    })
}

/// Returns a version above all earlier ones of this process, and of others whose clocks agree: microseconds since 1970.
fn next_version() -> u64 {
    static LAST: AtomicU64 = AtomicU64::new(0);
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    let now = u64::try_from(since.unwrap_or_default().as_micros()).unwrap_or(u64::MAX);
    let last = LAST.fetch_max(now, Ordering::Relaxed);
    if last < now {
        return now;
    }
    // The clock stood still, or went back.
    LAST.fetch_add(1, Ordering::Relaxed) + 1
}

#[cfg(test)]
pub(in crate::warehouse) mod tests;

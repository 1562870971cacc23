//! Posts that are old enough to leave the database.

use std::fmt;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use super::StoreError;
use super::sharded::PostCopy;
use crate::model::{PostId, Timestamp, UserId};

/// Maximum number of posts in one step of a move. Small in tests.
pub const OLD_POSTS_MAX: usize = if cfg!(test) { 20 } else { 500 };

/// Database with posts that can be moved elsewhere.
///
/// A post is marked, copied elsewhere, and removed, in this order. A mark outlives a crash, so that a post that its author deletes after it was
/// copied is found: it is marked, and not there any more.
#[async_trait]
pub trait OldPosts: Send + Sync + fmt::Debug + 'static {
    /// Prepares moves. May be repeated.
    async fn prepare_moves(&self) -> Result<(), StoreError>;

    /// Marks posts created before a time, the lowest identifiers above `after` first, at most [`OLD_POSTS_MAX`], and returns those that are still
    /// there, with the highest identifier that was looked at. `None` at the end, after which all posts are younger.
    async fn mark(&self, after: PostId, before: Timestamp) -> Result<Option<Marked>, StoreError>;

    /// Removes those of the copied posts that still equal their copies, with their photos' records and their marks. Returns their number. Counters of
    /// posts keep them. Leaves posts whose bucket moves to another shard.
    async fn remove_copied(&self, copied: Vec<PostCopy>) -> Result<u64, StoreError>;

    /// Returns marked posts that were deleted since, at most [`OLD_POSTS_MAX`].
    async fn deleted_marks(&self) -> Result<Vec<Mark>, StoreError>;

    /// Removes the marks of deleted posts.
    async fn forget(&self, marks: Vec<Mark>) -> Result<(), StoreError>;

    /// Returns the totals of the posts created before a time, by month.
    async fn totals_by_month(&self, before: Timestamp) -> Result<Vec<MonthTotals>, StoreError>;
}

/// Posts that were marked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Highest identifier that was looked at.
    pub last: PostId,
    /// Copies of the posts that are still there.
    pub posts: Vec<PostCopy>,
}

/// Mark of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The post.
    pub post: PostId,
    /// Its author.
    pub author: UserId,
    /// Time of its creation.
    pub created_at: Timestamp,
}

/// Posts of a month: their number, and sums that differ if a post does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct MonthTotals {
    /// Month of creation in UTC: 202511 is November 2025.
    pub month: u32,
    /// Number of posts.
    pub posts: u64,
    /// Sum of the identifiers modulo 1,000,003.
    pub ids: u64,
    /// Bytes of content.
    pub content_bytes: u64,
    /// Sum of the first four bytes of the MD5 of each content.
    pub content_digests: u64,
}

impl MonthTotals {
    /// Adds the totals of other posts of the same month.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            month: self.month,
            posts: self.posts + other.posts,
            ids: self.ids + other.ids,
            content_bytes: self.content_bytes + other.content_bytes,
            content_digests: self.content_digests + other.content_digests,
        }
    }
}

/// Returns the month of a time in UTC: 202511 is November 2025.
///
/// The algorithm is `civil_from_days` of Howard Hinnant, chrono-Compatible Low-Level Date Algorithms, 2013.
#[must_use]
pub fn month_of(time: Timestamp) -> u32 {
    let days = time.0.div_euclid(86_400_000) + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era =
        (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let month = if shifted < 10 {
        shifted + 3
    } else {
        shifted - 9
    };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    u32::try_from(year * 100 + month).unwrap_or_default()
}

/// Returns the month that is some months before that of a time.
#[must_use]
pub fn month_before(time: Timestamp, months: u32) -> u32 {
    let month = month_of(time);
    let since_year_0 = ((month / 100) * 12 + month % 100 - 1).saturating_sub(months);
    since_year_0 / 12 * 100 + since_year_0 % 12 + 1
}

/// Returns the first moment of a month, the inverse of [`month_of`].
///
/// The algorithm is `days_from_civil` of Howard Hinnant, as above.
#[must_use]
pub fn start_of_month(month: u32) -> Timestamp {
    let (year, month) = (i64::from(month / 100), i64::from(month % 100));
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let shifted = if month > 2 { month - 3 } else { month + 9 };
    let day_of_year = (153 * shifted + 2) / 5;
    let day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    Timestamp((era * 146_097 + day_of_era - 719_468) * 86_400_000)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn month_begins_at_its_start(time in 0_i64..7_258_118_400_000) {
            let month = month_of(Timestamp(time));
            let start = start_of_month(month);
            prop_assert!(start.0 <= time && time - start.0 < 31 * 86_400_000);
            prop_assert_eq!(month_of(start), month);
            prop_assert_eq!(month_of(Timestamp(start.0 - 1)), month_before(start, 1));
            prop_assert_eq!(month_before(Timestamp(time), 12), month - 100);
        }
    }

    #[test]
    fn months_are_those_of_the_calendar() {
        for (seconds, month) in [
            (0, 197_001),
            (951_782_399, 200_002),
            (951_782_400, 200_002),
            (951_868_800, 200_003),
            (1_764_547_199, 202_511),
            (1_764_547_200, 202_512),
            (1_767_225_599, 202_512),
            (1_767_225_600, 202_601),
            (4_107_542_399, 210_002),
            (4_107_542_400, 210_003),
        ] {
            assert_eq!(month_of(Timestamp(seconds * 1_000)), month, "{seconds}");
        }
    }
}

//! Recent changes by this process, against which cached feeds are validated.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::model::{Post, UserId};
use crate::store::Shared;

/// Length of the log of changes: 20 s at 400 writes/s. A feed last validated before the oldest entry counts
/// as changed.
const CHANGES_MAX: usize = 8_192;
/// Maximum size of the posts in the log, including their bodies, in bytes: about two thousand posts of
/// 1 KB.
const POST_BYTES_MAX: usize = 16 << 20;

/// Change that affects feeds.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// This post was created. The write started at this time.
    Created(Arc<Shared<Post>>, Instant),
    /// A post of this user was created, deleted or edited.
    PostOf(UserId),
    /// The followees of this user changed.
    FollowedBy(UserId),
    /// The first user follows the second.
    Followed(UserId, UserId),
    /// The first user unfollowed the second.
    Unfollowed(UserId, UserId),
}

impl Change {
    /// Returns true if the change does not say how it affects a feed.
    fn is_vague(&self) -> bool {
        matches!(self, Self::PostOf(_) | Self::FollowedBy(_))
    }

    /// Returns true if the change concerns the followees of a user.
    fn is_of_follower(&self, user: UserId) -> bool {
        let (Self::FollowedBy(by) | Self::Followed(by, _) | Self::Unfollowed(by, _)) = self else {
            return false;
        };
        *by == user
    }
}

/// Changes to a feed since it was last validated.
#[derive(Debug)]
pub(super) enum Delta {
    /// No changes up to this number.
    Unchanged(u64),
    /// These changes in order, and no others up to this number.
    Changes(Vec<Change>, u64),
    /// Unknown: the feed must be reloaded.
    Unknown,
}

/// Log of changes, numbered from 1.
#[derive(Debug, Default)]
pub(super) struct Changes {
    newest: AtomicU64,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    /// The last changes.
    last: VecDeque<Change>,
    /// Numbers and sizes, in bytes, of the changes with posts.
    posts: VecDeque<(u64, usize)>,
    post_bytes: usize,
}

impl Changes {
    /// Returns the number of the newest change.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, change: Change) {
        self.push(&mut self.log(), change);
    }

    /// Logs a created post, whose write started after change `since`. If another post of its author changed in
    /// the meantime, that may have been this one: others may see it before its author has a response. Then the
    /// log records an unspecific change.
    pub(super) fn add_created(&self, post: &Arc<Shared<Post>>, began: Instant, since: u64) {
        let mut log = self.log();
        let change = if self.post_changed(&log.last, post.author, since) {
            Change::PostOf(post.author)
        } else {
            Change::Created(Arc::clone(post), began)
        };
        self.push(&mut log, change);
    }

    /// Logs a follow or unfollow, whose write started after change `since`. If the followees changed otherwise
    /// in the meantime, the order of the writes is unknown.
    pub(super) fn add_follow(&self, follower: UserId, followee: UserId, now: bool, since: u64) {
        let mut log = self.log();
        let concurrent = self.any(&log.last, since, |change| change.is_of_follower(follower));
        let change = match (concurrent, now) {
            (true, _) => Change::FollowedBy(follower),
            (false, true) => Change::Followed(follower, followee),
            (false, false) => Change::Unfollowed(follower, followee),
        };
        self.push(&mut log, change);
    }

    /// Returns true if a post of this user may have been deleted or edited after change `since`.
    pub(super) fn post_changed_since(&self, author: UserId, since: u64) -> bool {
        self.newest() != since && self.post_changed(&self.log().last, author, since)
    }

    /// Returns the changes after number `since` for which `concerns` is true.
    pub(super) fn delta(&self, since: u64, concerns: impl Fn(&Change) -> bool) -> Delta {
        if self.newest() == since {
            return Delta::Unchanged(since);
        }
        let log = self.log();
        let (last, newest) = (&log.last, self.newest());
        let Some(known) = Self::index_after(last, newest, since) else {
            return Delta::Unknown;
        };
        let mut changes = Vec::new();
        for change in last.range(known..).filter(|change| concerns(change)) {
            if change.is_vague() {
                return Delta::Unknown;
            }
            changes.push(change.clone());
        }
        if changes.is_empty() {
            return Delta::Unchanged(newest);
        }
        Delta::Changes(changes, newest)
    }

    fn post_changed(&self, last: &VecDeque<Change>, author: UserId, since: u64) -> bool {
        let of_author = |change: &Change| matches!(change, Change::PostOf(by) if *by == author);
        self.any(last, since, of_author)
    }

    /// Returns true if `matches` is true for any change after number `since`, or they are no longer logged.
    fn any(&self, last: &VecDeque<Change>, since: u64, matches: impl Fn(&Change) -> bool) -> bool {
        Self::index_after(last, self.newest(), since)
            .is_none_or(|known| last.range(known..).any(matches))
    }

    /// Returns the index of the first change after number `since`. `None` if no longer logged.
    fn index_after(last: &VecDeque<Change>, newest: u64, since: u64) -> Option<usize> {
        let new = usize::try_from(newest.saturating_sub(since)).ok()?;
        last.len().checked_sub(new)
    }

    fn push(&self, log: &mut Log, change: Change) {
        // Under the lock, so that numbers and indices agree.
        let number = self.newest.fetch_add(1, Ordering::Release) + 1;
        if let Change::Created(post, _) = &change {
            let bytes = 3 * (post.content.len() + post.html.len()) + 512;
            log.posts.push_back((number, bytes));
            log.post_bytes += bytes;
        }
        log.last.push_back(change);
        // Dropping a post keeps the fact that there was one.
        while log.post_bytes > POST_BYTES_MAX
            && let Some((oldest, bytes)) = log.posts.pop_front()
        {
            log.post_bytes -= bytes;
            if let Some(index) = Self::index_after(&log.last, number, oldest - 1)
                && let Some(old) = log.last.get_mut(index)
                && let Change::Created(post, _) = old
            {
                *old = Change::PostOf(post.author);
            }
        }
        if log.last.len() > CHANGES_MAX
            && let Some(Change::Created(..)) = log.last.pop_front()
            && let Some((_, bytes)) = log.posts.pop_front()
        {
            log.post_bytes -= bytes;
        }
    }

    fn log(&self) -> MutexGuard<'_, Log> {
        self.log.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PostId, Timestamp};

    fn by(user: i64) -> impl Fn(&Change) -> bool {
        move |change| match change {
            Change::Created(post, _) => post.author == UserId(user),
            Change::PostOf(author) => *author == UserId(user),
            _ => false,
        }
    }

    /// Maximum length of HTML, in bytes.
    const LONG: usize = 65_535;

    fn post(id: i64, author: i64) -> Arc<Shared<Post>> {
        with_html(id, author, String::new())
    }

    fn long_post(id: i64, author: i64) -> Arc<Shared<Post>> {
        with_html(id, author, "x".repeat(LONG))
    }

    fn with_html(id: i64, author: i64, html: String) -> Arc<Shared<Post>> {
        Shared::new(Post {
            id: PostId(id),
            author: UserId(author),
            author_handle: String::new(),
            content: String::new(),
            html,
            created_at: Timestamp(0),
            updated_at: Timestamp(0),
            has_photo: false,
        })
    }

    fn nothing(delta: Delta) -> Option<u64> {
        match delta {
            Delta::Unchanged(newest) => Some(newest),
            _ => None,
        }
    }

    fn posts(delta: Delta) -> Option<(Vec<i64>, u64)> {
        match delta {
            Delta::Changes(changes, newest) => {
                let posts = changes.iter().map(|change| match change {
                    Change::Created(post, _) => post.id.0,
                    other => panic!("{other:?}"),
                });
                Some((posts.collect(), newest))
            }
            _ => None,
        }
    }

    #[test]
    fn earlier_changes_do_not_count() {
        let changes = Changes::default();
        assert_eq!(nothing(changes.delta(0, by(1))), Some(0));
        changes.add(Change::PostOf(UserId(1)));
        changes.add(Change::PostOf(UserId(2)));
        assert!(matches!(changes.delta(0, by(1)), Delta::Unknown));
        assert_eq!(nothing(changes.delta(1, by(1))), Some(2));
        assert_eq!(nothing(changes.delta(0, by(3))), Some(2));
    }

    #[test]
    fn reports_created_posts() {
        let changes = Changes::default();
        let began = Instant::now();
        for (id, author) in [(1, 1), (2, 2), (3, 1)] {
            changes.add_created(&post(id, author), began, changes.newest());
        }
        assert_eq!(posts(changes.delta(0, by(1))), Some((vec![1, 3], 3)));
        assert_eq!(posts(changes.delta(2, by(1))), Some((vec![3], 3)));
        assert_eq!(nothing(changes.delta(0, by(3))), Some(3));
        changes.add(Change::PostOf(UserId(2)));
        assert!(matches!(changes.delta(0, by(2)), Delta::Unknown));
        assert_eq!(posts(changes.delta(0, by(1))), Some((vec![1, 3], 4)));
    }

    #[test]
    fn post_with_concurrent_change_is_not_reported() {
        let changes = Changes::default();
        assert!(!changes.post_changed_since(UserId(1), 0));
        changes.add(Change::PostOf(UserId(1)));
        assert!(changes.post_changed_since(UserId(1), 0));
        assert!(!changes.post_changed_since(UserId(1), 1));
        assert!(!changes.post_changed_since(UserId(2), 0));
        changes.add_created(&post(1, 1), Instant::now(), 0);
        assert!(matches!(changes.delta(1, by(1)), Delta::Unknown));
        changes.add_created(&post(2, 1), Instant::now(), 2);
        assert_eq!(posts(changes.delta(2, by(1))), Some((vec![2], 3)));
    }

    #[test]
    fn concurrent_follows_have_unknown_order() {
        let changes = Changes::default();
        let [one, two, other] = [1, 2, 3].map(UserId);
        let of_one = |since| changes.delta(since, |change| change.is_of_follower(one));
        changes.add_follow(one, two, true, 0);
        changes.add_follow(other, two, true, 0);
        changes.add_follow(one, two, false, 1);
        let Delta::Changes(known, 3) = of_one(0) else {
            panic!("{:?}", of_one(0));
        };
        assert!(matches!(
            known[..],
            [Change::Followed(..), Change::Unfollowed(..)]
        ));
        // This write started before the previous one was logged.
        changes.add_follow(one, two, true, 2);
        assert!(matches!(of_one(3), Delta::Unknown));
        changes.add_follow(one, two, true, 4);
        assert!(matches!(of_one(4), Delta::Changes(..)));
    }

    #[test]
    fn dropped_changes_count_as_changed() {
        let changes = Changes::default();
        for _ in 0..CHANGES_MAX {
            changes.add(Change::FollowedBy(UserId(1)));
        }
        let all = CHANGES_MAX as u64;
        assert_eq!(nothing(changes.delta(0, |_| false)), Some(all));
        changes.add(Change::FollowedBy(UserId(1)));
        assert!(matches!(changes.delta(0, |_| false), Delta::Unknown));
        assert_eq!(nothing(changes.delta(1, |_| false)), Some(all + 1));
        assert!(changes.post_changed_since(UserId(7), 0));
    }

    #[test]
    fn drops_posts_of_old_changes() {
        let changes = Changes::default();
        let first = long_post(1, 1);
        let add = |post: &Arc<Shared<Post>>| {
            changes.add_created(post, Instant::now(), changes.newest());
        };
        add(&first);
        let room = POST_BYTES_MAX / (3 * LONG + 512);
        for id in 2..=room as i64 {
            add(&long_post(id, 2));
        }
        assert!(posts(changes.delta(0, by(1))).is_some());
        add(&long_post(0, 2));
        assert_eq!(Arc::strong_count(&first), 1);
        assert!(matches!(changes.delta(0, by(1)), Delta::Unknown));
        assert!(posts(changes.delta(1, by(2))).is_some());
        // Posts dropped together with their changes take no space either.
        for _ in 0..CHANGES_MAX {
            changes.add(Change::FollowedBy(UserId(1)));
        }
        let log = changes.log();
        assert_eq!((log.posts.len(), log.post_bytes), (0, 0));
    }
}

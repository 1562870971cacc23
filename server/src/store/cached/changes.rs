//! What this process has changed of late: what the feeds that it keeps are checked against.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use crate::model::{Post, UserId};
use crate::store::Shared;

/// How many changes are remembered. At 400 writes/s that is 20 s; a feed that was last read before the
/// oldest is taken to have changed.
const REMEMBERED: usize = 8_192;
/// How much the posts may take that are remembered with the changes, with their bodies, in bytes: some two
/// thousand posts of 1 KB.
const POST_BYTES_REMEMBERED: usize = 16 << 20;

/// Something that changes feeds.
#[derive(Clone, Debug)]
pub(super) enum Change {
    /// This post came. Its writing began then.
    Created(Arc<Shared<Post>>, Instant),
    /// A post of this user came, went or became another.
    PostOf(UserId),
    /// This user follows others than before.
    FollowedBy(UserId),
    /// The first user follows the second.
    Followed(UserId, UserId),
    /// The first user follows the second no longer.
    Unfollowed(UserId, UserId),
}

impl Change {
    /// Whether what became of a feed can't be told from the change.
    fn is_vague(&self) -> bool {
        matches!(self, Self::PostOf(_) | Self::FollowedBy(_))
    }

    /// Whether it is of those whom a user follows.
    fn is_of_follower(&self, user: UserId) -> bool {
        let (Self::FollowedBy(by) | Self::Followed(by, _) | Self::Unfollowed(by, _)) = self else {
            return false;
        };
        *by == user
    }
}

/// What has come to a feed.
#[derive(Debug)]
pub(super) enum News {
    /// Nothing up to this change.
    Nothing(u64),
    /// These changes in their order, and nothing else up to a change of this number.
    Changes(Vec<Change>, u64),
    /// What only the store can tell.
    Unknown,
}

/// The changes, numbered from 1.
#[derive(Debug, Default)]
pub(super) struct Changes {
    newest: AtomicU64,
    log: Mutex<Log>,
}

#[derive(Debug, Default)]
struct Log {
    /// The last changes.
    last: VecDeque<Change>,
    /// The numbers of those with posts that are remembered, and what they take in bytes.
    posts: VecDeque<(u64, usize)>,
    post_bytes: usize,
}

impl Changes {
    /// The number of the newest change.
    pub(super) fn newest(&self) -> u64 {
        self.newest.load(Ordering::Acquire)
    }

    pub(super) fn add(&self, change: Change) {
        self.push(&mut self.log(), change);
    }

    /// Adds that a post came, whose writing began after change `since`. Where another post of its author
    /// changed meanwhile it may have been this one, which is known to some before its author has an answer:
    /// then that is what is remembered.
    pub(super) fn add_created(&self, post: &Arc<Shared<Post>>, began: Instant, since: u64) {
        let mut log = self.log();
        let change = if self.post_changed(&log.last, post.author, since) {
            Change::PostOf(post.author)
        } else {
            Change::Created(Arc::clone(post), began)
        };
        self.push(&mut log, change);
    }

    /// Adds that a user follows another, or no longer, which began to be written after change `since`. Where
    /// something else was written of whom they follow meanwhile, nobody knows which was last.
    pub(super) fn add_follow(&self, follower: UserId, followee: UserId, now: bool, since: u64) {
        let mut log = self.log();
        let meanwhile = self.any(&log.last, since, |change| change.is_of_follower(follower));
        let change = match (meanwhile, now) {
            (true, _) => Change::FollowedBy(follower),
            (false, true) => Change::Followed(follower, followee),
            (false, false) => Change::Unfollowed(follower, followee),
        };
        self.push(&mut log, change);
    }

    /// Whether a post of this user may have gone or become another after change `since`.
    pub(super) fn post_changed_since(&self, author: UserId, since: u64) -> bool {
        self.newest() != since && self.post_changed(&self.log().last, author, since)
    }

    /// What has come after number `since` to a feed of what `concerns` it.
    pub(super) fn news(&self, since: u64, concerns: impl Fn(&Change) -> bool) -> News {
        if self.newest() == since {
            return News::Nothing(since);
        }
        let log = self.log();
        let (last, newest) = (&log.last, self.newest());
        let Some(known) = Self::place(last, newest, since) else {
            return News::Unknown;
        };
        let mut changes = Vec::new();
        for change in last.range(known..).filter(|change| concerns(change)) {
            if change.is_vague() {
                return News::Unknown;
            }
            changes.push(change.clone());
        }
        if changes.is_empty() {
            return News::Nothing(newest);
        }
        News::Changes(changes, newest)
    }

    fn post_changed(&self, last: &VecDeque<Change>, author: UserId, since: u64) -> bool {
        let of_author = |change: &Change| matches!(change, Change::PostOf(by) if *by == author);
        self.any(last, since, of_author)
    }

    /// Whether any of the changes after number `since` is so; true where they are not remembered.
    fn any(&self, last: &VecDeque<Change>, since: u64, so: impl Fn(&Change) -> bool) -> bool {
        Self::place(last, self.newest(), since).is_none_or(|known| last.range(known..).any(so))
    }

    /// Where the changes after number `since` begin, unless they are forgotten.
    fn place(last: &VecDeque<Change>, newest: u64, since: u64) -> Option<usize> {
        let new = usize::try_from(newest.saturating_sub(since)).ok()?;
        last.len().checked_sub(new)
    }

    fn push(&self, log: &mut Log, change: Change) {
        // Under the lock, so that numbers and places agree.
        let number = self.newest.fetch_add(1, Ordering::Release) + 1;
        if let Change::Created(post, _) = &change {
            let bytes = 3 * (post.content.len() + post.html.len()) + 512;
            log.posts.push_back((number, bytes));
            log.post_bytes += bytes;
        }
        log.last.push_back(change);
        // Letting go of a post leaves that there was one.
        while log.post_bytes > POST_BYTES_REMEMBERED
            && let Some((oldest, bytes)) = log.posts.pop_front()
        {
            log.post_bytes -= bytes;
            if let Some(place) = Self::place(&log.last, number, oldest - 1)
                && let Some(old) = log.last.get_mut(place)
                && let Change::Created(post, _) = old
            {
                *old = Change::PostOf(post.author);
            }
        }
        if log.last.len() > REMEMBERED
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

    /// Of the longest HTML, in bytes.
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

    fn nothing(news: News) -> Option<u64> {
        match news {
            News::Nothing(newest) => Some(newest),
            _ => None,
        }
    }

    fn posts(news: News) -> Option<(Vec<i64>, u64)> {
        match news {
            News::Changes(changes, newest) => {
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
    fn only_what_came_since_counts() {
        let changes = Changes::default();
        assert_eq!(nothing(changes.news(0, by(1))), Some(0));
        changes.add(Change::PostOf(UserId(1)));
        changes.add(Change::PostOf(UserId(2)));
        assert!(matches!(changes.news(0, by(1)), News::Unknown));
        assert_eq!(nothing(changes.news(1, by(1))), Some(2));
        assert_eq!(nothing(changes.news(0, by(3))), Some(2));
    }

    #[test]
    fn posts_that_came_are_told() {
        let changes = Changes::default();
        let began = Instant::now();
        for (id, author) in [(1, 1), (2, 2), (3, 1)] {
            changes.add_created(&post(id, author), began, changes.newest());
        }
        assert_eq!(posts(changes.news(0, by(1))), Some((vec![1, 3], 3)));
        assert_eq!(posts(changes.news(2, by(1))), Some((vec![3], 3)));
        assert_eq!(nothing(changes.news(0, by(3))), Some(3));
        changes.add(Change::PostOf(UserId(2)));
        assert!(matches!(changes.news(0, by(2)), News::Unknown));
        assert_eq!(posts(changes.news(0, by(1))), Some((vec![1, 3], 4)));
    }

    #[test]
    fn a_post_that_may_have_changed_before_it_was_told_is_not_told() {
        let changes = Changes::default();
        assert!(!changes.post_changed_since(UserId(1), 0));
        changes.add(Change::PostOf(UserId(1)));
        assert!(changes.post_changed_since(UserId(1), 0));
        assert!(!changes.post_changed_since(UserId(1), 1));
        assert!(!changes.post_changed_since(UserId(2), 0));
        changes.add_created(&post(1, 1), Instant::now(), 0);
        assert!(matches!(changes.news(1, by(1)), News::Unknown));
        changes.add_created(&post(2, 1), Instant::now(), 2);
        assert_eq!(posts(changes.news(2, by(1))), Some((vec![2], 3)));
    }

    #[test]
    fn of_two_that_were_written_at_once_nobody_knows_which_was_last() {
        let changes = Changes::default();
        let [one, two, other] = [1, 2, 3].map(UserId);
        let of_one = |since| changes.news(since, |change| change.is_of_follower(one));
        changes.add_follow(one, two, true, 0);
        changes.add_follow(other, two, true, 0);
        changes.add_follow(one, two, false, 1);
        let News::Changes(known, 3) = of_one(0) else {
            panic!("{:?}", of_one(0));
        };
        assert!(matches!(
            known[..],
            [Change::Followed(..), Change::Unfollowed(..)]
        ));
        // It began before the last was known.
        changes.add_follow(one, two, true, 2);
        assert!(matches!(of_one(3), News::Unknown));
        changes.add_follow(one, two, true, 4);
        assert!(matches!(of_one(4), News::Changes(..)));
    }

    #[test]
    fn what_is_forgotten_counts_as_changed() {
        let changes = Changes::default();
        for _ in 0..REMEMBERED {
            changes.add(Change::FollowedBy(UserId(1)));
        }
        let all = REMEMBERED as u64;
        assert_eq!(nothing(changes.news(0, |_| false)), Some(all));
        changes.add(Change::FollowedBy(UserId(1)));
        assert!(matches!(changes.news(0, |_| false), News::Unknown));
        assert_eq!(nothing(changes.news(1, |_| false)), Some(all + 1));
        assert!(changes.post_changed_since(UserId(7), 0));
    }

    #[test]
    fn the_posts_of_old_changes_are_let_go() {
        let changes = Changes::default();
        let first = long_post(1, 1);
        let add = |post: &Arc<Shared<Post>>| {
            changes.add_created(post, Instant::now(), changes.newest());
        };
        add(&first);
        let room = POST_BYTES_REMEMBERED / (3 * LONG + 512);
        for id in 2..=room as i64 {
            add(&long_post(id, 2));
        }
        assert!(posts(changes.news(0, by(1))).is_some());
        add(&long_post(0, 2));
        assert_eq!(Arc::strong_count(&first), 1);
        assert!(matches!(changes.news(0, by(1)), News::Unknown));
        assert!(posts(changes.news(1, by(2))).is_some());
        // Those that are forgotten with their changes take no room either.
        for _ in 0..REMEMBERED {
            changes.add(Change::FollowedBy(UserId(1)));
        }
        let log = changes.log();
        assert_eq!((log.posts.len(), log.post_bytes), (0, 0));
    }
}

//! Posts in a list, each shared by itself.

use std::ops::Deref;
use std::sync::Arc;

use super::Shared;
use crate::model::{Post, UserId};

/// Posts, newest first. Each is shared by itself, so that lists that have a post in common have it, and the
/// body that was made of it, once.
#[derive(Clone, Debug, Default)]
pub struct PostList(Vec<Arc<Shared<Post>>>);

impl PostList {
    /// Shares each of these posts, which are in order.
    #[must_use]
    pub fn new(posts: Vec<Post>) -> Self {
        Self(posts.into_iter().map(Shared::new).collect())
    }

    /// The posts by themselves, copied where others share them.
    #[must_use]
    pub fn into_posts(self) -> Vec<Post> {
        self.0.into_iter().map(Shared::into_value).collect()
    }

    /// The newest posts, at most `count`.
    #[must_use]
    pub fn newest(&self, count: usize) -> Self {
        Self(self.0.iter().take(count).cloned().collect())
    }

    /// The posts of others than this user.
    #[must_use]
    pub fn without(&self, author: UserId) -> Self {
        let others = self.0.iter().filter(|post| post.author != author);
        Self(others.cloned().collect())
    }

    /// This list with other posts where their numbers put them, and of that the newest, at most `count`. A
    /// post that is here already stays as it is.
    #[must_use]
    pub fn with(&self, others: &[Arc<Shared<Post>>], count: usize) -> Self {
        let mut all = self.0.clone();
        for other in others {
            let place = all.partition_point(|post| post.id > other.id);
            if all.get(place).is_none_or(|post| post.id != other.id) {
                all.insert(place, Arc::clone(other));
            }
            all.truncate(count);
        }
        Self(all)
    }
}

impl Deref for PostList {
    type Target = [Arc<Shared<Post>>];

    fn deref(&self) -> &Self::Target {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::{PostId, Timestamp, UserId};

    fn post(id: i64, content: &str) -> Post {
        Post {
            id: PostId(id),
            author: UserId(1),
            author_handle: "a".to_owned(),
            content: content.to_owned(),
            html: String::new(),
            created_at: Timestamp(id),
            updated_at: Timestamp(id),
            has_photo: false,
        }
    }

    proptest! {
        /// What comes later lands where a list that was put in order at once has it.
        #[test]
        fn posts_land_where_their_numbers_put_them(
            first in proptest::collection::btree_set(0_i64..40, 0..12),
            then in proptest::collection::vec(0_i64..40, 0..12),
            count in 1_usize..15,
        ) {
            let here: Vec<Post> = first.iter().rev().take(count).map(|id| post(*id, "here")).collect();
            let list = PostList::new(here.clone());
            let others: Vec<_> = then.iter().map(|id| Shared::new(post(*id, "other"))).collect();
            let joined = list.with(&others, count);
            let mut expected = here;
            expected.extend(then.iter().map(|id| post(*id, "other")));
            // Stable: of two with a number, the one that was here.
            expected.sort_by_key(|post| -post.id.0);
            expected.dedup_by_key(|post| post.id);
            expected.truncate(count);
            prop_assert_eq!(joined.into_posts(), expected);
            prop_assert_eq!(list.len(), first.len().min(count));
        }
    }

    #[test]
    fn a_post_is_shared_by_the_lists_that_have_it() {
        let one = Shared::new(post(7, "one"));
        let lists = [5, 9].map(|id| PostList::new(vec![post(id, "")]).with(&[Arc::clone(&one)], 2));
        assert!(Arc::ptr_eq(&lists[0][0], &lists[1][1]));
        assert_eq!(lists[0].newest(1).len(), 1);
    }
}
